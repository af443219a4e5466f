package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/broker/internal/redistest"
	"github.com/redis/rueidis"
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
		case <-time.After(60 * time.Second):
			t.Fatalf("%q doesn't come", text)
		}
	}
}

// skipTo waits for an event, whatever comes before it.
func (r events) skipTo(t *testing.T, text string) {
	t.Helper()
	for {
		select {
		case got := <-r:
			if got == text {
				return
			}
		case <-time.After(60 * time.Second):
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

// at returns the configuration for a server.
func at(p *redistest.Server) Config {
	return Config{Client: rueidis.ClientOption{InitAddress: []string{p.Addr()}}}
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

// TestPrefixes checks: clusters with different prefixes don't get each other's messages.
func TestPrefixes(t *testing.T) {
	server := redistest.Start(t)
	prefixes := []string{"", "one", "one.two", "One"}
	var received []events
	for _, prefix := range prefixes {
		config := at(server)
		config.Prefix = prefix
		b, r := startNode(t, config)
		subscribe(t, b, "room")
		received = append(received, r)
	}
	for i, prefix := range prefixes {
		config := at(server)
		config.Prefix = prefix
		sender, _ := startNode(t, config)
		publish(t, sender, "room", prefix)
		received[i].want(t, "room: "+prefix)
	}
	for i, r := range received {
		if len(r) > 0 {
			t.Errorf("the cluster %q got %q", prefixes[i], <-r)
		}
	}
	for _, prefix := range []string{"{", "a}", "a:b", "a b", "é", strings.Repeat("x", 129)} {
		if _, err := New(Config{Prefix: prefix}); err == nil {
			t.Errorf("the prefix %q is accepted", prefix)
		}
	}
	if _, err := New(Config{MaxMessageSize: 1000}); err == nil {
		t.Error("a MaxMessageSize of 1000 is accepted")
	}
}

// TestWrongPassword checks: Start returns at once after a wrong password or none.
func TestWrongPassword(t *testing.T) {
	server := redistest.Start(t, "--requirepass", "right")
	for password, code := range map[string]string{"": "NOAUTH", "wrong": "WRONGPASS"} {
		config := at(server)
		config.Client.Password = password
		b := newBroker(t, config)
		if err := b.Start(t.Context(), make(events)); err == nil || !strings.Contains(err.Error(), code) {
			t.Errorf("Start with the password %q: %v, want %s", password, err, code)
		}
		closeNode(t, b)
	}
	config := at(server)
	config.Client.Password = "right"
	startNode(t, config)
}

// TestPermissions checks: a user needs no more than the README says.
func TestPermissions(t *testing.T) {
	server := redistest.Start(t)
	user := []string{"ACL", "SETUSER", "node", "on", ">secret", "resetchannels", "&{iris-ws:*",
		"+ping", "+hello", "+client", "+publish", "+subscribe", "+unsubscribe"}
	if _, err := server.Do(user...); err != nil {
		t.Fatal(err)
	}
	config := at(server)
	config.Client.Username, config.Client.Password = "node", "secret"
	a, _ := startNode(t, config)
	b, fromB := startNode(t, config)
	subscribe(t, b, "room")
	publish(t, a, "room", "1")
	fromB.want(t, "room: 1")
	if err := errors.Join(b.Unsubscribe("room"), b.Flush(t.Context())); err != nil {
		t.Error(err)
	}
}

// TestFirstReasonOfALoss checks: the reason of a loss is the first one. Those of the other
// connections of the node follow from it.
func TestFirstReasonOfALoss(t *testing.T) {
	first := errors.New("first")
	for name, test := range map[string]struct{ failed, want error }{
		"a reason": {first, first}, "none": {nil, errEnded},
	} {
		t.Run(name, func(t *testing.T) {
			c := &conn{lost: make(chan struct{})}
			c.fail(test.failed)
			c.fail(errors.New("second"))
			select {
			case <-c.Lost():
			default:
				t.Error("it is not lost")
			}
			if err := c.Err(); err != test.want {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// TestLeavesNothing checks: no connection and no subscription is left on the server.
func TestLeavesNothing(t *testing.T) {
	server := redistest.Start(t)
	b := newBroker(t, at(server))
	if err := b.Start(t.Context(), make(events, 10)); err != nil {
		t.Fatal(err)
	}
	subscribe(t, b, "1", "2", "3")
	if got := channels(t, server); got != 3 {
		t.Errorf("the server has %d channels, want 3", got)
	}
	if got := clients(t, server); got != 2 {
		t.Errorf("the node has %d connections, want 2", got)
	}
	closeNode(t, b)
	for deadline := time.Now().Add(20 * time.Second); clients(t, server) > 0; {
		if time.Now().After(deadline) {
			t.Fatal("a connection is left")
		}
	}
	if got := channels(t, server); got != 0 {
		t.Errorf("%d channels are left", got)
	}
}

// channels returns how many channels of nodes have a subscription. Sentinels have others.
func channels(t *testing.T, server *redistest.Server) int {
	t.Helper()
	names, err := server.Strings("PUBSUB", "CHANNELS", "{iris-ws:*")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// clients returns how many connections the server has but the one that asks.
func clients(t *testing.T, server *redistest.Server) int {
	t.Helper()
	list := server.Text("CLIENT", "LIST")
	if list == "" {
		t.Fatal("got no list of the connections")
	}
	return strings.Count(list, "\n") - 1
}

// calls returns how often the server has run a command.
func calls(t *testing.T, server *redistest.Server, command string) int {
	t.Helper()
	stats := server.Text("INFO", "commandstats")
	_, rest, found := strings.Cut(stats, "cmdstat_"+command+":calls=")
	if !found {
		return 0
	}
	number, _, _ := strings.Cut(rest, ",")
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFewCommands checks: 20,000 subscriptions take a command for each 1,000 of them, also
// when they are restored.
func TestFewCommands(t *testing.T) {
	const many = 20000
	server := redistest.Start(t)
	p := &proxies{t: t}
	b, received := p.node(server.Addr(), Config{}), make(events, 10)
	if err := b.Start(t.Context(), received); err != nil {
		t.Fatal(err)
	}
	defer closeNode(t, b)
	var names []string
	for i := range many {
		names = append(names, fmt.Sprint("room ", i))
	}
	subscribe(t, b, names...)
	if got := calls(t, server, "subscribe"); got != many/batch {
		t.Errorf("%d subscriptions took %d commands, want %d", many, got, many/batch)
	}
	p.cut(b)
	received.want(t, "down")
	p.heal(b)
	received.want(t, "up")
	if got := calls(t, server, "subscribe"); got != 2*many/batch {
		t.Errorf("restoring %d subscriptions took %d commands, want %d", many, got-many/batch, many/batch)
	}
}

// TestSentinel checks: when the master is killed, the nodes go on with the replica that the
// sentinel promotes.
func TestSentinel(t *testing.T) {
	master := redistest.Start(t)
	replica := redistest.Start(t, "--replicaof", "127.0.0.1", strconv.Itoa(master.Port))
	redistest.AwaitReplica(t, replica)
	sentinel := redistest.StartSentinel(t, master)
	redistest.AwaitSentinel(t, sentinel)

	config := at(sentinel)
	config.Client.Sentinel.MasterSet = "main"
	a, fromA := startNode(t, config)
	b, fromB := startNode(t, config)
	subscribe(t, b, "room")
	publish(t, a, "room", "1")
	fromB.want(t, "room: 1")

	master.Stop()
	fromA.want(t, "down")
	fromB.want(t, "down")
	if err := a.Publish("room", []byte("2")); err != nil {
		t.Errorf("Publish during an outage: %v", err)
	}
	fromB.want(t, "up")
	fromA.want(t, "up")
	publish(t, a, "room", "3")
	for got := ""; got != "room: 3"; { // "2" may come before b was back
		got = <-fromB
		if got != "room: 2" && got != "room: 3" {
			t.Fatalf("got %q", got)
		}
	}
	if got := channels(t, replica); got != 1 {
		t.Errorf("the new master has %d channels, want 1", got)
	}
}

// FuzzNames checks: each channel has a name of its own in Redis, in the slot of its partition.
func FuzzNames(f *testing.F) {
	for _, channel := range []string{"room", "}", "{a}", "\x00\xff", "a}b"} {
		f.Add(channel)
	}
	n := newNames("prefix")
	f.Fuzz(func(t *testing.T, channel string) {
		name := n.name(channel)
		if got := channelOf(name); got != channel {
			t.Errorf("%q becomes %q and then %q", channel, name, got)
		}
		tag := name[1:strings.IndexByte(name, '}')]
		if got := crc16(tag) % slots; got != n.slots[partitionOf(channel)] {
			t.Errorf("the slot of %q is %d, want %d", name, got, n.slots[partitionOf(channel)])
		}
	})
}

// TestNamesStay checks: the names of channels, on which all releases agree.
func TestNamesStay(t *testing.T) {
	n := newNames("iris-ws")
	for channel, want := range map[string]string{"room": "{iris-ws:122}room"} {
		if got := n.name(channel); got != want {
			t.Errorf("the name of %q is %q, want %q", channel, got, want)
		}
	}
	if got := crc16("123456789"); got != 0x31c3 { // the check value of CRC-16/XMODEM
		t.Errorf("crc16 is %#x, want 0x31c3", got)
	}
}
