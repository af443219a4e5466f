package websocket_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestClose checks: the client gets a close frame. Close waits for neither clients nor
// handlers.
func TestClose(t *testing.T) {
	ended := make(chan error, 1)
	block := make(chan struct{})
	unblock := sync.OnceFunc(func() { close(block) })
	defer unblock()
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("block", func() { <-block })
		c.OnDisconnect(func() { ended <- c.DisconnectReason() })
	})
	client := dial(t, url)
	client.send("block;0;")
	eventually(t, "the handler runs", func() bool { return s.Stats().Received == 1 })
	if err := s.Close(); err != nil { // a handler is still running
		t.Error(err)
	}
	if reason := client.wantRefused(gorilla.CloseGoingAway); reason != "the server is shutting down" {
		t.Errorf("the close frame says %q, want the reason", reason)
	}
	wantRefused(t, url, http.StatusServiceUnavailable)
	unblock()
	if err := receive(t, ended); err != websocket.ErrServerClosed {
		t.Errorf("ended with %v, want %v", err, websocket.ErrServerClosed)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestShutdownInBatches checks: Shutdown spreads the close frames over time. All clients get
// theirs within half of the time left in the context.
func TestShutdownInBatches(t *testing.T) {
	for _, test := range []struct {
		patience, least, most time.Duration
	}{
		{time.Hour, 30 * time.Millisecond, 60 * time.Millisecond},
		{20 * time.Millisecond, 5 * time.Millisecond, 15 * time.Millisecond},
	} {
		t.Run("within "+test.patience.String(), func(t *testing.T) {
			inBubble(t, websocket.Config{}, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
				const clients = 450
				told := make(chan time.Duration, clients)
				var start time.Time
				for range clients {
					client := pipe(t, app)
					go func() {
						_, _, err := client.ReadMessage()
						if !gorilla.IsCloseError(err, gorilla.CloseGoingAway) {
							t.Error(err)
						}
						told <- time.Since(start)
						_ = client.Close()
					}()
				}
				time.Sleep(time.Second) // of the clock of the bubble: all connections serve by then
				synctest.Wait()
				start = time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), test.patience)
				defer cancel()
				if err := s.Shutdown(ctx); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				first, last := test.patience, time.Duration(0)
				for range clients {
					at := <-told
					first, last = min(first, at), max(last, at)
				}
				if first != 0 || last < test.least || last > test.most {
					t.Errorf("first close after %v, want 0; last after %v, want %v to %v",
						first, last, test.least, test.most)
				}
			})
		})
	}
}

// TestShutdown checks: queued messages still arrive, and new handshakes get 503. Shutdown waits
// for handlers until its context is done.
func TestShutdown(t *testing.T) {
	inHandler, release := make(chan struct{}), make(chan struct{})
	app := newApp()
	s := websocket.New(app, "/ws")
	letGo := sync.OnceFunc(func() { close(release) })
	t.Cleanup(letGo)
	ended, ready := make(chan error, 4), make(chan struct{}, 2)
	s.OnConnection(func(c websocket.Connection) {
		defer func() { ready <- struct{}{} }()
		c.On("work", func() {
			close(inHandler)
			<-release
			ended <- errors.New("the handler has returned")
		})
		c.OnDisconnect(func() { ended <- c.DisconnectReason() })
	})
	url := address(listen(t, app)) + "/ws"
	busy, idle := dial(t, url), dial(t, url)
	receive(t, ready)
	receive(t, ready)
	busy.send("work;0;")
	receive(t, inHandler)
	for _, c := range s.GetConnections() {
		_ = c.Emit("last", "words") // Shutdown must send this message
	}

	canceled, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Shutdown(canceled) }()
	idle.want("last;0;words")
	idle.wantClosed(1001)
	if err := receive(t, ended); !errors.Is(err, websocket.ErrServerClosed) {
		t.Errorf("ended with %v, want %v", err, websocket.ErrServerClosed)
	}
	_, response, err := gorilla.DefaultDialer.Dial(url, nil)
	if err == nil || response == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a handshake after Shutdown: response %v, error %v; want status 503", response, err)
	}
	cancel() // now Shutdown no longer waits for the handler
	if err := receive(t, done); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v, want %v", err, context.Canceled)
	}
	letGo()
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("second Shutdown: %v, want nil", err)
	}
	receive(t, ended)
	if err := receive(t, ended); !errors.Is(err, websocket.ErrServerClosed) {
		t.Errorf("ended with %v, want %v", err, websocket.ErrServerClosed)
	}
	if len(ended) != 0 || s.GetTotalConnections() != 0 {
		t.Errorf("%d more ends, %d connections; want none", len(ended), s.GetTotalConnections())
	}
}

// TestShutdownEndsClosingConnections checks: a connection may still wait for the client's
// answer to a close frame. When the context is done, Shutdown ends it like the others.
func TestShutdownEndsClosingConnections(t *testing.T) {
	connections := make(chan websocket.Connection, 1)
	app := newApp()
	s := websocket.New(app, "/ws", websocket.Config{CloseTimeout: time.Hour})
	s.OnConnection(func(c websocket.Connection) { connections <- c })
	client := dial(t, address(listen(t, app))+"/ws") // never answers
	_ = receive(t, connections).Disconnect()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(done); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v, want %v", err, context.Canceled)
	}
	if err := s.Shutdown(t.Context()); err != nil { // no connection is left
		t.Error(err)
	}
	_ = client.NetConn().SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, client.NetConn()); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the network connection is still open")
	}
}

// TestShutdownDuringHandshake checks: the server closes during a call of Authenticate or
// IDGenerator. It refuses the handshake with 503, whatever the function returns.
func TestShutdownDuringHandshake(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	for name, cfg := range map[string]websocket.Config{
		"Authenticate": {Authenticate: func(iris.Context) (string, error) {
			asked <- struct{}{}
			<-answer
			return "ann", nil
		}},
		"IDGenerator": {IDGenerator: func(iris.Context) string {
			asked <- struct{}{}
			<-answer
			return "1"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s, url := onConnection(t, cfg, func(websocket.Connection) { t.Error("connected, want a refusal") })
			status := make(chan int, 1)
			go func() {
				client, response, err := gorilla.DefaultDialer.Dial(url, nil)
				if err == nil {
					_ = client.Close()
				}
				if response == nil {
					response = new(http.Response)
				}
				status <- response.StatusCode
			}()
			receive(t, asked)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			answer <- struct{}{}
			if got := receive(t, status); got != http.StatusServiceUnavailable {
				t.Errorf("status %d, want %d", got, http.StatusServiceUnavailable)
			}
			eventually(t, "nobody is left", func() bool { return s.GetTotalConnections() == 0 })
		})
	}
}

// TestShutdownCanceledBetweenBatches checks: when the context is done, Shutdown ends all
// remaining connections at once.
func TestShutdownCanceledBetweenBatches(t *testing.T) {
	inBubble(t, websocket.Config{}, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		for range 450 {
			go readAll(pipe(t, app))
		}
		time.Sleep(time.Second) // of the clock of the bubble: all connections serve by then
		synctest.Wait()
		const patience = 5 * time.Millisecond // ends during a pause between two batches
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(patience, cancel)
		start := time.Now()
		if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown: %v, want %v", err, context.Canceled)
		}
		if took := time.Since(start); took != patience {
			t.Errorf("Shutdown took %v, want %v", took, patience)
		}
		synctest.Wait()
		if n := s.GetTotalConnections(); n != 0 {
			t.Errorf("%d connections are left, want none", n)
		}
	})
}
