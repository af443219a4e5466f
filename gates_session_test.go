//go:build linux && amd64 && !race && !portable

package websocket_test

import (
	"bytes"
	"context"
	"math"
	"net"
	"strconv"
	"testing"

	"github.com/kataras/iris/websocket"
)

// gateClient is a client of protocol 2 that reads without allocations. It sends its count
// often, so that the server keeps few messages. It leaves one out, so that the server keeps
// the buffer for them: a new one grows with each message, at moments that depend on the load.
type gateClient struct {
	net.Conn
	buffer, taken []byte // what was read, and the last message
	counted       int
	out           []byte // a frame to send
}

// dialGate connects a client. The test must not use the testClient any more.
func dialGate(t *testing.T, url string) *gateClient {
	conn := dialScripted(t, url).NetConn()
	return &gateClient{
		Conn: conn, buffer: make([]byte, 0, 64<<10), taken: make([]byte, 0, 128), out: make([]byte, 0, 64),
	}
}

// next returns the next message that is no count. Each message has less than 126 bytes.
// The result is valid until the next call. It is nil after the end.
func (c *gateClient) next() []byte {
	for {
		for len(c.buffer) < 2 || len(c.buffer) < 2+int(c.buffer[1]) {
			n, err := c.Read(c.buffer[len(c.buffer):cap(c.buffer)])
			if err != nil {
				return nil
			}
			c.buffer = c.buffer[:len(c.buffer)+n]
		}
		size := 2 + int(c.buffer[1])
		c.taken = append(c.taken[:0], c.buffer[2:size]...)
		c.buffer = append(c.buffer[:0], c.buffer[size:]...)
		if bytes.HasPrefix(c.taken, []byte(";a;")) {
			continue
		}
		if c.counted++; c.counted%32 == 0 {
			c.send(";a;", c.counted-1)
		}
		return c.taken
	}
}

// send sends a short message: a text, a number and nothing else.
func (c *gateClient) send(text string, number int) {
	c.out = append(c.out[:0], 0x81, 0, 0, 0, 0, 0) // the mask is zero
	c.out = strconv.AppendInt(append(c.out, text...), int64(number), 10)
	c.out[1] = 0x80 | byte(len(c.out)-6)
	_, _ = c.Write(c.out)
}

// wantWhole is wantAllocations for a whole number. It leaves out what many messages cost
// together: the counts and the starts of writers.
func wantWhole(t *testing.T, what string, n int, want float64, f func()) {
	t.Helper()
	if got := math.Round(allocations(n, f)); got != want {
		t.Errorf("%s: got %v allocations, want %v", what, got, want)
	}
}

// TestAllocationsOfSessions: an event of protocol 2 costs what a classic one does. A reply
// and an ask cost a few allocations more.
func TestAllocationsOfSessions(t *testing.T) {
	const n = 64
	all, received := make(chan struct{}), 0
	count := func() {
		if received++; received%n == 0 {
			all <- struct{}{}
		}
	}
	connections := make(chan websocket.Connection, 1)
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.On("int", func(int) { count() })
		c.On("string", func(string) { count() })
		c.On("bytes", func([]byte) { count() })
		c.On("none", func() { count() })
		c.On("value", func(n int) (int, error) { return n, nil })
		c.On("null", func(int) {})
		connections <- c
	})
	client := dialGate(t, url)
	c := receive(t, connections)
	write := func(frames []byte) {
		if _, err := client.Write(frames); err != nil {
			t.Fatal(err)
		}
	}
	read := func(n int) {
		for range n {
			if client.next() == nil {
				t.Fatal("the connection has ended")
			}
		}
	}
	for message, want := range map[string]float64{
		"int;1;1234": 0, "string;0;hello": 1, "bytes;3;bytes": 1, "none;0;": 0,
	} {
		frames := bytes.Repeat(frame(0x81, message), n)
		wantWhole(t, message, n, want, func() {
			write(frames)
			<-all
		})
	}
	for message, want := range map[string]float64{"value;17;12": 7, "null;17;12": 3} {
		frames := bytes.Repeat(frame(0x81, message), n)
		wantWhole(t, message, n, want, func() {
			write(frames)
			read(n)
		})
	}
	var data any = "a message"
	wantAllocations(t, "Emit", 1, 2, func() {
		_ = c.Emit("event", data)
		read(1)
	})
	start, answered := make(chan struct{}), make(chan error)
	defer close(start)
	go func() {
		for range start {
			_, err := c.Ask(context.Background(), "event", data)
			answered <- err
		}
	}()
	wantAllocations(t, "Ask", 1, 8, func() {
		start <- struct{}{}
		message := client.next()
		id := 0
		for _, digit := range message[len("event;0"):] {
			if digit == ';' {
				break
			}
			id = 10*id + int(digit-'0')
		}
		client.sendReply(id)
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
	})
}

// sendReply replies to an ask without a value.
func (c *gateClient) sendReply(id int) {
	c.out = append(c.out[:0], 0x81, 0, 0, 0, 0, 0, ';', 'r', '0')
	c.out = append(strconv.AppendInt(c.out, int64(id), 10), ';')
	c.out[1] = 0x80 | byte(len(c.out)-6)
	_, _ = c.Write(c.out)
}

// TestAllocationsOfEmittingToSessions: a message to a room allocates its two forms, each
// once, for any number of members. The buffers for messages that wait for a count have their
// size before.
func TestAllocationsOfEmittingToSessions(t *testing.T) {
	const members = 50
	s, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) { c.Join("room") })
	received := make(chan bool, members)
	for range members {
		client := dialGate(t, url)
		go func() {
			for client.next() != nil {
				received <- true
			}
		}()
	}
	eventually(t, "all have joined", func() bool { return len(s.GetConnectionsByRoom("room")) == members })
	var data any = "a message"
	room := s.To("room")
	emit := func() {
		_ = room.Emit("event", data)
		for range members {
			<-received
		}
	}
	for range 100 {
		emit()
	}
	wantAllocations(t, "to a room", 1, 4, emit)
}
