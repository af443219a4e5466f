package client

import (
	"context"
	"errors"

	"github.com/kataras/iris/websocket/internal/client"
	"github.com/kataras/iris/websocket/internal/wire"
)

// Ask is [Client.Ask] with a reply of type R. It decodes the reply by the rules of
// [Message.Decode], and returns a [*MessageError] if the reply has another type. A server
// may reply without a value, which arrives as the JSON null: the reply is then the zero
// value of R, except for []byte, json.RawMessage and [Message], which have every payload.
func Ask[R any](ctx context.Context, c *Client, event string, data any) (reply R, err error) {
	m, err := c.Ask(ctx, event, data)
	if err == nil {
		err = m.Decode(&reply)
	}
	return reply, err
}

// Ask sends an event and waits for the reply of the server's handler. It blocks until the
// reply comes, ctx is done, or the client ends. A lost network ends no ask: the reply comes
// after the return. So give ctx a deadline. When ctx is done, an event that still waits in
// the queue is not sent. Otherwise the server may have handled it. If the client has a
// socket, the server is told that nobody waits.
//
// Don't call it in a registered function: no reply is read before the function returns.
// Start a goroutine.
//
// The error is a [*ReplyError] if the server has failed or has no handler; a
// [*SessionLostError] if the session was lost before the reply; [ErrTooManyAsks] while
// 1,000 replies are awaited; the error of ctx; or an error of [Emitter.Emit].
func (c *Client) Ask(ctx context.Context, event string, data any) (Message, error) {
	if err := ctx.Err(); err != nil {
		return Message{}, err
	}
	engine, err := c.running()
	if err != nil {
		return Message{}, err
	}
	reply, err := engine.Ask(ctx, event, data)
	if err != nil {
		return Message{}, askError(ctx, event, err)
	}
	return newReply(event, reply), nil
}

// newReply returns a reply of the engine as a Message with the same payload.
func newReply(event string, reply wire.Message) Message {
	return Message{Event: event, Type: MessageType(reply.Type), payload: reply.Payload, isReply: true}
}

func askError(ctx context.Context, event string, err error) error {
	var failure *client.Failure
	var lost *client.AskLostError
	switch {
	case errors.As(err, &failure):
		e := &ReplyError{Code: failure.Code, Message: failure.Message}
		if len(failure.Data) > 0 {
			e.Data = failure.Data
		}
		return e
	case errors.As(err, &lost):
		return &SessionLostError{Fate: publicFate(lost.Fate)}
	case err == ErrTooManyAsks || err == ctx.Err():
		return err
	}
	return sendError(event, err)
}
