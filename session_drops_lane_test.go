package websocket_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
)

// lane is the receiving end of a sequence of messages. Their sender numbers them: 1, 2, 3
// and so on.
type lane struct {
	mu         sync.Mutex
	seen       []bool // by number
	last       int    // the largest number so far
	taken      int    // messages, each counted once
	doubled    int    // messages that came before
	disordered int    // messages behind one with a larger number
	damaged    int    // messages with another text
	first      string // the first fault
}

// take notes a message. It returns false if it has come before.
func (l *lane) take(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.seen) <= n {
		l.seen = append(l.seen, make([]bool, n+1)...)
	}
	switch {
	case l.seen[n]:
		l.doubled++
		l.fault("message %d again, after %d", n, l.last)
		return false
	case n < l.last:
		l.disordered++
		l.fault("message %d after %d", n, l.last)
	}
	l.seen[n], l.last = true, max(l.last, n)
	l.taken++
	return true
}

// fault notes the first fault, under mu.
func (l *lane) fault(format string, args ...any) {
	if l.first == "" {
		l.first = fmt.Sprintf(format, args...)
	}
}

// takeText notes a message made by numbered. It returns its numbers.
func (l *lane) takeText(text []byte) (n, stamp int) {
	n, stamp, ok := readNumbered(text)
	if !ok {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.damaged++
		l.fault("a damaged message %.40q", text)
		return 0, 0
	}
	l.take(n)
	return n, stamp
}

// has reports whether message n has come.
func (l *lane) has(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return n < len(l.seen) && l.seen[n]
}

// count returns the number of messages, each counted once.
func (l *lane) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.taken
}

// faults returns the number of faults without lost messages, and the first one.
func (l *lane) faults() (n int, first string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.doubled + l.disordered + l.damaged, l.first
}

// highest returns the largest number so far.
func (l *lane) highest() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// sums are the faults of lanes.
type sums struct{ taken, lost, doubled, disordered, damaged int }

func (s sums) faults() int { return s.lost + s.doubled + s.disordered + s.damaged }

// String lists the numbers.
func (s sums) String() string {
	return fmt.Sprintf("%d handled, %d lost, %d doubled, %d out of order, %d damaged",
		s.taken, s.lost, s.doubled, s.disordered, s.damaged)
}

// add adds those of a lane, for messages 1 to sent. It returns the first fault.
func (s *sums) add(l *lane, sent int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := 1; n <= sent; n++ {
		if n >= len(l.seen) || !l.seen[n] {
			s.lost++
			l.fault("message %d of %d is lost", n, sent)
		}
	}
	if l.last > sent {
		s.damaged++
		l.fault("message %d of %d", l.last, sent)
	}
	s.taken += l.taken
	s.doubled, s.disordered, s.damaged = s.doubled+l.doubled, s.disordered+l.disordered, s.damaged+l.damaged
	return l.first
}

// fillers is the text that messages are filled with.
var fillers = func() string {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < 1<<16 {
		b.WriteString(strconv.Itoa(r.IntN(1000))) // compresses to about a half
	}
	return b.String()
}()

// filler is the text of message n. Most are short, a few are larger than one or two packets.
func filler(n int) string {
	h := uint64(n) * 0x9E3779B97F4A7C15
	size, at := int(h>>16%60), int(h>>32%50_000)
	switch h >> 60 {
	case 0:
		size = 1000 + int(h>>16%2000)
	case 1, 2, 3:
		size = 200 + int(h>>16%300)
	}
	return fillers[at : at+size]
}

// numbered makes the text of message n. The stamp is another number for its receiver.
func numbered(n, stamp int) string {
	return strconv.Itoa(n) + "/" + strconv.Itoa(stamp) + ":" + filler(n)
}

// readNumbered reads a text made by numbered. It reports false for any other text.
func readNumbered(text []byte) (n, stamp int, ok bool) {
	head, rest, found := bytes.Cut(text, []byte(":"))
	before, after, both := bytes.Cut(head, []byte("/"))
	if !found || !both {
		return 0, 0, false
	}
	n, err := strconv.Atoi(string(before))
	stamp, err2 := strconv.Atoi(string(after))
	return n, stamp, err == nil && err2 == nil && n > 0 && string(rest) == filler(n)
}
