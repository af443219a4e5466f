package websocket_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket"
)

// hostileFrames is how many frames TestHostileClients sends:
//
//	go test -run TestHostileClients -hostile-frames 10000000 .
var hostileFrames = flag.Int("hostile-frames", 200_000, "how many frames TestHostileClients sends")

// outcomes counts what became of messages.
type outcomes struct {
	handled, native, mismatched, failed, violations, other atomic.Uint64
}

// listen registers handlers of every kind on a connection.
func (o *outcomes) listen(c websocket.Connection) {
	c.On("string", func(string) { o.handled.Add(1) })
	c.On("int", func(int) { o.handled.Add(1) })
	c.On("small", func(int8) { o.handled.Add(1) })
	c.On("float", func(float32) { o.handled.Add(1) })
	c.On("bool", func(bool) { o.handled.Add(1) })
	c.On("bytes", func([]byte) { o.handled.Add(1) })
	c.On("any", func(any) { o.handled.Add(1) })
	c.On("nothing", func() { o.handled.Add(1) })
	c.On("struct", func(struct{ A, B *int }) { o.handled.Add(1) })
	c.On("map", func(map[string][]time.Time) { o.handled.Add(1) })
	c.On("message", func(m websocket.Message) error {
		var n uint16
		if m.Decode(&n) == nil {
			o.handled.Add(1)
			return nil
		}
		return errors.New("not a number")
	})
	c.OnMessage(func([]byte) { o.native.Add(1) })
	c.OnError(func(err error) {
		var mismatch *websocket.MessageError
		var failed *websocket.HandlerError
		switch {
		case errors.As(err, &mismatch):
			o.mismatched.Add(1)
		case errors.As(err, &failed):
			o.failed.Add(1)
		case errors.Is(err, websocket.ErrProtocol), errors.Is(err, websocket.ErrInvalidUTF8), errors.Is(err, websocket.ErrMessageTooLarge):
			o.violations.Add(1)
		default:
			o.other.Add(1)
		}
	})
}

// TestHostileClients: whatever clients send, nothing panics, other connections
// don't notice, and each message is handled, or reported and counted.
func TestHostileClients(t *testing.T) {
	var o outcomes
	s, url := serve(t, websocket.Config{MaxMessageSize: 4096}, func(s *websocket.Server) {
		s.OnConnection(func(c websocket.Connection) {
			if c.Context().URLParam("witness") != "" {
				c.On("echo", func(n int) { _ = c.Emit("echo", n) })
				return
			}
			o.listen(c)
		})
	})
	attacked, witnessed := make(chan struct{}), make(chan int)
	go func() { witnessed <- witness(t, dial(t, url+"?witness=1"), attacked) }()

	const attackers = 4
	var all sync.WaitGroup
	var messages, violations atomic.Uint64
	for i := range attackers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for left := *hostileFrames / attackers; left > 0; {
				a := &attack{random: random, left: min(left, 2000)}
				want := a.left
				if err := a.run(url); err != nil {
					t.Error(err)
					return
				}
				left -= want - a.left
				attacked <- struct{}{}
				messages.Add(uint64(a.messages))
				violations.Add(uint64(a.violations))
			}
		})
	}
	all.Wait()
	eventually(t, "all attackers are gone", func() bool { return s.GetTotalConnections() == 1 })
	close(attacked)
	if n := receive(t, witnessed); n == 0 {
		t.Error("the witness has seen nothing")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil { // returns when all has been reported
		t.Error(err)
	}

	stats := s.Stats()
	t.Logf("%d messages, %d violations: %d handled, %d native, %d unhandled, %d of a wrong type, %d failed", messages.Load(), violations.Load(),
		o.handled.Load(), o.native.Load(), stats.Unhandled, o.mismatched.Load(), o.failed.Load())
	if stats.Panics != 0 {
		t.Errorf("%d panics", stats.Panics)
	}
	if o.other.Load() != 0 {
		t.Errorf("%d errors of other kinds", o.other.Load())
	}
	if got := o.violations.Load(); got != violations.Load() {
		t.Errorf("%d violations are reported, want %d", got, violations.Load())
	}
	if got := o.handled.Load() + o.native.Load() + stats.Unhandled + o.mismatched.Load() + o.failed.Load(); got != messages.Load() {
		t.Errorf("%d messages have an outcome, want %d", got, messages.Load())
	}
	if stats.Rejected != o.mismatched.Load()+o.violations.Load() || stats.Failed != o.failed.Load() {
		t.Errorf("%d are counted as rejected, %d as failed", stats.Rejected, stats.Failed)
	}
	for name, n := range map[string]uint64{"handled": o.handled.Load(), "native": o.native.Load(), "unhandled": stats.Unhandled,
		"mismatched": o.mismatched.Load(), "failed": o.failed.Load(), "violations": o.violations.Load()} {
		if n == 0 {
			t.Errorf("none was %s: the frames don't try that", name)
		}
	}
}

// witness asks after each attack, while others go on, and is answered. It
// returns how often.
func witness(t *testing.T, c *client, attacked <-chan struct{}) (n int) {
	for range attacked {
		if t.Failed() {
			continue
		}
		if err := c.WriteMessage(gorilla.TextMessage, fmt.Appendf(nil, "%secho;1;%d", prefix, n)); err != nil {
			t.Errorf("the witness was cut off: %v", err)
			continue
		}
		_ = c.SetReadDeadline(time.Now().Add(patience))
		_, answer, err := c.ReadMessage()
		if want := fmt.Sprintf("%secho;1;%d", prefix, n); err != nil || string(answer) != want {
			t.Errorf("the witness received %q, %v; want %q", answer, err, want)
			continue
		}
		n++
	}
	return n
}

// attack is one connection of an attacker.
type attack struct {
	random     *rand.Rand
	left       int // frames
	messages   int // complete ones that were sent
	violations int
}

// run connects, sends frames until it has sent them all or has broken the
// protocol, and waits for the end of the connection.
func (a *attack) run(url string) error {
	conn, _, err := gorilla.DefaultDialer.Dial(url, nil)
	if err != nil {
		return err
	}
	raw := conn.NetConn()
	defer func() { _ = raw.Close() }()
	_ = raw.SetDeadline(time.Now().Add(patience))
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, raw)
		ended <- err
	}()

	w := bufio.NewWriterSize(raw, 16<<10)
	for a.left > 0 && a.violations == 0 {
		a.left--
		_, _ = w.Write(a.next())
	}
	_, _ = w.Write(frame(0x88, "\x03\xe8")) // what isn't understood any more is thrown away
	var reset *net.OpError
	if err := w.Flush(); err != nil && !errors.As(err, &reset) {
		return err
	}
	if err := <-ended; err != nil && !errors.As(err, &reset) {
		return err
	}
	return nil
}

// violations of RFC 6455 or of the server's limits, each of which ends the
// connection.
var violations = [][]byte{
	frame(0x83, "x"), frame(0xC1, "x"), frame(0x91, "x"), frame(0x09, "x"), frame(0x80, "x"), frame(0x8B, ""),
	frame(0x89, string(make([]byte, 126))), frame(0x88, "\x03\xe7"), frame(0x88, "\x03"), frame(0x88, "\x03\xe8\xff"),
	frame(0x81, "\xff"), frame(0x81, "\xed\xa0\x80"),
	frame(0x82, string(make([]byte, 4097))),
	{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	{0x81, 0x01, 'x'},
	append(frame(0x01, "x"), frame(0x81, "y")...),
	append(frame(0x01, "\xce"), frame(0x80, "\xff")...),
}

// next returns some frames.
func (a *attack) next() []byte {
	switch a.random.IntN(1000) {
	case 0:
		a.violations++
		return violations[a.random.IntN(len(violations))]
	case 1, 2, 3, 4, 5, 6, 7, 8, 9, 10:
		return a.masked(0x89+byte(a.random.IntN(2)), a.bytes(a.random.IntN(126))) // ping or pong
	}
	a.messages++
	payload := a.payload()
	if a.random.IntN(20) > 0 {
		return a.masked(0x82, payload)
	}
	// In pieces, some of them empty, with a ping in between.
	at := a.random.IntN(len(payload) + 1)
	pieces := append(a.masked(0x02, payload[:at]), a.masked(0x89, nil)...)
	pieces = append(pieces, a.masked(0x00, nil)...)
	return append(pieces, a.masked(0x80, payload[at:])...)
}

var (
	hostileEvents   = []string{"string", "int", "small", "float", "bool", "bytes", "any", "nothing", "struct", "map", "message", "unknown", ""}
	hostilePayloads = []string{"", "text", "42", "-7", "300", "1e400", "99999999999999999999", "true", "null", `{"A":1}`, `{"A":"x"}`, `{"A":`,
		`[1]`, `{"x":["2020-01-01T00:00:00Z"]}`, `{"x":[1]}`, ";;;", "\x00\xff", `"\ud800"`}
)

// payload is an event with something wrong in it, more often than not.
func (a *attack) payload() []byte {
	pick := func(from []string) string { return from[a.random.IntN(len(from))] }
	message := []byte(prefix + pick(hostileEvents) + ";" + string('0'+byte(a.random.IntN(6))) + ";" + pick(hostilePayloads))
	for range a.random.IntN(3) {
		at := a.random.IntN(len(message))
		switch a.random.IntN(4) {
		case 0:
			message[at] = byte(a.random.IntN(256))
		case 1:
			message = message[:at]
		case 2:
			message = append(message, a.bytes(a.random.IntN(300))...)
		case 3:
			message = append(message[:at:at], message[min(len(message), at+1+a.random.IntN(4)):]...)
		}
		if len(message) == 0 {
			break
		}
	}
	return message
}

func (a *attack) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(a.random.Uint32())
	}
	return b
}

// masked is a frame with a random mask.
func (a *attack) masked(first byte, payload []byte) []byte {
	f := []byte{first, 0x80 | byte(min(len(payload), 126))}
	if len(payload) > 125 {
		f = binary.BigEndian.AppendUint16(f, uint16(len(payload)))
	}
	mask := a.bytes(4)
	f = append(f, mask...)
	for i, b := range payload {
		f = append(f, b^mask[i&3])
	}
	return f
}
