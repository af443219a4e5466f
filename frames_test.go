package websocket_test

import (
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestProtocol: the server follows RFC 6455 with each client. The code is the close code
// of the server.
func TestProtocol(t *testing.T) {
	end := frame(0x88, "\x03\xe8")
	for name, test := range map[string]struct {
		frames   [][]byte
		compress bool
		code     int
		natives  []string // the native messages received
	}{
		"fragments": {
			[][]byte{frame(0x01, "a"), frame(0x00, ""), frame(0x80, "b"), end}, false, 1000, []string{"ab"},
		},
		"a ping in between": {
			[][]byte{frame(0x01, "a"), frame(0x89, "x"), frame(0x80, "b"), end}, false, 1000, []string{"ab"},
		},

		"empty": {[][]byte{frame(0x81, ""), end}, false, 1000, []string{""}},
		"a character in two frames": {
			[][]byte{frame(0x01, "\xce"), frame(0x80, "\xba"), end}, false, 1000, []string{"κ"},
		},
		"invalid UTF-8":           {[][]byte{frame(0x01, "\xce"), frame(0x80, "\xff")}, false, 1007, nil},
		"a pong unasked for":      {[][]byte{frame(0x8A, "x"), frame(0x81, "a"), end}, false, 1000, []string{"a"}},
		"close mid-message":       {[][]byte{frame(0x01, "a"), end}, false, 1000, nil},
		"continuation of nothing": {[][]byte{frame(0x80, "x")}, false, 1002, nil},
		"a message in a message":  {[][]byte{frame(0x01, "x"), frame(0x81, "y")}, false, 1002, nil},
		"a fragmented ping":       {[][]byte{frame(0x09, "x")}, false, 1002, nil},
		"a long ping":             {[][]byte{frame(0x89, string(make([]byte, 126)))}, false, 1002, nil},
		"a reserved opcode":       {[][]byte{frame(0x83, "x")}, false, 1002, nil},
		"a reserved bit":          {[][]byte{frame(0xC1, "x")}, false, 1002, nil},
		"a length of 2^63":        {[][]byte{{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}, false, 1002, nil},
		"close with 999":          {[][]byte{frame(0x88, "\x03\xe7")}, false, 1002, nil},
		"close with 1005":         {[][]byte{frame(0x88, "\x03\xed")}, false, 1002, nil},
		"close with 1012":         {[][]byte{frame(0x88, "\x03\xf4")}, false, 1012, nil},
		"close with a bad reason": {[][]byte{frame(0x88, "\x03\xe8\xff")}, false, 1002, nil},
		"corrupt compressed data": {[][]byte{frame(0xC1, "\xff\xff\xff\xff\xff")}, true, 1007, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var natives []string // the handlers append, and all have returned when ended is closed
			ended := make(chan struct{})
			s, url := onConnection(t, websocket.Config{EnableCompression: true}, func(c websocket.Connection) {
				c.OnMessage(func(data []byte) { natives = append(natives, string(data)) })
				c.OnDisconnect(func() { close(ended) })
			})
			client := dial(t, url, func(d *gorilla.Dialer, _ http.Header) { d.EnableCompression = test.compress })
			if _, err := client.NetConn().Write(slices.Concat(test.frames...)); err != nil {
				t.Fatal(err)
			}
			client.wantClosed(test.code)
			receive(t, ended)
			if !slices.Equal(natives, test.natives) {
				t.Errorf("got native messages %q, want %q", natives, test.natives)
			}
			violation := test.code == 1002 || test.code == 1007
			if n := s.Stats().Rejected; (n == 1) != violation || n > 1 {
				t.Errorf("got %d rejected messages; a violation: %v", n, violation)
			}
		})
	}
}

// TestQueueIsSentAfterViolation: a client violates the protocol. It still receives the
// queued messages and then the close frame. It may read slowly, within CloseTimeout.
func TestQueueIsSentAfterViolation(t *testing.T) {
	inBubble(t, websocket.Config{}, nil, violateSlowly)
}

const violationBacklog = 100 << 10

func drainSlowly(t *testing.T, read func() (int, error)) {
	t.Helper()
	total := 0
	for {
		time.Sleep(300 * time.Millisecond)
		n, err := read()
		if total += n; err != nil {
			break
		}
	}
	if total <= violationBacklog {
		t.Errorf("got %d bytes, want more than %d", total, violationBacklog)
	}
}

func violateSlowly(t *testing.T, s *websocket.Server, app *iris.Application) {
	client := pipe(t, app)
	synctest.Wait()
	_ = s.GetConnections()[0].EmitMessage(make([]byte, violationBacklog))
	raw := client.NetConn()
	if _, err := raw.Write([]byte("\x81\x01x")); err != nil { // not masked
		t.Fatal(err)
	}
	buffer := make([]byte, 16<<10)
	drainSlowly(t, func() (int, error) { return io.ReadFull(raw, buffer) })
	_ = client.Close()
}
