package websocket_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// pattern returns text of n bytes.
func pattern(n int) string {
	return strings.Repeat("All work and no play makes a dull message. ", n/43+1)[:n]
}

// noise returns n random bytes, the same each time.
func noise(n int) string {
	random := rand.NewChaCha8([32]byte{byte(n)})
	data := make([]byte, n)
	_, _ = random.Read(data)
	return string(data)
}

// kinds are the two kinds of messages: text and binary.
var kinds = []struct {
	name    string
	opcode  byte
	payload func(n int) string
}{{"text", opText, pattern}, {"binary", opBinary, noise}}

// frameSizes are sizes of payloads. At some of them, the length takes more bytes; the
// others are near those.
var frameSizes = []int{
	0, 1, 2, 3, 4, 5, 7, 8, 9, 124, 125, 126, 127, 128, 129, 1000,
	16383, 16384, 16385, 65534, 65535, 65536, 65537, 1 << 18,
}

// framingCases returns the cases of RFC 6455, sections 5.2 and 5.4: lengths, reserved
// bits, opcodes, fragments.
func framingCases() (cases []conformanceCase) {
	for _, kind := range kinds {
		for _, n := range frameSizes {
			payload := kind.payload(n)
			whole, want := clientFrame(fin|kind.opcode, payload), []reply{{kind.opcode, payload}}
			for _, size := range []int{1, 2, 7, 13, 125, 997, 4096} {
				if len(whole)/size <= 200 && size < len(whole) {
					cases = append(cases, sending(fmt.Sprintf("%s of %d bytes in writes of %d", kind.name, n, size),
						chops(size, whole)...).gets(want...))
				}
			}
			cases = append(cases, sending(fmt.Sprintf("%s of %d bytes", kind.name, n), whole).gets(want...))
			for _, size := range []int{1, 2, 125, 126, 1000, 65535} {
				if n > size && n/size <= 1000 {
					frames := fragments(kind.opcode, payload, size)
					cases = append(cases,
						sending(fmt.Sprintf("%s of %d bytes in fragments of %d", kind.name, n, size), frames...).
							gets(want...),
						sending(fmt.Sprintf("%s of %d bytes in fragments of %d in one write", kind.name, n, size),
							bytes.Join(frames, nil)).gets(want...))
				}
			}
		}
		first, second := kind.payload(100), kind.payload(70000)
		whole := func(payload string) []byte { return clientFrame(fin|kind.opcode, payload) }
		echoed := func(payload string) reply { return reply{kind.opcode, payload} }
		cases = append(cases, sending(kind.name+", several messages in one write",
			slices.Concat(whole(first), whole(second), whole(""), whole(first))).
			gets(echoed(first), echoed(second), echoed(""), echoed(first)))
		cases = append(cases, limitCases(kind.name, kind.opcode, kind.payload)...)
	}
	cases = append(cases, reservedCases()...)
	return append(cases, fragmentCases()...)
}

// limitCases returns the cases of Config.MaxMessageSize.
func limitCases(name string, opcode byte, payload func(int) string) (cases []conformanceCase) {
	const limit = 64 << 10
	for _, n := range []int{limit - 1, limit, limit + 1, 2 * limit} {
		for _, size := range []int{1 << 20, 60000, 1000} {
			for _, compress := range []bool{false, true} {
				name := fmt.Sprintf("%s of %d bytes in fragments of %d, compression %v, limit %d",
					name, n, size, compress, limit)
				e := sending(name,
					fragments(opcode, payload(n), size)...).limited().compressing(compress)
				if n <= limit {
					e.want = []reply{{opcode, payload(n)}}
				} else {
					e.close = 1009
				}
				cases = append(cases, e)
			}
		}
	}
	announced := clientFrame(fin|opcode, payload(2*limit))[:20]
	return append(cases,
		sending(name+", the limit and one more announced", clientFrame(fin|opcode, payload(limit+1))[:14]).
			limited().cutShort().closes(1009),
		sending(name+", twice the limit announced, byte by byte", chops(1, announced)...).
			limited().cutShort().closes(1009),
		sending(name+", 2^62 bytes announced", []byte{fin | opcode, 0xFF, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}).
			cutShort().closes(1009),
		sending(name+", 2^63 bytes announced", []byte{fin | opcode, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}).
			closes(1002))
}

// reservedCases returns the cases of reserved bits and opcodes. Some have no meaning at
// all, others have none on this connection or frame.
func reservedCases() (cases []conformanceCase) {
	before, after := clientFrame(fin|opText, "before"), clientFrame(fin|opText, "after")
	echoed := []reply{{opText, "before"}}
	for _, compress := range []bool{false, true} {
		for bits := byte(rsv3); bits <= rsv1|rsv2|rsv3; bits += rsv3 {
			for _, opcode := range []byte{opContinuation, opText, opBinary, opClose, opPing, opPong} {
				if compress && bits == rsv1 && (opcode == opText || opcode == opBinary) {
					continue // RSV1 marks a compressed message
				}
				name := fmt.Sprintf("reserved bits %#x on opcode %d, compression %v", bits, opcode, compress)
				send := [][]byte{before, clientFrame(fin|bits|opcode, ""), after}
				if opcode == opContinuation {
					send = [][]byte{before, clientFrame(opText, "a"), clientFrame(fin|bits|opcode, "b"), after}
				}
				cases = append(cases, sending(name, send...).compressing(compress).gets(echoed...).closes(1002))
				if opcode != opContinuation {
					cases = append(cases, sending(name+", in one write, with a payload",
						slices.Concat(before, clientFrame(fin|bits|opcode, "x"), after)).
						compressing(compress).gets(echoed...).closes(1002))
				}
			}
		}
	}
	for _, opcode := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		for _, payload := range []string{"", "x", pattern(125)} {
			bad := clientFrame(fin|opcode, payload)
			name := fmt.Sprintf("opcode %d with %d bytes", opcode, len(payload))
			cases = append(cases,
				sending(name, bad, after).closes(1002),
				sending(name+" after a message and before a ping",
					slices.Concat(before, bad, clientFrame(fin|opPing, ""))).gets(echoed...).closes(1002))
		}
	}
	unmasked := []byte{fin | opText, 1, 'x'}
	return append(cases,
		sending("an unmasked message", unmasked).closes(1002),
		sending("an unmasked ping", before, []byte{fin | opPing, 0}).gets(echoed...).closes(1002))
}

// fragmentCases returns the cases of fragments: RFC 6455, section 5.4.
func fragmentCases() []conformanceCase {
	text := func(first byte, payload string) []byte { return clientFrame(first|opText, payload) }
	more := func(payload string) []byte { return clientFrame(opContinuation, payload) }
	last := func(payload string) []byte { return clientFrame(fin|opContinuation, payload) }
	ping := clientFrame(fin|opPing, "are you there?")
	pong := reply{opPong, "are you there?"}
	whole := text(fin, "whole")
	cases := []conformanceCase{
		sending("fragments", text(0, "a"), last("b")).gets(reply{opText, "ab"}),
		sending("empty fragments", text(0, ""), more(""), last("")).gets(reply{opText, ""}),
		sending("empty fragments around text", text(0, ""), more("x"), last("")).gets(reply{opText, "x"}),
		sending("a ping between fragments", text(0, "a"), ping, last("b")).gets(pong, reply{opText, "ab"}),
		sending("a ping between fragments in one write", slices.Concat(text(0, "a"), ping, last("b"))).
			gets(pong, reply{opText, "ab"}),
		sending("pings between many fragments",
			text(0, "a"), ping, more("b"), ping, more("c"), ping, last("d"), whole).
			gets(pong, pong, pong, reply{opText, "abcd"}, reply{opText, "whole"}),
		sending("a pong between fragments", text(0, "a"), clientFrame(fin|opPong, "x"), last("b")).
			gets(reply{opText, "ab"}),
		sending("fragments byte by byte, with a ping", chops(1, text(0, "a"), ping, last("b"))...).
			gets(pong, reply{opText, "ab"}),
		sending("a continuation of nothing", last("x"), whole).closes(1002),
		sending("an unfinished continuation of nothing", more("x"), whole).closes(1002),
		sending("a continuation after a whole message", whole, last("x")).gets(reply{opText, "whole"}).closes(1002),
		sending("a continuation after a fragmented message", text(0, "a"), last("b"), last("c")).
			gets(reply{opText, "ab"}).closes(1002),
		sending("text within text", text(0, "a"), whole).closes(1002),
		sending("a fragment of text within text", text(0, "a"), text(0, "b")).closes(1002),
		sending("binary within text", text(0, "a"), clientFrame(fin|opBinary, "b")).closes(1002),
		sending("text within binary", clientFrame(opBinary, "a"), whole).closes(1002),
		sending("a fragmented ping", clientFrame(opPing, "a"), last("b")).closes(1002),
		sending("a fragmented pong", clientFrame(opPong, "a"), last("b")).closes(1002),
		sending("a fragmented close", clientFrame(opClose, closePayload(1000, "")), last("b")).closes(1002),
		sending("a fragmented ping within a message", text(0, "a"), clientFrame(opPing, "x"), last("b")).closes(1002),
	}
	for i := range 20 { // a message cut at random, with pings at random
		random := rand.New(rand.NewPCG(1, uint64(i)))
		payload := noise(1 + random.IntN(5000))
		e := sending(fmt.Sprintf("random fragments %d", i))
		first, rest := byte(opBinary), payload
		for {
			n := random.IntN(len(rest) + 1)
			e.send = append(e.send, clientFrame(first, rest[:n]))
			first, rest = opContinuation, rest[n:]
			if random.IntN(3) == 0 {
				e.send, e.want = append(e.send, ping), append(e.want, pong)
			}
			if random.IntN(6) == 0 {
				break
			}
		}
		e.send, e.want = append(e.send, last(rest)), append(e.want, reply{opBinary, payload})
		if i%2 == 1 {
			e.send = chops(1+random.IntN(500), e.send...)
		}
		cases = append(cases, e)
	}
	return cases
}
