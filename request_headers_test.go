package websocket_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket"
)

// handshakeHeader is the header sent by gorilla's client.
var handshakeHeader = http.Header{
	"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "User-Agent": {"Go-http-client/1.1"},
	"Sec-Websocket-Key": {sampleKey}, "Sec-Websocket-Version": {"13"},
}

// fill extends a header. Together with the header of gorilla's client, it has size bytes.
func fill(h http.Header, size int) {
	h.Set("X-Large", "")
	h.Set("X-Large", strings.Repeat("x", size-websocket.HeaderSize(h)-websocket.HeaderSize(handshakeHeader)))
}

// TestLargeHandshake checks: the server keeps the header of a handshake up to a limit, and
// reports a larger one by ErrIncompleteRequest. It answers an address above the limit
// with 414.
func TestLargeHandshake(t *testing.T) {
	app := newApp()
	s := websocket.New(app, "/ws")
	told := make(chan error, 10)
	s.OnConnection(func(c websocket.Connection) {
		c.OnError(func(err error) {
			if errors.Is(err, websocket.ErrIncompleteRequest) {
				told <- err
			}
		})
		c.On("ask", func() {
			ctx := c.Context()
			_ = c.Emit("answer", commaSeparated(len(ctx.Request().Header),
				ctx.GetHeader("X-Forwarded-For"), ctx.GetCookie("sid"), len(ctx.GetHeader("X-Large"))))
		})
	})
	server := listen(t, app, s)
	for _, test := range []struct {
		name   string
		header func(h http.Header)
		answer string
		errors int
	}{
		{"a usual one", func(http.Header) {}, "7,192.0.2.1,secret,0", 0},
		{"exactly the limit", func(h http.Header) {
			fill(h, 16<<10)
		}, "8,192.0.2.1,secret,", 0},
		{"a byte more", func(h http.Header) {
			fill(h, 16<<10+1)
		}, "7,192.0.2.1,secret,0", 1},
		{"many", func(h http.Header) {
			for i := range 60000 {
				h.Set(fmt.Sprint("X", i), "y")
			}
		}, "", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := dial(t, address(server)+"/ws", func(_ *gorilla.Dialer, h http.Header) {
				h.Set("X-Forwarded-For", "192.0.2.1")
				h.Set("Cookie", "sid=secret")
				test.header(h)
			})
			for range 2 {
				client.send("ask;0;")
				answer := strings.TrimPrefix(client.next(), prefix+"answer;0;")
				if !strings.HasPrefix(answer, test.answer) || !strings.Contains(answer, ",192.0.2.1,secret,") {
					t.Errorf("answered %q, want %q", answer, test.answer)
				}
			}
			if len(told) != test.errors {
				t.Errorf("OnError got %d errors, want %d", len(told), test.errors)
			}
			for len(told) > 0 {
				<-told
			}
		})
	}
	for length, want := range map[int]int{16<<10 - 100: 101, 16 << 10: 414} {
		t.Run(fmt.Sprintf("an address of %d bytes", length), func(t *testing.T) {
			response := handshake(t, server, "/ws?"+strings.Repeat("x", length), "")
			if response.StatusCode != want {
				t.Errorf("status %s, want %d", response.Status, want)
			}
		})
	}
}

// TestKeptHeaders checks: if the header is too large, the server keeps small fields before
// large ones. It keeps fields of the same size in alphabetical order.
func TestKeptHeaders(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnError(func(error) {})
		c.On("ask", func() {
			var names []string
			for name := range c.Context().Request().Header {
				if strings.HasPrefix(name, "X-Test-") {
					names = append(names, name)
				}
			}
			slices.Sort(names)
			_ = c.Emit("answer", strings.Join(names, " "))
		})
	})
	const many = 40
	var all []string
	client := dial(t, url, func(_ *gorilla.Dialer, h http.Header) {
		h.Set("X-Test-A-Large", strings.Repeat("x", 5000))
		for i := range many {
			all = append(all, fmt.Sprintf("X-Test-B%02d", i))
			h.Set(all[i], strings.Repeat("x", 900))
		}
	})
	client.send("ask;0;")
	kept := strings.Fields(strings.TrimPrefix(client.next(), prefix+"answer;0;"))
	if len(kept) < 10 || len(kept) >= many || !slices.Equal(kept, all[:len(kept)]) {
		t.Errorf("kept %v, want 10 or more of the first in %v", kept, all)
	}
}
