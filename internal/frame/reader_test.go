package frame

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// transcript is a Handler that records its calls.
type transcript []string

func (t *transcript) add(format string, args ...any) { *t = append(*t, fmt.Sprintf(format, args...)) }

func (t *transcript) Message(text bool, payload []byte) { t.add("message %v %q", text, payload) }
func (t *transcript) Ping(payload []byte)               { t.add("ping %q", payload) }
func (t *transcript) Pong()                             { t.add("pong") }
func (t *transcript) Close(code int, reason string)     { t.add("close %d %q", code, reason) }
func (t *transcript) Reject(err error)                  { t.add("reject: %v", err) }

// masked returns a frame of a client.
func masked(first byte, payload string) []byte {
	f := []byte{first}
	switch n := len(payload); {
	case n < 126:
		f = append(f, 0x80|byte(n))
	case n <= 0xFFFF:
		f = binary.BigEndian.AppendUint16(append(f, 0x80|126), uint16(n))
	default:
		f = binary.BigEndian.AppendUint64(append(f, 0x80|127), uint64(n))
	}
	mask := [4]byte{0xDE, 0xAD, 0xBE, byte(len(payload))}
	f = append(f, mask[:]...)
	for i := range len(payload) {
		f = append(f, payload[i]^mask[i%4])
	}
	return f
}

// deflated compresses a payload after RFC 7692, section 7.2.1.
func deflated(t testing.TB, payload string) string {
	t.Helper()
	return packed(t, flate.BestSpeed, (*flate.Writer).Flush, payload)
}

// feed feeds input in pieces of up to size bytes. It clears the buffer after each
// piece.
func feed(in *Reader, input []byte, size int) (got transcript, err error) {
	buffer := make([]byte, min(size, len(input)))
	for piece := range slices.Chunk(input, size) {
		data := buffer[:copy(buffer, piece)]
		if err = in.Feed(data, &got); err != nil {
			return got, err
		}
		clear(data)
	}
	return got, nil
}

func newReader(limit int) *Reader {
	in := new(Reader)
	in.Init(limit, true)
	return in
}

const limit = 1000

// TestFeed: the same bytes give the same calls, for pieces of any size.
func TestFeed(t *testing.T) {
	long := strings.Repeat("ab", 400)
	packed := deflated(t, long)
	tooLong := strings.Repeat("x", limit+1)
	bomb := deflated(t, strings.Repeat("0", 100*limit))
	for name, test := range map[string]struct {
		frames [][]byte
		want   []string
		err    error
	}{
		"messages": {
			frames: [][]byte{masked(0x81, "a"), masked(0x82, "\xff"), masked(0x81, "")},
			want:   []string{`message true "a"`, `message false "\xff"`, `message true ""`},
		},
		"a 16 bit length": {
			frames: [][]byte{masked(0x81, long), masked(0x81, "a")},
			want:   []string{fmt.Sprintf("message true %q", long), `message true "a"`},
		},
		"as large as allowed": {
			frames: [][]byte{masked(0x81, tooLong[1:])},
			want:   []string{fmt.Sprintf("message true %q", tooLong[1:])},
		},
		"fragments": {
			frames: [][]byte{
				masked(0x01, "a"), masked(0x00, ""), masked(0x89, "p"), masked(0x8A, "x"),
				masked(0x80, "b"), masked(0x82, "c"),
			},
			want: []string{`ping "p"`, "pong", `message true "ab"`, `message false "c"`},
		},
		"empty fragments": {
			frames: [][]byte{masked(0x02, ""), masked(0x80, ""), masked(0x81, "a")},
			want:   []string{`message false ""`, `message true "a"`},
		},
		"a character in two": {
			frames: [][]byte{masked(0x01, "\xce"), masked(0x80, "\xba")},
			want:   []string{`message true "κ"`},
		},
		"invalid UTF-8": {
			frames: [][]byte{masked(0x81, "\xff"), masked(0x81, "a")},
			want:   []string{"reject: " + ErrInvalidUTF8.Error(), `message true "a"`},
		},
		"compressed": {
			frames: [][]byte{masked(0xC1, packed), masked(0x81, "a")},
			want:   []string{fmt.Sprintf("message true %q", long), `message true "a"`},
		},
		"compressed fragments": {
			frames: [][]byte{
				masked(0x41, packed[:3]), masked(0x89, ""), masked(0x80, packed[3:]), masked(0x81, "a"),
			},
			want: []string{`ping ""`, fmt.Sprintf("message true %q", long), `message true "a"`},
		},
		"compressed, not UTF-8": {
			frames: [][]byte{masked(0xC1, deflated(t, "\xff"))},
			want:   []string{"reject: " + ErrInvalidUTF8.Error()},
		},
		"corrupt": {
			frames: [][]byte{masked(0xC1, "\xff\xff\xff"), masked(0xC1, packed)},
			want:   []string{"reject: " + ErrCorrupt.Error(), fmt.Sprintf("message true %q", long)},
		},
		"too large": {
			frames: [][]byte{masked(0x81, tooLong), masked(0x81, "a")},
			want:   []string{"reject: " + ErrTooLarge.Error(), `message true "a"`},
		},
		"too large in fragments": {
			frames: [][]byte{
				masked(0x01, tooLong[2:]), masked(0x00, "yy"), masked(0x89, ""), masked(0x00, tooLong),
				masked(0x80, "z"), masked(0x81, "a"),
			},
			want: []string{"reject: " + ErrTooLarge.Error(), `ping ""`, `message true "a"`},
		},
		"a bomb": {
			frames: [][]byte{masked(0xC1, bomb), masked(0x81, "a")},
			want:   []string{"reject: " + ErrTooLarge.Error(), `message true "a"`},
		},
		"close": {
			frames: [][]byte{masked(0x88, "\x03\xe8bye"), masked(0x81, "a")},
			want:   []string{`close 1000 "bye"`},
			err:    io.EOF,
		},
		"close without a code": {
			frames: [][]byte{masked(0x88, "")},
			want:   []string{`close 1005 ""`},
			err:    io.EOF,
		},
		"close in a message": {
			frames: [][]byte{masked(0x01, "a"), masked(0x88, "\x0b\xb8")},
			want:   []string{`close 3000 ""`},
			err:    io.EOF,
		},
		"half a close code": {
			frames: [][]byte{masked(0x88, "\x03")},
			err:    Violation("a close frame with half a code"),
		},
		"close with 999": {
			frames: [][]byte{masked(0x88, "\x03\xe7")},
			err:    Violation("a close frame with a code that must not be sent"),
		},
		"close with 1005": {
			frames: [][]byte{masked(0x88, "\x03\xed")},
			err:    Violation("a close frame with a code that must not be sent"),
		},
		"close with 2999": {
			frames: [][]byte{masked(0x88, "\x0b\xb7")},
			err:    Violation("a close frame with a code that must not be sent"),
		},
		"close with a bad reason": {
			frames: [][]byte{masked(0x88, "\x03\xe8\xff")},
			err:    Violation("a close frame with a reason that is not valid UTF-8"),
		},
		"not masked": {
			frames: [][]byte{masked(0x81, "a"), {0x81, 1, 'x'}},
			want:   []string{`message true "a"`},
			err:    Violation("a frame is not masked"),
		},
		"a reserved bit": {
			frames: [][]byte{masked(0xA1, "x")},
			err:    Violation("a reserved bit is set"),
		},
		"a compressed ping": {
			frames: [][]byte{masked(0xC9, "x")},
			err:    Violation("a reserved bit is set"),
		},
		"compression in the middle": {
			frames: [][]byte{masked(0x01, "x"), masked(0xC0, "y")},
			err:    Violation("a reserved bit is set"),
		},
		"a reserved opcode": {
			frames: [][]byte{masked(0x83, "x")},
			err:    Violation("an unknown opcode"),
		},
		"a reserved control opcode": {
			frames: [][]byte{masked(0x8B, "x")},
			err:    Violation("an unknown opcode"),
		},
		"a continuation of nothing": {
			frames: [][]byte{masked(0x81, "a"), masked(0x80, "x")},
			want:   []string{`message true "a"`},
			err:    Violation("a continuation of no message"),
		},
		"a message in a message": {
			frames: [][]byte{masked(0x01, "x"), masked(0x81, "y")},
			err:    Violation("a message begins within a message"),
		},
		"a message in one that was rejected": {
			frames: [][]byte{masked(0x01, tooLong), masked(0x81, "y")},
			want:   []string{"reject: " + ErrTooLarge.Error()},
			err:    Violation("a message begins within a message"),
		},
		"a fragmented ping": {
			frames: [][]byte{masked(0x09, "x")},
			err:    Violation("a control frame is fragmented or too long"),
		},
		"a long ping": {
			frames: [][]byte{masked(0x89, strings.Repeat("x", 126))},
			err:    Violation("a control frame is fragmented or too long"),
		},
		"a length with its highest bit": {
			frames: [][]byte{{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}},
			err:    Violation("invalid frame length"),
		},
		"a length larger than any address": {
			frames: [][]byte{{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}},
			want:   []string{"reject: " + ErrTooLarge.Error()},
		},
		"a fragment after a length of any size": {
			frames: [][]byte{
				masked(0x01, strings.Repeat("x", 50)),
				{0x80, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4},
			},
			want: []string{"reject: " + ErrTooLarge.Error()},
		},
	} {
		t.Run(name, func(t *testing.T) {
			input := slices.Concat(test.frames...)
			for _, size := range []int{len(input), 1, 2, 3, 5, 7, 100, 801} {
				got, err := feed(newReader(limit), input, size)
				if !slices.Equal(got, test.want) || err != test.err {
					t.Errorf("in pieces of %d: %.300q, %v; want %.300q, %v", size, got, err, test.want, test.err)
				}
			}
		})
	}
}

// TestFirstBytes checks each first byte of a frame, at the beginning of a message
// and within one.
func TestFirstBytes(t *testing.T) {
	for _, deflate := range []bool{false, true} {
		for _, within := range []bool{false, true} {
			for first := range 0x100 {
				bits, opcode, fin := first>>4&7, first&0x0F, first&0x80 != 0
				var want error
				switch {
				case bits != 0 && (bits != 4 || !deflate || opcode != 1 && opcode != 2):
					want = Violation("a reserved bit is set")
				case opcode == 0 && !within:
					want = Violation("a continuation of no message")
				case (opcode == 1 || opcode == 2) && within:
					want = Violation("a message begins within a message")
				case opcode > 2 && opcode < 8, opcode > 10:
					want = Violation("an unknown opcode")
				case opcode >= 8 && !fin:
					want = Violation("a control frame is fragmented or too long")
				case opcode == 8:
					want = io.EOF
				}
				in := new(Reader)
				in.Init(limit, deflate)
				var begins []byte
				if within {
					begins = masked(0x01, "a")
				}
				if _, err := feed(in, slices.Concat(begins, masked(byte(first), "")), 100); err != want {
					t.Errorf("%02x, deflate %v, within a message %v: %v, want %v", first, deflate, within, err, want)
				}
			}
		}
	}
}

func TestCompressionThatWasNotAgreedOn(t *testing.T) {
	in := new(Reader)
	in.Init(limit, false)
	if _, err := feed(in, masked(0xC1, deflated(t, "x")), 100); err != Violation("a reserved bit is set") {
		t.Errorf("Feed: %v", err)
	}
}

// TestWhatIsAnnouncedTakesNothing: a Reader holds at most twice the bytes received.
func TestWhatIsAnnouncedTakesNothing(t *testing.T) {
	in := newReader(1 << 30)
	const size = 1 << 20
	whole := masked(0x82, strings.Repeat("x", size))
	header := len(whole) - size
	var got count
	for at := 0; at < len(whole)-1; {
		n := min(1+at, 4096, len(whole)-1-at)
		if err := in.Feed(bytes.Clone(whole[at:at+n]), &got); err != nil {
			t.Fatal(err)
		}
		at += n
		if held := cap(in.rest) + cap(in.message); at > 100 && held > 2*at {
			t.Fatalf("%d bytes of a large message hold %d", at, held)
		}
	}
	if cap(in.message) > size || cap(in.rest) > 0 || len(in.message) != len(whole)-1-header {
		t.Errorf("all of a message but one byte hold %d and %d", cap(in.message), cap(in.rest))
	}
	if err := in.Feed(bytes.Clone(whole[len(whole)-1:]), &got); err != nil || got != 1 {
		t.Fatal(got, err)
	}
	if in.rest != nil || in.message != nil {
		t.Errorf("%d and %d bytes are held after the message", cap(in.rest), cap(in.message))
	}
}

// TestWhatIsRejectedTakesNothing: a rejected message is freed at once.
func TestWhatIsRejectedTakesNothing(t *testing.T) {
	for name, frames := range map[string][]byte{
		"too large":      slices.Concat(masked(0x02, strings.Repeat("x", limit)), masked(0x00, "x")),
		"invalid":        slices.Concat(masked(0x01, strings.Repeat("x", limit/2)), masked(0x00, "\xff")),
		"invalid, begun": masked(0x81, strings.Repeat("x", limit/2)+"\xff more")[:limit/2+10],
	} {
		t.Run(name, func(t *testing.T) {
			in := newReader(limit)
			if got, err := feed(in, frames, 100); err != nil || len(got) != 1 || in.message != nil || in.rest != nil {
				t.Errorf("%q, %v, and %d bytes are held", got, err, cap(in.message)+cap(in.rest))
			}
		})
	}
}

// TestAMessageInPlace: a message in one piece costs no allocation.
func TestAMessageInPlace(t *testing.T) {
	in, input := newReader(limit), slices.Concat(masked(0x81, "one"), masked(0x82, "two"))
	data := make([]byte, len(input))
	var h count
	if n := testing.AllocsPerRun(100, func() {
		copy(data, input)
		if err := in.Feed(data, &h); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if h != 2*101 {
		t.Errorf("%d messages", h)
	}
}

// count implements Handler. It counts messages.
type count int

func (c *count) Message(bool, []byte) { *c++ }
func (c *count) Ping([]byte)          {}
func (c *count) Pong()                {}
func (c *count) Close(int, string)    {}
func (c *count) Reject(error)         {}

// FuzzFeed: for any bytes, nothing panics, the sizes of the pieces don't matter, and
// no too large message and no invalid text is handed on. Each error is a documented
// one.
func FuzzFeed(f *testing.F) {
	f.Add(slices.Concat(masked(0x01, "a"), masked(0x89, "p"), masked(0x80, "b"),
		masked(0xC1, deflated(f, "compressed")), masked(0x88, "\x03\xe8")), 3)
	f.Add(masked(0x82, strings.Repeat("x", 200)), 50)
	f.Add(append(masked(0x01, strings.Repeat("x", 99)), masked(0x80, "yy")...), 1)
	f.Fuzz(func(t *testing.T, input []byte, size int) {
		const limit = 100
		whole, err := feed(newReader(limit), input, max(1, len(input)))
		pieces, errPieces := feed(newReader(limit), input, max(1, size))
		if !slices.Equal(whole, pieces) || err != errPieces {
			t.Fatalf("whole: %q, %v; in pieces: %q, %v", whole, err, pieces, errPieces)
		}
		var violation Violation
		if err != nil && err != io.EOF && !errors.As(err, &violation) {
			t.Fatalf("Feed: %v", err)
		}
		var checked checker
		if err := newReader(limit).Feed(bytes.Clone(input), &checked); err == io.EOF != checked.closed {
			t.Fatalf("closed %v, but Feed returned %v", checked.closed, err)
		}
		if checked.longest > limit {
			t.Fatalf("a message of %d bytes", checked.longest)
		}
		if checked.invalid {
			t.Fatal("a text that is not valid UTF-8")
		}
	})
}

type checker struct {
	longest int
	invalid bool
	closed  bool
}

func (c *checker) Message(text bool, payload []byte) {
	c.longest = max(c.longest, len(payload))
	c.invalid = c.invalid || text && !utf8.Valid(payload)
}
func (c *checker) Ping(payload []byte) {
	c.longest = max(c.longest, len(payload)-MaxControlPayload)
}
func (c *checker) Pong()             {}
func (c *checker) Close(int, string) { c.closed = true }
func (c *checker) Reject(error)      {}
