package main

import (
	"strings"
	"testing"

	"github.com/kataras/iris/websocket/examples/internal/exampletest"
)

func TestNativeMessagesReachBothTabs(t *testing.T) {
	browser := exampletest.Start(t, newApp()).NewBrowser()
	if page := browser.Get("/"); !strings.Contains(page, "new WebSocket(") {
		t.Errorf("the page does not use the browser's WebSocket:\n%s", page)
	}
	one, other := browser.Dial("/my_endpoint"), browser.Dial("/my_endpoint")
	one.Send("héllo")
	one.WantMessage("Me: héllo")
	other.WantMessage("Message from: [A-Z2-7]{26}-> héllo")
}
