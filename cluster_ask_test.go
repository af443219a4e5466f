package websocket_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/broker"
)

// dialModern is dial for a client of protocol 2 that a test plays by hand.
func (n *testNode) dialModern(user string, rooms ...string) *clusterClient {
	n.t.Helper()
	c := dialScripted(n.t, n.url+"?user="+user+"&rooms="+strings.Join(rooms, "%20"))
	id, ok := strings.CutPrefix(c.next(), "ready;0;")
	if !ok {
		n.t.Fatal("got no ID")
	}
	n.ready()
	return &clusterClient{c, id}
}

// remoteResults is results for replies of several nodes.
func remoteResults(t *testing.T, replies []websocket.Reply, here string) map[string]string {
	t.Helper()
	got := make(map[string]string)
	for _, r := range replies {
		result := r.Message.String()
		var failed *websocket.ReplyError
		switch {
		case errors.As(r.Err, &failed):
			data, _ := failed.Data.(json.RawMessage)
			result = failed.Code + " " + failed.Message + " " + string(data)
		case r.Err == websocket.ErrNotSupported: // as it is without a broker
			result = "not supported"
		case r.Err != nil:
			result = r.Err.Error()
		}
		if (r.Connection != nil) != (r.ID == here) {
			t.Errorf("the reply of %s has the connection %v", r.ID, r.Connection)
		}
		if _, twice := got[r.ID]; twice {
			t.Errorf("two replies of %s", r.ID)
		}
		got[r.ID] = r.User + ": " + result
	}
	return got
}

// TestClusterAsk: AskAll asks the recipients of all nodes. Each reply arrives as it was sent.
func TestClusterAsk(t *testing.T) {
	nodes := startCluster(t, broker.NewMemory(), 3, websocket.Config{})
	a, b, c := nodes[0], nodes[1], nodes[2]
	text := func(ask ask) string { return ";r0" + ask.id + ";got " + ask.payload }
	here, there, third := a.dialModern("ann", "red"), b.dialModern("ann", "red", "blue"), c.dialModern("bob", "red")
	old := b.dial("old", "red")
	here.answerAsks(text)
	there.answerAsks(text)
	third.answerAsks(func(ask ask) string {
		return ";e" + ask.id + `;{"code":"full","message":"no seat","data":{"seat":7}}`
	})
	all := map[string]string{
		here.id: "ann: got x", there.id: "ann: got x", third.id: `bob: full no seat {"seat":7}`,
		old.id: "old: not supported",
	}
	for name, test := range map[string]struct {
		to   websocket.Emitter
		want []string
	}{
		"all":            {a, []string{here.id, there.id, third.id, old.id}},
		"a room":         {a.To("red"), []string{here.id, there.id, third.id, old.id}},
		"a far room":     {a.To("blue"), []string{there.id}},
		"a user":         {a.ToUser("ann"), []string{here.id, there.id}},
		"an ID":          {a.ToID(third.id), []string{third.id}},
		"IDs":            {a.ToID(third.id, here.id), []string{third.id, here.id}},
		"Except":         {a.To("red").Except("blue"), []string{here.id, third.id, old.id}},
		"Local":          {a.To("red").Local(), []string{here.id}},
		"of another one": {c.ToUser("ann"), []string{here.id, there.id}},
		"nobody":         {a.To("nobody"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			replies, err := test.to.AskAll(inTime(t), "event", "x")
			if err != nil {
				t.Error(err)
			}
			local := here.id
			if name == "of another one" {
				local = third.id
			}
			got := remoteResults(t, replies, local)
			want := make(map[string]string)
			for _, id := range test.want {
				want[id] = all[id]
			}
			if !maps.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// TestClusterAskTypes: questions and replies of each type pass through.
func TestClusterAskTypes(t *testing.T) {
	nodes := startCluster(t, broker.NewMemory(), 2, websocket.Config{})
	nodes[1].dialModern("", "red").answerAsks(echoAsk)
	to := nodes[0].To("red")
	ask := func(data any) websocket.Message {
		t.Helper()
		replies, err := to.AskAll(inTime(t), "event", data)
		if err != nil || len(replies) != 1 || replies[0].Err != nil {
			t.Fatalf("got %v and %v", replies, err)
		}
		return replies[0].Message
	}
	if m := ask([]byte{0, 255}); string(m.Bytes()) != "\x00\xff" {
		t.Errorf("bytes: got %q", m.Bytes())
	}
	var p point
	if err := ask(point{1, 2}).Decode(&p); err != nil || p != (point{1, 2}) {
		t.Errorf("JSON: got %v and %v", p, err)
	}
	var n int
	if err := ask(42).Decode(&n); err != nil || n != 42 {
		t.Errorf("a number: got %v and %v", n, err)
	}
	if err := ask("text").Decode(&n); err == nil {
		t.Error("a text is a number")
	}
	if replies, err := to.AskAll(inTime(t), "event", json.RawMessage(`{"a":1}`)); err != nil || len(replies) != 1 {
		t.Errorf("got %v and %v", replies, err)
	}
}

// TestClusterAskAnswersSooner checks: a node stops waiting for its clients a little before the
// deadline of the asker.
func TestClusterAskAnswersSooner(t *testing.T) {
	for limit, want := range map[time.Duration]time.Duration{
		2 * time.Second: 1800 * time.Millisecond, time.Minute: time.Minute - time.Second/2,
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			ctx, stop := websocket.Sooner(ctx)
			defer stop()
			if <-ctx.Done(); time.Since(began) != want {
				t.Errorf("of %v: done after %v, want %v", limit, time.Since(began), want)
			}
		})
	}
}

// TestClusterAskEnds: a client that doesn't answer has the error of the context, and is told.
// The replies of the others arrive.
func TestClusterAskEnds(t *testing.T) {
	nodes := startCluster(t, broker.NewMemory(), 2, websocket.Config{})
	a, b := nodes[0], nodes[1]
	good, silent := b.dialModern("", "red"), b.dialModern("", "red")
	good.answerAsks(echoAsk)
	want := map[string]string{good.id: ": x", silent.id: ": " + context.DeadlineExceeded.Error()}
	for attempts := 3; ; attempts-- { // on a busy machine, a node may be late once
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		replies, err := a.To("red").AskAll(ctx, "event", "x")
		cancel()
		question := silent.readAsk()
		silent.want(";c" + question.id + ";")
		if err != nil && attempts > 1 {
			continue
		}
		if err != nil {
			t.Error(err)
		}
		if got := remoteResults(t, replies, ""); !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		break
	}

	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() {
		_, err := a.To("red").AskAll(ctx, "event", "y")
		result <- err
	}()
	question := silent.readAsk()
	cancel()
	if failed := clusterErrorOf(t, receive(t, result)); failed[b.Cluster().Node()] != context.Canceled {
		t.Errorf("got %v", failed)
	}
	silent.want(";c" + question.id + ";") // the other node has ended its call, too
	if _, err := a.To("red").AskAll(ctx, "event", ""); err != context.Canceled {
		t.Errorf("a context that is done: got %v", err)
	}
}

// TestClusterAskTooLarge: a question that the broker doesn't carry is an error at once.
func TestClusterAskTooLarge(t *testing.T) {
	memory := broker.NewMemory()
	memory.MaxMessageSize = 64 << 10
	nodes := startCluster(t, memory, 2, websocket.Config{})
	near := nodes[0].dialModern("", "red")
	near.SetReadLimit(1 << 20)
	near.answerAsks(func(a ask) string { return ";r0" + a.id + ";yes" })
	replies, err := nodes[0].To("red").AskAll(context.Background(), "event", strings.Repeat("x", 64<<10))
	if failed := clusterErrorOf(t, err); !errors.Is(failed[nodes[1].Cluster().Node()], broker.ErrTooLarge) {
		t.Errorf("got %v", failed)
	}
	if got := remoteResults(t, replies, near.id); !maps.Equal(got, map[string]string{near.id: ": yes"}) {
		t.Errorf("got %v", got)
	}
}
