package websocket_test

import (
	"fmt"
	"testing"

	"github.com/kataras/iris/websocket"
)

// TestEmitToSession checks: an event to one client of protocol 2 has the same bytes as one
// to a room, which classic clients may share.
func TestEmitToSession(t *testing.T) {
	for _, binary := range []bool{false, true} {
		t.Run(fmt.Sprintf("BinaryMessages %v", binary), func(t *testing.T) {
			c, client := serveAsked(t, websocket.Config{BinaryMessages: binary})
			dial(t, "ws://"+client.RemoteAddr().String()+"/ws") // classic
			for _, value := range []any{
				"text", "\xFF", "", 12, true, []byte{0xFF}, []byte("text"), 1.5, point{1, 2}, nil, []string{"a"},
			} {
				for _, emitter := range []websocket.Emitter{c, c.To(c.ID()), c.To(websocket.All)} {
					if err := emitter.Emit("event", value); err != nil {
						t.Fatal(err)
					}
				}
				wantKind, want, err := client.ReadMessage()
				for range 2 {
					kind, got, _ := client.ReadMessage()
					if string(got) != string(want) || kind != wantKind || err != nil {
						t.Errorf("%v: got %d %q and %d %q, want the same", value, wantKind, want, kind, got)
					}
				}
			}
		})
	}
}

// TestNullReply checks: the reply without a value is the null of the protocol, however the
// application encodes nil.
func TestNullReply(t *testing.T) {
	cfg := websocket.Config{Marshal: func(any) ([]byte, error) { return nil, errHandler }}
	_, url := onConnection(t, cfg, func(c websocket.Connection) { c.On("event", func() {}) })
	client := dialScripted(t, url)
	client.sendText("event;01;")
	client.want(";r41;null")
}
