package websocket

import (
	"context"
	"sync"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/node"
	"github.com/kataras/iris/websocket/internal/session"
)

// Ask is [Connection.Ask] with a reply of type R. It decodes the reply by the rules of
// [Message.Decode], and returns a [*MessageError] if the reply has another type. A client
// may reply without a value, which arrives as the JSON null: the reply is then the zero
// value of R, except for []byte, json.RawMessage and [Message], which have every payload.
func Ask[R any](ctx context.Context, c Connection, event string, data any) (reply R, err error) {
	m, err := c.Ask(ctx, event, data)
	if err == nil {
		err = m.Decode(&reply)
	}
	return reply, err
}

// Ask implements Connection.
func (c *connection) Ask(ctx context.Context, event string, data any) (Message, error) {
	if err := ctx.Err(); err != nil {
		return Message{}, err
	}
	id := c.server.node.NextAsk()
	f, err := c.server.publisher.ask(event, id, data)
	if err != nil {
		return Message{}, err
	}
	type answer struct {
		message Message
		err     error
	}
	answers := make(chan answer, 1)
	c.conn.Ask(id, f, func(a session.Answer) {
		m, err := readAnswer(event, a, c.server)
		answers <- answer{m, err}
	})
	select {
	case a := <-answers:
		return a.message, a.err
	case <-ctx.Done():
		c.conn.GiveUp(id, ctx.Err())
		a := <-answers
		return a.message, a.err
	}
}

// Reply is the answer of one connection to [Emitter.AskAll].
type Reply struct {
	// Connection is the recipient; nil if it belongs to another node.
	Connection Connection
	// ID and User are those of the connection.
	ID, User string
	// Message is the reply, if Err is nil.
	Message Message
	// Err is a [*ReplyError] if the client failed, the error of the context if it has
	// not answered in time, [ErrNotSupported] if it doesn't speak protocol 2, or another
	// error of [Connection.Ask].
	Err error
}

// gathering collects the answers of several connections to one question.
type gathering struct {
	id    uint64
	event string
	all   chan struct{} // closed when all have answered

	mu       sync.Mutex // guards the fields below
	replies  []Reply
	answered []bool // for each reply
	left     int    // those that have not answered
	complete bool   // all recipients have been asked
}

// AskAll implements Emitter.
func (e emitter) AskAll(ctx context.Context, event string, data any) ([]Reply, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := e.publisher.node
	g := &gathering{id: n.NextAsk(), event: event, all: make(chan struct{})}
	f, err := e.publisher.ask(event, g.id, data)
	if err != nil {
		return nil, err
	}
	others := e.askOthers(ctx, event, data)
	g.ask(n, f, e.target)
	replies := g.wait(ctx)
	more, err := others()
	return append(replies, more...), err
}

// ask sends the question to the recipients of this node.
func (g *gathering) ask(n *node.Node, f *frame.Frame, to node.Target) {
	to.Volatile, to.Await = false, g.await
	_ = n.Deliver(f, to) // each recipient has its own error
}

// await registers a recipient. It reports whether the question must be sent to it.
func (g *gathering) await(conn *node.Conn) bool {
	c := faceOf(conn)
	g.mu.Lock()
	index := len(g.replies)
	g.replies, g.answered = append(g.replies, Reply{Connection: c, ID: conn.ID(), User: conn.User()}), append(g.answered, false)
	g.left++
	g.mu.Unlock()
	err := conn.Await(g.id, func(a session.Answer) {
		m, err := readAnswer(g.event, a, c.server)
		g.answer(index, m, err)
	})
	if err != nil {
		g.answer(index, Message{}, err)
	}
	return err == nil
}

func (g *gathering) answer(index int, m Message, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.replies[index].Message, g.replies[index].Err, g.answered[index] = m, err, true
	g.left--
	g.closeIfDone()
}

// closeIfDone is called under mu.
func (g *gathering) closeIfDone() {
	if g.complete && g.left == 0 {
		close(g.all)
	}
}

// wait waits for all answers, or until ctx is done.
func (g *gathering) wait(ctx context.Context) []Reply {
	g.mu.Lock()
	g.complete = true
	g.closeIfDone()
	g.mu.Unlock()
	select {
	case <-g.all:
	case <-ctx.Done():
		for _, c := range g.silent() {
			c.conn.GiveUp(g.id, ctx.Err())
		}
		<-g.all
	}
	return g.replies
}

// silent returns the connections that have not answered.
func (g *gathering) silent() (list []*connection) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, r := range g.replies {
		if !g.answered[i] {
			list = append(list, r.Connection.(*connection))
		}
	}
	return list
}

// AskAll implements Emitter.
func (c *connection) AskAll(ctx context.Context, event string, data any) ([]Reply, error) {
	return c.toItself().AskAll(ctx, event, data)
}

// AskAll implements Emitter.
func (e *toAll) AskAll(ctx context.Context, event string, data any) ([]Reply, error) {
	return e.emitter().AskAll(ctx, event, data)
}

// AskAll implements Emitter.
func (o *toOthers) AskAll(ctx context.Context, event string, data any) ([]Reply, error) {
	return o.emitter().AskAll(ctx, event, data)
}

// AskAll asks all connections: see [Emitter].
func (s *Server) AskAll(ctx context.Context, event string, data any) ([]Reply, error) {
	return s.publisher.toAll().AskAll(ctx, event, data)
}
