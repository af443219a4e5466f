package websocket_test

import (
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/websocket"
)

// bigMessage is larger than Config.MaxQueuedBytes and larger than the buffers of sockets.
const bigMessage = 16 << 20

// whileClientReads sends one message to a client, larger than the limit. The client
// reads steadily. When a part of the message has arrived, during is called. The result
// is all data after the message, up to the event "end".
func whileClientReads(t *testing.T, during func(s *websocket.Server, conn io.Writer)) string {
	t.Helper()
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("big", func() { _ = c.Emit("big", strings.Repeat("x", bigMessage)) })
	})
	conn := rawClient(t, url)
	if _, err := conn.Write(frame(0x81, prefix+"big;0;")); err != nil {
		t.Fatal(err)
	}
	read := func(n int) []byte {
		t.Helper()
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		data := make([]byte, n)
		if n, err := io.ReadFull(conn, data); err != nil {
			t.Fatalf("after %d bytes: %v; %+v", n, err, s.Stats())
		}
		return data
	}
	read(1 << 20)
	during(s, conn)
	_ = s.Emit("end", "")
	read(10 + len(prefix+"big;0;") + bigMessage - 1<<20) // the header has 10 bytes
	var rest []byte
	for end := prefix + "end;0;"; !strings.HasSuffix(string(rest), end); {
		rest = append(rest, read(1)...)
	}
	if n := s.Stats(); n.SlowConsumers != 0 || n.Connections != 1 {
		t.Errorf("got stats %+v, want no slow consumer and 1 connection", n)
	}
	return string(rest)
}

// TestPingDuringLargeMessage: a ping comes while a large message is being written. The
// server answers it after the message. The connection stays open.
func TestPingDuringLargeMessage(t *testing.T) {
	rest := whileClientReads(t, func(s *websocket.Server, conn io.Writer) {
		received := s.Stats().Received
		if _, err := conn.Write(slices.Concat(frame(0x89, "are you there?"), frame(0x81, "native"))); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the message after the ping is read", func() bool { return s.Stats().Received == received+1 })
	})
	if want := "\x8a\x0eare you there?"; !strings.HasPrefix(rest, want) {
		t.Errorf("got %.40q after the message, want %q", rest, want)
	}
}

// TestMessagesBehindLargeMessage: small messages wait behind a large one. Only the small
// ones count against the limit.
func TestMessagesBehindLargeMessage(t *testing.T) {
	const messages = 1000
	rest := whileClientReads(t, func(s *websocket.Server, _ io.Writer) {
		for range messages {
			_ = s.Emit("tiny", 1)
		}
	})
	if got := strings.Count(rest, "tiny;1;1"); got != messages {
		t.Errorf("got %d small messages, want %d", got, messages)
	}
}

// TestPingFlood: a client sends many pings and reads nothing. It is no slow consumer,
// and its pings cost no memory.
func TestPingFlood(t *testing.T) {
	const pings = 400_000
	sent := make(chan struct{})
	s, url := onConnection(t, websocket.Config{WriteTimeout: time.Hour}, func(c websocket.Connection) {
		c.On("big", func() {
			_ = c.Emit("big", strings.Repeat("x", bigMessage))
			close(sent)
		})
	})
	conn := rawClient(t, url)
	var before runtime.MemStats
	if _, err := conn.Write(frame(0x81, prefix+"big;0;")); err != nil {
		t.Fatal(err)
	}
	receive(t, sent)
	runtime.GC()
	runtime.ReadMemStats(&before)
	some := slices.Repeat(frame(0x89, ""), 1000)
	for range pings / 1000 {
		if _, err := conn.Write(some); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Write(slices.Concat(frame(0x89, "the last one"), frame(0x81, "native"))); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all frames have been read", func() bool { return s.Stats().Received == 2 })
	var after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes, want at most 1 MiB", grown)
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	header := make([]byte, 10)
	if _, err := io.ReadFull(conn, header); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint64(header[2:]))); err != nil {
		t.Fatal(err)
	}
	_ = s.Emit("end", "")
	var rest []byte
	for !strings.HasSuffix(string(rest), "end;0;") {
		b := make([]byte, 1)
		if _, err := conn.Read(b); err != nil {
			t.Fatal(err)
		}
		rest = append(rest, b...)
	}
	if !strings.Contains(string(rest), "\x8a\x0cthe last one") {
		t.Errorf("got no pong for the last ping in %d bytes after the message", len(rest))
	}
	if n := s.Stats(); n.SlowConsumers != 0 || n.Connections != 1 {
		t.Errorf("got stats %+v, want no slow consumer and 1 connection", n)
	}
}

// BenchmarkReceiving compares the cost of a ping with the cost of a message without a
// handler.
func BenchmarkReceiving(b *testing.B) {
	for _, test := range []struct {
		name string
		some []byte
	}{
		{"message", frame(0x81, "")},
		{"ping", frame(0x89, "")},
		{"ping and message", slices.Concat(frame(0x89, ""), frame(0x81, ""))},
	} {
		b.Run(test.name, func(b *testing.B) {
			_, url := serve(b, websocket.Config{}, nil)
			conn := rawClient(b, url)
			go func() { _, _ = io.Copy(io.Discard, conn) }()
			const batch = 1000
			data := slices.Repeat(test.some, batch)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := conn.Write(data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/frame")
		})
	}
}

// TestClientNeverReads: a client never reads. It is disconnected, and no other client
// waits for it.
func TestClientNeverReads(t *testing.T) {
	f, connections := watchConnections()
	s, url := onConnection(t, websocket.Config{MaxQueuedBytes: 256 << 10}, f)
	dial(t, url) // and never read
	stalled := receive(t, connections)
	good := dial(t, url)
	receive(t, connections)
	payload := strings.Repeat("x", 32<<10)
	for range 2000 { // far more than sockets buffer
		good.send("chat;0;" + payload)
		good.want("chat;0;" + payload)
		if len(stalled.ended) > 0 {
			break
		}
	}
	if err := receive(t, stalled.ended); !errors.Is(err, websocket.ErrSlowConsumer) {
		t.Errorf("ended with %v, want ErrSlowConsumer", err)
	}
	if err := receive(t, stalled.errors); !errors.Is(err, websocket.ErrSlowConsumer) {
		t.Errorf("OnError got %v, want ErrSlowConsumer", err)
	}
	if n := s.Stats(); n.SlowConsumers != 1 || n.Connections != 1 {
		t.Errorf("got stats %+v, want 1 slow consumer and 1 connection", n)
	}
	good.send("chat;0;go on")
	good.want("chat;0;go on")
}

// TestEmitToSlowClientReturnsError: Emit to one client returns ErrSlowConsumer if this
// client is too slow.
func TestEmitToSlowClientReturnsError(t *testing.T) {
	result := make(chan error, 1)
	ended := make(chan error, 1)
	_, url := onConnection(t, websocket.Config{MaxQueuedBytes: 64 << 10}, func(c websocket.Connection) {
		c.OnDisconnect(func() { ended <- c.DisconnectReason() })
		payload := strings.Repeat("x", 32<<10)
		for range 10000 {
			if err := c.Emit("e", payload); err != nil {
				result <- err
				return
			}
		}
		result <- nil
	})
	dial(t, url)
	if err := receive(t, result); !errors.Is(err, websocket.ErrSlowConsumer) {
		t.Errorf("Emit: got %v, want ErrSlowConsumer", err)
	}
	if err := receive(t, ended); !errors.Is(err, websocket.ErrSlowConsumer) {
		t.Errorf("ended with %v, want ErrSlowConsumer", err)
	}
}

// TestBlockedHandlerDelaysNobodyElse: one handler blocks. Other clients are served, and
// the client of this handler still receives.
func TestBlockedHandlerDelaysNobodyElse(t *testing.T) {
	blocked, release := make(chan struct{}), make(chan struct{})
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.Join("room")
		c.On("block", func() { close(blocked); <-release })
		c.On("chat", func(v string) { c.To("room").Emit("chat", v) })
	})
	a, b := dial(t, url), dial(t, url)
	a.send("block;0;")
	receive(t, blocked)
	b.send("chat;0;x")
	b.want("chat;0;x")
	a.want("chat;0;x") // it still receives
	close(release)
}
