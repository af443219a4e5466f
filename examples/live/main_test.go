package main

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket/examples/internal/exampletest"
)

func TestTabsShareABoard(t *testing.T) {
	browser := exampletest.Start(t, newApp(newNetwork(""))).NewBrowser()
	for path, want := range map[string]string{
		"/": "live.js", "/live.js": "/iris-ws.mjs", "/live.css": "light-dark", "/iris-ws.mjs": "export",
	} {
		if file := browser.Get(path); !strings.Contains(file, want) {
			t.Errorf("%s does not contain %q:\n%s", path, want, file)
		}
	}

	const card = `\{"id":5,"column":"todo","text":"Buy tea","by":"Ada"\}`
	one := browser.Dial("/board")
	one.Want("board", `\[.*\]`)
	one.Want("you", "Ada")
	one.Want("tabs", `\[\{"name":"Ada","away":false\}\]`)
	other := browser.Dial("/board")
	other.Want("board", `\[.*"Pack the tent".*\]`)
	other.Want("you", "Bo")
	other.Want("tabs", `\[.*"Ada".*"Bo".*\]`)
	one.Want("tabs", `\[.*"Ada".*"Bo".*\]`)

	one.EmitJSON("add", `{"column":"todo","text":" Buy tea "}`)
	other.Want("added", card)
	one.EmitJSON("add", `{"column":"todo","text":" "}`)
	one.EmitJSON("add", `{"column":"nowhere","text":"x"}`)
	one.EmitJSON("move", `{"id":5,"column":"done"}`)
	other.Want("moved", strings.Replace(card, "todo", "done", 1)) // and no other card
	browser.Dial("/board").Want("board", `.*`+strings.Replace(card, "todo", "done", 1)+`\]`)
	one.Want("tabs", `.*"Cleo".*`)
	other.Want("tabs", `.*"Cleo".*`)
	other.EmitJSON("remove", "5")
	one.Want("removed", "5")
	one.Emit("typing", "")
	other.Want("typing", "Ada")
	one.Close()
	other.Want("tabs", `\[\{"name":"Bo","away":false\},\{"name":"Cleo","away":false\}\]`)
}

// TestPolicy checks that the page may load files of its own only.
func TestPolicy(t *testing.T) {
	server := exampletest.Start(t, newApp(newNetwork("")))
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if got := response.Header.Get("Content-Security-Policy"); got != policy {
		t.Errorf("got the policy %q, want %q", got, policy)
	}
}

// TestNetwork drops the network of one tab, and not that of another.
func TestNetwork(t *testing.T) {
	n := newNetwork("")
	n.target = exampletest.Start(t, newApp(n)).Host()
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer front.Close()
	go n.serve(front)
	host := front.Addr().String()
	post := func(path string) {
		t.Helper()
		response, err := http.Post("http://"+host+path, "", nil)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v, %v", path, response, err)
		}
		_ = response.Body.Close()
	}
	dial := func(tab string) (*gorilla.Conn, error) {
		conn, _, err := gorilla.DefaultDialer.Dial("ws://"+host+"/board?tab="+tab, nil)
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() })
			_ = conn.SetReadDeadline(time.Now().Add(exampletest.Patience))
		}
		return conn, err
	}
	mustDial := func(tab string) *gorilla.Conn {
		t.Helper()
		conn, err := dial(tab)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	// wantEvent reads until an event comes.
	wantEvent := func(conn *gorilla.Conn, event string) {
		t.Helper()
		for {
			_, message, err := conn.ReadMessage()
			if err != nil {
				t.Fatalf("no event %q: %v", event, err)
			}
			if strings.Contains(string(message), event) {
				return
			}
		}
	}

	one := mustDial("one")
	wantEvent(one, `"Ada"`) // the next one gets the next name
	other := mustDial("other")
	wantEvent(one, `"Bo"`)
	post("/network/one/down")
	for err == nil {
		_, _, err = one.ReadMessage()
	}
	if gorilla.IsCloseError(err, gorilla.CloseNormalClosure, gorilla.CloseGoingAway) {
		t.Errorf("got a close frame: %v", err)
	}
	if _, err := dial("one"); err == nil {
		t.Error("a tab without a network has connected")
	}
	wantEvent(other, `tabs;4;[{"name":"Bo","away":false}]`)
	post("/network/one/up")
	wantEvent(mustDial("one"), `"Bo"`)
	wantEvent(other, `"Ada"`)
}
