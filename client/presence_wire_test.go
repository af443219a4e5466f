package client_test

import (
	"context"
	"errors"
	"testing"

	"github.com/kataras/iris/websocket/client"
)

const (
	watchRed   = `{"room":"red","watch":true}`
	unwatchRed = `{"room":"red","watch":false}`
)

// tell tells a client of a change.
func (p *peer) tell(t testing.TB, room, sign, user string) {
	t.Helper()
	joined := "false"
	if sign == "+" {
		joined = "true"
	}
	p.write(t, `iris:presence;4;{"room":"`+room+`","joined":`+joined+`,"key":"u`+user+`","user":"`+user+`"}`)
}

// want checks the next message of the client.
func (p *peer) want(t testing.TB, text string) {
	t.Helper()
	if m := p.next(t); m.text != text {
		t.Fatalf("got %q, want %q", m.text, text)
	}
}

// presenceLater calls Client.Presence on a goroutine.
func presenceLater(ctx context.Context, c *client.Client, room string) (<-chan *client.Presence, <-chan error) {
	opened, failed := make(chan *client.Presence, 1), make(chan error, 1)
	go func() {
		p, err := c.Presence(ctx, room)
		opened <- p
		failed <- err
	}()
	return opened, failed
}

// TestPresenceEarlyChanges checks: a change that comes before the answer counts, whether the
// answer has it or not. One that comes again changes nothing.
func TestPresenceEarlyChanges(t *testing.T) {
	p, got := servePeer(t), newNotes()
	c := connect(t, p.url, client.Config{}, func(c *client.Client) {
		c.OnAny(func(m client.Message) { got.add("%s", m) })
	})
	opened, _ := presenceLater(within(t), c, "red")
	p.want(t, "iris:presence;41;"+watchRed)
	for _, change := range []string{"+ann", "+bob", "-bob", "-cem", "+dan", "-dan", "+dan"} {
		p.tell(t, "red", change[:1], change[1:])
		got.want(t, receiveTold(change))
	}
	p.tell(t, "blue", "+", "eve") // of another room
	p.write(t, `;r41;[{"key":"ubob","user":"bob"},{"key":"ucem","user":"cem"},{"key":"ufay","user":"fay"}]`)
	presence := receive(t, opened)
	wantPeople(t, presence, "ann", "dan", "fay")
	changes := newNotes()
	presence.OnChange(func(change client.PresenceChange) { changes.add("%t %s", change.Joined, change.User) })
	for _, change := range []string{"+ann", "-bob", "-ann", "+bob"} {
		p.tell(t, "red", change[:1], change[1:])
	}
	changes.want(t, "false ann", "true bob")
	p.write(t, `iris:presence;4;{"room":"red","joined":true,"key":"ubob","user":"bob","data":{"Mood":"sad"}}`)
	changes.want(t, "true bob")
	wantPeople(t, presence, "bob sad", "dan", "fay")
	p.closeWith(t, 1000)
}

// receiveTold returns the message of peer.tell.
func receiveTold(change string) string {
	joined := map[string]string{"+": "true", "-": "false"}[change[:1]]
	return `{"room":"red","joined":` + joined + `,"key":"u` + change[1:] + `","user":"` + change[1:] + `"}`
}

// TestPresenceShared checks: presences of one room share one question. The last one to close
// tells the server.
func TestPresenceShared(t *testing.T) {
	p := servePeer(t)
	c := connect(t, p.url, client.Config{}, nil)
	first, _ := presenceLater(within(t), c, "red")
	p.want(t, "iris:presence;41;"+watchRed)
	second, _ := presenceLater(within(t), c, "red")
	p.write(t, `;r41;[{"key":"uann","user":"ann"}]`)
	a, b := receive(t, first), receive(t, second)
	gotA, gotB := newNotes(), newNotes()
	a.OnChange(func(change client.PresenceChange) { gotA.add("%s", change.User) })
	b.OnChange(func(change client.PresenceChange) { gotB.add("%s", change.User) })
	p.tell(t, "red", "+", "bob")
	gotA.want(t, "bob")
	gotB.want(t, "bob")
	a.Close()
	a.Close() // again does nothing
	p.tell(t, "red", "+", "cem")
	gotB.want(t, "cem")
	gotA.none(t)
	wantPeople(t, b, "ann", "bob", "cem")
	b.Close()
	p.want(t, "iris:presence;4;"+unwatchRed)
	third, _ := presenceLater(within(t), c, "red")
	p.want(t, "iris:presence;42;"+watchRed) // it knows nothing of before
	p.write(t, `;r42;[]`)
	wantPeople(t, receive(t, third))
	p.closeWith(t, 1000)
}

// TestPresenceGivenUp checks: after the end of its context, a question leaves nothing behind.
func TestPresenceGivenUp(t *testing.T) {
	p := servePeer(t)
	c := connect(t, p.url, client.Config{}, nil)
	ctx, cancel := context.WithCancel(within(t))
	_, failed := presenceLater(ctx, c, "red")
	p.want(t, "iris:presence;41;"+watchRed)
	cancel()
	if err := receive(t, failed); err != context.Canceled {
		t.Errorf("got %v", err)
	}
	p.want(t, "iris:presence;4;"+unwatchRed)
	opened, _ := presenceLater(within(t), c, "red")
	p.want(t, "iris:presence;42;"+watchRed)
	p.write(t, `;r41;[{"key":"uold","user":"old"}]`)
	p.write(t, `;r42;[{"key":"unew","user":"new"}]`)
	wantPeople(t, receive(t, opened), "new")
	_, failed = presenceLater(within(t), c, "blue")
	p.next(t)
	p.closeWith(t, 1000)
	if err := receive(t, failed); !errors.Is(err, client.ErrClosed) {
		t.Errorf("at the end of the client: %v", err)
	}
}

// TestPresenceMalformed checks: what is no answer and no change is reported.
func TestPresenceMalformed(t *testing.T) {
	p, failed := servePeer(t), make(chan error, 1)
	c := connect(t, p.url, client.Config{}, func(c *client.Client) {
		c.OnError(func(err error) { failed <- err })
	})
	_, answered := presenceLater(within(t), c, "red")
	p.next(t)
	p.write(t, `;r01;nonsense`)
	if err := new(client.MessageError); !errors.As(receive(t, answered), &err) {
		t.Errorf("the answer: %v", err)
	}
	p.write(t, `iris:presence;0;nonsense`)
	if err := new(client.MessageError); !errors.As(receive(t, failed), &err) {
		t.Errorf("the change: %v", err)
	}
	p.closeWith(t, 1000)
}

// TestPresenceEarlyChangesOfALostSession checks: changes before an answer that never came don't
// count in the next session.
func TestPresenceEarlyChangesOfALostSession(t *testing.T) {
	p, got := servePeer(t), newNotes()
	c := connect(t, p.url, soon, func(c *client.Client) {
		c.OnAny(func(m client.Message) { got.add("%s", m) })
	})
	opened, _ := presenceLater(within(t), c, "red")
	p.want(t, "iris:presence;41;"+watchRed)
	p.tell(t, "red", "+", "old")
	got.want(t, receiveTold("+old"))
	must(t, receive(t, p.conns).Close())
	p.want(t, "iris:presence;42;"+watchRed)
	p.tell(t, "red", "+", "new")
	p.write(t, `;r42;[]`)
	wantPeople(t, receive(t, opened), "new")
	p.closeWith(t, 1000)
}
