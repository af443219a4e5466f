package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/kataras/iris/websocket/examples/internal/exampletest"
)

func TestTabsShareAList(t *testing.T) {
	server := exampletest.Start(t, newApp())
	browser, stranger := server.NewBrowser(), server.NewBrowser()
	open := func(browser *exampletest.Browser) *exampletest.Conn {
		if page := browser.Get("/"); !strings.Contains(page, `src="/iris-ws.js"`) {
			t.Errorf("the page has no script:\n%s", page)
		}
		return browser.Dial("/todos/sync")
	}
	browser.Get("/iris-ws.js")
	one, other, strangers := open(browser), open(browser), open(stranger)
	for _, conn := range []*exampletest.Conn{one, other, strangers} {
		conn.Want("items", "null")
	}

	const first = `[{"title":"write a test","completed":false}]`
	const second = `[{"title":"write a test","completed":true}]`
	one.EmitJSON("save", first)
	other.Want("items", regexp.QuoteMeta(first))
	other.EmitJSON("save", second)
	one.Want("items", regexp.QuoteMeta(second)) // and not its own list
	open(browser).Want("items", regexp.QuoteMeta(second))

	const own = `[{"title":"a thing of their own","completed":false}]`
	tab := open(stranger)
	tab.Want("items", "null")
	tab.EmitJSON("save", own)
	strangers.Want("items", regexp.QuoteMeta(own)) // and no items of the other browser
}
