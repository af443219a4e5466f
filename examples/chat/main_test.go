package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// TestChat starts the example and uses it as the page does; the page itself is
// tested in a browser, by js/test.
func TestChat(t *testing.T) {
	app, err := newApp()
	if err != nil {
		t.Fatal(err)
	}
	app.Logger().SetLevel("disable")
	if err := app.Build(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(app)
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")

	page := fetch(t, server.URL+"/")
	if !strings.Contains(page, `var HOST = "`+host+`"`) {
		t.Errorf("the page has no HOST:\n%s", page)
	}
	for _, path := range []string{"/js/vendor/jquery-2.2.3.min.js", "/iris-ws.js", "/js/chat.js"} {
		if !strings.Contains(page, `src="`+path+`"`) && !strings.Contains(page, `src="`+path[1:]+`"`) {
			t.Errorf("the page doesn't name %s", path)
		}
		fetch(t, server.URL+path)
	}

	conn, _, err := websocket.DefaultDialer.Dial("ws://"+host+"/my_endpoint", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if err := conn.WriteMessage(websocket.TextMessage, []byte("iris-websocket-message:chat;0;hello")); err != nil {
		t.Fatal(err)
	}
	_, message, err := conn.ReadMessage()
	if want := "iris-websocket-message:chat;0;Message from myself: hello"; err != nil || string(message) != want {
		t.Errorf("received %q, %v; want %q", message, err, want)
	}
}

func TestAnAddressInUseIsExplained(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	err := run(strings.TrimPrefix(server.URL, "http://"))
	if err == nil || !strings.Contains(err.Error(), "pass another address") {
		t.Errorf("run: %v", err)
	}
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || len(data) == 0 {
		t.Errorf("%s: %s, %d bytes, %v", url, response.Status, len(data), err)
	}
	return string(data)
}
