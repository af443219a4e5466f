package client

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is a small server, to be scripted by the functions.
type peer struct {
	t      *testing.T
	server *httptest.Server

	// Set before the first client. Each may be nil.
	onHello   func(session.Hello) (code int, reason string) // a code closes the socket instead of the welcome
	onWelcome func(*session.Welcome)
	onMessage func(*peerEnd, wire.Message)

	mu     sync.Mutex // guards the fields below
	table  *session.Table[*peerEnd]
	hellos []session.Hello
	last   *peerEnd
	wait   sync.WaitGroup
}

// peerEnd is the server's end of a session.
type peerEnd struct {
	p       *peer
	out     outbox.Outbox
	session *session.Session
	entry   *session.Entry[*peerEnd]
	conn    net.Conn // the present one; guarded by peer.mu

	handling sync.Mutex     // held while a message is handled; guards the fields below
	got      []wire.Message // what was accepted
	texts    []bool
	closes   []int // codes of close frames; 1006 for none
	pongs    []string
}

func newPeer(t *testing.T, change func(*peer)) *peer {
	t.Helper()
	p := &peer{t: t}
	if change != nil {
		change(p)
	}
	p.restart()
	p.server = httptest.NewServer(p)
	t.Cleanup(func() {
		p.server.CloseClientConnections()
		p.server.Close()
		if e := p.end(); e != nil {
			e.drop()
		}
		p.wait.Wait()
	})
	return p
}

// restart forgets all sessions.
func (p *peer) restart() {
	bounds := session.Bounds{Window: time.Minute, Sessions: 100, Remember: time.Minute, Remembers: 100}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.table = session.NewTable[*peerEnd](bounds)
}

func (p *peer) url() string { return "ws" + strings.TrimPrefix(p.server.URL, "http") }

// end returns the last session.
func (p *peer) end() *peerEnd {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.wait.Add(1)
	defer p.wait.Done()
	upgrader := websocket.Upgrader{Subprotocols: []string{wire.Subprotocol}, EnableCompression: true}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = ws.Close() }()
	ws.SetCloseHandler(func(int, string) error { return nil })
	_, message, err := ws.ReadMessage()
	if err != nil {
		return
	}
	m, err := wire.DecodeMessage(message)
	if err != nil || m.Kind != wire.HelloKind {
		p.t.Errorf("the first message is %q", message)
		return
	}
	h, err := session.ParseHello(m.Payload)
	if err != nil {
		p.t.Error(err)
		return
	}
	deflate := strings.Contains(r.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate")
	if e, generation := p.attach(h, ws.NetConn(), deflate); e != nil {
		e.read(ws, generation)
	}
}

// attach answers a hello.
func (p *peer) attach(h session.Hello, conn net.Conn, deflate bool) (e *peerEnd, generation uint64) {
	if p.onHello != nil {
		if code, reason := p.onHello(h); code != 0 {
			_, _ = conn.Write(frame.NewCloseFrame(code, reason).Bytes())
			return nil, 0
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hellos = append(p.hellos, h)
	var w session.Welcome
	if h.Session != "" {
		entry, received, why, err := p.table.Find(h)
		if err == nil {
			e = entry.Value
		} else if !errors.Is(err, session.ErrEnded) {
			p.t.Error(err)
		}
		w.Received, w.Why = received, why
	}
	if e == nil {
		e = &peerEnd{p: p}
		e.out.Init(64<<20, false)
		e.session = session.New(&e.out, outbox.Retention{})
		e.entry = p.table.Add(e.session, e)
		p.last, h.Received = e, 0
	} else {
		w.Resumed = true
		_ = e.conn.Close()
	}
	a, err := e.session.Attach(h.Number, h.Received, func(a session.Attachment) outbox.Socket {
		w.Session, w.Token = e.entry.ID, e.entry.Token
		if w.Resumed {
			w.Received = a.Received
		}
		if p.onWelcome != nil {
			p.onWelcome(&w)
		}
		payload, err := json.Marshal(w)
		if err != nil {
			p.t.Error(err)
		}
		e.conn = conn
		greeting := frame.NewControl(frame.OpText, wire.AppendControl(nil, wire.WelcomeKind, 0, payload))
		return outbox.Socket{Greeting: greeting, Deflate: deflate}
	})
	if err != nil {
		p.t.Errorf("attach %+v: %v", h, err)
		return nil, 0
	}
	e.start(a.Start)
	return e, a.Generation
}

// start starts a writer, under peer.mu.
func (e *peerEnd) start(ok bool) {
	if !ok {
		return
	}
	conn := e.conn
	e.p.wait.Go(func() {
		switch err := e.out.Drain(conn); {
		case errors.Is(err, outbox.ErrMoved):
			e.p.mu.Lock()
			e.start(true)
			e.p.mu.Unlock()
		case err != nil:
			_ = conn.Close()
		}
	})
}

// read reads from a socket until its end.
func (e *peerEnd) read(ws *websocket.Conn, generation uint64) {
	ws.SetPongHandler(func(payload string) error {
		e.handling.Lock()
		defer e.handling.Unlock()
		e.pongs = append(e.pongs, payload)
		return nil
	})
	for {
		kind, message, err := ws.ReadMessage()
		if err != nil {
			e.lose(err, generation)
			return
		}
		m, err := wire.DecodeMessage(message)
		if err != nil {
			e.p.t.Errorf("%q: %v", message, err)
			return
		}
		switch {
		case m.Kind == wire.CountKind:
			count, err := m.Count()
			if err == nil {
				err = e.session.Acknowledge(generation, count)
			}
			if err != nil {
				e.p.t.Errorf("%q: %v", message, err)
			}
		case m.Kind == wire.PingKind:
			e.tellCount(generation)
		default:
			e.handle(m, len(message), kind == websocket.TextMessage, generation)
		}
	}
}

func (e *peerEnd) handle(m wire.Message, size int, text bool, generation uint64) {
	e.handling.Lock()
	defer e.handling.Unlock()
	if m.Kind.Counted() {
		ok, tell := e.session.Accept(generation, size)
		if !ok {
			return
		}
		if tell {
			e.tellCount(generation)
		}
	}
	e.got, e.texts = append(e.got, m), append(e.texts, text)
	if e.p.onMessage != nil {
		e.p.onMessage(e, m)
	}
}

// lose takes the end of a socket.
func (e *peerEnd) lose(err error, generation uint64) {
	code := 1006
	if closed := new(websocket.CloseError); errors.As(err, &closed) {
		code = closed.Code
	}
	e.handling.Lock()
	e.closes = append(e.closes, code)
	e.handling.Unlock()
	if code == 1000 {
		e.expire("ended")
	} else {
		e.session.Suspend(generation)
	}
}

// expire ends the session.
func (e *peerEnd) expire(why string) {
	e.session.End()
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	e.p.table.Ended(e.entry, why, time.Now())
}

func (e *peerEnd) tellCount(generation uint64) {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	e.start(e.session.TellCount(generation))
}

// queue queues a message.
func (e *peerEnd) queue(message []byte, binary bool) {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	switch result := e.out.Enqueue(frame.SealMessage(message, binary)); result {
	case outbox.Full, outbox.Closed:
		e.p.t.Errorf("the peer can't send: %d", result)
	default:
		e.start(result == outbox.Start)
	}
}

func (e *peerEnd) emit(name string, id uint64, data any) {
	message, err := wire.AppendEvent(frame.Reserve(64), name, id, data, json.Marshal)
	if err != nil {
		e.p.t.Error(err)
	}
	_, binary := data.([]byte)
	e.queue(message, binary)
}

func (e *peerEnd) reply(id uint64, data any) {
	message, err := wire.AppendReply(frame.Reserve(64), id, data, json.Marshal)
	if err != nil {
		e.p.t.Error(err)
	}
	e.queue(message, false)
}

// tell sends a message of the protocol itself.
func (e *peerEnd) tell(kind wire.Kind, payload string) {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	e.start(e.out.Tell(wire.AppendControl(nil, kind, 0, []byte(payload))) == outbox.Start)
}

// close writes a close frame and nothing else, with the socket idle.
func (e *peerEnd) close(code int, reason string) {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	_, _ = e.conn.Write(frame.NewCloseFrame(code, reason).Bytes())
}

func (e *peerEnd) drop() {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	_ = e.conn.Close()
}

// messages returns what was accepted so far, as "name:payload".
func (e *peerEnd) messages() (list []string) {
	e.handling.Lock()
	defer e.handling.Unlock()
	for _, m := range e.got {
		if m.Kind.Counted() {
			list = append(list, string(m.Name)+":"+string(m.Payload))
		}
	}
	return list
}

func (e *peerEnd) codes() []int {
	e.handling.Lock()
	defer e.handling.Unlock()
	return append([]int(nil), e.closes...)
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 seconds: %s", what)
		}
	}
}
