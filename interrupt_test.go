package websocket_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
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
	s := websocket.New(parent, "/ws")
	switch os.Getenv(interruptedProgram) {
	case "handler":
		s = websocket.NewServer(websocket.Config{})
		app.Get("/handler/ws", s.Handler())
	case "early":
		s = websocket.NewServer(websocket.Config{})
		app = newApp()
		app.Get("/early/ws", s.Handler())
	case "upgrade": // as a controller of MVC
		s = websocket.NewServer(websocket.Config{})
		app.Get("/upgrade/ws", func(ctx iris.Context) {
			c := s.Upgrade(ctx)
			c.OnDisconnect(func() { fmt.Println("disconnected:", c.DisconnectReason()) })
			_ = c.Emit("hello", "")
			c.Wait()
		})
	}
	s.OnConnection(func(c websocket.Connection) {
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
	for mode, path := range map[string]string{
		"app":     "/ws",
		"party":   "/party/ws",
		"handler": "/handler/ws",
		"early":   "/early/ws",
		"upgrade": "/upgrade/ws",
	} {
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
			var client *testClient
			eventually(t, "the program serves", func() bool {
				conn, _, err := gorilla.DefaultDialer.Dial("ws://"+strings.TrimSpace(address)+path, nil)
				client = &testClient{conn, t}
				return err == nil
			})
			client.want("hello;0;") // OnConnection has been called
			closed := make(chan struct{})
			go func() {
				defer close(closed)
				if _, _, err := client.ReadMessage(); !gorilla.IsCloseError(err, gorilla.CloseGoingAway) {
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
			want := "disconnected: " + websocket.ErrServerClosed.Error() + "\nreturned: <nil>\n"
			if string(rest) != want {
				t.Errorf("the program printed %q, want %q", rest, want)
			}
			if err := command.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestApplicationsThatAreNotInterrupted: one that doesn't want to be, and one that is
// built and not run; what the program has for OnBuild is called, and its error counts.
func TestApplicationsThatAreNotInterrupted(t *testing.T) {
	run := func(configurators ...iris.Configurator) func(app *iris.Application) error {
		return func(app *iris.Application) error {
			serveNothing := func(*iris.Application) error { return nil }
			return app.Run(serveNothing, append(configurators, iris.WithoutStartupLog)...)
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
