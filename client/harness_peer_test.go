package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"
)

// peer is a server that speaks protocol 2 by hand: a test writes and reads each message. Each
// socket has a new session.
type peer struct {
	url   string
	conns chan *gorilla.Conn // welcomed sockets
	got   chan peerMessage   // what a client sends after the hello
	codes chan int           // of close frames; 1006 for none
}

// peerMessage is a message of the client.
type peerMessage struct {
	text string
	kind int // gorilla.TextMessage or gorilla.BinaryMessage
}

func servePeer(t *testing.T) *peer {
	t.Helper()
	p := &peer{conns: make(chan *gorilla.Conn, 10), got: make(chan peerMessage, 100), codes: make(chan int, 10)}
	ended := make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { ended <- struct{}{} }()
		upgrader := gorilla.Upgrader{Subprotocols: []string{"iris-ws.2"}}
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		if _, hello, err := conn.ReadMessage(); err != nil || !strings.HasPrefix(string(hello), `;h;{`) {
			t.Errorf("the hello: %q, %v", hello, err)
			return
		}
		const welcome = `;w;{"s":"s","k":"k","resumed":false,"received":0,` +
			`"ping":54,"max":65536,"window":120,"spread":0}`
		if err := conn.WriteMessage(gorilla.TextMessage, []byte(welcome)); err != nil {
			t.Error(err)
			return
		}
		p.conns <- conn
		for {
			kind, message, err := conn.ReadMessage()
			if err != nil {
				p.codes <- closeCode(err)
				return
			}
			p.got <- peerMessage{string(message), kind}
		}
	}))
	t.Cleanup(func() {
		server.Close()
		receive(t, ended)
	})
	p.url = server.URL
	return p
}

func closeCode(err error) int {
	if closed := new(gorilla.CloseError); errors.As(err, &closed) {
		return closed.Code
	}
	return 1006
}

// write sends a message to the client as text.
func (p *peer) write(t testing.TB, message string) { p.writeAs(t, gorilla.TextMessage, message) }

// writeAs sends a message to the client.
func (p *peer) writeAs(t testing.TB, kind int, message string) {
	t.Helper()
	conn := receive(t, p.conns)
	must(t, conn.WriteMessage(kind, []byte(message)))
	p.conns <- conn
}

// closeWith sends a close frame.
func (p *peer) closeWith(t testing.TB, code int) {
	t.Helper()
	p.writeAs(t, gorilla.CloseMessage, string(gorilla.FormatCloseMessage(code, "")))
}

// next returns the next message of the client, except for counts and pings.
func (p *peer) next(t testing.TB) peerMessage {
	t.Helper()
	for {
		m := receive(t, p.got)
		if !strings.HasPrefix(m.text, ";a;") && m.text != ";p;" {
			return m
		}
	}
}
