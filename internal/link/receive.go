package link

import (
	"errors"
	"os"
	"sync"
	"time"
)

// errNothing is returned by receive if nothing has come yet.
var errNothing = errors.New("nothing has been received")

// buffers are for reading; large enough for many a message at once.
var buffers = sync.Pool{New: func() any { b := make([]byte, 16<<10); return &b }}

// hasNothing reports whether all that has come is in the system's hands, which the
// watcher knows of.
func (l *Link) hasNothing() bool { return l.try != nil && !l.early }

// receive returns the next bytes of the client. They are valid until release, which
// must be called before the next receive. If nothing has come, receive waits; or it
// returns errNothing, if wait is false, or if somebody sets the read deadline to
// longAgo while the link alone sets deadlines (mine). After errNothing no buffer,
// such as that of TLS, holds a part of what comes next.
func (l *Link) receive(wait, mine bool) (data []byte, err error) {
	if l.early {
		data, l.kept, l.early = l.kept, nil, false
		return data, nil
	}
	if l.try != nil {
		data, err = l.receiveReady(wait)
	} else {
		data, err = l.receiveBlocking(wait)
	}
	if mine && errors.Is(err, os.ErrDeadlineExceeded) {
		_ = l.conn.SetReadDeadline(time.Time{})
		err = errNothing
	}
	return data, err
}

func (l *Link) receiveReady(wait bool) ([]byte, error) {
	l.once = !wait
	if err := l.socket.read(l.try); err != nil {
		return nil, err
	}
	if l.err != nil {
		l.release()
		return nil, l.err
	}
	return (*l.borrowed)[:l.n], nil
}

func (l *Link) receiveBlocking(wait bool) ([]byte, error) {
	if !wait { // TLS returns what it has, and asks the network nothing
		_ = l.conn.SetReadDeadline(longAgo)
	}
	if l.kept == nil {
		l.kept = make([]byte, l.size)
	}
	buffer := l.kept
	if l.full > 1 { // a large message is on its way
		l.borrowed = buffers.Get().(*[]byte)
		buffer = *l.borrowed
	}
	n, err := l.socket.readBlocking(l.conn, buffer)
	if !wait {
		_ = l.conn.SetReadDeadline(time.Time{})
	}
	if l.full = min(l.full+1, 2); n < len(buffer) {
		l.full = 0
	}
	if n > 0 {
		return buffer[:n], nil // an error comes again
	}
	l.release()
	return nil, err
}

// rest gives up the buffer that only a reading goroutine needs.
func (l *Link) rest() { l.kept, l.full = nil, 0 }

// release gives up the bytes that receive returned.
func (l *Link) release() {
	if l.borrowed != nil {
		buffers.Put(l.borrowed)
		l.borrowed = nil
	}
}
