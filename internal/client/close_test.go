package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

// TestCloseCodes: after some the client comes back, after others it stays away.
func TestCloseCodes(t *testing.T) {
	for code, stays := range map[int]bool{
		1000: true, 1001: false, 1002: true, 1007: true, 1009: true, 1011: false, 1012: false,
		4001: true, 4002: true, 4003: true, 4100: false, 4101: false, 4108: false, 4200: false, 4201: false,
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			p := newPeer(t, nil)
			var got log
			c := dial(t, p, Config{
				OnWelcome: func(w session.Welcome) { got.add("welcome %t", w.Resumed) },
				OnClose:   func(code int, reason string) { got.add("close %d %s", code, reason) },
			})
			p.end().close(code, "why")
			closed := fmt.Sprint("close ", code, " why")
			if !stays {
				got.expect(t, "welcome false", closed, "welcome true")
			} else {
				<-c.Done()
				got.expect(t, "welcome false", closed)
				theirs := new(CloseError)
				err := c.Emit("e", 1)
				if !errors.Is(err, ErrClosed) || !errors.As(err, &theirs) || theirs.Code != code {
					t.Errorf("Emit: %v", err)
				}
			}
			// The client answers with the same code.
			eventually(t, "an answer", func() bool { return len(p.end().codes()) > 0 })
			if codes := p.end().codes(); codes[0] != code {
				t.Errorf("the peer got the codes %v", codes)
			}
		})
	}
}

// closeNote is a connection that tells of its Close.
type closeNote struct {
	net.Conn
	closed chan struct{}
	once   sync.Once
}

func (c *closeNote) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// TestSocketIsClosed: when a client comes back, its last socket is closed, whatever its end.
func TestSocketIsClosed(t *testing.T) {
	for name, end := range map[string]func(*peerEnd){
		"a close frame":  func(e *peerEnd) { e.close(frame.CloseGoingAway, "") },
		"no code":        func(e *peerEnd) { e.close(0, "") },
		"a lost network": (*peerEnd).drop,
	} {
		t.Run(name, func(t *testing.T) {
			p, welcomes := newPeer(t, nil), make(chan session.Welcome, 2)
			conns := make(chan *closeNote, 2)
			dial(t, p, Config{
				OnWelcome: func(w session.Welcome) { welcomes <- w },
				Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
					conn, err := new(net.Dialer).DialContext(ctx, network, address)
					note := &closeNote{Conn: conn, closed: make(chan struct{})}
					conns <- note
					return note, err
				},
			})
			<-welcomes
			end(p.end())
			if w := <-welcomes; !w.Resumed {
				t.Errorf("got the welcome %+v, want a resumed session", w)
			}
			select {
			case <-(<-conns).closed:
			default:
				t.Error("the first socket is open")
			}
		})
	}
}

// TestCloseWithoutCode: so is the answer. 1005 must not be sent (RFC 6455, section 7.4.1).
func TestCloseWithoutCode(t *testing.T) {
	p := newPeer(t, nil)
	var got log
	dial(t, p, Config{OnClose: func(code int, reason string) { got.add("close %d %s", code, reason) }})
	p.end().close(0, "")
	got.expect(t, "close 1005 ")
	eventually(t, "an answer", func() bool { return len(p.end().codes()) > 0 })
	if codes := p.end().codes(); codes[0] != frame.CloseNoStatus {
		t.Errorf("the peer got the codes %v", codes)
	}
}

// TestCloseBeforeTheWelcome: the client comes back, or not, as after a welcome.
func TestCloseBeforeTheWelcome(t *testing.T) {
	codes := make(chan int, 10)
	p := newPeer(t, func(p *peer) {
		p.onHello = func(session.Hello) (int, string) { return <-codes, "no" }
	})
	codes <- 4101
	_, err := Dial(t.Context(), Config{URL: p.url()})
	if theirs := new(CloseError); !errors.As(err, &theirs) || theirs.Code != 4101 || theirs.Reason != "no" {
		t.Errorf("Dial: %v", err)
	}
	codes <- 0
	var got log
	c := dial(t, p, Config{OnClose: func(code int, _ string) { got.add("%d", code) }})
	codes <- 4101
	codes <- 4200
	codes <- 4003
	c.Drop()
	<-c.Done()
	got.expect(t, "1006", "4101", "4200", "4003")
}

// TestPersistStaysAway: a server that wants the client to stay away is not asked twice.
func TestPersistStaysAway(t *testing.T) {
	var hellos log
	p := newPeer(t, func(p *peer) {
		p.onHello = func(h session.Hello) (int, string) { hellos.add("%d", h.Number); return 4001, "" }
	})
	var theirs *CloseError
	_, err := Dial(t.Context(), Config{URL: p.url(), Persist: true})
	if !errors.As(err, &theirs) || theirs.Code != 4001 {
		t.Errorf("Dial: %v", err)
	}
	hellos.expect(t, "1")
}

func TestDelays(t *testing.T) {
	closed := func(code int, reason string) error { return &CloseError{code, reason} }
	for _, test := range []struct {
		cause           error
		attempt         int
		waited          time.Duration // milliseconds
		from, to, often time.Duration // milliseconds; some are above often
		staysAway       bool
		first           bool // there was no welcome yet
	}{
		{cause: &RefusedError{Status: 503}, attempt: 1, to: 1000, often: 500, first: true},
		{cause: errBroken, attempt: 1, to: 100, often: 50},
		{cause: errBroken, attempt: 2, to: 1000, often: 500},
		{cause: errBroken, attempt: 2, waited: 2000, to: 2000, often: 1000},
		{cause: errBroken, attempt: 9, waited: 900_000, to: 30_000, often: 15_000},
		{cause: closed(1001, ""), attempt: 1, to: 100},
		{cause: closed(1005, ""), attempt: 1, to: 100},
		{cause: closed(1011, ""), attempt: 1, to: 1000, often: 500},
		{cause: closed(4100, ""), attempt: 1, to: 1000, often: 500},
		{cause: closed(4100, ""), attempt: 1, waited: 4000, to: 4000, often: 2000},
		{cause: closed(4100, "retry=70"), attempt: 1, from: 70, to: 70},
		{cause: closed(4200, ""), attempt: 1, to: 100},
		{cause: closed(4200, "restart; retry=1234"), attempt: 1, from: 1234, to: 1234},
		{cause: closed(4200, "retry=-1"), attempt: 1, to: 100},
		{cause: &RefusedError{Status: 503}, attempt: 1, to: 100},
		{cause: &RefusedError{Status: 403}, attempt: 2, waited: 2000, to: 2000, often: 1000},
		{cause: violation("x"), attempt: 1, to: 100, staysAway: true},
	} {
		c := &Client{spread: 100 * time.Millisecond, waited: test.waited * time.Millisecond}
		if !test.first {
			c.conv = new(conversation)
		}
		longest := time.Duration(0)
		for range 100 {
			from, to := test.from*time.Millisecond, test.to*time.Millisecond
			d := c.delay(test.cause, test.attempt)
			if longest = max(longest, d); d < from || d > to {
				t.Errorf("%v, attempt %d: a delay of %v, want %v to %v", test.cause, test.attempt, d, from, to)
			}
		}
		if longest < test.often*time.Millisecond {
			t.Errorf("%v, attempt %d: delays of %v at most", test.cause, test.attempt, longest)
		}
		if got := staysAway(test.cause); got != test.staysAway {
			t.Errorf("%v: stays away %t", test.cause, got)
		}
	}
	c := &Client{config: Config{Backoff: func(attempt int) time.Duration { return time.Duration(attempt) }}}
	if d := c.delay(errBroken, 7); d != 7 {
		t.Errorf("Config.Backoff: %v", d)
	}
}

// TestSuspend: only a socket that lasted makes the next pause a short one. Nothing is left
// of a lost one.
func TestSuspend(t *testing.T) {
	for age, waited := range map[time.Duration]time.Duration{lasting - time.Second: 3, lasting + time.Second: 0} {
		c := &Client{waited: 3}
		c.conv = c.newConversation()
		s := &socket{conv: c.conv, welcomed: time.Now().Add(-age), timer: time.AfterFunc(time.Hour, func() {})}
		c.open = s
		c.suspend(s)
		if c.waited != waited {
			t.Errorf("after %v, the client has waited %d, want %d", age, c.waited, waited)
		}
		if c.open != nil || s.timer.Stop() {
			t.Error("the socket can be dropped, or its timer runs")
		}
	}
}

// TestClose: what is queued goes out, then 1000. No message is handled after it.
func TestClose(t *testing.T) {
	p := newPeer(t, nil)
	var got log
	c := dial(t, p, Config{OnEvent: func(c *Client, e Event) {
		got.add("%s", e.Payload)
		for i := range 3 {
			if err := c.Emit("e", i); err != nil {
				t.Error(err)
			}
		}
		c.Close()
		c.Close()
	}})
	p.end().emit("e", 0, "one")
	p.end().emit("e", 0, "two")
	eventually(t, "the code", func() bool { return len(p.end().codes()) == 1 })
	codes, m := p.end().codes(), p.end().messages()
	if codes[0] != 1000 || !slices.Equal(m, []string{"e:0", "e:1", "e:2"}) {
		t.Errorf("the peer got %q, then %d", m, codes[0])
	}
	<-c.Done()
	got.expect(t, "one")
	if err := c.Err(); err != ErrClosed {
		t.Error(err)
	}
}

// TestCloseWhileAway: an attempt to connect ends at once.
func TestCloseWhileAway(t *testing.T) {
	for _, stage := range []string{"backoff", "dial", "handshake", "welcome"} {
		t.Run(stage, func(t *testing.T) {
			p, hold := newPeer(t, nil), make(chan struct{})
			release := sync.OnceFunc(func() { close(hold) })
			defer release()
			reached := make(chan struct{})
			config := Config{}
			first := true
			reach := func() bool { // reports whether the client is coming back
				if first {
					first = false
					return false
				}
				close(reached)
				return true
			}
			switch stage {
			case "backoff":
				config.Backoff = func(int) time.Duration { close(reached); return time.Hour }
			case "welcome":
				p.onHello = func(session.Hello) (int, string) {
					if reach() {
						<-hold
					}
					return 0, ""
				}
			default:
				config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
					switch {
					case !reach():
						return new(net.Dialer).DialContext(ctx, network, address)
					case stage == "dial":
						<-ctx.Done()
						return nil, ctx.Err()
					}
					client, server := net.Pipe()
					t.Cleanup(func() { _ = server.Close() })
					return client, nil
				}
			}
			c := dial(t, p, config)
			c.Drop()
			<-reached
			start := time.Now()
			finish(t, c)
			if d := time.Since(start); d > 2*time.Second || c.Err() != ErrClosed {
				t.Errorf("ended after %v with %v", d, c.Err())
			}
			if release(); stage == "welcome" {
				eventually(t, "the code 1000", func() bool { return slices.Contains(p.end().codes(), 1000) })
			}
		})
	}
}

// TestDrainAtTheEnd: the queue is empty after the end, but nothing proves that the server
// has counted the messages.
func TestDrainAtTheEnd(t *testing.T) {
	p := newPeer(t, nil)
	ended := make(chan error, 1)
	ends := make(chan *Client, 1)
	c := dial(t, p, Config{OnEnd: func(error) { ended <- (<-ends).Drain(context.Background()) }})
	ends <- c
	if err := c.Emit("e", 1); err != nil {
		t.Fatal(err)
	}
	p.end().close(4003, "")
	if theirs := new(CloseError); !errors.As(<-ended, &theirs) || theirs.Code != 4003 || c.Pending() != 1 {
		t.Errorf("Drain: %v, %d are pending", theirs, c.Pending())
	}
}

func TestNoReconnect(t *testing.T) {
	p := newPeer(t, nil)
	c := dial(t, p, Config{NoReconnect: true})
	c.Drop()
	<-c.Done()
	if c.State() != session.Ended || !errors.Is(c.Err(), ErrClosed) || c.Err() == ErrClosed {
		t.Errorf("state %d, %v", c.State(), c.Err())
	}
}

func TestDialFails(t *testing.T) {
	upgrader := websocket.Upgrader{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/classic":
			if ws, err := upgrader.Upgrade(w, r, nil); err == nil {
				_ = ws.Close()
			}
		case "/slow":
			<-r.Context().Done()
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer server.Close()
	url := "ws" + strings.TrimPrefix(server.URL, "http")
	_, err := Dial(t.Context(), Config{URL: url})
	if refused := new(RefusedError); !errors.As(err, &refused) || refused.Status != http.StatusForbidden {
		t.Errorf("refused: %v", err)
	}
	if _, err := Dial(t.Context(), Config{URL: url + "/classic"}); !errors.Is(err, errNoProtocol) {
		t.Errorf("without the subprotocol: %v", err)
	}
	start := time.Now()
	if _, err := Dial(t.Context(), Config{URL: url + "/slow", Timeout: 50 * time.Millisecond}); err == nil {
		t.Error("no timeout")
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := Dial(ctx, Config{URL: url + "/slow"}); err == nil || time.Since(start) > 5*time.Second {
		t.Errorf("canceled: %v after %v", err, time.Since(start))
	}
}

// TestViolations: the client says why it goes, and stays away.
func TestViolations(t *testing.T) {
	for name, test := range map[string]struct {
		code int
		send func(*peerEnd)
	}{
		"malformed":      {4002, func(e *peerEnd) { e.queue(append(frame.Reserve(20), "no separator"...), false) }},
		"second welcome": {4002, func(e *peerEnd) { e.tell(wire.WelcomeKind, "{}") }},
		"hello":          {4002, func(e *peerEnd) { e.tell(wire.HelloKind, "{}") }},
		"count":          {4002, func(e *peerEnd) { e.tell(wire.CountKind, "1") }},
		"no count":       {4002, func(e *peerEnd) { e.tell(wire.CountKind, "x") }},
		"too large":      {1009, func(e *peerEnd) { e.emit("e", 0, strings.Repeat("x", 2000)) }},
		"not UTF-8": {1007, func(e *peerEnd) {
			e.p.mu.Lock()
			defer e.p.mu.Unlock()
			_, _ = e.conn.Write([]byte{0x81, 5, 'e', ';', '0', ';', 0xff})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, nil)
			var got log
			c := dial(t, p, Config{MaxMessageSize: 1000, OnClose: func(code int, _ string) { got.add("%d", code) }})
			test.send(p.end())
			<-c.Done()
			got.expect(t, fmt.Sprint(test.code))
			eventually(t, "the code", func() bool { return slices.Equal(p.end().codes(), []int{test.code}) })
		})
	}
}

func TestTLS(t *testing.T) {
	p := newPeer(t, nil)
	server := httptest.NewTLSServer(p)
	defer server.Close()
	plain := p.server
	p.server = server
	defer func() { p.server = plain }()
	pool := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	var got log
	c := dial(t, p, Config{
		TLS:       &tls.Config{RootCAs: pool},
		OnEvent:   func(_ *Client, e Event) { got.add("%s", e.Payload) },
		OnWelcome: func(w session.Welcome) { got.add("welcome %t", w.Resumed) },
	})
	p.end().emit("e", 0, "one")
	got.expect(t, "welcome false", "one")
	c.Drop()
	p.end().emit("e", 0, "two")
	got.expect(t, "welcome false", "one", "welcome true", "two")
	finish(t, c)
}
