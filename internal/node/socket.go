package node

import (
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/link"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// Greeter decides about the hello of a socket.
type Greeter interface {
	// Hello calls Socket.Open, Socket.Resume or Socket.Refuse. The reading goroutine
	// of the socket calls it, once. It may block.
	Hello(s *Socket, h session.Hello)
	// Released reports the end of the socket. It must not block.
	Released()
}

// Socket is a socket of protocol 2. It awaits the hello of its client. It then belongs
// to one connection until its end. It implements link.Owner.
type Socket struct {
	node    *Node      // immutable
	greeter Greeter    // immutable
	link    *link.Link // immutable
	deflate bool       // the client accepts compressed frames; immutable

	state      atomic.Uint32 // see its values
	conn       atomic.Pointer[Conn]
	generation atomic.Uint64 // of the session's sockets; 0 before Session.Attach
	lostBy     atomic.Pointer[error]
	left       atomic.Bool // the client closed it with 1001: see farewell
	timer      *time.Timer // for the hello; immutable

	hasTurn bool // the reading goroutine has the turn of conn; owned by that goroutine
}

// Values of Socket.state.
const (
	greeting  uint32 = iota // no hello yet
	attached                // the socket belongs to a connection, or Hello decides about it
	refused                 // the server closes the socket
	closeSent               // the close frame of a refusal is written
)

// Greet makes a socket of a network connection after the handshake. Early holds the
// bytes sent along with it. Greet returns nil after Shutdown: the caller must close the
// network connection.
func (n *Node) Greet(conn net.Conn, early []byte, deflate bool, greeter Greeter) *Socket {
	s := &Socket{node: n, greeter: greeter, deflate: deflate}
	s.link = link.New(conn, early, s, &n.watcher, link.Options{
		MaxMessageSize: n.config.MaxMessageSize,
		Deflate:        deflate,
		ReadBufferSize: n.config.ReadBufferSize,
	})
	s.timer = time.AfterFunc(n.config.HelloTimeout, func() { s.refuse(frame.CloseNoHello, "no hello has come in time") })
	if !n.addSocket(s) {
		s.timer.Stop()
		return nil
	}
	return s
}

// Start starts the reading.
func (s *Socket) Start() { s.link.Start() }

// Conn returns the network connection.
func (s *Socket) Conn() net.Conn { return s.link.Conn() }

// Welcome encodes the first message to a client: with the session and its token, and the
// number of the client's messages that were accepted. It must not block.
type Welcome = func(id, token string, received uint64) []byte

// Open gives the socket to a new connection, which has been added to the node. It calls
// prepare as Resume does. Announce must follow. Open returns session.ErrEnded if the
// connection has ended.
func (s *Socket) Open(c *Conn, number uint64, welcome Welcome, prepare func()) error {
	return c.attach(s, number, 0, welcome, prepare)
}

// Announce calls f as a handler, for a new connection. No other handler runs before.
func (s *Socket) Announce(c *Conn, f func()) {
	if s.hasTurn = c.turn.takeFirst(); !s.hasTurn {
		return
	}
	c.resumable.told = s.generation.Load()
	f()
	s.giveBackTurn(c) // tellFace waits for it if the socket is lost already
}

// Resume gives the socket to the connection of a suspended session, or of one that has
// not noticed the loss of its socket yet. It calls prepare just before, under the locks of
// the session and the queue: prepare must not block. It returns the errors of
// session.Session.Attach.
func (s *Socket) Resume(c *Conn, h session.Hello, welcome Welcome, prepare func()) error {
	if err := c.attach(s, h.Number, h.Received, welcome, prepare); err != nil {
		return err
	}
	c.tellFace()
	return nil
}

// Refuse closes the socket with a code and a reason, instead of Open or Resume. It may
// block until Config.CloseTimeout.
func (s *Socket) Refuse(code int, reason string) {
	if s.startRefusing() {
		s.close(code, reason)
	}
}

// startRefusing reports true once: then the caller must write a close frame.
func (s *Socket) startRefusing() bool {
	return s.state.CompareAndSwap(greeting, refused) || s.state.CompareAndSwap(attached, refused)
}

// refuse is Refuse before the hello has come. It does nothing later.
func (s *Socket) refuse(code int, reason string) {
	if s.state.CompareAndSwap(greeting, refused) {
		s.close(code, reason)
	}
}

// close writes a close frame. The client then has Config.CloseTimeout to answer it.
func (s *Socket) close(code int, reason string) {
	timeout := s.node.config.CloseTimeout
	_ = s.link.Conn().SetWriteDeadline(time.Now().Add(timeout))
	if _, err := s.link.Write(frame.NewCloseFrame(code, reason).Bytes()); err != nil {
		s.link.Kill()
		return
	}
	time.AfterFunc(timeout, s.link.Kill)
	s.state.Store(closeSent) // before CloseSent looks for the client's close frame
	s.link.CloseSent()
}

// Message implements link.Owner.
func (s *Socket) Message(l *link.Link, text bool, payload []byte) {
	switch m, err := wire.DecodeMessage(payload); {
	case s.state.Load() == greeting:
		s.hello(m, err)
	case s.conn.Load() != nil:
		s.conn.Load().receive(s, text, len(payload), m, err)
	}
}

// hello hands the first message to the Greeter.
func (s *Socket) hello(m wire.Message, err error) {
	var h session.Hello
	switch {
	case err != nil:
	case m.Kind != wire.HelloKind:
		err = errNoHello
	default:
		h, err = session.ParseHello(m.Payload)
	}
	if err != nil {
		s.refuse(frame.CloseViolation, err.Error())
		return
	}
	if !s.state.CompareAndSwap(greeting, attached) {
		return // it came too late
	}
	s.timer.Stop()
	s.greeter.Hello(s, h)
	s.link.Rest()
	if s.conn.Load() != nil {
		s.node.removeSocket(s)
	}
}

// Ping implements link.Owner. The pong waits for Answer.
func (s *Socket) Ping(_ *link.Link, payload []byte) {
	if c := s.conn.Load(); c != nil && s.isCurrent(c) {
		c.out.Answer(payload)
	}
}

// Answer implements link.Owner.
func (s *Socket) Answer(*link.Link) {
	if c := s.conn.Load(); c != nil && c.out.StartControl() == outbox.Start {
		outbox.FlushNow(c)
	}
}

// Pong implements link.Owner.
func (s *Socket) Pong(*link.Link) {
	if c := s.conn.Load(); c != nil && s.isCurrent(c) && s.awaitTurn(c) {
		c.face.Ponged()
		s.giveBackTurn(c)
	}
}

// PeerClosed implements link.Owner. A page that is left, and a network that goes away,
// suspend the session. Any other code ends it.
func (s *Socket) PeerClosed(l *link.Link, code int, reason string) {
	c := s.conn.Load()
	switch {
	case c == nil:
		s.closedByPeer(code)
	case s.suspends(code) && s.isCurrent(c):
		s.left.Store(code == frame.CloseGoingAway)
		s.leave(c, s.node.config.PeerClosed(code, reason, nil), code)
	case s.isCurrent(c):
		c.peerClosed(l, code, reason)
	case c.out.Finished():
		l.HangUp()
	}
}

// closedByPeer ends a socket without a connection. A close frame under way is the answer: see
// CloseSent.
func (s *Socket) closedByPeer(code int) {
	if s.startRefusing() {
		s.answerClose(code)
		s.link.HangUp()
	} else if s.state.Load() == closeSent {
		s.link.HangUp()
	}
}

// leave suspends the session of a client that has closed the socket, and answers it. If the
// session ends meanwhile and its close frame is written, that is the answer.
func (s *Socket) leave(c *Conn, cause error, code int) {
	s.lostBy.CompareAndSwap(nil, &cause)
	s.node.keepSocket(s)
	if c.suspend(s) {
		if c.out.AwaitWriter(s.node.config.CloseTimeout) && !c.out.CloseWritten() {
			s.answerClose(code)
		}
		s.link.HangUp()
	} else if c.out.Finished() {
		s.link.HangUp()
	}
}

// answerClose answers a close frame of the client. No writer works on the link.
func (s *Socket) answerClose(code int) {
	_ = s.link.Conn().SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = s.link.Write(closeAnswer(code).Bytes()) // an error ends the socket as well
}

// suspends reports whether a close frame of the client suspends its session.
func (s *Socket) suspends(code int) bool {
	return s.node.config.SessionWindow > 0 && (code == frame.CloseGoingAway || code == frame.CloseNoStatus)
}

// Rejected implements link.Owner. A message that is too large counts: else the client
// would send it again and again.
func (s *Socket) Rejected(_ *link.Link, err error) {
	c := s.conn.Load()
	switch {
	case c == nil:
		s.refuse(frame.CloseViolation, err.Error())
	case err == frame.ErrTooLarge:
		c.accept(s, c.node.config.MaxMessageSize+1, func() { c.face.Malformed(wire.Event{}, ErrMessageTooLarge) })
	case s.isCurrent(c):
		c.rejected(err)
	}
}

// Lost implements link.Owner.
func (s *Socket) Lost(l *link.Link, err error) {
	c := s.conn.Load()
	var violation frame.Violation
	switch {
	case s.hasTurn: // err is ErrGoexit
		s.hasTurn = false
		c.exited()
	case c == nil && errors.As(err, &violation):
		s.refuse(frame.CloseProtocolError, violation.Error())
	case c == nil || !s.isCurrent(c):
		if !errors.As(err, &violation) {
			l.Kill()
		}
	case err == ErrGoexit:
		c.Kill(err)
	case errors.As(err, &violation): // RFC 6455, section 7.1.7
		c.Close(frame.CloseProtocolError, violation.Error(), &protocolError{violation})
	default:
		s.lose(s.node.lost(err))
	}
}

// Gone implements link.Owner.
func (s *Socket) Gone(*link.Link) {
	s.timer.Stop() // it holds the socket and its request
	if c := s.conn.Load(); c != nil {
		c.socketGone(s)
	}
	s.node.removeSocket(s)
	s.greeter.Released()
	s.node.live.Done()
}

// lose ends a socket that doesn't work any more. It suspends the session, or ends the
// connection if the server keeps no sessions.
func (s *Socket) lose(cause error) {
	if c := s.conn.Load(); c != nil {
		s.lostBy.CompareAndSwap(nil, &cause)
		if s.node.config.SessionWindow <= 0 && s.isCurrent(c) {
			c.Kill(cause)
			return
		}
		c.suspend(s)
	}
	s.link.Kill()
}

// cause returns the reason of the socket's loss.
func (s *Socket) cause() error {
	if cause := s.lostBy.Load(); cause != nil {
		return *cause
	}
	return s.node.lost(net.ErrClosed)
}

func (s *Socket) isCurrent(c *Conn) bool { return c.resumable.session.IsCurrent(s.generation.Load()) }

// awaitTurn is Conn.awaitTurn for the reading goroutine.
func (s *Socket) awaitTurn(c *Conn) bool {
	s.hasTurn = c.awaitTurn(func() bool { return s.isCurrent(c) })
	return s.hasTurn
}

func (s *Socket) giveBackTurn(c *Conn) {
	s.hasTurn = false
	c.giveBackTurn()
}

var errNoHello = errors.New("the first message is not a hello")
