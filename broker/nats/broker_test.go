package nats

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/broker"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// events is a Receiver that keeps its calls.
type events chan string

func (r events) Message(channel string, message []byte) { r <- channel + ": " + string(message) }
func (r events) Down(error)                             { r <- "down" }
func (r events) Up()                                    { r <- "up" }

func (r events) want(t *testing.T, want ...string) {
	t.Helper()
	for _, text := range want {
		select {
		case got := <-r:
			if got != text {
				t.Fatalf("got %q, want %q", got, text)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("%q doesn't come", text)
		}
	}
}

// startNode starts a node. The test closes it at its end.
func startNode(t *testing.T, config Config) (broker.Broker, events) {
	t.Helper()
	b, r := newBroker(t, config), make(events, 1000)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := b.Start(ctx, r); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeNode(t, b) })
	return b, r
}

func closeNode(t *testing.T, b broker.Broker) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// subscribe subscribes, and waits until the subscription stands.
func subscribe(t *testing.T, b broker.Broker, channels ...string) {
	t.Helper()
	if err := errors.Join(b.Subscribe(channels...), b.Flush(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func publish(t *testing.T, b broker.Broker, channel, message string) {
	t.Helper()
	if err := errors.Join(b.Publish(channel, []byte(message)), b.Flush(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// serverOf returns the server with a subscription to the channel "where", which the node has
// for this moment.
func serverOf(t *testing.T, b broker.Broker, servers []*natsServer) *natsServer {
	t.Helper()
	subscribe(t, b, "where")
	defer func() {
		if err := errors.Join(b.Unsubscribe("where"), b.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
	}()
	for _, s := range servers {
		if s.running == nil {
			continue
		}
		connections, err := s.running.Connz(&server.ConnzOptions{Subscriptions: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range connections.Conns {
			for _, subject := range c.Subs {
				if subject == "iris-ws.where" {
					return s
				}
			}
		}
	}
	t.Fatal("no server has the node")
	return nil
}

// TestPrefixes checks: clusters with different prefixes don't get each other's messages, also
// if one prefix begins with the other.
func TestPrefixes(t *testing.T) {
	s := startServer(t, server.Options{})
	prefixes := []string{"", "one", "one.two", "One"}
	var nodes []broker.Broker
	var received []events
	for _, prefix := range prefixes {
		b, r := startNode(t, Config{URL: s.address(), Prefix: prefix})
		subscribe(t, b, "room", "two.room", ".room")
		nodes, received = append(nodes, b), append(received, r)
	}
	for i, prefix := range prefixes {
		sender, _ := startNode(t, Config{URL: s.address(), Prefix: prefix})
		publish(t, sender, "room", prefix)
		subscribe(t, nodes[i]) // a round trip
		received[i].want(t, "room: "+prefix)
	}
	for i, r := range received {
		if len(r) > 0 {
			t.Errorf("the cluster %q got %q", prefixes[i], <-r)
		}
	}
	for _, prefix := range []string{".", "a.", ".a", "a..b", "a b", "*", "a.>", "é", strings.Repeat("x", 129)} {
		if _, err := New(Config{Prefix: prefix}); err == nil {
			t.Errorf("the prefix %q is accepted", prefix)
		}
	}
}

// TestNoEcho checks: the server doesn't send a node its own messages.
func TestNoEcho(t *testing.T) {
	s := startServer(t, server.Options{})
	a, fromA := startNode(t, Config{URL: s.address()})
	b, _ := startNode(t, Config{URL: s.address()})
	subscribe(t, a, "room")
	publish(t, a, "room", "own")
	publish(t, b, "room", "other")
	fromA.want(t, "room: other")
}

// TestMaxPayload checks: MaxMessageSize is the max_payload of the server. A server with less
// than 64 KiB is refused at once.
func TestMaxPayload(t *testing.T) {
	s := startServer(t, server.Options{MaxPayload: 100_000})
	a, _ := startNode(t, Config{URL: s.address()})
	if got := a.MaxMessageSize(); got != 100_000 {
		t.Errorf("MaxMessageSize is %d, want 100000", got)
	}
	if err := a.Publish("room", make([]byte, 100_001)); !errors.Is(err, broker.ErrTooLarge) {
		t.Errorf("Publish: %v, want ErrTooLarge", err)
	}
	least := startServer(t, server.Options{MaxPayload: 64 << 10})
	startNode(t, Config{URL: least.address()})
	small := startServer(t, server.Options{MaxPayload: 64<<10 - 1})
	b := newBroker(t, Config{URL: small.address()})
	if err := b.Start(t.Context(), make(events)); !errors.Is(err, errSmallPayload) {
		t.Errorf("Start: %v, want errSmallPayload", err)
	}
	closeNode(t, b)
}

// TestWrongPassword checks: Start returns at once after a wrong password. Options of nats.go
// are used.
func TestWrongPassword(t *testing.T) {
	s := startServer(t, server.Options{Username: "user", Password: "right"})
	b := newBroker(t, Config{URL: s.address(), Options: []nats.Option{nats.UserInfo("user", "wrong")}})
	if err := b.Start(t.Context(), make(events)); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("Start: %v, want ErrAuthorization", err)
	}
	closeNode(t, b)
	startNode(t, Config{URL: s.address(), Options: []nats.Option{nats.UserInfo("user", "right")}})
	startNode(t, Config{URL: "nats://user:right@" + s.address()})
}

// TestLeavesNothing checks: no connection and no subscription is left on the server.
func TestLeavesNothing(t *testing.T) {
	s := startServer(t, server.Options{})
	before := s.running.NumSubscriptions() // its own
	b := newBroker(t, Config{URL: s.address()})
	if err := b.Start(t.Context(), make(events, 10)); err != nil {
		t.Fatal(err)
	}
	subscribe(t, b, "1", "2", "3")
	if got := s.running.NumSubscriptions() - before; got != 3 {
		t.Errorf("the server has %d subscriptions, want 3", got)
	}
	closeNode(t, b)
	// The server tells nobody of it: ask again until it is so.
	for deadline := time.Now().Add(20 * time.Second); s.running.NumClients() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a connection is left")
		}
	}
	if got := s.running.NumSubscriptions() - before; got != 0 {
		t.Errorf("%d subscriptions are left", got)
	}
}

// FuzzSubject checks: each channel has a token of its own, with allowed bytes only.
func FuzzSubject(f *testing.F) {
	for _, channel := range []string{"room", "a.b", "=", "=41", "\x00\xff", "*", ">", " "} {
		f.Add(channel)
	}
	f.Fuzz(func(t *testing.T, channel string) {
		token := appendToken(nil, channel)
		for _, c := range token {
			if !plain(c) && c != '=' {
				t.Fatalf("the token %q has the byte %q", token, c)
			}
		}
		if len(token) > 3*len(channel) {
			t.Fatalf("the token of %d bytes has %d", len(channel), len(token))
		}
		back, err := channelOf(string(token))
		if channel != "" && (err != nil || back != channel) {
			t.Fatalf("%q becomes %q and then %q, %v", channel, token, back, err)
		}
	})
}

// TestForeignSubjects checks: what isn't the token of a channel is no channel.
func TestForeignSubjects(t *testing.T) {
	for _, token := range []string{"", "=", "=4", "a=", "=4g", "=ab"} {
		if channel, err := channelOf(token); err == nil {
			t.Errorf("%q is the channel %q", token, channel)
		}
	}
	if !bytes.Equal(appendToken([]byte("p."), "a b"), []byte("p.a=20b")) {
		t.Error(`"a b" isn't encoded as "a=20b": nodes of different releases wouldn't meet`)
	}
}
