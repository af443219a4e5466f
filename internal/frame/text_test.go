package frame

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var invalid = "reject: " + ErrInvalidUTF8.Error()

// wellFormed returns the range of the second byte after a first byte, and the number
// of further bytes (RFC 3629, section 4).
func wellFormed(first byte) (from, to byte, more int) {
	switch {
	case first < 0x80:
		return 0, 0, 0
	case first < 0xC2: // a continuation byte, or an overlong form of ASCII
		return 0, 0, -1
	case first < 0xE0:
		return 0x80, 0xBF, 1
	case first == 0xE0: // below is overlong
		return 0xA0, 0xBF, 2
	case first == 0xED: // above are surrogates
		return 0x80, 0x9F, 2
	case first < 0xF0:
		return 0x80, 0xBF, 2
	case first == 0xF0: // below is overlong
		return 0x90, 0xBF, 3
	case first < 0xF4:
		return 0x80, 0xBF, 3
	case first == 0xF4: // above is beyond U+10FFFF
		return 0x80, 0x8F, 3
	}
	return 0, 0, -1
}

// edges are the bytes next to a change of the rules.
var edges = []byte{0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF}

// characters yields each first byte with edges as the further bytes. The last byte
// of a text makes it complete or invalid.
func characters(yield func(text []byte, valid bool) bool) {
	for first := range 0x100 {
		from, to, more := wellFormed(byte(first))
		if more <= 0 {
			if !yield([]byte{byte(first)}, more == 0) {
				return
			}
			continue
		}
		begun := [][]byte{{byte(first)}}
		for ; more > 0; more-- {
			var next [][]byte
			for _, text := range begun {
				for _, b := range edges {
					longer := append(bytes.Clone(text), b)
					fits := from <= b && b <= to
					if fits && more > 1 {
						next = append(next, longer)
					} else if !yield(longer, fits) {
						return
					}
				}
			}
			begun, from, to = next, 0x80, 0xBF
		}
	}
}

// bytewise feeds data byte by byte until the first calls of the handler. It returns
// these calls and the number of bytes.
func bytewise(t *testing.T, in *Reader, data []byte) (got transcript, n int) {
	t.Helper()
	for i, b := range data {
		if err := in.Feed([]byte{b}, &got); err != nil {
			t.Fatal(err)
		}
		if len(got) > 0 {
			return got, i + 1
		}
	}
	return nil, 0
}

// TestATextIsRejectedAtItsFirstInvalidByte: not later, in a frame fed byte by byte
// and in fragments of one byte.
func TestATextIsRejectedAtItsFirstInvalidByte(t *testing.T) {
	good, bad := 0, 0
	for character, valid := range characters {
		for _, before := range []string{"", "a", "κ", strings.Repeat("a", 50), "\U0010FFFF"} {
			text := before + string(character)
			if utf8.ValidString(text) != valid {
				t.Fatalf("%x: the test is wrong", text)
			}
			if valid {
				good++
				got, n := bytewise(t, newReader(limit), masked(0x81, text))
				want := fmt.Sprintf("message true %q", text)
				if len(got) != 1 || got[0] != want || n != len(masked(0x81, text)) {
					t.Fatalf("%x: %q after %d bytes", text, got, n)
				}
				continue
			}
			bad++
			whole := masked(0x81, text+"more")
			header := len(whole) - len(text+"more")
			got, n := bytewise(t, newReader(limit), whole)
			if len(got) != 1 || got[0] != invalid || n != header+len(text) {
				t.Fatalf("%x, in one frame: %q after %d bytes of %d", text, got, n-header, len(text))
			}
			fragments := masked(0x01, text[:1])
			for i := range len(text) - 1 {
				fragments = append(fragments, masked(0x00, text[i+1:i+2])...)
			}
			fragments = append(fragments, masked(0x80, "more")...)
			got, n = bytewise(t, newReader(limit), fragments)
			if len(got) != 1 || got[0] != invalid || n != len(text)*len(masked(0x01, "x")) {
				t.Fatalf("%x, in fragments: %q after %d bytes", text, got, n)
			}
			// Without its last byte the text is invalid too: it ends too early.
			if cut := text[:len(text)-1]; len(character) > 1 {
				got, n = bytewise(t, newReader(limit), masked(0x81, cut))
				if len(got) != 1 || got[0] != invalid || n != len(masked(0x81, cut)) {
					t.Fatalf("%x: %q after %d bytes", cut, got, n)
				}
			}
		}
	}
	if good < 1000 || bad < 1000 {
		t.Errorf("%d good ones and %d bad ones are too few", good, bad)
	}
}

// TestATextInPieces: a text arrives whole, with any cut.
func TestATextInPieces(t *testing.T) {
	text := "a κ 日 \U0001F600 \u0000\uFFFF\uFFFD\U0010FFFF " + strings.Repeat("é日\U0001F600", 20)
	want := []string{fmt.Sprintf("message true %q", text), `message true "next"`}
	next := masked(0x81, "next")
	for at := range len(text) + 1 {
		for name, frames := range map[string][]byte{
			"in two fragments":                masked(0x01, text[:at]),
			"in three, one of which is empty": slices.Concat(masked(0x01, ""), masked(0x00, text[:at])),
		} {
			got, err := feed(newReader(limit), slices.Concat(frames, masked(0x80, text[at:]), next), 1+at%9)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s, after %d: %q, %v", name, at, got, err)
			}
		}
		whole := slices.Concat(masked(0x81, text), next)
		in, got := newReader(limit), transcript{}
		for _, piece := range [][]byte{whole[:at], whole[at:]} {
			if err := in.Feed(bytes.Clone(piece), &got); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("in one frame, cut after %d: %q", at, got)
		}
	}
}

// TestAfterARejectedText: the rest of a rejected text is discarded, and the next
// message is read.
func TestAfterARejectedText(t *testing.T) {
	for name, test := range map[string]struct {
		frames [][]byte
		want   []string
		err    error
	}{
		"the rest of its frame": {
			frames: [][]byte{masked(0x81, "\xff"+strings.Repeat("x", limit-1)), masked(0x81, "a")},
			want:   []string{invalid, `message true "a"`},
		},
		"its other fragments": {
			frames: [][]byte{
				masked(0x01, "\xff"), masked(0x00, "κ"), masked(0x89, "p"), masked(0x80, "\xff"),
				masked(0x81, "a"),
			},
			want: []string{invalid, `ping "p"`, `message true "a"`},
		},
		"more than the limit": {
			frames: [][]byte{
				masked(0x01, "\xff"), masked(0x00, strings.Repeat("x", 2*limit)), masked(0x80, ""),
				masked(0x81, "a"),
			},
			want: []string{invalid, `message true "a"`},
		},
		"invalid at the end of a fragment": {
			frames: [][]byte{masked(0x01, "κ\xff"), masked(0x80, ""), masked(0x81, "κ")},
			want:   []string{invalid, `message true "κ"`},
		},
		"invalid at the end of it all": {
			frames: [][]byte{masked(0x01, "κ"), masked(0x80, "\xff"), masked(0x81, "κ")},
			want:   []string{invalid, `message true "κ"`},
		},
		"cut at the end of it all": {
			frames: [][]byte{masked(0x01, "κ\xce"), masked(0x80, ""), masked(0x81, "κ")},
			want:   []string{invalid, `message true "κ"`},
		},
		"a message within it": {
			frames: [][]byte{masked(0x01, "\xff"), masked(0x81, "a")},
			want:   []string{invalid},
			err:    Violation("a message begins within a message"),
		},
		"a close frame": {
			frames: [][]byte{masked(0x01, "\xff"), masked(0x88, "\x03\xe8")},
			want:   []string{invalid, `close 1000 ""`},
			err:    io.EOF,
		},
		"a binary message is no text": {
			frames: [][]byte{masked(0x02, "\xff"), masked(0x80, "\xff")},
			want:   []string{`message false "\xff\xff"`},
		},
		"a compressed message isn't, either": {
			frames: [][]byte{
				masked(0x41, packed(t, flate.NoCompression, (*flate.Writer).Flush, "ab")[:5]),
				masked(0x80, "ab\x00"),
			},
			want: []string{`message true "ab"`},
		},
		"nor is a compressed one in one": {
			frames: [][]byte{masked(0xC1, packed(t, flate.NoCompression, (*flate.Writer).Flush, "ab"))},
			want:   []string{`message true "ab"`},
		},
		"a compressed text that isn't": {
			frames: [][]byte{masked(0x41, deflated(t, "κ\xff")), masked(0x80, ""), masked(0x81, "a")},
			want:   []string{invalid, `message true "a"`},
		},
		"a text after a text that was longer": {
			frames: [][]byte{
				masked(0x01, "a longer one"), masked(0x80, ""), masked(0x01, "\xff"), masked(0x80, ""),
			},
			want: []string{`message true "a longer one"`, invalid},
		},
	} {
		t.Run(name, func(t *testing.T) {
			input := slices.Concat(test.frames...)
			for _, size := range []int{len(input), 1, 2, 3, 5, 7, 100, 801} {
				got, err := feed(newReader(limit), input, size)
				if err != test.err || !slices.Equal(got, test.want) {
					t.Errorf("in pieces of %d: %.300q, %v; want %.300q, %v", size, got, err, test.want, test.err)
				}
			}
		})
	}
}

// TestAFragmentAfterAFrameInPieces: the frame ends its message, but the fragment
// after it doesn't.
func TestAFragmentAfterAFrameInPieces(t *testing.T) {
	whole := slices.Concat(
		masked(0x81, "in pieces"), masked(0x01, "\xff"), masked(0x80, "discarded"), masked(0x81, "a"),
	)
	for at := range whole {
		in, got := newReader(limit), transcript{}
		for _, piece := range [][]byte{whole[:at], whole[at:]} {
			if err := in.Feed(bytes.Clone(piece), &got); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, []string{`message true "in pieces"`, invalid, `message true "a"`}) {
			t.Errorf("cut after %d: %q", at, got)
		}
	}
}

// TestATextIsCheckedOnce: each byte is checked once, not again with each piece.
func TestATextIsCheckedOnce(t *testing.T) {
	text := strings.Repeat("aé日\U0001F600", 50)
	for name, frames := range map[string][]byte{
		"in pieces":    masked(0x81, text+"more")[:len(masked(0x81, text+"more"))-4],
		"in fragments": masked(0x01, text),
	} {
		t.Run(name, func(t *testing.T) {
			in := newReader(limit)
			for i := range frames {
				if _, err := feed(in, frames[i:i+1], 1); err != nil {
					t.Fatal(err)
				}
				if in.checked > len(in.message) || in.checked <= len(in.message)-utf8.UTFMax && in.left > 0 {
					t.Fatalf("%d of %d bytes are known to be valid", in.checked, len(in.message))
				}
			}
			if in.checked != len(text) {
				t.Errorf("%d of %d bytes are known to be valid", in.checked, len(text))
			}
		})
	}
}

// TestTheMaskOfAFrameInPieces: the mask continues at the right byte.
func TestTheMaskOfAFrameInPieces(t *testing.T) {
	payload := chatter(300)
	for first := range 20 {
		for size := 1; size < 20; size++ {
			frame := masked(0x82, payload)
			in, got := newReader(limit), transcript{}
			pieces := slices.Collect(slices.Chunk(frame[first:], size))
			for _, piece := range append([][]byte{frame[:first]}, pieces...) {
				if err := in.Feed(bytes.Clone(piece), &got); err != nil {
					t.Fatal(err)
				}
			}
			if len(got) != 1 || got[0] != fmt.Sprintf("message false %q", payload) {
				t.Fatalf("%d bytes, then pieces of %d: %q", first, size, got)
			}
		}
	}
}
