package websocket_test

import (
	"bufio"
	"compress/flate"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	gorilla "github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket"
)

// hostileFrames is the number of frames sent by TestHostileClients:
//
//	go test -run TestHostileClients -timeout 60m -hostile-frames 10000000 .
var hostileFrames = flag.Int("hostile-frames", 80_000, "how many frames TestHostileClients sends")

// outcomes counts messages by their outcome.
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
		case errors.Is(err, websocket.ErrProtocol), errors.Is(err, websocket.ErrInvalidUTF8),
			errors.Is(err, websocket.ErrMessageTooLarge):
			o.violations.Add(1)
		default:
			o.other.Add(1)
		}
	})
}

// listenForAll registers handlers, OnAny and middleware of the server, for all
// connections.
func (o *outcomes) listenForAll(s *websocket.Server) {
	s.On("server int", func(_ websocket.Connection, n int) error {
		if n < 0 {
			return errors.New("negative")
		}
		o.handled.Add(1)
		return nil
	})
	s.On("server struct", func(websocket.Connection, struct{ A *int }) { o.handled.Add(1) })
	s.OnAny(func(_ websocket.Connection, m websocket.Message) {
		if known := append(hostileEvents, "echo"); m.Event == "unknown" || !slices.Contains(known, m.Event) {
			o.handled.Add(1) // no other handler counts it
		}
	})
	s.Use(func(_ websocket.Connection, m websocket.Message, next func() error) (err error) {
		if len(m.Bytes())%16 != 0 {
			return next()
		}
		done := make(chan struct{})
		go func() {
			err = next()
			close(done)
		}()
		<-done
		return err
	})
}

// TestHostileClients checks: clients may send anything, and nothing panics. Other
// connections don't notice. Each message is either handled, or reported and counted.
func TestHostileClients(t *testing.T) {
	t.Run("handlers of connections", func(t *testing.T) { attackServer(t, false) })
	t.Run("handlers of the server, compression", func(t *testing.T) { attackServer(t, true) })
}

// attackServer sends half of the frames. If full, the server also has compression,
// handlers of its own and middleware.
func attackServer(t *testing.T, full bool) {
	var o outcomes
	s, url := serve(t, websocket.Config{MaxMessageSize: 4096, EnableCompression: full}, func(s *websocket.Server) {
		s.OnConnection(func(c websocket.Connection) {
			c.On("echo", func(n int) { o.handled.Add(1); _ = c.Emit("echo", n) })
			if c.Context().URLParam("witness") == "" {
				o.listen(c)
				c.Join("attackers")
				c.OnLeave(func(room string) { _ = c.To(room).Emit("left", c.ID()) })
			}
		})
		if full {
			o.listenForAll(s)
		}
	})
	attacked, witnessed := make(chan struct{}), make(chan int)
	client := dial(t, url+"?witness=1")
	go func() { witnessed <- witness(t, client, attacked) }()

	const attackers = 4
	var all sync.WaitGroup
	var messages, rejections, violations atomic.Uint64
	for i := range attackers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for left := *hostileFrames / 2 / attackers; left > 0; {
				a := &attack{random: random, left: min(left, 2000), deflate: full}
				want := a.left
				if err := a.run(url); err != nil {
					t.Error(err)
					return
				}
				left -= want - a.left
				attacked <- struct{}{}
				messages.Add(uint64(a.messages))
				rejections.Add(uint64(a.rejections))
				violations.Add(uint64(a.violations))
			}
		})
	}
	all.Wait()
	eventually(t, "all attackers are gone", func() bool { return s.GetTotalConnections() == 1 })
	close(attacked)
	asked := uint64(receive(t, witnessed))
	if asked == 0 {
		t.Error("the witness got no answers")
	}
	client.vanish()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil { // returns after all callbacks have returned
		t.Error(err)
	}

	stats := s.Stats()
	t.Logf("%d messages, %d rejections, %d violations", messages.Load(), rejections.Load(), violations.Load())
	t.Logf("%d handled, %d native, %d unhandled, %d of a wrong type, %d failed",
		o.handled.Load(), o.native.Load(), stats.Unhandled, o.mismatched.Load(), o.failed.Load())
	if stats.Panics != 0 {
		t.Errorf("%d panics, want none", stats.Panics)
	}
	if o.other.Load() != 0 {
		t.Errorf("%d errors of other kinds, want none", o.other.Load())
	}
	if got, want := o.violations.Load(), rejections.Load()+violations.Load(); got != want {
		t.Errorf("OnError got %d violations and rejections, want %d", got, want)
	}
	outcomes := o.handled.Load() + o.native.Load() + stats.Unhandled + o.mismatched.Load() + o.failed.Load()
	if want := messages.Load() + asked; outcomes != want {
		t.Errorf("%d messages have an outcome, want %d", outcomes, want)
	}
	if want := messages.Load() + rejections.Load() + asked; stats.Received != want {
		t.Errorf("Stats.Received is %d, want %d", stats.Received, want)
	}
	if stats.Rejected != o.mismatched.Load()+o.violations.Load() || stats.Failed != o.failed.Load() {
		t.Errorf("Stats are %d rejected, %d failed; want %d, %d", stats.Rejected, stats.Failed,
			o.mismatched.Load()+o.violations.Load(), o.failed.Load())
	}
	for name, n := range map[string]uint64{
		"handled": o.handled.Load(), "native": o.native.Load(),
		"mismatched": o.mismatched.Load(), "failed": o.failed.Load(),
		"rejected": rejections.Load(), "violations": violations.Load(),
	} {
		if n == 0 {
			t.Errorf("0 messages were %s, want at least 1: the frames miss this case", name)
		}
	}
	if (stats.Unhandled == 0) != full { // OnAny handles all
		t.Errorf("Stats.Unhandled is %d, full is %t; want 0 only if full", stats.Unhandled, full)
	}
}

// witness sends a message after each attack and expects its echo, during the other attacks.
// It returns the number of echoes.
func witness(t *testing.T, client *testClient, attacked <-chan struct{}) (n int) {
	for range attacked {
		if t.Failed() {
			continue
		}
		if err := client.WriteMessage(gorilla.TextMessage, fmt.Appendf(nil, "%secho;1;%d", prefix, n)); err != nil {
			t.Errorf("the witness can't send: %v", err)
			continue
		}
		_ = client.SetReadDeadline(time.Now().Add(patience))
		_, answer, err := client.ReadMessage()
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
	deflate    bool // the server takes compressed frames
	left       int  // frames
	messages   int  // complete ones sent
	rejections int  // rejected messages: one ends the connection
	violations int  // of the protocol
}

// run connects and sends frames. It stops after all frames, or after a violation or a
// rejected message. Then it waits for the end of the connection.
func (a *attack) run(url string) error {
	client, _, err := (&gorilla.Dialer{EnableCompression: a.deflate}).Dial(url, nil)
	if err != nil {
		return err
	}
	raw := client.NetConn()
	defer func() { _ = raw.Close() }()
	_ = raw.SetDeadline(time.Now().Add(patience))
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, raw)
		ended <- err
	}()

	w := bufio.NewWriterSize(raw, 16<<10)
	for a.left > 0 && a.violations+a.rejections == 0 {
		a.left--
		_, _ = w.Write(a.next())
	}
	_, _ = w.Write(frame(0x88, "\x03\xe8")) // the server may discard this close frame
	var reset *net.OpError
	if err := w.Flush(); err != nil && !errors.As(err, &reset) {
		return err
	}
	if err := <-ended; err != nil && !errors.As(err, &reset) {
		return err
	}
	return nil
}

// violations are violations of RFC 6455. Each ends the connection.
var violations = [][]byte{
	frame(0x83, "x"), frame(0xF1, "x"), frame(0x91, "x"), frame(0x09, "x"), frame(0x80, "x"),
	frame(0x8B, ""), frame(0xC9, ""),
	frame(0x89, string(make([]byte, 126))), frame(0x88, "\x03\xe7"), frame(0x88, "\x03"), frame(0x88, "\x03\xe8\xff"),
	{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	{0x81, 0x01, 'x'},
	append(frame(0x01, "x"), frame(0x81, "y")...),
	append(frame(0x01, "x"), frame(0xC0, "y")...),
}

// rejections are messages rejected by the server. Each ends the connection.
var rejections = [][]byte{
	frame(0x81, "\xff"), frame(0x81, "\xed\xa0\x80"),
	frame(0x82, string(make([]byte, 4097))),
	append(frame(0x01, "\xce"), frame(0x80, "\xff")...),
}

// deflatedRejections are rejections with compressed data: corrupt, invalid or too large.
var deflatedRejections = [][]byte{
	frame(0xC2, "\x07"),
	frame(0xC1, deflate("\xff", flate.BestSpeed, 100)),
	frame(0xC2, deflate(string(make([]byte, 4097)), flate.BestSpeed, 1<<20)),
	frame(0xC2, deflate(string(make([]byte, 1<<20)), flate.BestSpeed, 1<<20)),
}

func pick[T any](a *attack, from []T) T { return from[a.random.IntN(len(from))] }

// next returns the frames of one message, a control frame or a fault, by chance.
func (a *attack) next() []byte {
	switch n := a.random.IntN(1000); {
	case n == 0:
		a.rejections++
		if a.deflate && a.random.IntN(2) == 0 {
			return pick(a, deflatedRejections)
		}
		return pick(a, rejections)
	case n == 1:
		a.violations++
		return pick(a, violations)
	case n < 12:
		return a.masked(0x89+byte(a.random.IntN(2)), a.bytes(a.random.IntN(126))) // ping or pong
	}
	a.messages++
	payload := a.payload()
	opcode := byte(0x02)
	if utf8.Valid(payload) && a.random.IntN(2) == 0 {
		opcode = 0x01
	}
	if a.deflate && a.random.IntN(8) == 0 {
		payload = []byte(deflate(string(payload), flate.BestSpeed, 1<<20))
		opcode |= 0x40
	}
	if a.random.IntN(20) > 0 {
		return a.masked(0x80|opcode, payload)
	}
	// Send it in pieces, some of them empty, with a ping in between.
	at := a.random.IntN(len(payload) + 1)
	pieces := append(a.masked(opcode, payload[:at]), a.masked(0x89, nil)...)
	pieces = append(pieces, a.masked(0x00, nil)...)
	return append(pieces, a.masked(0x80, payload[at:])...)
}

var (
	hostileEvents = []string{
		"string", "int", "small", "float", "bool", "bytes", "any", "nothing", "struct", "map", "message",
		"unknown", "", "server int", "server struct",
	}
	hostilePayloads = []string{
		"", "text", "42", "-7", "300", "1e400", "99999999999999999999", "true", "null",
		`{"A":1}`, `{"A":"x"}`, `{"A":`, `[1]`, `{"x":["2020-01-01T00:00:00Z"]}`, `{"x":[1]}`,
		";;;", "\x00\xff", `"\ud800"`,
	}
)

// payload returns an event, usually with some fault.
func (a *attack) payload() []byte {
	kind := string('0' + byte(a.random.IntN(6)))
	message := []byte(prefix + pick(a, hostileEvents) + ";" + kind + ";" + pick(a, hostilePayloads))
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
	return maskedFrame(first, [4]byte(a.bytes(4)), string(payload))
}
