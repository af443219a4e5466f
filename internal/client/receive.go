package client

import (
	"context"
	"encoding/json"
	"time"

	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// handle takes a message of a socket.
func (c *Client) handle(s *socket, text bool, message []byte) error {
	m, err := wire.DecodeMessage(message)
	if err != nil {
		return violation(err.Error())
	}
	if m.Kind.Counted() {
		ok, tell := s.conv.session.Accept(s.generation, len(message))
		if !ok {
			return nil // Close was called
		}
		if tell {
			c.tellCount(s)
		}
		c.handleCounted(s, m, text)
		return nil
	}
	return c.handleControl(s, m)
}

func (c *Client) handleCounted(s *socket, m wire.Message, text bool) {
	switch m.Kind {
	case wire.NativeKind:
		if c.config.OnNative != nil {
			c.config.OnNative(c, text, m.Payload)
		}
	case wire.EventKind:
		e := Event{m, c, s.conv}
		switch {
		case c.config.OnEvent != nil:
			c.config.OnEvent(c, e)
		case m.ID != 0:
			_ = e.Fail(Failure{Code: "no_handler"}) // fails only if there is nobody to tell
		}
	default:
		c.asks.Answer(m.ID, session.Answer{Message: m}) // false: the asker has given up
	}
}

func (c *Client) handleControl(s *socket, m wire.Message) error {
	switch m.Kind {
	case wire.CountKind:
		count, err := m.Count()
		if err == nil {
			err = s.conv.session.Acknowledge(s.generation, count)
		}
		if err != nil {
			return violation(err.Error())
		}
		c.mu.Lock()
		c.noteDrained()
		c.start(s.conv, s.conv.out.AskAgain())
		c.mu.Unlock()
	case wire.PingKind:
		c.tellCount(s)
		c.mu.Lock()
		c.noteDrained() // a ping of Drain may have been left out: see Outbox.Tell
		c.mu.Unlock()
	case wire.AuthKind:
		c.sendToken()
	case wire.DrainKind:
		var drain struct{ Within int64 } // milliseconds
		if err := json.Unmarshal(m.Payload, &drain); err == nil && c.config.OnDrain != nil {
			c.config.OnDrain(told(drain.Within, time.Millisecond))
		}
	case wire.CancelKind: // the handler has run already
	default:
		return violation("a hello or a second welcome")
	}
	return nil
}

// sendToken answers the server's question for a token.
func (c *Client) sendToken() {
	if c.config.Token == nil {
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.config.Timeout)
	defer cancel()
	token, err := c.config.Token(ctx)
	if err == nil {
		c.tell(wire.AppendControl(nil, wire.AuthKind, 0, []byte(token)))
	} else if c.config.OnTokenError != nil {
		c.config.OnTokenError(err)
	}
}

// tellCount tells the server how many messages were accepted.
func (c *Client) tellCount(s *socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.conv.session.TellCount(s.generation) {
		c.start(s.conv, outbox.Start)
	}
}
