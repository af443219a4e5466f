package main

import (
	"strings"
	"testing"

	"github.com/kataras/iris/websocket/examples/internal/exampletest"
)

// TestPage checks the address and the scripts of the page. The other tests of the page
// run in a browser: see js/test.
func TestPage(t *testing.T) {
	server := exampletest.Start(t, newApp())
	browser := server.NewBrowser()
	page := browser.Get("/")
	if !strings.Contains(page, `var HOST = "`+server.Host()+`"`) {
		t.Errorf("the page has no HOST:\n%s", page)
	}
	for _, script := range []string{"js/vendor/jquery-2.2.3.min.js", "/iris-ws.js", "js/chat.js"} {
		if !strings.Contains(page, `src="`+script+`"`) {
			t.Errorf("the page doesn't name %s", script)
		}
		browser.Get("/" + strings.TrimPrefix(script, "/"))
	}
}

func TestMessageReachesBothTabs(t *testing.T) {
	browser := exampletest.Start(t, newApp()).NewBrowser()
	one, other := browser.Dial("/my_endpoint"), browser.Dial("/my_endpoint")
	one.Emit("chat", "hello")
	one.Want("chat", "Message from myself: hello")
	other.Want("chat", "Message from: [A-Z2-7]{26}-> hello")
}
