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

// TestClose: the client is told, and nobody is waited for.
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
	if err := s.Close(); err != nil { // while a handler doesn't return
		t.Error(err)
	}
	client.wantClosed(gorilla.CloseGoingAway)
	wantRefused(t, url, http.StatusServiceUnavailable)
	unblock()
	if err := receive(t, ended); err != websocket.ErrServerClosed {
		t.Errorf("the reason is %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestShutdownSpreadsTheEnd: not all clients are told at once, but all within
// half of the time that there is.
func TestShutdownSpreadsTheEnd(t *testing.T) {
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
					t.Errorf("told after %v to %v, want 0 to between %v and %v", first, last, test.least, test.most)
				}
			})
		})
	}
}

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
		_ = c.Emit("last", "words") // must still arrive
	}

	canceled, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Shutdown(canceled) }()
	idle.want("last;0;words")
	idle.wantClosed(1001)
	if err := receive(t, ended); !errors.Is(err, websocket.ErrServerClosed) {
		t.Errorf("ended with %v", err)
	}
	_, response, err := gorilla.DefaultDialer.Dial(url, nil)
	if err == nil || response == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a handshake after Shutdown: %v", err)
	}
	cancel() // the handler doesn't return, and Shutdown doesn't wait for it
	if err := receive(t, done); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	letGo()
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("second Shutdown: %v", err)
	}
	receive(t, ended)
	if err := receive(t, ended); !errors.Is(err, websocket.ErrServerClosed) {
		t.Errorf("ended with %v", err)
	}
	if len(ended) != 0 || s.GetTotalConnections() != 0 {
		t.Error("somebody is left")
	}
}

// TestShutdownEndsWhatIsClosing: connections that wait for their clients to
// answer a close frame are ended with the rest when the context is done.
func TestShutdownEndsWhatIsClosing(t *testing.T) {
	connections := make(chan websocket.Connection, 1)
	app := newApp()
	s := websocket.New(app, "/ws", websocket.Config{CloseTimeout: time.Hour})
	s.OnConnection(func(c websocket.Connection) { connections <- c })
	client := dial(t, address(listen(t, app))+"/ws") // which doesn't answer
	_ = receive(t, connections).Disconnect()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(done); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	if err := s.Shutdown(t.Context()); err != nil { // nothing is left to be waited for
		t.Error(err)
	}
	_ = client.NetConn().SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, client.NetConn()); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the transport is still open")
	}
}

// TestShutdownDuringAHandshake: who is asked who the client is, or which ID it has,
// when the server ends, answers for nothing.
func TestShutdownDuringAHandshake(t *testing.T) {
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
			s, url := onConnection(t, cfg, func(websocket.Connection) { t.Error("connected") })
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
				t.Errorf("answered with %d", got)
			}
			eventually(t, "nobody is left", func() bool { return s.GetTotalConnections() == 0 })
		})
	}
}

// TestShutdownIsInAHurry: who is still to be told when the context ends is told then.
func TestShutdownIsInAHurry(t *testing.T) {
	inBubble(t, websocket.Config{}, nil, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		for range 450 {
			go readAll(pipe(t, app))
		}
		synctest.Wait()
		const patience = 5 * time.Millisecond // which no pause between two batches is over by
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(patience, cancel)
		start := time.Now()
		if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown: %v", err)
		}
		if took := time.Since(start); took != patience {
			t.Errorf("it took %v, want %v", took, patience)
		}
		synctest.Wait()
		if n := s.GetTotalConnections(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
}
