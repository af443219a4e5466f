package main

import (
	"strings"
	"testing"

	"github.com/kataras/iris/websocket/examples/internal/exampletest"
)

func TestControllerCountsVisitors(t *testing.T) {
	browser := exampletest.Start(t, newApp()).NewBrowser()
	if page := browser.Get("/"); !strings.Contains(page, `src="/websocket/iris-ws.js"`) {
		t.Errorf("the page has no script:\n%s", page)
	}
	browser.Get("/websocket/iris-ws.js")

	one := browser.Dial("/websocket")
	one.Emit("visit", "")
	one.Want("visit", "1")
	other := browser.Dial("/websocket")
	other.Emit("visit", "")
	other.Want("visit", "2")
	one.Want("visit", "2")
	other.Close()
	one.Want("visit", "1")
}
