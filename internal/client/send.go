package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// Emit queues an event. While the client is coming back, it waits for the next socket.
// A loop that is faster than the network is slowed down a little.
func (c *Client) Emit(name string, data any) error {
	f, err := encodeEvent(name, 0, data)
	if err != nil {
		return err
	}
	return c.send(nil, f)
}

// EmitNative queues a native message.
func (c *Client) EmitNative(text bool, payload []byte) error {
	message := wire.AppendNative(frame.ReserveMasked(len(payload)+3), payload)
	return c.send(nil, frame.SealMaskedMessage(message, !text))
}

// Ask emits an event and waits for its reply. A failure is a [*Failure]. If the session
// is lost, the error is a [*AskLostError]. Don't call it in a function of Config: those
// run on the goroutine that reads the reply.
func (c *Client) Ask(ctx context.Context, name string, data any) (wire.Message, error) {
	id := c.lastAsk.Add(1)
	f, err := encodeEvent(name, id, data)
	if err != nil {
		return wire.Message{}, err
	}
	answers := make(chan session.Answer, 1)
	err = c.sendAsk(id, f, func(a session.Answer) {
		a.Message.Payload = append([]byte(nil), a.Message.Payload...)
		answers <- a
	})
	if err != nil {
		return wire.Message{}, err
	}
	var a session.Answer
	select {
	case a = <-answers:
	case <-ctx.Done():
		if c.asks.Answer(id, session.Answer{Err: ctx.Err()}) {
			c.giveUp(id, f)
		}
		a = <-answers
	}
	return readAnswer(a)
}

// Request is Ask without waiting. f gets the reply or the failure on the goroutine of the
// client, before the next message is read. The reply is valid until f returns. f is not
// called if the session is lost or the client ends.
func (c *Client) Request(name string, data any, f func(wire.Message, error)) error {
	id := c.lastAsk.Add(1)
	message, err := encodeEvent(name, id, data)
	if err != nil {
		return err
	}
	return c.sendAsk(id, message, func(a session.Answer) {
		if a.Err == nil { // else mu may be held
			f(readAnswer(a))
		}
	})
}

// readAnswer returns the reply of an answer, or the error of a failure.
func readAnswer(a session.Answer) (wire.Message, error) {
	if a.Err == nil && a.Message.Kind == wire.FailureKind {
		a.Err = readFailure(a.Message.Payload)
	}
	return a.Message, a.Err
}

// Failure is the answer to an ask that failed at the server.
type Failure struct {
	Code    string          `json:"code"`
	Message string          `json:"message,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

func (f *Failure) Error() string { return fmt.Sprintf("the ask failed: %s: %s", f.Code, f.Message) }

func readFailure(payload []byte) error {
	f := new(Failure)
	if err := json.Unmarshal(payload, f); err != nil {
		return fmt.Errorf("the failure of an ask is malformed: %w", err)
	}
	return f
}

// Event is an event of the server.
type Event struct {
	wire.Message
	client *Client
	conv   *conversation
}

// Reply answers an event with an ID. It may be called later, by any goroutine.
func (e Event) Reply(data any) error {
	message, err := wire.AppendReply(frame.ReserveMasked(32), e.ID, data, json.Marshal)
	if err != nil {
		return err
	}
	return e.client.send(e.conv, sealMessage(message, data))
}

// Fail answers an event with an ID by a failure.
func (e Event) Fail(f Failure) error {
	payload, err := json.Marshal(f)
	if err != nil {
		return err
	}
	message := wire.AppendControl(frame.ReserveMasked(len(payload)+16), wire.FailureKind, e.ID, payload)
	return e.client.send(e.conv, frame.SealMaskedMessage(message, false))
}

func encodeEvent(name string, id uint64, data any) (*frame.Frame, error) {
	if err := wire.ValidEvent(name); err != nil {
		return nil, err
	}
	message, err := wire.AppendEvent(frame.ReserveMasked(len(name)+sizeOf(data)), name, id, data, json.Marshal)
	if err != nil {
		return nil, err
	}
	return sealMessage(message, data), nil
}

// sizeOf estimates the size of an encoded value, its type and an id.
func sizeOf(data any) int {
	switch v := data.(type) {
	case string:
		return len(v) + 24
	case []byte:
		return len(v) + 24
	}
	return 64
}

// sealMessage seals a message with a value: bytes travel in a binary frame.
func sealMessage(message []byte, data any) *frame.Frame {
	_, binary := data.([]byte)
	return frame.SealMaskedMessage(message, binary)
}

// send queues a counted message: in a conversation, or in the present one if that is
// nil.
func (c *Client) send(conv *conversation, f *frame.Frame) error {
	c.mu.Lock()
	if conv == nil {
		conv = c.conv
	} else if conv != c.conv {
		c.mu.Unlock()
		return ErrReplyTooLate
	}
	crowded, err := c.enqueue(conv, f)
	c.mu.Unlock()
	if crowded {
		conv.out.GiveWay()
	}
	return err
}

// sendAsk queues an ask. done is called with its answer: under mu if the session is lost,
// otherwise without a lock. It is also called with an error of the queue.
func (c *Client) sendAsk(id uint64, f *frame.Frame, done func(session.Answer)) error {
	c.mu.Lock()
	err := c.asks.Add(id, maxAsks, done)
	if err != nil {
		c.mu.Unlock()
		if err == session.ErrTooManyAsks {
			err = ErrTooManyAsks
		}
		return err
	}
	conv := c.conv
	crowded, err := c.enqueue(conv, f)
	c.mu.Unlock()
	if crowded {
		conv.out.GiveWay()
	}
	if err != nil {
		c.asks.Answer(id, session.Answer{Err: err})
	}
	return err
}

// giveUp takes an ask out of the queue. If it was written, giveUp tells the server that
// nobody waits.
func (c *Client) giveUp(id uint64, f *frame.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conv.out.Withdraw(f) {
		c.noteDrained() // it may have been the last one
		return
	}
	c.start(c.conv, c.conv.out.Tell(wire.AppendControl(nil, wire.CancelKind, id, nil)))
}

// enqueue queues a frame under mu. If the outbox is crowded, the caller must give way.
func (c *Client) enqueue(conv *conversation, f *frame.Frame) (crowded bool, err error) {
	switch {
	case c.closed != nil:
		return false, c.closed
	case !conv.takes(f):
		return false, ErrTooLarge
	}
	result := conv.out.Enqueue(f)
	c.start(conv, result)
	if result == outbox.Full {
		err = ErrQueueFull
	}
	return result == outbox.Crowded, err
}

// tell sends a message of the protocol itself, if there is a socket.
func (c *Client) tell(message []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.start(c.conv, c.conv.out.Tell(message))
}

// start starts a writer if a result says so, under mu.
func (c *Client) start(conv *conversation, result outbox.Result) {
	if result == outbox.Start {
		s := conv.socket
		c.writers.Go(func() { c.write(conv, s) })
	}
}

// write is a writer. If the socket was replaced meanwhile, it writes nothing.
func (c *Client) write(conv *conversation, s *socket) {
	s.writing.Lock()
	err := conv.out.Drain(s.conn)
	moved := errors.Is(err, outbox.ErrMoved)
	failed := err != nil && !moved && err != io.EOF
	s.broken = s.broken || failed
	s.writing.Unlock()
	switch {
	case failed:
		s.kill() // the reader sees to the rest
	case moved:
		c.mu.Lock()
		c.start(conv, outbox.Start)
		c.mu.Unlock()
	}
}
