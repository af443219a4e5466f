package nats

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"

	"github.com/kataras/iris/websocket/broker/internal/remote"
	"github.com/nats-io/nats.go"
)

// conn is a connection: a remote.Conn.
type conn struct {
	nc      *nats.Conn
	sockets sockets
	prefix  string // of subjects, with its dot
	deliver func(channel string, message []byte)

	// incoming has what all subscriptions have received. If it is full, nats.go drops
	// messages. One goroutine for all keeps their order.
	incoming chan *nats.Msg
	// subs are the subscriptions by channel. The goroutine that calls Change owns them.
	subs map[string]*nats.Subscription

	lost chan struct{} // closed when nc is closed
	stop chan struct{} // closed by Close
	done chan struct{} // closed when receive has ended
}

// receive is the goroutine that delivers messages.
func (c *conn) receive() {
	defer close(c.done)
	for {
		select {
		case m := <-c.incoming:
			if channel, err := channelOf(strings.TrimPrefix(m.Subject, c.prefix)); err == nil {
				c.deliver(channel, m.Data)
			}
		case <-c.stop:
			return
		}
	}
}

// subject returns the subject of a channel.
func (c *conn) subject(channel string) string {
	subject := make([]byte, 0, len(c.prefix)+len(channel)+16)
	return string(appendToken(append(subject, c.prefix...), channel))
}

// Change implements remote.Conn.
func (c *conn) Change(ctx context.Context, subscribe, unsubscribe []string) error {
	defer context.AfterFunc(ctx, c.sockets.close)()
	for _, channel := range unsubscribe {
		if sub, ok := c.subs[channel]; ok {
			delete(c.subs, channel)
			if err := sub.Unsubscribe(); err != nil {
				return err
			}
		}
	}
	for _, channel := range subscribe {
		if _, ok := c.subs[channel]; ok {
			continue
		}
		sub, err := c.nc.ChanSubscribe(c.subject(channel), c.incoming)
		if err != nil {
			return err
		}
		c.subs[channel] = sub
	}
	return nil
}

// Send implements remote.Conn.
func (c *conn) Send(ctx context.Context, messages []remote.Message) (int, error) {
	defer context.AfterFunc(ctx, c.sockets.close)() // a write may wait for the server
	for i, m := range messages {
		err := c.nc.Publish(c.subject(m.Channel), m.Payload)
		switch {
		case errors.Is(err, nats.ErrConnectionClosed):
			return i, err
		case errors.Is(err, nats.ErrMaxPayload):
			// The limit has become smaller since Publish. The message is lost.
		case err != nil:
			return i + 1, err // a part of it may have been sent
		}
	}
	return len(messages), nil
}

// Sync implements remote.Conn.
func (c *conn) Sync(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	return c.nc.FlushWithContext(ctx)
}

// MaxMessageSize implements remote.Conn.
func (c *conn) MaxMessageSize() int { return int(c.nc.MaxPayload()) }

// Lost implements remote.Conn.
func (c *conn) Lost() <-chan struct{} { return c.lost }

// Err implements remote.Conn.
func (c *conn) Err() error { return c.nc.LastError() }

// Close implements remote.Conn.
func (c *conn) Close() {
	c.sockets.close() // nc.Close would wait for a server that reads nothing
	c.nc.Close()
	<-c.lost
	close(c.stop)
	<-c.done
}

// sockets makes the TCP connections of a conn, and can close them.
type sockets struct {
	dialer nats.CustomDialer

	mu     sync.Mutex // guards the fields below
	last   net.Conn
	closed bool
}

// Dial implements nats.CustomDialer.
func (s *sockets) Dial(network, address string) (net.Conn, error) {
	socket, err := s.dialer.Dial(network, address)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = socket.Close()
		return nil, net.ErrClosed
	}
	s.last = socket
	return socket, nil
}

// close closes the last connection. There will be no other.
func (s *sockets) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.last != nil {
		_ = s.last.Close()
	}
}
