package session

import (
	"errors"
	"io"
	"slices"

	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/wire"
)

// pipe carries the bytes of one direction of a socket.
type pipe struct {
	data   []byte
	lost   bool // from now on, writes succeed and their bytes vanish
	closed bool // writes fail
}

// socket is a connection of the network, with a reader at each end.
type socket struct {
	up, down           pipe
	client             *client
	number             uint64
	clientGone         bool // the client has closed it
	serverGone         bool // the server has closed it
	stale              bool // a late copy of a hello
	forged             bool // a hello with a false token
	server             *end // after the hello
	serverGeneration   uint64
	clientGeneration   uint64 // after the welcome
	fromUp, fromDown   []byte // received bytes without a whole frame
	upQueue, downQueue [][]byte
}

func (w *world) closeServer(s *socket) {
	s.serverGone, s.down.closed, s.up.lost = true, true, true
}

func (e *end) pipe(s *socket) *pipe {
	switch {
	case s == nil:
		return &pipe{closed: true}
	case e.entry != nil:
		return &s.down
	default:
		return &s.up
	}
}

// write runs a new writer.
func (w *world) write(e *end) {
	e.ready--
	to, space := e.pipe(e.socket), w.random.IntN(120)
	if w.random.IntN(4) == 0 || w.healing {
		space = 1 << 20
	}
	outcome, _ := w.flusher.Flush(e.out, func(p []byte) (int, error) {
		n := min(space, len(p))
		space -= n
		return to.write(p[:n])
	})
	switch outcome {
	case outbox.Blocked:
		e.blocked = append(e.blocked, e.socket)
	case outbox.Moved:
		e.ready++
	}
}

// writeOn goes on with a waiting writer. Its socket may have been replaced.
func (w *world) writeOn(e *end) {
	to := e.pipe(e.blocked[0])
	e.blocked = e.blocked[1:]
	if err := e.out.Drain(writerFunc(to.write)); errors.Is(err, outbox.ErrMoved) {
		e.ready++
	}
}

func (p *pipe) write(data []byte) (int, error) {
	if p.closed {
		return 0, io.ErrClosedPipe
	}
	if !p.lost {
		p.data = append(p.data, data...)
	}
	return len(data), nil
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// receive moves some bytes through one direction of a socket, and handles the whole
// frames.
func (w *world) receive(s *socket, up bool) {
	from, partial, queue := &s.down, &s.fromDown, &s.downQueue
	if up {
		from, partial, queue = &s.up, &s.fromUp, &s.upQueue
	}
	n := min(len(from.data), 1+w.random.IntN(200))
	*partial = append(*partial, from.data[:n]...)
	from.data = from.data[n:]
	for len(*partial) >= 2 {
		header, size := 2, int((*partial)[1])
		if size == 126 {
			if len(*partial) < 4 {
				break
			}
			header, size = 4, int((*partial)[2])<<8|int((*partial)[3])
		}
		if len(*partial) < header+size {
			break
		}
		*queue = append(*queue, slices.Clone((*partial)[header:header+size]))
		*partial = (*partial)[header+size:]
	}
	w.handle(s, up)
}

// handle handles the frames of a reader, until one must wait for a handler.
func (w *world) handle(s *socket, up bool) {
	queue := &s.downQueue
	if up {
		queue = &s.upQueue
	}
	for len(*queue) > 0 {
		if up && s.serverGone || !up && s.clientGone {
			*queue = nil
			return
		}
		m, err := wire.DecodeMessage((*queue)[0])
		if err != nil {
			w.t.Fatalf("%q: %v", (*queue)[0], err)
		}
		if !w.handleMessage(s, up, m, len((*queue)[0])) {
			return // the reader waits
		}
		*queue = (*queue)[1:]
	}
}

// prune forgets the sockets and sessions without a user.
func (w *world) prune() {
	w.sockets = slices.DeleteFunc(w.sockets, func(s *socket) bool {
		return s.serverGone && s.clientGone
	})
	w.servers = slices.DeleteFunc(w.servers, func(e *end) bool {
		return e.disconnects > 0 && len(e.blocked)+e.ready == 0
	})
}
