package main

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/kataras/iris/websocket/examples/internal/exampletest"
)

func TestRoomOverTLS(t *testing.T) {
	certificate, key, err := selfSigned()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	browser := exampletest.StartTLS(t, newApp(), pair).NewBrowser()
	if page := browser.Get("/"); !strings.Contains(page, `src="/iris-ws.js"`) {
		t.Errorf("the page has no script:\n%s", page)
	}
	browser.Get("/iris-ws.js")

	one, other := browser.Dial("/my_endpoint"), browser.Dial("/my_endpoint")
	one.Emit("chat", "hello")
	for _, conn := range []*exampletest.Conn{one, other} {
		conn.Want("chat", "From: [A-Z2-7]{26}: hello")
	}
	other.Emit("chat", "leave")
	other.Want("chat", `You have left the room\.`)
	one.Want("chat", `[A-Z2-7]{26} has left the room\.`)

	other.Emit("chat", "nobody is told")
	other.Emit("chat", "leave")
	other.Want("chat", `You have left the room\.`)
	one.Want("chat", `[A-Z2-7]{26} has left the room\.`)
}
