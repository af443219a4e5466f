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

// interruptedProgram is an environment variable. It makes the test binary run
// runInterruptedProgram instead of the tests.
const interruptedProgram = "WEBSOCKET_TEST_INTERRUPTED_PROGRAM"

// runInterruptedProgram is a usual program of a user. It contains no code for
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
	case "upgrade": // like a controller of MVC
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
	// Run first registers the function for interrupts. Iris begins to catch signals
	// some time later. An earlier signal must not end the program.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	err = app.Run(iris.Listener(listener), iris.WithoutStartupLog)
	fmt.Println("returned:", err)
}

// TestInterrupt checks: on an interrupt, the server closes its connections before the
// program ends. The program doesn't ask for this.
func TestInterrupt(t *testing.T) {
	for mode, path := range map[string]string{
		"app":     "/ws",
		"party":   "/party/ws",
		"handler": "/handler/ws",
		"early":   "/early/ws",
		"upgrade": "/upgrade/ws",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
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
					t.Errorf("ended with %v, want a close frame with code %d", err, gorilla.CloseGoingAway)
				}
			}()
			for again := true; again; {
				if err := command.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
				select {
				case <-closed:
					again = false
				case <-time.After(100 * time.Millisecond): // Iris didn't catch signals yet
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

// TestNoInterruptHandler checks: the server catches no interrupts if the application
// disables their handler, or if it is built but not run. The program's own OnBuild is
// still called, and Build or Run returns its error.
func TestNoInterruptHandler(t *testing.T) {
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
					t.Errorf("the program's OnBuild was called %d times, want once", calls)
				}
				if websocket.Interrupted(s) {
					t.Error("the server catches interrupts, want none caught")
				}
			}
		})
	}
}

// TestNewLeavesOtherApplications checks: New changes its own application and no other one,
// which may be building in another goroutine.
func TestNewLeavesOtherApplications(t *testing.T) {
	app, other := newApp(), newApp() // other is the newest
	websocket.New(app, "/ws")
	if app.OnBuild == nil || other.OnBuild != nil {
		t.Errorf("OnBuild is set: %v for the application of New, %v for another one; want true, false",
			app.OnBuild != nil, other.OnBuild != nil)
	}
}
