package main

import (
	"strings"
	"testing"

	"github.com/kataras/iris/websocket/examples/internal/exampletest"
)

const (
	oneID  = `\["[A-Z2-7]{26}"\]`
	twoIDs = `\["[A-Z2-7]{26}","[A-Z2-7]{26}"\]`
)

func TestRoomGetsItsMembers(t *testing.T) {
	browser := exampletest.Start(t, newApp()).NewBrowser()
	if page := browser.Get("/"); !strings.Contains(page, `src="/iris-ws.js"`) {
		t.Errorf("the page has no script:\n%s", page)
	}
	browser.Get("/iris-ws.js")
	join := func() *exampletest.Conn {
		conn := browser.Dial("/my_endpoint")
		conn.Ignored = "time"
		return conn
	}

	one := join()
	one.WantAtLast("connections", oneID)
	other := join()
	one.WantAtLast("connections", twoIDs)
	other.WantAtLast("connections", twoIDs)

	other.Emit("leave", "")
	other.Want("chat", "You have left room1: you see nothing of it any more.")
	one.Want("chat", `[A-Z2-7]{26} has left room1\.`)
	one.WantAtLast("connections", oneID)

	third := join()
	one.WantAtLast("connections", twoIDs)
	third.Close()
	one.Want("chat", `[A-Z2-7]{26} has left room1\.`)
	one.WantAtLast("connections", oneID)
	other.Emit("leave", "")
	other.Want("chat", "You have left .*") // it got no other message from the room
}

func TestRoomGetsTheTime(t *testing.T) {
	browser := exampletest.Start(t, newApp()).NewBrowser()
	leaver := browser.Dial("/my_endpoint")
	leaver.Ignored = "time"
	leaver.WantAtLast("connections", oneID)
	leaver.Emit("leave", "")
	leaver.Want("chat", "You have left .*")
	leaver.Ignored = ""

	conn := browser.Dial("/my_endpoint")
	conn.Ignored = "connections"
	conn.Want("time", `\d\d:\d\d:\d\d`)
	leaver.Emit("leave", "")
	leaver.Want("chat", "You have left .*") // it did not get the time
}
