package frame

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
)

// chatter returns about n bytes of text, similar to the messages of applications.
func chatter(n int) string {
	random := rand.New(rand.NewPCG(1, 2))
	words := []string{
		"user", "message", "room", "time", "true", "null", "hello", "world", "id", "text", "wörter", "日本語",
	}
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(`{"` + words[random.IntN(len(words))] + `":"` + words[random.IntN(len(words))] + ` `)
		b.WriteString(string(binary.AppendUvarint(nil, uint64('0'+random.IntN(10)))) + `"},`)
	}
	return strings.ToValidUTF8(b.String()[:n], "")
}

// noise returns n incompressible bytes.
func noise(n int) string {
	random := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return string(b)
}

// BenchmarkFeed measures the cost of a frame in pieces of one size.
func BenchmarkFeed(b *testing.B) {
	for _, test := range []struct {
		name  string
		frame []byte
		size  int
	}{
		{"text of 20", masked(0x81, chatter(20)), 1 << 20},
		{"text of 1 KiB", masked(0x81, chatter(1<<10)), 1 << 20},
		{"text of 60 KiB", masked(0x81, chatter(60<<10)), 1 << 20},
		{"text of 60 KiB in pieces of 16 KiB", masked(0x81, chatter(60<<10)), 16 << 10},
		{"text of 60 KiB in pieces of 512", masked(0x81, chatter(60<<10)), 512},
		{"binary of 60 KiB in pieces of 512", masked(0x82, chatter(60<<10)), 512},
		{"compressed, 200", masked(0xC1, deflated(b, chatter(200))), 1 << 20},
		{"compressed, 4 KiB", masked(0xC1, deflated(b, chatter(4<<10))), 1 << 20},
		{"compressed, 60 KiB", masked(0xC1, deflated(b, chatter(60<<10))), 1 << 20},
		{"compressed, 60 KiB of one byte", masked(0xC1, deflated(b, strings.Repeat("x", 60<<10))), 1 << 20},
		{"compressed, 60 KiB of noise", masked(0xC2, deflated(b, noise(60<<10))), 1 << 20},
		{"compressed, empty blocks", masked(0xC2, emptyBlocks(65_000)), 1 << 20},
		{"compressed, tiny blocks", masked(0xC2, tinyBlocks(65_000)), 1 << 20},
	} {
		b.Run(test.name, func(b *testing.B) {
			in, data := newReader(64<<10), make([]byte, len(test.frame))
			var h count
			b.SetBytes(int64(len(test.frame)))
			b.ReportAllocs()
			for b.Loop() {
				copy(data, test.frame)
				for rest := data; len(rest) > 0; {
					n := min(test.size, len(rest))
					if err := in.Feed(rest[:n], &h); err != nil {
						b.Fatal(err)
					}
					rest = rest[n:]
				}
			}
		})
	}
}

// emptyBlocks returns n bytes of empty blocks with codes of their own (RFC 1951,
// section 3.2.7): the most work for the least input.
func emptyBlocks(n int) string {
	var w bitWriter
	for w.b.Len() < n-12 {
		w.dynamic(false)
		w.put(1, 1) // the end of the block
	}
	w.put(0, 3) // the removed block
	return string(w.bytes())
}

// tinyBlocks returns emptyBlocks with two literals in each: just not wasteful.
func tinyBlocks(n int) string {
	var w bitWriter
	for w.b.Len() < n-12 {
		w.dynamic(false)
		w.put(0, 2)
		w.put(1, 1)
	}
	w.put(0, 3)
	return string(w.bytes())
}

// dynamic begins a block with codes of its own: 0 for the literal 'a', and 1 for the
// end of the block.
func (w *bitWriter) dynamic(final bool) {
	w.put(map[bool]uint64{true: 1}[final], 1)
	w.put(2, 2)  // codes of its own
	w.put(0, 5)  // 257 of literals
	w.put(0, 5)  // 1 of distances
	w.put(14, 4) // 18 of lengths, in the order of section 3.2.7
	for i := range 18 {
		switch i {
		case 2, 17: // zeros, and a length of one
			w.put(1, 3)
		default:
			w.put(0, 3)
		}
	}
	const one, zeros = 0, 1 // the codes of these
	w.put(zeros, 1)
	w.put('a'-11, 7)
	w.put(one, 1)
	w.put(zeros, 1)
	w.put(138-11, 7)
	w.put(zeros, 1)
	w.put(256-'a'-1-138-11, 7)
	w.put(one, 1) // the end of the block
	w.put(one, 1) // a distance
}

// bitWriter writes numbers of some bits, the lowest first.
type bitWriter struct {
	b bytes.Buffer
	v uint64
	n uint
}

func (w *bitWriter) put(v uint64, n uint) {
	w.v |= v << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.b.WriteByte(byte(w.v))
		w.v >>= 8
	}
}

func (w *bitWriter) bytes() []byte {
	if w.n > 0 {
		w.b.WriteByte(byte(w.v))
		w.v, w.n = 0, 0
	}
	return w.b.Bytes()
}
