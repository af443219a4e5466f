package websocket_test

import (
	"compress/flate"
	"errors"
	"net/http"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestCompressionNegotiation checks: the server negotiates compression by RFC 7692. It
// declines an offer beyond its abilities, and tries the next one.
func TestCompressionNegotiation(t *testing.T) {
	const agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	_, url := serve(t, websocket.Config{EnableCompression: true}, nil)
	_, without := serve(t, websocket.Config{}, nil)
	for _, test := range []struct {
		offers []string
		answer string // "400" if the handshake fails
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"permessage-deflate"}, agreed},
		{[]string{"permessage-deflate; client_max_window_bits"}, agreed},
		{[]string{"permessage-deflate;client_max_window_bits=8;" +
			"server_no_context_takeover ; client_no_context_takeover"}, agreed},
		{[]string{`permessage-deflate; client_max_window_bits="15"`}, agreed},
		{[]string{`permessage-deflate; client_max_window_bits="1\5"`}, agreed},
		{[]string{"permessage-deflate; server_max_window_bits=15"}, agreed + "; server_max_window_bits=15"},
		{[]string{"x-other; a=b, permessage-deflate"}, agreed},
		{[]string{"x-other", "permessage-deflate"}, agreed},
		{[]string{", ,permessage-deflate, ,"}, agreed},
		{[]string{"permessage-deflate; server_max_window_bits=9, permessage-deflate"}, agreed},
		{[]string{
			"permessage-deflate; server_max_window_bits=9", "permessage-deflate; server_max_window_bits=15",
		}, agreed + "; server_max_window_bits=15"},
		{[]string{"permessage-deflate; server_max_window_bits=9"}, ""},
		{[]string{"permessage-deflate; server_max_window_bits=14"}, ""},
		{[]string{"permessage-deflate; server_max_window_bits"}, ""},
		{[]string{"permessage-deflate; server_max_window_bits=16"}, ""},
		{[]string{"permessage-deflate; server_max_window_bits=99"}, ""},
		{[]string{"permessage-deflate; server_max_window_bits=015"}, ""},
		{[]string{"permessage-deflate; server_max_window_bits=15; server_max_window_bits=15"}, ""},
		{[]string{"permessage-deflate; client_max_window_bits=7"}, ""},
		{[]string{"permessage-deflate; client_max_window_bits=16"}, ""},
		{[]string{"permessage-deflate; client_max_window_bits=08"}, ""},
		{[]string{"permessage-deflate; client_max_window_bits; client_max_window_bits"}, ""},
		{[]string{"permessage-deflate; server_no_context_takeover=yes"}, ""},
		{[]string{"permessage-deflate; client_no_context_takeover=1"}, ""},
		{[]string{"permessage-deflate; server_no_context_takeover; server_no_context_takeover"}, ""},
		{[]string{"permessage-deflate; foo=bar"}, ""},
		{[]string{"permessage-deflate; foo"}, ""},
		{[]string{"permessage-deflate2"}, ""},
		{[]string{"permessage-deflate;"}, "400"},
		{[]string{"permessage-deflate; ; foo"}, "400"},
		{[]string{"permessage-deflate; client_max_window_bits="}, "400"},
		{[]string{`permessage-deflate; client_max_window_bits="`}, "400"},
		{[]string{`permessage-deflate; client_max_window_bits=""`}, "400"},
		{[]string{`permessage-deflate; client_max_window_bits="1 5"`}, "400"},
		{[]string{`permessage-deflate; client_max_window_bits="15\`}, "400"},
		{[]string{"permessage-deflate foo"}, "400"},
		{[]string{"foo=bar"}, "400"},
		{[]string{"permessage-deflate", "=;"}, "400"},
	} {
		t.Run(strings.Join(test.offers, " | "), func(t *testing.T) {
			request := goodHandshake
			for _, offer := range test.offers {
				request += "Sec-WebSocket-Extensions: " + offer + "\r\n"
			}
			for address, want := range map[string]string{url: test.answer, without: ""} {
				response := rawHandshake(t, strings.TrimSuffix(strings.TrimPrefix(address, "ws://"), "/ws"), request)
				got := response.Header.Get("Sec-WebSocket-Extensions")
				switch {
				case test.answer == "400":
					if response.StatusCode != http.StatusBadRequest {
						t.Errorf("status %s, want %d", response.Status, http.StatusBadRequest)
					}
				case response.StatusCode != http.StatusSwitchingProtocols || got != want:
					t.Errorf("status %s, extension %q; want 101 with %q", response.Status, got, want)
				}
			}
		})
	}
}

// TestSubprotocolsInSeveralLines checks: several header lines form one list of subprotocols.
// The order of the server decides.
func TestSubprotocolsInSeveralLines(t *testing.T) {
	app := newApp()
	s := websocket.New(app, "/ws", websocket.Config{Subprotocols: []string{"two", "one"}})
	chosen := websocket.New(app.Party("/chosen", func(ctx iris.Context) {
		ctx.Header("Sec-WebSocket-Protocol", "of middleware")
		ctx.Next()
	}), "/ws")
	server := listen(t, app, s, chosen)
	for _, test := range []struct{ path, lines, want string }{
		{"/ws", "", ""},
		{"/ws", "Sec-WebSocket-Protocol: one\r\nSec-WebSocket-Protocol: three, two\r\n", "two"},
		{"/ws", "Sec-WebSocket-Protocol: ,one ,\r\nSec-WebSocket-Protocol: three\r\n", "one"},
		{"/ws", "Sec-WebSocket-Protocol: Two\r\n", ""},
		{"/chosen/ws", "Sec-WebSocket-Protocol: one\r\n", "of middleware"},
	} {
		t.Run(test.path+" "+test.lines, func(t *testing.T) {
			request := strings.Replace(goodHandshake, "/ws", test.path, 1) + test.lines
			response := rawHandshake(t, server.Listener.Addr().String(), request)
			got := strings.Join(response.Header.Values("Sec-WebSocket-Protocol"), "|")
			if response.StatusCode != 101 || got != test.want {
				t.Errorf("status %s, subprotocol %q; want 101 with %q", response.Status, got, test.want)
			}
		})
	}
}

// TestSubprotocols checks: the server chooses the first subprotocol of its own list.
func TestSubprotocols(t *testing.T) {
	_, url := serve(t, websocket.Config{Subprotocols: []string{"two", "one"}}, nil)
	client := dial(t, url, func(d *gorilla.Dialer, _ http.Header) { d.Subprotocols = []string{"one", "two", "three"} })
	if got := client.Subprotocol(); got != "two" {
		t.Errorf("agreed on %q, want %q", got, "two")
	}
}

// TestCompression checks: clients with and without compression exchange messages. The limit
// of a message counts its decompressed size.
func TestCompression(t *testing.T) {
	f, connections := watchConnections()
	_, url := onConnection(t, websocket.Config{EnableCompression: true}, f)
	with := dial(t, url, withCompression)
	watched := receive(t, connections)
	without := dial(t, url)
	receive(t, connections)
	text := strings.Repeat("again and ", 1000)
	with.send("chat;0;" + text)
	with.want("chat;0;" + text)
	without.want("chat;0;" + text)

	// The message is small on the wire and large after decompression.
	const bombed = 4 << 20
	bomb := deflate(strings.Repeat("\x00", bombed), flate.BestCompression, bombed)
	_, _ = with.NetConn().Write(frame(0xC1, bomb))
	if err := receive(t, watched.ended); !errors.Is(err, websocket.ErrMessageTooLarge) {
		t.Errorf("ended with %v, want %v", err, websocket.ErrMessageTooLarge)
	}
	with.wantClosed(1009)
	without.send("chat;0;go on")
	without.want("chat;0;go on")
}
