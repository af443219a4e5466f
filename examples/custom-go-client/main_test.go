package main

import (
	"bufio"
	"io"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/examples/internal/exampletest"
)

// client is the example's client, with pipes for its input and output.
type client struct {
	input io.WriteCloser
	lines chan string // the printed lines
	ended chan error
}

func startClient(t *testing.T, address string) client {
	t.Helper()
	input, typed := io.Pipe()
	printed, output := io.Pipe()
	t.Cleanup(func() { _ = typed.Close() })
	c := client{typed, make(chan string), make(chan error, 1)}
	go func() {
		c.ended <- talk(address, input, output)
		_ = output.Close()
	}()
	go func() {
		defer close(c.lines)
		for lines := bufio.NewScanner(printed); lines.Scan(); {
			c.lines <- lines.Text()
		}
	}()
	return c
}

func (c client) want(t *testing.T, line string) {
	t.Helper()
	if got := receive(t, c.lines); got != line {
		t.Fatalf("the client prints %q, want %q", got, line)
	}
}

func receive[T any](t *testing.T, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(20 * time.Second):
		t.Fatal("the client does nothing")
	}
	return value
}

func TestMessageReachesAllClients(t *testing.T) {
	host := exampletest.Start(t, newApp()).Host()
	clients := []client{startClient(t, host), startClient(t, host)}
	for _, c := range clients {
		c.want(t, "joined: all")
	}
	if _, err := io.WriteString(clients[0].input, "hello; you\n"); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		c.want(t, "said: hello; you")
	}
	for _, c := range clients {
		_ = c.input.Close()
		if err := receive(t, c.ended); err != nil {
			t.Errorf("at the end of its input, the client failed: %v", err)
		}
	}
}

func TestMessageReachesItsRoomOnly(t *testing.T) {
	browser := exampletest.Start(t, newApp()).NewBrowser()
	one, other := browser.Dial("/socket"), browser.Dial("/socket")
	one.Emit("join", "red")
	one.Want("joined", "red")
	other.Emit("say", "blue;nobody is there")
	other.Emit("say", "without a room")
	other.Emit("say", "red;hello")
	one.Want("said", "hello")
}
