package websocket_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket"
)

// dialConnection connects a client. It returns the client and its connection on the server.
func dialConnection(t *testing.T) (*testClient, websocket.Connection) {
	t.Helper()
	connections := make(chan websocket.Connection, 1)
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) { connections <- c })
	return dial(t, url), receive(t, connections)
}

// TestInvalidClosesAreNotSent checks: Write refuses an invalid close frame. For a client it
// would be a violation of the protocol, and other queued messages would be lost.
func TestInvalidClosesAreNotSent(t *testing.T) {
	client, c := dialConnection(t)
	data := map[string][]byte{
		"half a code":            {3},
		"a reason of 124 bytes":  gorilla.FormatCloseMessage(1000, strings.Repeat("x", 124)),
		"a reason of 1000 bytes": gorilla.FormatCloseMessage(1000, strings.Repeat("x", 1000)),
		"a reason not UTF-8":     gorilla.FormatCloseMessage(1000, "\xff"),
		"half a character":       gorilla.FormatCloseMessage(1000, "\xc3"),
	}
	for name, data := range data {
		if err := c.Write(websocket.CloseMessage, data); err != websocket.ErrInvalidClose {
			t.Errorf("%s: %v, want %v", name, err, websocket.ErrInvalidClose)
		}
	}
	for code := range 1 << 16 {
		if code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999 {
			continue
		}
		payload := binary.BigEndian.AppendUint16(nil, uint16(code))
		if err := c.Write(websocket.CloseMessage, payload); err != websocket.ErrInvalidClose {
			t.Fatalf("code %d: %v, want %v", code, err, websocket.ErrInvalidClose)
		}
	}
	if err := c.Emit("chat", "still here"); err != nil || c.DisconnectReason() != nil {
		t.Errorf("Emit: %v, DisconnectReason %v; want it open", err, c.DisconnectReason())
	}
	client.want("chat;0;still here")
}

// TestValidClosesAreSent checks: Write sends a valid close frame and ends the connection.
func TestValidClosesAreSent(t *testing.T) {
	for name, test := range map[string]struct {
		data []byte
		code int
	}{
		"nothing":               {nil, 1005},
		"1000":                  {[]byte{0x03, 0xE8}, 1000},
		"1003":                  {[]byte{0x03, 0xEB}, 1003},
		"1007":                  {gorilla.FormatCloseMessage(1007, ""), 1007},
		"1013":                  {gorilla.FormatCloseMessage(1013, ""), 1013}, // gorilla doesn't know 1014
		"3000":                  {gorilla.FormatCloseMessage(3000, ""), 3000},
		"4999":                  {gorilla.FormatCloseMessage(4999, "my reason"), 4999},
		"a reason of 123 bytes": {gorilla.FormatCloseMessage(4001, strings.Repeat("ö", 61)+"x"), 4001},
	} {
		t.Run(name, func(t *testing.T) {
			client, c := dialConnection(t)
			if err := c.Write(websocket.CloseMessage, test.data); err != nil {
				t.Fatal(err)
			}
			if reason := c.DisconnectReason(); reason != websocket.ErrDisconnected {
				t.Errorf("DisconnectReason is %v, want %v", reason, websocket.ErrDisconnected)
			}
			_ = client.SetReadDeadline(time.Now().Add(patience))
			_, _, err := client.ReadMessage()
			var closed *gorilla.CloseError
			if !errors.As(err, &closed) || closed.Code != test.code ||
				len(test.data) > 2 && closed.Text != string(test.data[2:]) {
				t.Errorf("the client got %v, want close code %d with the reason", err, test.code)
			}
			if err := c.Write(websocket.CloseMessage, test.data); err != websocket.ErrAlreadyDisconnected {
				t.Errorf("a second close: %v, want %v", err, websocket.ErrAlreadyDisconnected)
			}
		})
	}
}

// TestWriteMessageTypes checks: Write sends invalid UTF-8 as a binary message. It refuses a ping
// or pong with more than 125 bytes.
func TestWriteMessageTypes(t *testing.T) {
	client, c := dialConnection(t)
	pings := make(chan string, 2)
	client.SetPingHandler(func(data string) error { pings <- data; return nil })
	for _, test := range []struct {
		kind int
		data string
		want int
	}{
		{websocket.TextMessage, "text", gorilla.TextMessage},
		{websocket.TextMessage, "no \xff text", gorilla.BinaryMessage},
		{websocket.BinaryMessage, "text", gorilla.BinaryMessage},
		{websocket.TextMessage, "", gorilla.TextMessage},
	} {
		t.Run(fmt.Sprintf("%q as %d", test.data, test.kind), func(t *testing.T) {
			if err := c.Write(test.kind, []byte(test.data)); err != nil {
				t.Fatal(err)
			}
			_ = client.SetReadDeadline(time.Now().Add(patience))
			kind, data, err := client.ReadMessage()
			if err != nil || kind != test.want || string(data) != test.data {
				t.Errorf("received %d %q, %v; want %d %q", kind, data, err, test.want, test.data)
			}
		})
	}
	long := strings.Repeat("x", 125)
	for _, kind := range []int{websocket.PingMessage, websocket.PongMessage} {
		if err := c.Write(kind, []byte(long)); err != nil {
			t.Errorf("125 bytes: %v, want nil", err)
		}
		if err := c.Write(kind, []byte(long+"x")); err != websocket.ErrInvalidMessageType {
			t.Errorf("126 bytes: %v, want %v", err, websocket.ErrInvalidMessageType)
		}
	}
	if err := c.Emit("chat", "after"); err != nil {
		t.Fatal(err)
	}
	client.want("chat;0;after")
	if got := receive(t, pings); got != long || len(pings) > 0 {
		t.Errorf("received a ping with %q and %d more, want one with 125 bytes", got, len(pings))
	}
}

// TestWrite checks: Write sends raw messages of each type, and refuses invalid ones.
func TestWrite(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("write", func(int) {
			for _, err := range []error{
				c.Write(websocket.TextMessage, []byte("text")),
				c.Write(websocket.BinaryMessage, []byte("binary")),
				c.Write(websocket.PingMessage, []byte("ping")),
				c.Write(websocket.PongMessage, []byte("pong")),
			} {
				if err != nil {
					t.Error(err)
				}
			}
			for kind, data := range map[int][]byte{0: nil, 3: nil, websocket.PingMessage: make([]byte, 126)} {
				if err := c.Write(kind, data); err != websocket.ErrInvalidMessageType {
					t.Errorf("Write(%d): %v, want %v", kind, err, websocket.ErrInvalidMessageType)
				}
			}
			if err := c.Write(websocket.CloseMessage, gorilla.FormatCloseMessage(4001, "bye")); err != nil {
				t.Error(err)
			}
			if err := c.Write(websocket.TextMessage, nil); err != websocket.ErrAlreadyDisconnected {
				t.Errorf("Write after the close: %v, want %v", err, websocket.ErrAlreadyDisconnected)
			}
			if err := c.Write(websocket.CloseMessage, nil); err != websocket.ErrAlreadyDisconnected {
				t.Errorf("a second close: %v, want %v", err, websocket.ErrAlreadyDisconnected)
			}
		})
	})
	client := dial(t, url)
	var control []string
	client.SetPingHandler(func(data string) error { control = append(control, "ping "+data); return nil })
	client.SetPongHandler(func(data string) error { control = append(control, "pong "+data); return nil })
	client.send("write;1;1")
	client.want("text", "binary")
	_, _, err := client.ReadMessage()
	var closed *gorilla.CloseError
	if closed, _ = err.(*gorilla.CloseError); closed == nil || closed.Code != 4001 || closed.Text != "bye" {
		t.Errorf("closed with %v, want code 4001, bye", err)
	}
	if len(control) != 2 || control[0] != "ping ping" || control[1] != "pong pong" {
		t.Errorf("received control frames %q, want ping ping and pong pong", control)
	}
}
