package websocket_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket"
)

// TestBadInputIsReported checks: the server reports malformed events and wrong types through
// OnError, and the connection stays open.
func TestBadInputIsReported(t *testing.T) {
	f, connections := watchConnections()
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		f(c)
		c.On("int", func(int) { t.Error("the handler was called") })
	})
	client := dial(t, url)
	watched := receive(t, connections)
	type rejection struct{ send, event, wanted, got string }
	cases := []rejection{
		{"chat;9;x", "chat", "", ""},
		{"int;0;text", "int", "int", "string"},
		{"int;4;{}", "int", "int", "JSON"},
		{"chat;4;{}", "chat", "string", "JSON"},
	}
	for _, v := range loadVectors(t).Malformed {
		cases = append(cases, rejection{strings.TrimPrefix(v.Message, prefix), v.Event, "", ""})
	}
	for _, test := range cases {
		t.Run(test.send, func(t *testing.T) {
			client.in(t).send(test.send)
			err := receive(t, watched.errors)
			var rejected *websocket.MessageError
			if !errors.As(err, &rejected) {
				t.Fatal(err)
			}
			if rejected.Event != test.event || rejected.Wanted != test.wanted || rejected.Got != test.got {
				t.Errorf("MessageError is %+v, want %+v", rejected, test)
			}
			wantParts(t, "the error", err.Error(), test.event)
		})
	}
	client.send("chat;0;still here")
	client.want("chat;0;still here")
	client.send("nobody listens;0;x")
	client.sendText("native")
	client.send("chat;0;done")
	client.want("chat;0;done")
	n, rejected := s.Stats(), uint64(len(cases))
	if n.Rejected != rejected || n.Unhandled != 2 || n.Received != rejected+4 ||
		n.Connections != 1 || n.Upgrades != 1 {
		t.Errorf("Stats are %+v, want %d rejected, 2 unhandled, %d received", n, rejected, rejected+4)
	}
}

// TestBadInputEndsConnection checks: such input ends the connection of its sender, with the
// right close code and error. Another client isn't affected.
func TestBadInputEndsConnection(t *testing.T) {
	sends := func(text string) func(*testClient) {
		return func(client *testClient) { client.sendText(text) }
	}
	writes := func(frames string) func(*testClient) {
		return func(client *testClient) { _, _ = client.NetConn().Write([]byte(frames)) }
	}
	for _, test := range []struct {
		name  string
		send  func(client *testClient)
		close int // the close code for the client; 0 if it is gone
		want  error
	}{
		{"10 MiB", sends(strings.Repeat("x", 10<<20)), 1009, websocket.ErrMessageTooLarge},
		{"one byte too many", sends(strings.Repeat("x", 64<<10+1)), 1009, websocket.ErrMessageTooLarge},
		{"invalid UTF-8", sends("\xff\xfe"), 1007, websocket.ErrInvalidUTF8},
		{"a garbage frame", writes("\xff\xff garbage garbage"), 1002, websocket.ErrProtocol},
		{"an unmasked frame", writes("\x81\x01x"), 1002, websocket.ErrProtocol},
		{"a reset", (*testClient).vanish, 0, &websocket.CloseError{Code: 1006}},
		{"half a frame, then nothing", func(client *testClient) {
			writes("\x81\xff")(client)
			_ = client.NetConn().Close()
		}, 0, &websocket.CloseError{Code: 1006}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, connections := watchConnections()
			s, url := onConnection(t, websocket.Config{}, f)
			bad := dial(t, url)
			watched := receive(t, connections)
			good := dial(t, url)
			receive(t, connections)

			test.send(bad)
			err := receive(t, watched.ended)
			if !sameReason(err, test.want) {
				t.Errorf("ended with %v, want %v", err, test.want)
			}
			if reported := receive(t, watched.errors); !sameReason(reported, test.want) {
				t.Errorf("OnError got %v, want %v", reported, test.want)
			}
			if test.close != 0 {
				bad.wantClosed(test.close)
				if n := s.Stats(); n.Rejected != 1 {
					t.Errorf("Stats are %+v, want 1 rejected", n)
				}
			}
			good.send("chat;0;go on")
			good.want("chat;0;go on")
			if s.GetTotalConnections() != 1 {
				t.Errorf("%d connections, want 1", s.GetTotalConnections())
			}
		})
	}
}

// TestLargestMessage checks: the server accepts a message of exactly MaxMessageSize.
func TestLargestMessage(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnMessage(func(data []byte) { _ = c.Emit("length", len(data)) })
	})
	client := dial(t, url)
	client.sendText(strings.Repeat("x", 64<<10))
	client.want("length;1;65536")
}

// TestNativeVectors checks: a message similar to an event, but without its format, is a
// native message.
func TestNativeVectors(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnMessage(func(data []byte) { _ = c.EmitMessage(data) })
	})
	client := dial(t, url)
	for _, message := range loadVectors(t).Native {
		t.Run(message, func(t *testing.T) {
			client := client.in(t)
			client.sendText(message)
			if got := client.next(); got != message {
				t.Errorf("received %q, want %q", got, message)
			}
		})
	}
}

// TestNativeMessages checks: the application may keep and change the data given to
// OnMessage.
func TestNativeMessages(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		var kept [][]byte
		c.OnMessage(func(data []byte) {
			kept = append(kept, data)
			data[0] = '!'
		})
		c.OnMessage(func(data []byte) {
			_ = c.EmitMessage(data)
			if len(kept) == 2 {
				_ = c.EmitMessage(slices.Concat(kept...))
			}
		})
	})
	client := dial(t, url)
	client.sendText("first")
	client.want("first")
	if err := client.WriteMessage(2, []byte("second")); err != nil {
		t.Fatal(err)
	}
	client.want("second", "!irst!econd")
}

// TestNativeMessagesByKind checks: a program can tell text from binary messages. It can
// answer with the same type, with any setting of BinaryMessages.
func TestNativeMessagesByKind(t *testing.T) {
	for name, cfg := range map[string]websocket.Config{
		"text by default": {}, "binary by default": {BinaryMessages: true},
	} {
		t.Run(name, func(t *testing.T) {
			s, url := onConnection(t, cfg, func(c websocket.Connection) {
				var kept []websocket.Message
				c.OnNativeMessage(func(m websocket.Message) {
					if m.Event != "" {
						t.Errorf("Event is %q, want none", m.Event)
					}
					kept = append(kept, m)
					switch m.Type {
					case websocket.TypeString:
						_ = c.EmitText(m.String())
						_ = c.To(websocket.All).EmitText("all")
					case websocket.TypeBytes:
						_ = c.EmitBinary(m.Bytes())
						_ = c.Server().EmitBinary([]byte("all"))
						_ = c.To(websocket.Broadcast).EmitBinary([]byte("nobody"))
						_ = c.To(c.ID()).EmitBinary(kept[0].Bytes())
					}
				})
			})
			client := dial(t, url)
			want := func(kind int, text string) {
				t.Helper()
				got, data, err := client.ReadMessage()
				if err != nil || got != kind || string(data) != text {
					t.Errorf("received %d %q, %v; want %d %q", got, data, err, kind, text)
				}
			}
			client.sendText("text")
			want(gorilla.TextMessage, "text")
			want(gorilla.TextMessage, "all")
			if err := client.WriteMessage(gorilla.BinaryMessage, []byte("bytes")); err != nil {
				t.Fatal(err)
			}
			want(gorilla.BinaryMessage, "bytes")
			want(gorilla.BinaryMessage, "all")
			want(gorilla.BinaryMessage, "text") // the kept message is unchanged
			if n := s.Stats().Unhandled; n != 0 {
				t.Errorf("Stats.Unhandled is %d, want 0", n)
			}
			for _, emitter := range []websocket.Emitter{s, s.GetConnections()[0], s.To("room")} {
				if err := emitter.EmitText("\xff"); !errors.Is(err, websocket.ErrInvalidText) {
					t.Errorf("EmitText of invalid UTF-8: %v, want %v", err, websocket.ErrInvalidText)
				}
			}
		})
	}
}

// TestBinaryMessages checks: with Config.BinaryMessages, the server sends events and the
// messages of EmitMessage as binary. EmitText, and Write with TextMessage, still send text.
func TestBinaryMessages(t *testing.T) {
	connections := make(chan websocket.Connection, 1)
	s, url := onConnection(t, websocket.Config{BinaryMessages: true}, func(c websocket.Connection) { connections <- c })
	client := dial(t, url)
	c := receive(t, connections)
	for name, test := range map[string]struct {
		emit func() error
		kind int
		want string
	}{
		"Emit":               {func() error { return c.Emit("chat", "x") }, gorilla.BinaryMessage, prefix + "chat;0;x"},
		"Server.Emit":        {func() error { return s.Emit("chat", "x") }, gorilla.BinaryMessage, prefix + "chat;0;x"},
		"EmitMessage":        {func() error { return c.EmitMessage([]byte("x")) }, gorilla.BinaryMessage, "x"},
		"Server.EmitMessage": {func() error { return s.EmitMessage([]byte("x")) }, gorilla.BinaryMessage, "x"},
		"EmitText":           {func() error { return c.EmitText("x") }, gorilla.TextMessage, "x"},
		"Write": {
			func() error { return c.Write(websocket.TextMessage, []byte("x")) }, gorilla.TextMessage, "x",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.emit(); err != nil {
				t.Fatal(err)
			}
			_ = client.SetReadDeadline(time.Now().Add(patience))
			kind, data, err := client.ReadMessage()
			if err != nil || kind != test.kind || string(data) != test.want {
				t.Errorf("received %d %q, %v; want %d %q", kind, data, err, test.kind, test.want)
			}
		})
	}
}
