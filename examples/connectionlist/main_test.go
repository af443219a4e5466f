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

func TestTheRoomIsToldWhoIsInIt(t *testing.T) {
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
	one.Want("connections", oneID)
	other := join()
	one.Want("connections", twoIDs)
	other.Want("connections", twoIDs)

	other.Emit("leave", "")
	other.Want("chat", "You have left room1: you see nothing of it any more.")
	one.Want("chat", `[A-Z2-7]{26} has left room1\.`)
	one.Want("connections", oneID)

	third := join()
	one.Want("connections", twoIDs)
	third.Close()
	one.Want("connections", oneID)
	other.Emit("leave", "")
	other.Want("chat", "You have left .*") // it was told nothing of the room
}

func TestTheRoomIsToldTheTime(t *testing.T) {
	browser := exampletest.Start(t, newApp()).NewBrowser()
	leaver := browser.Dial("/my_endpoint")
	leaver.Ignored = "time"
	leaver.Want("connections", oneID)
	leaver.Emit("leave", "")
	leaver.Want("chat", "You have left .*")
	leaver.Ignored = ""

	conn := browser.Dial("/my_endpoint")
	conn.Want("connections", oneID)
	conn.Want("time", `\d\d:\d\d:\d\d`)
	leaver.Emit("leave", "")
	leaver.Want("chat", "You have left .*") // it was not told the time
}
