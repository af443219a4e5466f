package main

import (
	"strings"
	"testing"

	"github.com/kataras/iris/websocket/examples/internal/exampletest"
)

func TestEachPageHasItsOwnCount(t *testing.T) {
	browser := exampletest.Start(t, newApp()).NewBrowser()
	for _, path := range []string{"/", "/other"} {
		if page := browser.Get(path); !strings.Contains(page, "Online visitors of "+path+"<") {
			t.Errorf("another page is at %s:\n%s", path, page)
		}
	}
	browser.Get("/iris-ws.js")
	visit := func(page string) *exampletest.Conn {
		conn := browser.Dial("/my_endpoint")
		conn.Emit("watch", page)
		return conn
	}

	one := visit("/")
	one.Want("watch", "1")
	other := visit("/")
	other.Want("watch", "2")
	one.Want("watch", "2")
	elsewhere := visit("/other")
	elsewhere.Want("watch", "1")
	other.Close()
	one.Want("watch", "1")
	visit("/other").Want("watch", "2")
	elsewhere.Want("watch", "2") // it got no message about the other page
}

func TestPagesThatDontExist(t *testing.T) {
	browser := exampletest.Start(t, newApp()).NewBrowser()
	conn := browser.Dial("/my_endpoint")
	for _, page := range []string{"", "/nowhere"} {
		conn.Emit("watch", page) // joins no room, so there is no number
	}
	conn.Emit("watch", "/")
	conn.Want("watch", "1")
}
