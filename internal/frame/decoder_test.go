package frame

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// packed compresses pieces at a level and ends each with end: Flush or Close. It
// removes the tail of the last flush.
func packed(t testing.TB, level int, end func(*flate.Writer) error, pieces ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := compressor(t, level)
	w.Reset(&b)
	for _, piece := range pieces {
		if _, err := io.WriteString(w, piece); err != nil {
			t.Fatal(err)
		}
		if err := end(w); err != nil {
			t.Fatal(err)
		}
	}
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// compressors holds a compressor for each level: with the race detector, a new one takes 10 ms.
var compressors = make(map[int]*flate.Writer)

// compressor returns the compressor of a level. It needs a Reset. Tests that run at the same
// time can't use it.
func compressor(t testing.TB, level int) *flate.Writer {
	t.Helper()
	w := compressors[level]
	if w == nil {
		var err error
		if w, err = flate.NewWriter(nil, level); err != nil {
			t.Fatal(err)
		}
		compressors[level] = w
	}
	return w
}

// finished compresses each piece to a stream of its own with a last block.
func finished(t testing.TB, pieces ...string) string {
	t.Helper()
	var all strings.Builder
	for _, piece := range pieces {
		var b bytes.Buffer
		w := compressor(t, flate.BestCompression)
		w.Reset(&b)
		_, _ = io.WriteString(w, piece) // a bytes.Buffer doesn't fail
		_ = w.Close()
		all.Write(b.Bytes())
	}
	return all.String()
}

func unhex(s string) string {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return string(b)
}

// written makes a stream of bits.
func written(f func(w *bitWriter)) string {
	var w bitWriter
	f(&w)
	return string(w.bytes())
}

// huffman writes the code of a symbol, its highest bit first.
func (w *bitWriter) huffman(code, size uint) {
	for i := range size {
		w.put(uint64(code>>(size-1-i)&1), 1)
	}
}

// fixed begins a block with the codes of RFC 1951, section 3.2.6.
func (w *bitWriter) fixed() { w.put(0, 1); w.put(1, 2) }

// a is a literal in a fixed block.
func (w *bitWriter) a() { w.huffman(0x30+'a', 8) }

// match is a length symbol of up to 279, and a distance symbol, in a fixed block.
func (w *bitWriter) match(length, distance uint) {
	w.huffman(length-256, 7)
	w.huffman(distance, 5)
}

// end ends a fixed block and the message.
func (w *bitWriter) end() { w.put(0, 7); w.put(0, 3) }

// lengths begins a block with codes of its own. sizes are the code lengths of the 19
// symbols for lengths.
func (w *bitWriter) lengths(literals, distances uint64, sizes map[int]uint64) {
	w.put(0, 1)
	w.put(2, 2)
	w.put(literals-257, 5)
	w.put(distances-1, 5)
	w.put(19-4, 4)
	for _, symbol := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15} {
		w.put(sizes[symbol], 3)
	}
}

// own begins a block with codes of these sizes. It writes each size in four bits.
func (w *bitWriter) own(literals, distances []uint8) {
	sizes := make(map[int]uint64)
	for size := range 16 {
		sizes[size] = 4
	}
	w.lengths(uint64(len(literals)), uint64(len(distances)), sizes)
	for _, size := range slices.Concat(literals, distances) {
		w.huffman(uint(size), 4)
	}
}

// sized returns the sizes of the codes of n symbols. A symbol without a size has no
// code.
func sized(n int, sizes map[int]uint8) []uint8 {
	all := make([]uint8, n)
	for symbol, size := range sizes {
		all[symbol] = size
	}
	return all
}

// TestDecode decodes valid and corrupt messages.
func TestDecode(t *testing.T) {
	const corrupt = "\x00corrupt"
	half := strings.Repeat("0123456789abcdef", 2500) // more than the window of 32 KiB
	for name, test := range map[string]struct{ in, want string }{
		"RFC 7692, 7.2.3.1":                  {unhex("f248cdc9c90700"), "Hello"},
		"RFC 7692, 7.2.3.3, stored":          {unhex("000500faff48656c6c6f00"), "Hello"},
		"RFC 7692, 7.2.3.4, a last block":    {unhex("f348cdc9c9070000"), "Hello"},
		"RFC 7692, 7.2.3.5, two blocks":      {unhex("f248050000 00ffff cac9c90700"), "Hello"},
		"a last block, and nothing":          {unhex("f348cdc9c90700"), "Hello"},
		"goes on after a last block":         {unhex("f248cdc9c9d75100040000ffff2acf2fca490100"), "Hello, world"},
		"goes on after a last block of data": {finished(t, "Hello") + unhex("f248cdc9c90700"), "HelloHello"},
		"many last blocks": {
			finished(t, strings.Split("one at a time, all of them last", "")...),
			"one at a time, all of them last",
		},
		"many last blocks, and then one":  {finished(t, "a", "b") + "\x00", "ab"},
		"a last block in the end removed": {strings.TrimSuffix(finished(t, "Hello"), "\x00\x00\xff\xff"), "Hello"},
		"a last block of stored data":     {unhex("010500faff48656c6c6f"), "Hello"},
		"a last block, then a match before it": {finished(t, half) + written(func(w *bitWriter) {
			w.fixed()
			w.match(257, 29) // three bytes from as far as can be
			w.put(1<<13-1, 13)
			w.end()
		}), half + half[len(half)-32768:][:3]},
		"a last block, then garbage":                          {unhex("f348cdc9c90700ff"), corrupt},
		"a last block, then half a block":                     {unhex("f348cdc9c907000000"), corrupt},
		"a last block, then the removed tail":                 {unhex("f348cdc9c90700 00 0000ffff"), corrupt},
		"the tail that should have been removed":              {unhex("f248cdc9c90700 0000ffff"), corrupt},
		"nothing at all":                                      {"", corrupt},
		"nothing":                                             {"\x00", ""},
		"nothing, last":                                       {"\x01", ""},
		"nothing in a last fixed block":                       {"\x03\x00", ""},
		"the same, cut":                                       {"\x03", corrupt},
		"nothing, twice":                                      {unhex("000000ffff00"), ""},
		"data that would take the tail":                       {unhex("000400fbff"), corrupt},
		"last data that would take the tail":                  {unhex("010400fbff"), corrupt},
		"data that would take the tail and what stands after": {unhex("010900f6ff"), corrupt},
		"a length and a wrong complement":                     {unhex("000500fbff48656c6c6f00"), corrupt},
		"a reserved kind of block":                            {"\x06", corrupt},
		"a length of a reserved symbol": {written(func(w *bitWriter) {
			w.fixed()
			w.a()
			w.huffman(0xC0+286-280, 8)
			w.huffman(0, 5)
			w.end()
		}), corrupt},
		"a repeated byte": {written(func(w *bitWriter) { w.fixed(); w.a(); w.match(257, 0); w.end() }), "aaaa"},
		"a distance of a reserved kind": {written(func(w *bitWriter) {
			w.fixed()
			w.a()
			w.match(257, 30)
			w.end()
		}), corrupt},
		"a distance beyond the message": {written(func(w *bitWriter) {
			w.fixed()
			w.a()
			w.match(257, 1)
			w.end()
		}), corrupt},
		"codes of its own": {written(func(w *bitWriter) {
			w.dynamic(false)
			w.put(0, 3)
			w.put(1, 1)
			w.put(0, 3)
		}), "aaa"},
		"codes of its own, last": {written(func(w *bitWriter) { w.dynamic(true); w.put(0, 3); w.put(1, 1) }), "aaa"},
		"287 literals, otherwise right": {written(func(w *bitWriter) {
			w.own(sized(287, map[int]uint8{'a': 1, endOfBlock: 1}), sized(1, nil))
			w.put(0, 1)
			w.put(1, 1)
			w.put(0, 3)
		}), corrupt},
		"286 literals, as many as there may be": {written(func(w *bitWriter) {
			w.own(sized(286, map[int]uint8{'a': 1, endOfBlock: 1}), sized(30, nil))
			w.put(0, 1)
			w.put(1, 1)
			w.put(0, 3)
		}), "a"},
		"31 distances, otherwise right": {written(func(w *bitWriter) {
			w.own(sized(257, map[int]uint8{'a': 1, endOfBlock: 1}), sized(31, nil))
			w.put(0, 1)
			w.put(1, 1)
			w.put(0, 3)
		}), corrupt},
		"a single literal code": {written(func(w *bitWriter) {
			w.own(sized(257, map[int]uint8{endOfBlock: 1}), sized(1, nil))
			w.put(0, 1+3)
		}), ""},
		"the code beside it": {written(func(w *bitWriter) {
			w.own(sized(257, map[int]uint8{endOfBlock: 1}), sized(1, nil))
			w.put(1, 1+3)
		}), corrupt},
		"a single literal code of two bits": {written(func(w *bitWriter) {
			w.own(sized(257, map[int]uint8{endOfBlock: 2}), sized(1, nil))
			w.put(0, 2+3)
		}), corrupt},
		"too few literal codes, otherwise right": {written(func(w *bitWriter) {
			w.own(sized(257, map[int]uint8{'a': 2, endOfBlock: 2}), sized(1, nil))
			w.huffman(0, 2)
			w.huffman(1, 2)
			w.put(0, 3)
		}), corrupt},
		"too many literal codes, otherwise right": {written(func(w *bitWriter) {
			w.own(sized(258, map[int]uint8{'a': 1, endOfBlock: 1, 257: 1}), sized(1, nil))
			w.put(0, 1)
			w.put(1, 1)
			w.put(0, 3)
		}), corrupt},
		"too few distance codes, otherwise right": {written(func(w *bitWriter) {
			w.own(sized(257, map[int]uint8{'a': 1, endOfBlock: 1}), sized(2, map[int]uint8{0: 2, 1: 2}))
			w.put(0, 1)
			w.put(1, 1)
			w.put(0, 3)
		}), corrupt},
		"too few codes of lengths, otherwise right": {written(func(w *bitWriter) {
			w.lengths(257, 1, map[int]uint64{1: 2, 18: 2})
			for _, zeros := range []uint64{138, 118} {
				w.huffman(1, 2)
				w.put(zeros-11, 7)
			}
			w.huffman(0, 2) // the end of the block
			w.huffman(0, 2) // a distance
			w.put(0, 1)
			w.put(0, 3)
		}), corrupt},
		"cut where the rest would be zeros": {written(func(w *bitWriter) {
			w.own(sized(257, map[int]uint8{'a': 1, endOfBlock: 1}), sized(1, nil))
		})[:138], corrupt},
		"no literal code": {written(func(w *bitWriter) {
			w.own(sized(257, nil), sized(1, nil))
			w.put(0, 64)
		}), corrupt},
		"a single distance code": {written(func(w *bitWriter) {
			w.own(sized(258, map[int]uint8{'a': 1, endOfBlock: 2, 257: 2}), sized(1, map[int]uint8{0: 1}))
			w.put(0, 1)
			w.huffman(3, 2)
			w.put(0, 1)
			w.huffman(2, 2)
			w.put(0, 3)
		}), "aaaa"},
		"the distance code beside it": {written(func(w *bitWriter) {
			w.own(sized(258, map[int]uint8{'a': 1, endOfBlock: 2, 257: 2}), sized(1, map[int]uint8{0: 1}))
			w.put(0, 1)
			w.huffman(3, 2)
			w.put(1, 1)
			w.huffman(2, 2)
			w.put(0, 3)
		}), corrupt},
		"no distance code": {written(func(w *bitWriter) {
			w.own(sized(258, map[int]uint8{'a': 1, endOfBlock: 2, 257: 2}), sized(1, nil))
			w.put(0, 1)
			w.huffman(3, 2)
			w.huffman(2, 2)
			w.put(0, 3)
		}), corrupt},
		"287 literals": {written(func(w *bitWriter) { w.lengths(287, 1, map[int]uint64{1: 1, 18: 1}) }), corrupt},
		"31 distances": {written(func(w *bitWriter) { w.lengths(257, 31, map[int]uint64{1: 1, 18: 1}) }), corrupt},
		"too many codes": {written(func(w *bitWriter) {
			w.lengths(257, 1, map[int]uint64{0: 1, 1: 1, 18: 1})
			w.put(0, 64)
		}), corrupt},
		"too few codes": {written(func(w *bitWriter) {
			w.lengths(257, 1, map[int]uint64{0: 2, 1: 2, 18: 2})
			w.put(0, 64)
		}), corrupt},
		"no code": {written(func(w *bitWriter) { w.lengths(257, 1, nil); w.put(0, 64) }), corrupt},
		"a repetition of nothing": {written(func(w *bitWriter) {
			w.lengths(257, 1, map[int]uint64{1: 1, 16: 1})
			w.put(1, 64)
		}), corrupt},
		"more zeros than codes": {written(func(w *bitWriter) {
			w.lengths(257, 1, map[int]uint64{1: 1, 18: 1})
			w.put(255, 8)
			w.put(255, 8) // 276 of 258
			w.put(0, 64)
		}), corrupt},
	} {
		t.Run(name, func(t *testing.T) {
			var d decoder
			for range 2 { // nothing of the first is in the second
				err := d.decode([]byte(test.in), 1<<20)
				if (err != nil) != (test.want == corrupt) || err != nil && err != ErrCorrupt {
					t.Fatalf("%v", err)
				}
				if err == nil && string(d.out[:d.w]) != test.want {
					t.Fatalf("%.200q, want %.200q", d.out[:d.w], test.want)
				}
			}
		})
	}
}

// TestDecodeLongCodes: codes with their extra bits may take 48 bits.
func TestDecodeLongCodes(t *testing.T) {
	// Codes of 1, 2 and so on up to 15 bits; the longest are those with the most
	// added.
	literals, distances := sized(286, map[int]uint8{284: 15, 283: 15}), sized(30, map[int]uint8{29: 15, 28: 15})
	for i := range 13 {
		literals['a'+i], distances[i] = uint8(i+1), uint8(i+1)
	}
	literals[endOfBlock], distances[20] = 14, 14
	random := rand.New(rand.NewPCG(7, 8))
	var d decoder
	for range 200 {
		var symbols bitWriter
		symbols.own(literals, distances)
		code := func(sizes []uint8, symbol int) {
			size := sizes[symbol]
			code := uint(1)<<size - 2 // ones, and then a zero
			if size == 15 && (symbol == 284 || symbol == 29) {
				code++ // the last one is all ones
			}
			symbols.huffman(code, uint(size))
		}
		for range 200 {
			if random.IntN(3) > 0 {
				code(literals, 'a'+random.IntN(13))
				continue
			}
			code(literals, 283+random.IntN(2))
			symbols.put(uint64(random.IntN(1<<5)), 5)
			switch distance := 28 + random.IntN(2); random.IntN(8) {
			case 0:
				code(distances, 0)
			default:
				code(distances, distance)
				symbols.put(uint64(random.IntN(1<<13)), 13)
			}
		}
		code(literals, endOfBlock)
		symbols.put(0, 3)
		stored := packed(t, flate.NoCompression, (*flate.Writer).Flush, noise(33_000))
		in := []byte(strings.TrimSuffix(stored, "\x00") + string(symbols.bytes()))
		if err := compare(&d, in); err != nil {
			t.Fatalf("%.300s", err)
		}
		if err := d.decode(in, math.MaxInt); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDecodeACutMessage: no first part of a message with one block is valid.
func TestDecodeACutMessage(t *testing.T) {
	var d decoder
	for name, whole := range map[string]string{
		"fixed":   packed(t, flate.BestCompression, (*flate.Writer).Flush, "a short text, short"),
		"dynamic": packed(t, flate.BestCompression, (*flate.Writer).Flush, chatter(2000)),
		"stored":  packed(t, flate.NoCompression, (*flate.Writer).Flush, chatter(2000)),
	} {
		t.Run(name, func(t *testing.T) {
			for n := range whole {
				if whole[:n] == "\x00" {
					continue // an empty message
				}
				if err := d.decode([]byte(whole[:n]), math.MaxInt); err != ErrCorrupt {
					t.Errorf("the first %d bytes of %d: %v", n, len(whole), err)
				}
			}
			if err := d.decode([]byte(whole), math.MaxInt); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestDecodeUpToALimit: the limit is on the output, to the byte, for each kind of
// block.
func TestDecodeUpToALimit(t *testing.T) {
	const size = 5000
	for name, in := range map[string]string{
		"literals": packed(t, flate.HuffmanOnly, (*flate.Writer).Flush, noise(100)+chatter(size-100)),
		"matches":  packed(t, flate.BestSpeed, (*flate.Writer).Flush, strings.Repeat("x", size)),
		"stored":   packed(t, flate.NoCompression, (*flate.Writer).Flush, noise(size)),
	} {
		for _, limit := range []int{1, 100, size - 1, size, size + 1, 2 * size, math.MaxInt} {
			for _, space := range []int{0, size / 2, size, 3 * size} {
				t.Run(fmt.Sprintf("%s, a limit of %d, space for %d", name, limit, space), func(t *testing.T) {
					d := decoder{out: make([]byte, space)}
					want := error(nil)
					if limit < size {
						want = ErrTooLarge
					}
					if err := d.decode([]byte(in), limit); err != want || err == nil && d.w != size || d.w > limit {
						t.Errorf("%d bytes, %v; want %v", d.w, err, want)
					}
					if len(d.out) > max(space, min(limit, 2*size)) {
						t.Errorf("the buffer has grown to %d", len(d.out))
					}
				})
			}
		}
	}
}

// TestTheBufferGrowsByDoubling: a large message isn't copied again for each symbol,
// and a small one takes little memory.
func TestTheBufferGrowsByDoubling(t *testing.T) {
	in := []byte(packed(t, flate.BestSpeed, (*flate.Writer).Flush, strings.Repeat("x", 1<<20)))
	for n, most := range map[int]float64{1 << 20: 12, math.MaxInt: 13} {
		if got := testing.AllocsPerRun(10, func() { // the runtime allocates, too, now and then
			if err := new(decoder).decode(in, n); err != nil {
				t.Fatal(err)
			}
		}); got > most+1 {
			t.Errorf("a limit of %d: %v allocations for 1 MiB", n, got)
		}
	}
	var d decoder
	if err := d.decode([]byte(deflated(t, "abc")), 1<<20); err != nil || len(d.out) > 1024 {
		t.Errorf("three bytes take a buffer of %d, %v", len(d.out), err)
	}
}

// TestWasteIsRefused: wasteful input is corrupt. The input of an honest sender
// passes.
func TestWasteIsRefused(t *testing.T) {
	flushed := packed(t, flate.BestSpeed, (*flate.Writer).Flush, strings.Split(strings.Repeat("x", 10_000), "")...)
	if len(flushed) < 100_000 {
		t.Fatalf("a flush takes %d bytes of 10,000", len(flushed))
	}
	for name, test := range map[string]struct {
		in   string
		want error
	}{
		"each byte is flushed":           {flushed, nil},
		"empty blocks":                   {emptyBlocks(1000), nil},
		"too many empty blocks":          {emptyBlocks(1100), ErrCorrupt},
		"empty stored blocks":            {strings.Repeat(unhex("000000ffff"), 204) + "\x00", nil},
		"too many empty stored blocks":   {strings.Repeat(unhex("000000ffff"), 207) + "\x00", ErrCorrupt},
		"last blocks":                    {strings.Repeat("\x03\x00", 512), nil},
		"too many last blocks":           {strings.Repeat("\x03\x00", 520), ErrCorrupt},
		"empty blocks after a few bytes": {finished(t, noise(100)) + emptyBlocks(2500), nil},
		"too many after a few bytes":     {finished(t, noise(100)) + emptyBlocks(2700), ErrCorrupt},
		"a few bytes after empty blocks": {strings.Repeat("\x03\x00", 510) + finished(t, noise(100)), nil},
		"many empty blocks after a lot":  {finished(t, strings.Repeat("x", 10_000)) + emptyBlocks(160_000), nil},
		"too many empty blocks after a lot": {
			finished(t, strings.Repeat("x", 10_000)) + emptyBlocks(162_000),
			ErrCorrupt,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var d decoder
			if err := d.decode([]byte(test.in), math.MaxInt); err != test.want {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

// reference decodes with compress/flate. In place of the removed tail it appends a
// stored block with data, twice with different data. A message is valid only if this
// block ends both outputs: otherwise the message has consumed the block as its own
// data.
func reference(in []byte) (out []byte, ok bool) {
	out, ok = referenceBefore(in, "x")
	other, okToo := referenceBefore(in, "xx")
	return out, ok && okToo && bytes.Equal(out, other)
}

func referenceBefore(in []byte, data string) (out []byte, ok bool) {
	removed := string([]byte{byte(len(data)), 0, ^byte(len(data)), 0xff}) + data
	const end = "\x01\x00\x00\xff\xff"
	r := bytes.NewReader(slices.Concat(in, []byte(removed+end)))
	stream := flate.NewReader(r)
	for {
		more, err := io.ReadAll(stream)
		if out = append(out, more...); err != nil {
			return nil, false
		}
		switch r.Len() {
		case len(removed) + len(end):
			return out, true // ends with a last block
		case len(end), 0:
			return bytes.CutSuffix(out, []byte(data))
		}
		if err := stream.(flate.Resetter).Reset(r, out[max(0, len(out)-32768):]); err != nil {
			return nil, false
		}
	}
}

// compare decodes in both ways.
func compare(d *decoder, in []byte) error {
	want, ok := reference(in)
	err := d.decode(in, 1<<20)
	switch {
	case err == ErrCorrupt && ok && len(in) > 1024: // the input may be wasteful
		return nil
	case (err == nil) != (ok && len(want) <= 1<<20):
		return fmt.Errorf("%x: %v, compress/flate: %v", in, err, ok)
	case err == nil && !bytes.Equal(d.out[:d.w], want):
		return fmt.Errorf("%x: %.200q, compress/flate: %.200q", in, d.out[:d.w], want)
	}
	return nil
}

// TestDecodeAsCompressFlateDoes: both decoders give the same result, for good and
// bad input.
func TestDecodeAsCompressFlateDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var d decoder
	good, bad := 0, 0
	for range 1500 {
		text := noise(1 + random.IntN(30))
		switch random.IntN(3) {
		case 0:
			text = chatter(1 + random.IntN(1500))
		case 1:
			text = strings.Repeat(text, 1+random.IntN(100))
		}
		end := (*flate.Writer).Flush
		if random.IntN(8) == 0 {
			end = (*flate.Writer).Close
		}
		in := []byte(packed(t, random.IntN(12)-2, end, text))
		if random.IntN(4) == 0 {
			in = append([]byte(finished(t, chatter(random.IntN(100)))), in...)
		}
		for range random.IntN(3) {
			in[random.IntN(min(len(in), 1+random.IntN(200)))] ^= 1 << random.IntN(8)
		}
		if err := compare(&d, in); err != nil {
			t.Fatal(err)
		}
		if err := d.decode(in, 1<<20); err == nil {
			good++
		} else {
			bad++
		}
	}
	if good < 400 || bad < 400 {
		t.Errorf("%d are good, %d are bad: too few of a kind", good, bad)
	}
}

// FuzzDecode searches for input with another result of compress/flate.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(packed(f, flate.BestCompression, (*flate.Writer).Flush, chatter(500))))
	f.Add([]byte(packed(f, flate.BestSpeed, (*flate.Writer).Flush, "a", "b", "a short text, a short one")))
	f.Add([]byte(finished(f, "a", chatter(100))))
	f.Add([]byte(emptyBlocks(50)))
	f.Add([]byte("\x01\x04\x00\xfb\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if err := compare(new(decoder), in); err != nil {
			t.Fatal(err)
		}
	})
}
