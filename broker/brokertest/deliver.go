package brokertest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kataras/iris/websocket/broker"
)

// testDeliver checks: each subscriber gets each message of another node once. A message after
// them shows that no second copy follows.
func testDeliver(e *env) {
	nodes := e.startNodes(3)
	for _, n := range nodes {
		n.subscribe("room")
	}
	for _, n := range nodes {
		n.sendAll("room", numbered(n.name, 100))
	}
	for _, n := range nodes {
		n.send("room", n.name+" end")
	}
	for _, n := range nodes {
		for _, other := range nodes {
			if n == other {
				continue // own messages may come or not
			}
			n.awaitText("room", other.name+" end")
			got, want := from(other.name, n.on("room")), append(numbered(other.name, 100), other.name+" end")
			if fmt.Sprint(got) != fmt.Sprint(want) {
				e.Errorf("%s got %q, want %q", n.name, got, want)
			}
		}
	}
}

// testOrder checks: under load, the messages of each node on each channel arrive once and
// in order. A round ends when all have arrived, so that no node reads too slowly.
func testOrder(e *env) {
	const rounds, each = 5, 50
	nodes, channels := e.startNodes(3), numbered("channel", 4)
	for _, n := range nodes {
		n.subscribe(channels...)
	}
	for round := range rounds {
		var senders []func() error
		for _, n := range nodes {
			for _, channel := range channels {
				senders = append(senders, func() error {
					for i := range each {
						if err := n.trySend(channel, fmt.Sprintf("%s %d", n.name, round*each+i)); err != nil {
							return err
						}
					}
					return nil
				})
			}
		}
		e.together("publishing", senders...)
		for _, n := range nodes {
			for _, other := range nodes {
				for _, channel := range channels {
					if n != other {
						n.awaitFrom(other, channel, (round+1)*each)
					}
				}
			}
		}
	}
}

// awaitFrom waits until a number of messages of another node has arrived. It checks that
// they are those of numbered.
func (n *node) awaitFrom(other *node, channel string, count int) {
	n.e.Helper()
	n.await(fmt.Sprintf("%d messages of %s on %s", count, other.name, short(channel)), func() bool {
		return len(from(other.name+" ", n.on(channel))) >= count
	})
	got, want := from(other.name+" ", n.on(channel)), numbered(other.name, count)
	for i := range got {
		if i >= len(want) || got[i] != want[i] {
			n.e.Fatalf("message %d of %s at %s is %s", i, other.name, n.name, short(got[i]))
		}
	}
}

// testOneCallAtATime checks: Message runs once at a time for each channel, also with several
// publishers. The recorder notes two at once.
func testOneCallAtATime(e *env) {
	nodes := e.startNodes(3)
	to := nodes[0]
	to.subscribe("room")
	var senders []func() error
	for _, n := range nodes[1:] {
		senders = append(senders, func() error {
			for _, text := range numbered(n.name, 200) {
				if err := n.trySend("room", text); err != nil {
					return err
				}
			}
			return nil
		})
	}
	e.together("publishing", senders...)
	for _, n := range nodes[1:] {
		to.awaitFrom(n, "room", 200)
	}
}

// names are channels that a broker may confuse with each other or with patterns.
func names() []string {
	return []string{
		"a", "A", "a.b", "a b", "a_b", "a-b", "a/b", "a:b", "a..b", ".a", "a.", ".", "..",
		"*", ">", "a.*", "a.>", "?", "[ab]", `\*`, "{a}", "{b}a", "{}", "{", "}", "%00", "=", "$SYS", "_INBOX.a",
		" ", "\t", "\r\n", "a\r\nb", "\x00", "a\x00", "\xff", "\xff\xfe", "é", "e\u0301", "\u2028",
		strings.Repeat("x", broker.MaxChannelLength), strings.Repeat("x", broker.MaxChannelLength-1),
		strings.Repeat("\xff", broker.MaxChannelLength), strings.Repeat(".", broker.MaxChannelLength),
	}
}

// testChannelNames checks: a name may have any bytes, and no name means another one.
func testChannelNames(e *env) {
	nodes := e.startNodes(3)
	a, b, patterns := nodes[0], nodes[1], nodes[2]
	b.subscribe(names()...)
	looksLikePatterns := []string{"*", ">", "a.*", "a.>", "?", "[ab]", "{a}"}
	patterns.subscribe(looksLikePatterns...)
	for _, name := range names() {
		a.send(name, "on "+name)
		a.send(name, "end")
	}
	for _, name := range names() {
		b.awaitExactly(name, []string{"on " + name, "end"})
	}
	for _, name := range looksLikePatterns {
		patterns.awaitExactly(name, []string{"on " + name, "end"})
	}
	if got := len(b.received()); got != len(names()) {
		e.Errorf("messages arrived on %d channels, want %d", got, len(names()))
	}
	if got := len(patterns.received()); got != len(looksLikePatterns) {
		e.Errorf("messages arrived on %d channels, want %d", got, len(looksLikePatterns))
	}
}

// testInvalidChannels checks: empty and long names are refused, and with them all names of
// the same call.
func testInvalidChannels(e *env) {
	nodes := e.startNodes(2)
	a, b := nodes[0], nodes[1]
	for _, name := range []string{"", strings.Repeat("x", broker.MaxChannelLength+1)} {
		if err := a.Publish(name, nil); !errors.Is(err, broker.ErrInvalidChannel) {
			e.Errorf("Publish on %s: %v, want ErrInvalidChannel", short(name), err)
		}
		if err := b.Subscribe("before", name, "after"); !errors.Is(err, broker.ErrInvalidChannel) {
			e.Errorf("Subscribe to %s: %v, want ErrInvalidChannel", short(name), err)
		}
	}
	b.flush()
	for _, channel := range []string{"before", "after"} {
		a.send(channel, "too early")
	}
	a.settle(b)
	b.subscribe("before", "after")
	for _, channel := range []string{"before", "after"} {
		a.send(channel, "end")
		b.awaitExactly(channel, []string{"end"})
	}
}

// testMessageSizes checks: messages of all sizes arrive as they were, up to MaxMessageSize.
func testMessageSizes(e *env) {
	nodes := e.startNodes(2)
	a, b := nodes[0], nodes[1]
	most := a.MaxMessageSize()
	if most < 64<<10 {
		e.Fatalf("MaxMessageSize is %d, want 64 KiB or more", most)
	}
	b.subscribe("room")
	var bytes strings.Builder
	for i := range most {
		bytes.WriteByte(byte(i ^ i>>8))
	}
	for i, size := range []int{0, 1, 2, 255, 256, 4096, 64 << 10, most - 1, most} {
		text := bytes.String()[:size]
		a.send("room", text)
		b.await(fmt.Sprintf("a message of %d bytes", size), func() bool { return len(b.on("room")) > i })
		if got := b.on("room")[i]; got != text {
			e.Fatalf("%s arrived, want %s", short(got), short(text))
		}
	}
	if err := a.Publish("room", make([]byte, most+1)); !errors.Is(err, broker.ErrTooLarge) {
		e.Errorf("Publish of %d bytes: %v, want ErrTooLarge", most+1, err)
	}
	a.send("room", "end")
	b.awaitText("room", "end")
	if got := len(b.on("room")); got != 10 {
		e.Errorf("%d messages arrived, want 10", got)
	}
}

// testKeepNoMessage checks: Publish keeps no reference to a message. The test overwrites each
// one at once.
func testKeepNoMessage(e *env) {
	nodes := e.startNodes(2)
	a, b := nodes[0], nodes[1]
	b.subscribe("room")
	want := numbered("message", 200)
	buffer := make([]byte, 64)
	for _, text := range want {
		n := copy(buffer, text)
		for {
			err := a.Publish("room", buffer[:n])
			if err == nil {
				break
			}
			if !errors.Is(err, broker.ErrFull) {
				e.Fatal(err)
			}
			a.flush()
		}
		clear(buffer)
	}
	a.flush()
	b.awaitExactly("room", want)
}

// testNoSubscribers checks: a message for nobody is no error, and is not kept.
func testNoSubscribers(e *env) {
	nodes := e.startNodes(2)
	a, b := nodes[0], nodes[1]
	for _, text := range numbered("message", 100) {
		if err := a.Publish("room", []byte(text)); err != nil {
			e.Fatalf("Publish: %v", err)
		}
	}
	a.settle(b)
	b.subscribe("room")
	a.send("room", "end")
	b.awaitExactly("room", []string{"end"})
}
