package main

import (
	"fmt"
	"strconv"

	// This file is a symbolic link in js/classicserver. There the same path is the
	// path of a package in Iris v11.1.1.
	"github.com/kataras/iris/websocket"
)

// setup is a program for Iris v11. It has the events for all tests with the old
// clients.
func setup(ws *websocket.Server) {
	ws.OnConnection(func(c websocket.Connection) {
		// Answers tell the payload of an event, and the type of its handler.
		c.On("string", func(value string) { c.Emit("got", "string "+strconv.Quote(value)) })
		c.On("int", func(value int) { c.Emit("got", "int "+strconv.Itoa(value)) })
		c.On("bool", func(value bool) { c.Emit("got", "bool "+strconv.FormatBool(value)) })
		c.On("bytes", func(value []byte) { c.Emit("got", "bytes "+strconv.Quote(string(value))) })
		c.On("any", func(value interface{}) { c.Emit("got", fmt.Sprintf("any %T %v", value, value)) })
		c.On("nothing", func() { c.Emit("got", "nothing") })
		c.OnMessage(func(message []byte) { c.EmitMessage([]byte("native " + string(message))) })

		// The client names the type of an event, and gets one.
		c.On("send", func(kind string) {
			switch kind {
			case "string":
				c.Emit("sent", "text; with ünïcode 👋")
			case "empty string":
				c.Emit("sent", "")
			case "int":
				c.Emit("sent", 42)
			case "int64":
				c.Emit("sent", int64(-7))
			case "float64":
				c.Emit("sent", 1.5)
			case "true":
				c.Emit("sent", true)
			case "false":
				c.Emit("sent", false)
			case "bytes":
				c.Emit("sent", []byte("bytes"))
			case "nil":
				c.Emit("sent", nil)
			case "struct":
				c.Emit("sent", struct {
					Name string `json:"name"`
					Age  int
				}{"Ann <b>", 7})
			case "map":
				c.Emit("sent", map[string]interface{}{"b": []int{1, 2}, "a": nil})
			case "slice":
				c.Emit("sent", []string{"x", "y"})
			case "native":
				c.EmitMessage([]byte("a native message"))
			case "native, empty":
				c.EmitMessage([]byte{})
			}
		})

		// Each connection joins rooms and talks to them.
		c.On("join", func(room string) { c.Join(room); c.Emit("joined", room) })
		c.On("leave", func(room string) { c.Emit("left", strconv.FormatBool(c.Leave(room))) })
		c.On("say", func(room string) { c.To(room).Emit("said", room) })
		c.On("say to myself", func() { c.To(c.ID()).Emit("said", "to myself") })
		c.On("say to others", func() { c.To(websocket.Broadcast).Emit("said", "to others") })
		c.On("say to all", func() { c.To(websocket.All).Emit("said", "to all") })
		c.On("say natively", func() { c.To(websocket.Broadcast).EmitMessage([]byte("natively")) })

		// The others and the client itself are told of errors.
		c.OnError(func(err error) {
			c.To(websocket.Broadcast).Emit("failed", c.ID()+" "+err.Error())
			c.Emit("failed", c.ID()+" "+err.Error())
		})
		c.On("panic", func() { panic("on purpose") })
		c.On("say when leaving", func() {
			c.OnLeave(func(room string) { c.To(room).Emit("said", "goodbye to "+room) })
		})

		// The server ends a connection, once or twice.
		c.On("kick", func() { c.Disconnect() })
		c.On("kick twice", func() {
			calls := 0
			c.OnDisconnect(func() {
				if calls++; calls == 1 {
					c.Server().Disconnect(c.ID())
					c.To(websocket.Broadcast).Emit("calls", strconv.Itoa(calls))
				}
			})
			c.Disconnect()
		})
		c.OnDisconnect(func() { c.To(websocket.Broadcast).Emit("gone", c.ID()) })
		c.Emit("id", c.ID())
	})
}
