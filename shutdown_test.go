package websocket_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// interruptedProgram, in the environment, makes the test's binary a program that
// is about to be interrupted.
const interruptedProgram = "WEBSOCKET_TEST_INTERRUPTED_PROGRAM"

// runInterruptedProgram is a program as a user writes it: nothing in it speaks of
// interrupts.
func runInterruptedProgram() {
	app := newApp()
	var parent iris.Party = app
	if os.Getenv(interruptedProgram) == "party" {
		parent = app.Party("/party")
	}
	w := websocket.New(parent, "/ws")
	switch os.Getenv(interruptedProgram) {
	case "handler":
		w = websocket.NewServer(websocket.Config{})
		app.Get("/handler/ws", w.Handler())
	case "early":
		w = websocket.NewServer(websocket.Config{})
		app = newApp()
		app.Get("/early/ws", w.Handler())
	case "upgrade": // as a controller of MVC
		w = websocket.NewServer(websocket.Config{})
		app.Get("/upgrade/ws", func(ctx iris.Context) {
			c := w.Upgrade(ctx)
			c.OnDisconnect(func() { fmt.Println("disconnected:", c.DisconnectReason()) })
			_ = c.Emit("hello", "")
			c.Wait()
		})
	}
	w.OnConnection(func(c websocket.Connection) {
		c.OnDisconnect(func() { fmt.Println("disconnected:", c.DisconnectReason()) })
		_ = c.Emit("hello", "")
	})
	// Iris begins to catch signals some time after Run has registered what to
	// call: one that comes earlier must not end the program.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	err = app.Run(iris.Listener(listener), iris.WithoutStartupLog)
	fmt.Println("returned:", err)
}

// TestInterrupt: on an interrupt the program drains before it ends, without
// having been told to.
func TestInterrupt(t *testing.T) {
	for mode, path := range map[string]string{"app": "/ws", "party": "/party/ws", "handler": "/handler/ws", "early": "/early/ws", "upgrade": "/upgrade/ws"} {
		t.Run(mode, func(t *testing.T) {
			command := exec.Command(os.Args[0])
			command.Env = append(os.Environ(), interruptedProgram+"="+mode)
			command.Stderr = os.Stderr
			pipe, err := command.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			stop := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
			defer stop.Stop()
			output := bufio.NewReader(pipe)
			address, err := output.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			var c *client
			eventually(t, "the program serves", func() bool {
				conn, _, err := gorilla.DefaultDialer.Dial("ws://"+strings.TrimSpace(address)+path, nil)
				c = &client{conn, t}
				return err == nil
			})
			c.want("hello;0;") // OnConnection has been called
			closed := make(chan struct{})
			go func() {
				defer close(closed)
				if _, _, err := c.ReadMessage(); !gorilla.IsCloseError(err, gorilla.CloseGoingAway) {
					t.Errorf("ended with %v", err)
				}
			}()
			for again := true; again; {
				if err := command.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
				select {
				case <-closed:
					again = false
				case <-time.After(100 * time.Millisecond): // Iris wasn't listening
				}
			}
			rest, err := io.ReadAll(output)
			if err != nil {
				t.Fatal(err)
			}
			if want := "disconnected: " + websocket.ErrServerClosed.Error() + "\nreturned: <nil>\n"; string(rest) != want {
				t.Errorf("the program printed %q, want %q", rest, want)
			}
			if err := command.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

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
	c := dial(t, url)
	c.send("block;0;")
	eventually(t, "the handler runs", func() bool { return s.Stats().Received == 1 })
	if err := s.Close(); err != nil { // while a handler doesn't return
		t.Error(err)
	}
	c.wantClosed(gorilla.CloseGoingAway)
	if _, response, _ := gorilla.DefaultDialer.Dial(url, nil); response == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a handshake after that: %v", response)
	}
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
		inBubble(t, websocket.Config{}, func(*websocket.Server) {}, func(t *testing.T, s *websocket.Server, app *iris.Application) {
			const clients = 450
			told := make(chan time.Duration, clients)
			var start time.Time
			for range clients {
				conn := pipe(t, app)
				go func() {
					_, _, err := conn.ReadMessage()
					if !gorilla.IsCloseError(err, gorilla.CloseGoingAway) {
						t.Error(err)
					}
					told <- time.Since(start)
					_ = conn.Close()
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
	c := dial(t, address(listen(t, app))+"/ws") // which doesn't answer
	_ = receive(t, connections).Disconnect()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(done); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	if err := s.Shutdown(t.Context()); err != nil { // nothing is left to be waited for
		t.Error(err)
	}
	_ = c.NetConn().SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, c.NetConn()); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the transport is still open")
	}
}

// TestShutdownDuringAHandshake: who is asked who the client is, or which ID it has,
// when the server ends, answers for nothing.
func TestShutdownDuringAHandshake(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	for name, cfg := range map[string]websocket.Config{
		"Authenticate": {Authenticate: func(iris.Context) (string, error) { asked <- struct{}{}; <-answer; return "ann", nil }},
		"IDGenerator":  {IDGenerator: func(iris.Context) string { asked <- struct{}{}; <-answer; return "1" }},
	} {
		t.Run(name, func(t *testing.T) {
			s, url := onConnection(t, cfg, func(websocket.Connection) { t.Error("connected") })
			status := make(chan int, 1)
			go func() {
				conn, response, err := gorilla.DefaultDialer.Dial(url, nil)
				if err == nil {
					_ = conn.Close()
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
	inBubble(t, websocket.Config{}, func(*websocket.Server) {}, func(t *testing.T, s *websocket.Server, app *iris.Application) {
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

// TestApplicationsThatAreNotInterrupted: one that doesn't want to be, and one that is
// built and not run; what the program has for OnBuild is called, and its error counts.
func TestApplicationsThatAreNotInterrupted(t *testing.T) {
	run := func(configurators ...iris.Configurator) func(app *iris.Application) error {
		return func(app *iris.Application) error {
			return app.Run(func(*iris.Application) error { return nil }, append(configurators, iris.WithoutStartupLog)...)
		}
	}
	for name, start := range map[string]func(app *iris.Application) error{
		"without interrupts": run(iris.WithoutInterruptHandler),
		"not run":            (*iris.Application).Build,
	} {
		t.Run(name, func(t *testing.T) {
			for _, want := range []error{nil, errHandler} {
				app, calls := newApp(), 0
				app.OnBuild = func() error { calls++; return want }
				s := websocket.New(app, "/ws")
				if err := start(app); !errors.Is(err, want) {
					t.Errorf("ended with %v, want %v", err, want)
				}
				if calls != 1 {
					t.Errorf("the program's OnBuild was called %d times", calls)
				}
				if websocket.Interrupted(s) {
					t.Error("an interrupt is caught")
				}
			}
		})
	}
}
