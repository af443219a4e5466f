package frame

import (
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// sizes is a Handler that records the sizes of messages, and rejections.
type sizes struct{ transcript }

func (s *sizes) Message(text bool, payload []byte) { s.add("%d", len(payload)) }

// wantSizes feeds frames whole and in pieces.
func wantSizes(t *testing.T, limit int, frames []byte, want ...string) {
	t.Helper()
	for _, size := range []int{len(frames), 1, 7, 1000} {
		in, got := newReader(limit), sizes{}
		for piece := range slices.Chunk(slices.Clone(frames), size) {
			if err := in.Feed(piece, &got); err != nil {
				t.Fatalf("a limit of %d, in pieces of %d: %v", limit, size, err)
			}
		}
		if !slices.Equal(got.transcript, want) {
			t.Errorf("a limit of %d, in pieces of %d: %q, want %q", limit, size, got.transcript, want)
		}
	}
}

var (
	tooLarge = "reject: " + ErrTooLarge.Error()
	corrupt  = "reject: " + ErrCorrupt.Error()
)

// TestTheLimitIsOnTheOutput: the limit is on the decompressed message, to the byte.
func TestTheLimitIsOnTheOutput(t *testing.T) {
	for _, limit := range []int{1, 100, 5000, 64 << 10} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			for _, opcode := range []byte{0xC1, 0xC2} {
				wantSizes(t, limit, masked(opcode, deflated(t, strings.Repeat("x", limit))), fmt.Sprint(limit))
				wantSizes(t, limit, masked(opcode, deflated(t, strings.Repeat("x", limit+1))), tooLarge)
				wantSizes(t, limit, masked(opcode, deflated(t, strings.Repeat("x", limit+(limit+1)/2))), tooLarge)
			}
		})
	}
}

// TestGrowthByCompression: a compressed message may be larger than the limit by an
// eighth and 64 bytes, in one frame and in several. A larger one is too large,
// whatever its output.
func TestGrowthByCompression(t *testing.T) {
	for _, limit := range []int{1, 8, 100, 1000, 7000} {
		most := limit + limit/8 + 64
		stored := packed(t, flate.NoCompression, (*flate.Writer).Flush, noise(limit))
		fits := emptyFor(most-len(stored)) + stored
		if len(fits) != most {
			t.Fatalf("%d bytes, want %d", len(fits), most)
		}
		grown := emptyFor(most+1-len(stored)) + stored
		wantSizes(t, limit, masked(0xC2, fits), fmt.Sprint(limit))
		wantSizes(t, limit, masked(0xC2, grown), tooLarge)
		wantSizes(t, limit, slices.Concat(masked(0x42, fits[:9]), masked(0x80, fits[9:])), fmt.Sprint(limit))
		wantSizes(t, limit, slices.Concat(masked(0x42, grown[:9]), masked(0x80, grown[9:])), tooLarge)
	}
}

// emptyFor returns n bytes of blocks without output.
func emptyFor(n int) string {
	odd := ""
	if n%2 == 1 {
		odd, n = "\x00\x00\x00\xff\xff", n-5
	}
	return odd + strings.Repeat("\x03\x00", n/2)
}

// TestCompressionEndsWithTheMessage: an uncompressed message after a compressed one
// has the normal limit and isn't decompressed, even if the compressed one was
// rejected.
func TestCompressionEndsWithTheMessage(t *testing.T) {
	const limit = 100
	plain, tooLong := masked(0x81, strings.Repeat("x", limit)), masked(0x81, strings.Repeat("x", limit+1))
	packed := deflated(t, "abc")
	for name, test := range map[string]struct {
		frames []byte
		want   string
	}{
		"in one frame": {masked(0xC1, packed), "3"},
		"in two":       {slices.Concat(masked(0x41, packed[:2]), masked(0x80, packed[2:])), "3"},
		"corrupt":      {masked(0xC1, "\xff\xff"), corrupt},
		"too large":    {masked(0xC1, strings.Repeat("x", 2*limit)), tooLarge},
		"too large in two": {
			slices.Concat(masked(0x41, strings.Repeat("x", 2*limit)), masked(0x80, "x")),
			tooLarge,
		},
		"too large, but smaller": {masked(0xC1, deflated(t, strings.Repeat("x", 2*limit))), tooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			wantSizes(t, limit, slices.Concat(test.frames, plain, tooLong, plain), test.want, "100", tooLarge, "100")
			wantSizes(t, limit, slices.Concat(test.frames, tooLong, plain), test.want, tooLarge, "100")
			fragments := slices.Concat(masked(0x01, "x"), masked(0x80, strings.Repeat("x", limit)))
			wantSizes(t, limit, slices.Concat(test.frames, fragments, plain), test.want, tooLarge, "100")
		})
	}
}

// TestTheLargestLimit: the largest limit doesn't overflow.
func TestTheLargestLimit(t *testing.T) {
	const limit = math.MaxInt / 2
	wantSizes(t, limit, masked(0xC1, deflated(t, chatter(5000))), fmt.Sprint(len(chatter(5000))))
	fragments := slices.Concat(masked(0x41, deflated(t, "abc")), masked(0x00, ""), masked(0x80, ""))
	wantSizes(t, limit, slices.Concat(fragments, masked(0x81, "x")), "3", "1")
	huge := binary.BigEndian.AppendUint64([]byte{0xC2, 0xFF}, math.MaxInt64)
	in, got := newReader(limit), sizes{}
	err := in.Feed(append(huge, 1, 2, 3, 4, 5), &got)
	if err != nil || !slices.Equal(got.transcript, []string{tooLarge}) {
		t.Errorf("a frame of 2^63-1 bytes: %q, %v", got.transcript, err)
	}
}

// TestTheKeptBuffer: a decoder keeps a buffer of a common size for the next message,
// but no input.
func TestTheKeptBuffer(t *testing.T) {
	for size, want := range map[int]int{0: 0, 1000: 1000, maxKept: maxKept, maxKept + 1: 0, 1 << 20: 0} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			d := decoder{in: make([]byte, 10), out: make([]byte, size)}
			if d.recycle(); cap(d.out) != want || d.in != nil {
				t.Errorf("%d bytes are kept, and %d bytes of input", cap(d.out), len(d.in))
			}
		})
	}
}

// TestDecompressionAllocatesNothing: with a kept buffer, decompression doesn't
// allocate.
func TestDecompressionAllocatesNothing(t *testing.T) {
	frame := masked(0xC1, deflated(t, chatter(60<<10)))
	in, data := newReader(64<<10), make([]byte, len(frame))
	var h count
	feed := func() {
		copy(data, frame)
		if err := in.Feed(data, &h); err != nil {
			t.Fatal(err)
		}
	}
	without := 0
	for range 20 { // a garbage collection or the race detector may empty the pool at any time
		if testing.AllocsPerRun(1, feed) == 0 {
			without++
		}
	}
	if without < 5 {
		t.Errorf("%d of 20 have allocated nothing", without)
	}
}

// TestCloseCodes checks all codes against RFC 6455, section 7.4, and its registry.
func TestCloseCodes(t *testing.T) {
	for code := range 1 << 16 {
		valid := code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
		want, wantErr := []string{fmt.Sprintf(`close %d "why"`, code)}, io.EOF
		if !valid {
			want, wantErr = nil, Violation("a close frame with a code that must not be sent")
		}
		frame := masked(0x88, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+"why")
		var got transcript
		if err := newReader(limit).Feed(frame, &got); err != wantErr || !slices.Equal(got, want) {
			t.Fatalf("%d: %q, %v; want %q, %v", code, got, err, want, wantErr)
		}
	}
}
