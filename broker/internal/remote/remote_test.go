package remote

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/kataras/iris/websocket/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// idle is a connection to a server that accepts everything and sends nothing.
type idle struct{ lost chan struct{} }

func (*idle) Change(context.Context, []string, []string) error        { return nil }
func (*idle) Send(_ context.Context, messages []Message) (int, error) { return len(messages), nil }
func (*idle) Sync(context.Context) error                              { return nil }
func (*idle) MaxMessageSize() int                                     { return 1 << 20 }
func (c *idle) Lost() <-chan struct{}                                 { return c.lost }
func (c *idle) Close()                                                { close(c.lost) }
func (*idle) Err() error                                              { return nil }
func newIdle() *idle                                                  { return &idle{lost: make(chan struct{})} }
func newBroker(dial Dial) *Broker {
	return New(Config{Dial: dial, MaxPending: 1 << 20, MaxMessageSize: 1 << 20})
}

// nobody is a Receiver that nothing is delivered to.
type nobody struct{}

func (nobody) Message(string, []byte) {}
func (nobody) Down(error)             {}
func (nobody) Up()                    {}

// TestCloseDuringStart checks: Close ends Start, which returns ErrClosed. A connection that
// was made in the meantime is closed.
func TestCloseDuringStart(t *testing.T) {
	t.Run("while it connects", func(t *testing.T) {
		dialing := make(chan struct{})
		b := newBroker(func(ctx context.Context, _ func(string, []byte)) (Conn, error) {
			close(dialing)
			<-ctx.Done()
			return nil, ctx.Err()
		})
		started := make(chan error)
		go func() { started <- b.Start(t.Context(), nobody{}) }()
		<-dialing
		if err := b.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-started; !errors.Is(err, broker.ErrClosed) {
			t.Errorf("Start: %v, want ErrClosed", err)
		}
	})
	t.Run("after it has connected", func(t *testing.T) {
		conn := newIdle()
		var b *Broker
		b = newBroker(func(ctx context.Context, _ func(string, []byte)) (Conn, error) {
			return conn, b.Close(ctx)
		})
		if err := b.Start(t.Context(), nobody{}); !errors.Is(err, broker.ErrClosed) {
			t.Errorf("Start: %v, want ErrClosed", err)
		}
		select {
		case <-conn.lost:
		default:
			t.Error("the connection is open")
		}
	})
}

// counting is a Receiver that counts messages.
type counting struct {
	nobody
	messages int
}

func (c *counting) Message(string, []byte) { c.messages++ }

// TestNothingComesAfterClose checks: a connection may still deliver while it is closed, and
// after that. Nothing reaches the Receiver any more.
func TestNothingComesAfterClose(t *testing.T) {
	var deliver func(string, []byte)
	b := newBroker(func(_ context.Context, f func(string, []byte)) (Conn, error) {
		deliver = f
		return newIdle(), nil
	})
	r := new(counting)
	if err := b.Start(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	deliver("channel", []byte("in time"))
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
	deliver("channel", []byte("late"))
	if r.messages != 1 {
		t.Errorf("%d messages, want the one before Close", r.messages)
	}
}
