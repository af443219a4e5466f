package main

import (
	"strings"
	"testing"

	"github.com/kataras/iris/websocket/examples/internal/exampletest"
)

func TestScriptHasThePrefix(t *testing.T) {
	browser := exampletest.Start(t, newApp()).NewBrowser()
	if page := browser.Get("/"); !strings.Contains(page, `src="/iris-ws.js"`) {
		t.Errorf("the page has no script:\n%s", page)
	}
	if script := browser.Get("/iris-ws.js"); !strings.Contains(script, `"my-custom-prefix:"`) {
		t.Errorf("the script does not contain the prefix:\n%s", script)
	}
}

func TestOtherPrefixIsNoEvent(t *testing.T) {
	browser := exampletest.Start(t, newApp()).NewBrowser()
	one, other := browser.Dial("/echo"), browser.Dial("/echo")
	one.Emit("chat", "with the default prefix")
	one.Prefix, other.Prefix = "my-custom-prefix:", "my-custom-prefix:"
	one.Emit("chat", "hello")
	other.Want("chat", "hello")
}
