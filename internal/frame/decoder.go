package frame

import (
	"encoding/binary"
	"math/bits"
)

// decoder decompresses a whole message at once (RFC 1951). The output so far is the
// window. compress/flate can't be used: it stops after a last block, and it hides
// the ratio of input to output.
type decoder struct {
	in   []byte
	pos  int    // the bytes of in moved to bits
	bits uint64 // the next bits, the lowest first
	n    uint   // the number of valid bits in bits

	out   []byte // the buffer for output
	w     int    // the bytes written to out
	limit int    // of w

	literals, distances code // of the block
	lengths             [maxLiterals + maxDistances]uint8
}

const (
	maxLiterals  = 286 // RFC 1951, section 3.2.7
	maxDistances = 30
	endOfBlock   = 256
)

// decode decompresses in to d.out[:d.w]. It returns ErrCorrupt if the data is
// invalid or ends too early or too late, and ErrTooLarge for more than limit bytes
// of output.
func (d *decoder) decode(in []byte, limit int) error {
	d.in, d.pos, d.bits, d.n = in, 0, 0, 0
	d.out, d.w, d.limit = d.out[:min(cap(d.out), limit)], 0, limit
	for {
		header, ok := d.take(3)
		if !ok || d.wasteful() {
			return ErrCorrupt
		}
		var err error
		switch header >> 1 {
		case 0:
			d.align()
			if d.pos == len(d.in) {
				return nil // the empty block at the end, without the tail removed by the sender
			}
			err = d.stored()
		case 1:
			err = d.block(&fixedLiterals, &fixedDistances)
		case 2:
			if !d.codes() {
				return ErrCorrupt
			}
			err = d.block(&d.literals, &d.distances)
		default:
			err = ErrCorrupt
		}
		if err != nil {
			return err
		}
		// A last block ends a stream. The message may continue with another stream
		// at the next byte (RFC 7692, section 7.2.3.4).
		if final := header & 1; final != 0 {
			if d.align(); d.pos == len(d.in) {
				return nil
			}
		}
	}
}

// wasteful reports whether the input has yielded too little output: it keeps the
// server busy for nothing. The most wasteful use by an honest sender is a flush
// after each byte. Uncompressed, it takes eleven bytes for one.
func (d *decoder) wasteful() bool { return int64(d.pos)-int64(d.n/8) > 16*int64(d.w)+1<<10 }

// fill fills d.bits with at least 56 bits, or with all the rest.
func (d *decoder) fill() {
	for d.n <= 56 && d.pos < len(d.in) {
		d.bits |= uint64(d.in[d.pos]) << d.n
		d.pos++
		d.n += 8
	}
}

// take reads a number of up to 16 bits.
func (d *decoder) take(n uint) (v int, ok bool) {
	if d.n < n {
		if d.fill(); d.n < n {
			return 0, false
		}
	}
	v = int(d.bits & (1<<n - 1))
	d.bits >>= n
	d.n -= n
	return v, true
}

// align drops the bits up to the next byte and puts unused bytes back.
func (d *decoder) align() {
	d.pos -= int(d.n / 8)
	d.bits, d.n = 0, 0
}

// grow makes space for n more bytes. It returns ErrTooLarge if the limit doesn't
// allow them.
func (d *decoder) grow(n int) error {
	if n > d.limit-d.w {
		return ErrTooLarge
	}
	if n > len(d.out)-d.w {
		out := make([]byte, d.w+max(n, min(d.limit-d.w, max(d.w, 512))))
		copy(out, d.out[:d.w])
		d.out = out
	}
	return nil
}

// stored copies an uncompressed block (section 3.2.4).
func (d *decoder) stored() error {
	in := d.in[d.pos:]
	if len(in) < 4 {
		return ErrCorrupt
	}
	n := int(binary.LittleEndian.Uint16(in))
	if n != int(^binary.LittleEndian.Uint16(in[2:])) || n > len(in)-4 {
		return ErrCorrupt
	}
	if err := d.grow(n); err != nil {
		return err
	}
	d.w += copy(d.out[d.w:], in[4:4+n])
	d.pos += 4 + n
	return nil
}

// block decodes the symbols of a block (section 3.2.3).
func (d *decoder) block(literals, distances *code) error {
	in, pos, b, n := d.in, d.pos, d.bits, d.n // local copies, for registers
	out, w := d.out, d.w
	for {
		// A length and a distance with their extra bits take at most 48 bits.
		if n < 48 {
			if len(in)-pos >= 8 {
				b |= binary.LittleEndian.Uint64(in[pos:]) << n
				pos += int(63-n) >> 3
				n |= 56
			} else {
				for ; n <= 56 && pos < len(in); n += 8 {
					b |= uint64(in[pos]) << n
					pos++
				}
			}
		}
		entry := literals.short[b&literals.mask]
		if entry == 0 {
			entry = literals.long(b)
		}
		size := uint(entry & sizeMask)
		if size == 0 || size > n {
			return ErrCorrupt
		}
		b >>= size
		n -= size
		symbol := int(entry >> sizeBits)
		if symbol < endOfBlock {
			if w == len(out) {
				d.w = w
				if err := d.grow(1); err != nil {
					return err
				}
				out = d.out
			}
			out[w] = byte(symbol)
			w++
			continue
		}
		if symbol == endOfBlock {
			d.pos, d.bits, d.n, d.w = pos, b, n, w
			return nil
		}
		if symbol >= maxLiterals {
			return ErrCorrupt
		}
		l := lengthCodes[symbol-endOfBlock-1]
		length := int(l.base) + int(b&(1<<l.extra-1))
		b >>= l.extra
		used := uint(l.extra)

		entry = distances.short[b&distances.mask]
		if entry == 0 {
			entry = distances.long(b)
		}
		size = uint(entry & sizeMask)
		symbol = int(entry >> sizeBits)
		if size == 0 || symbol >= maxDistances {
			return ErrCorrupt
		}
		b >>= size
		e := distanceCodes[symbol]
		distance := int(e.base) + int(b&(1<<e.extra-1))
		b >>= e.extra
		used += size + uint(e.extra)
		if used > n || distance > w {
			return ErrCorrupt
		}
		n -= used

		if length > len(out)-w {
			d.w = w
			if err := d.grow(length); err != nil {
				return err
			}
			out = d.out
		}
		// The source may overlap the destination. Then it is repeated.
		from, end := w-distance, w+length
		for w < end {
			w += copy(out[w:end], out[from:w])
		}
	}
}

// codes reads the codes of a block with its own codes (section 3.2.7).
func (d *decoder) codes() bool {
	counts, ok := d.take(5 + 5 + 4)
	literals, distances, lengths := counts&31+257, counts>>5&31+1, counts>>10+4
	if !ok || literals > maxLiterals || distances > maxDistances {
		return false
	}
	var sizes [19]uint8
	for _, i := range lengthOrder[:lengths] {
		size, ok := d.take(3)
		if !ok {
			return false
		}
		sizes[i] = uint8(size)
	}
	meta := &d.distances // free until its own codes are read
	if !meta.init(sizes[:]) {
		return false
	}
	all := d.lengths[:literals+distances]
	for i := 0; i < len(all); {
		if d.n < 7+7 {
			d.fill()
		}
		entry := meta.short[d.bits&meta.mask]
		size := uint(entry & sizeMask)
		if size == 0 || size > d.n {
			return false
		}
		d.bits >>= size
		d.n -= size
		symbol := uint8(entry >> sizeBits)
		if symbol < 16 {
			all[i] = symbol
			i++
			continue
		}
		var repeated uint8
		times, more := 3, uint(3)
		switch symbol {
		case 16:
			if i == 0 {
				return false
			}
			repeated, more = all[i-1], 2
		case 18:
			times, more = 11, 7
		}
		extra, ok := d.take(more)
		if times += extra; !ok || times > len(all)-i {
			return false
		}
		if run := all[i : i+times]; repeated == 0 {
			clear(run)
		} else {
			for j := range run {
				run[j] = repeated
			}
		}
		i += times
	}
	return d.literals.init(all[:literals]) && d.distances.init(all[literals:])
}

var lengthOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// base is the value of a symbol and the number of its extra bits (section 3.2.5).
type base struct {
	base  uint16
	extra uint8
}

var lengthCodes, distanceCodes = func() (lengths [maxLiterals - endOfBlock - 1]base, distances [maxDistances]base) {
	next := 3
	for i := range lengths {
		extra := max(i/4-1, 0)
		lengths[i] = base{uint16(next), uint8(extra)}
		next += 1 << extra
	}
	lengths[len(lengths)-1] = base{258, 0}
	next = 1
	for i := range distances {
		extra := max(i/2-1, 0)
		distances[i] = base{uint16(next), uint8(extra)}
		next += 1 << extra
	}
	return lengths, distances
}()

const (
	maxBits   = 15 // of a code
	shortBits = 9  // of a code in code.short

	sizeBits = 4
	sizeMask = 1<<sizeBits - 1
)

// code is a Huffman code (section 3.2.2). An entry has a symbol in its upper bits
// and the size of the symbol's code in its lowest four bits. 0 means no entry.
type code struct {
	short   [1 << shortBits]uint16  // entries by the next bits, for short codes
	mask    uint64                  // selects the bits of the longest code, at most shortBits
	symbols [maxLiterals + 2]uint16 // in the order of their codes
	end     [maxBits + 1]uint32     // by size: the first larger code, in the upper bits of 16
	offset  [maxBits + 1]int        // by size: from a code to its index in symbols
}

// init builds the code from the sizes of its symbols' codes. It reports false if no
// code has these sizes. A code may be incomplete only if it has one symbol or none.
func (c *code) init(sizes []uint8) bool {
	var counts, next [maxBits + 1]uint16
	var all [maxLiterals + 2]uint16 // the symbols with a code
	used := all[:0]
	for i := 0; i < len(sizes); i++ {
		if len(sizes)-i >= 8 && binary.LittleEndian.Uint64(sizes[i:]) == 0 {
			i += 7 // skip eight symbols without a code: often most have none
		} else if size := sizes[i]; size > 0 {
			counts[size]++
			used = append(used, uint16(i))
		}
	}
	first, total, longest := 0, uint16(0), 0
	for size := 1; size <= maxBits; size++ {
		first <<= 1
		c.offset[size] = int(total) - first
		next[size] = total
		first += int(counts[size])
		total += counts[size]
		c.end[size] = uint32(first) << (16 - size)
		if counts[size] > 0 {
			longest = size
		}
	}
	if first != 1<<maxBits && total != 0 && (total != 1 || longest != 1) {
		return false
	}
	for _, symbol := range used {
		size := sizes[symbol]
		c.symbols[next[size]] = symbol
		next[size]++
	}
	c.fill(counts[:], min(max(longest, 1), shortBits))
	return true
}

// fill sets c.short for codes of up to width bits.
func (c *code) fill(counts []uint16, width int) {
	c.mask = 1<<width - 1
	clear(c.short[:1<<width])
	symbols, next := c.symbols[:], uint16(0)
	for size := 1; size <= width; size++ {
		next <<= 1
		for _, symbol := range symbols[:counts[size]] {
			for i := bits.Reverse16(next) >> (16 - size); i < 1<<width; i += 1 << size {
				c.short[i] = symbol<<sizeBits | uint16(size)
			}
			next++
		}
		symbols = symbols[counts[size]:]
	}
}

// long returns the entry of a code longer than shortBits.
func (c *code) long(b uint64) uint16 {
	v := bits.Reverse16(uint16(b))
	for size := shortBits + 1; size <= maxBits; size++ {
		if uint32(v) < c.end[size] {
			return c.symbols[int(v>>(16-size))+c.offset[size]]<<sizeBits | uint16(size)
		}
	}
	return 0
}

var fixedLiterals, fixedDistances = func() (literals, distances code) {
	var sizes [maxLiterals + 2]uint8
	for i := range sizes {
		switch {
		case i < 144:
			sizes[i] = 8
		case i < 256:
			sizes[i] = 9
		case i < 280:
			sizes[i] = 7
		default:
			sizes[i] = 8
		}
	}
	literals.init(sizes[:])
	for i := range 32 {
		sizes[i] = 5
	}
	distances.init(sizes[:32])
	return literals, distances
}()
