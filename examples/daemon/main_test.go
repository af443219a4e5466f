package main

import (
	"context"
	"errors"
	"io"
	"log"
	"os"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/client"
	"github.com/kataras/iris/websocket/examples/internal/exampletest"
)

// patience is how long a test waits for something before it fails.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

func receive[T any](t *testing.T, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(patience):
		t.Fatal("got no value in time")
	}
	return value
}

// startDaemon runs a daemon until the end of the test.
func startDaemon(t *testing.T, url, name string) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, url, name) }()
	t.Cleanup(cancel)
	return func() error {
		cancel()
		return receive(t, ended)
	}
}

// watch connects a client that does what the page does.
func watch(t *testing.T, url string) (c *client.Client, reports chan Report) {
	t.Helper()
	reports = make(chan Report, 1000)
	c = client.New(url)
	c.On("report", func(r Report) { reports <- r })
	c.OnConnect(func() {
		if err := c.Emit("join", ""); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return c, reports
}

// TestReports checks: reports of all daemons reach a page, one after the other. A page
// changes the pace of one daemon.
func TestReports(t *testing.T) {
	server := exampletest.Start(t, newApp())
	url := server.URL + "/my_endpoint"
	stops := map[string]func() error{"a": startDaemon(t, url, "a"), "b": startDaemon(t, url, "b")}
	page, reports := watch(t, url)
	last := make(map[string]int)
	for len(last) < 2 || last["a"] < 3 {
		r := receive(t, reports)
		if n := last[r.Name]; n != 0 && r.Number != n+1 || r.Goroutines == 0 || r.MiB == 0 {
			t.Errorf("got %+v after report %d", r, n)
		}
		if len(last) == 0 {
			askForPace(t, page, "a", 10)
		}
		last[r.Name] = r.Number
	}
	if last["b"] > last["a"] {
		t.Errorf("the pace of b has changed: %v", last)
	}
	for name, stop := range stops {
		if err := stop(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func askForPace(t *testing.T, page *client.Client, name string, milliseconds int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := page.Ask(ctx, "pace", Pace{name, milliseconds}); err != nil {
		t.Error(err)
	}
}

func TestPaceIsTooShort(t *testing.T) {
	server := exampletest.Start(t, newApp())
	page, _ := watch(t, server.URL+"/my_endpoint")
	_, err := page.Ask(t.Context(), "pace", Pace{"a", 1})
	if failed := new(client.ReplyError); !errors.As(err, &failed) || failed.Code != "range" {
		t.Errorf("got %v", err)
	}
}

func TestPage(t *testing.T) {
	if page := exampletest.Start(t, newApp()).NewBrowser().Get("/"); len(page) < 100 {
		t.Errorf("the page is %q", page)
	}
}
