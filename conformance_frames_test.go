package websocket_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// pattern is text of so many bytes.
func pattern(n int) string {
	return strings.Repeat("All work and no play makes a dull message. ", n/43+1)[:n]
}

// noise is binary of so many bytes, the same each time.
func noise(n int) string {
	random := rand.NewChaCha8([32]byte{byte(n)})
	data := make([]byte, n)
	_, _ = random.Read(data)
	return string(data)
}

// kinds are text and binary.
var kinds = []struct {
	name    string
	opcode  byte
	payload func(n int) string
}{{"text", opText, pattern}, {"binary", opBinary, noise}}

// framingCases are of RFC 6455, sections 5.2 and 5.4: lengths, reserved bits,
// opcodes, fragments.
func framingCases() (cases []conformanceCase) {
	for _, kind := range kinds {
		for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 124, 125, 126, 127, 128, 129, 1000, 16383, 16384, 16385, 65534, 65535, 65536, 65537, 1 << 18} {
			payload := kind.payload(n)
			whole, want := clientFrame(fin|kind.opcode, payload), []reply{{kind.opcode, payload}}
			for _, size := range []int{1, 2, 7, 13, 125, 997, 4096} {
				if len(whole)/size <= 200 && size < len(whole) {
					cases = append(cases, conformanceCase{name: fmt.Sprintf("%s of %d bytes in writes of %d", kind.name, n, size), send: chops(size, whole), want: want})
				}
			}
			cases = append(cases, conformanceCase{name: fmt.Sprintf("%s of %d bytes", kind.name, n), send: [][]byte{whole}, want: want})
			for _, size := range []int{1, 2, 125, 126, 1000, 65535} {
				if n > size && n/size <= 1000 {
					frames := fragments(kind.opcode, payload, size)
					cases = append(cases,
						conformanceCase{name: fmt.Sprintf("%s of %d bytes in fragments of %d", kind.name, n, size), send: frames, want: want},
						conformanceCase{name: fmt.Sprintf("%s of %d bytes in fragments of %d in one write", kind.name, n, size), send: [][]byte{bytes.Join(frames, nil)}, want: want})
				}
			}
		}
		first, second := kind.payload(100), kind.payload(70000)
		cases = append(cases, conformanceCase{name: kind.name + ", several messages in one write",
			send: [][]byte{slices.Concat(clientFrame(fin|kind.opcode, first), clientFrame(fin|kind.opcode, second), clientFrame(fin|kind.opcode, ""), clientFrame(fin|kind.opcode, first))},
			want: []reply{{kind.opcode, first}, {kind.opcode, second}, {kind.opcode, ""}, {kind.opcode, first}}})
		cases = append(cases, limitCases(kind.name, kind.opcode, kind.payload)...)
	}
	cases = append(cases, reservedCases()...)
	return append(cases, fragmentCases()...)
}

// limitCases are about Config.MaxMessageSize.
func limitCases(name string, opcode byte, payload func(int) string) (cases []conformanceCase) {
	const limit = 64 << 10
	for _, n := range []int{limit - 1, limit, limit + 1, 2 * limit} {
		for _, size := range []int{1 << 20, 60000, 1000} {
			for _, compress := range []bool{false, true} {
				e := conformanceCase{name: fmt.Sprintf("%s of %d bytes in fragments of %d, compression %v, where %d may come", name, n, size, compress, limit), limit: true, compress: compress,
					send: fragments(opcode, payload(n), size)}
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
		conformanceCase{name: name + ", the limit and one more announced", limit: true, send: [][]byte{clientFrame(fin|opcode, payload(limit+1))[:14]}, close: 1009, unfinished: true},
		conformanceCase{name: name + ", twice the limit announced, byte by byte", limit: true, send: chops(1, announced), close: 1009, unfinished: true},
		conformanceCase{name: name + ", 2^62 bytes announced", send: [][]byte{{fin | opcode, 0xFF, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}}, close: 1009, unfinished: true},
		conformanceCase{name: name + ", 2^63 bytes announced", send: [][]byte{{fin | opcode, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}}, close: 1002})
}

// reservedCases are about bits and opcodes that mean nothing, or nothing here.
func reservedCases() (cases []conformanceCase) {
	before, after := clientFrame(fin|opText, "before"), clientFrame(fin|opText, "after")
	echoed := []reply{{opText, "before"}}
	for _, compress := range []bool{false, true} {
		for bits := byte(rsv3); bits <= rsv1|rsv2|rsv3; bits += rsv3 {
			for _, opcode := range []byte{opContinuation, opText, opBinary, opClose, opPing, opPong} {
				if compress && bits == rsv1 && (opcode == opText || opcode == opBinary) {
					continue // it says that the message is compressed
				}
				name := fmt.Sprintf("reserved bits %#x on opcode %d, compression %v", bits, opcode, compress)
				send := [][]byte{before, clientFrame(fin|bits|opcode, ""), after}
				if opcode == opContinuation {
					send = [][]byte{before, clientFrame(opText, "a"), clientFrame(fin|bits|opcode, "b"), after}
				}
				cases = append(cases, conformanceCase{name: name, compress: compress, send: send, want: echoed, close: 1002})
				if opcode != opContinuation {
					cases = append(cases, conformanceCase{name: name + ", in one write, with a payload", compress: compress, want: echoed, close: 1002,
						send: [][]byte{slices.Concat(before, clientFrame(fin|bits|opcode, "x"), after)}})
				}
			}
		}
	}
	for _, opcode := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		for _, payload := range []string{"", "x", pattern(125)} {
			bad := clientFrame(fin|opcode, payload)
			cases = append(cases,
				conformanceCase{name: fmt.Sprintf("opcode %d with %d bytes", opcode, len(payload)), send: [][]byte{bad, after}, close: 1002},
				conformanceCase{name: fmt.Sprintf("opcode %d with %d bytes after a message and before a ping", opcode, len(payload)),
					send: [][]byte{slices.Concat(before, bad, clientFrame(fin|opPing, ""))}, want: echoed, close: 1002})
		}
	}
	unmasked := []byte{fin | opText, 1, 'x'}
	return append(cases,
		conformanceCase{name: "a message that isn't masked", send: [][]byte{unmasked}, close: 1002},
		conformanceCase{name: "a ping that isn't masked", send: [][]byte{before, {fin | opPing, 0}}, want: echoed, close: 1002})
}

// fragmentCases are about RFC 6455, section 5.4.
func fragmentCases() []conformanceCase {
	text := func(first byte, payload string) []byte { return clientFrame(first|opText, payload) }
	more := func(payload string) []byte { return clientFrame(opContinuation, payload) }
	last := func(payload string) []byte { return clientFrame(fin|opContinuation, payload) }
	ping := clientFrame(fin|opPing, "are you there?")
	pong := reply{opPong, "are you there?"}
	whole := text(fin, "whole")
	cases := []conformanceCase{
		{name: "fragments", send: [][]byte{text(0, "a"), last("b")}, want: []reply{{opText, "ab"}}},
		{name: "empty fragments", send: [][]byte{text(0, ""), more(""), last("")}, want: []reply{{opText, ""}}},
		{name: "empty fragments around text", send: [][]byte{text(0, ""), more("x"), last("")}, want: []reply{{opText, "x"}}},
		{name: "a ping between fragments", send: [][]byte{text(0, "a"), ping, last("b")}, want: []reply{pong, {opText, "ab"}}},
		{name: "a ping between fragments in one write", send: [][]byte{slices.Concat(text(0, "a"), ping, last("b"))}, want: []reply{pong, {opText, "ab"}}},
		{name: "pings between many fragments", send: [][]byte{text(0, "a"), ping, more("b"), ping, more("c"), ping, last("d"), whole},
			want: []reply{pong, pong, pong, {opText, "abcd"}, {opText, "whole"}}},
		{name: "a pong between fragments", send: [][]byte{text(0, "a"), clientFrame(fin|opPong, "x"), last("b")}, want: []reply{{opText, "ab"}}},
		{name: "fragments byte by byte, with a ping", send: chops(1, text(0, "a"), ping, last("b")), want: []reply{pong, {opText, "ab"}}},
		{name: "a continuation of nothing", send: [][]byte{last("x"), whole}, close: 1002},
		{name: "an unfinished continuation of nothing", send: [][]byte{more("x"), whole}, close: 1002},
		{name: "a continuation after a whole message", send: [][]byte{whole, last("x")}, want: []reply{{opText, "whole"}}, close: 1002},
		{name: "a continuation after a fragmented message", send: [][]byte{text(0, "a"), last("b"), last("c")}, want: []reply{{opText, "ab"}}, close: 1002},
		{name: "text within text", send: [][]byte{text(0, "a"), whole}, close: 1002},
		{name: "a fragment of text within text", send: [][]byte{text(0, "a"), text(0, "b")}, close: 1002},
		{name: "binary within text", send: [][]byte{text(0, "a"), clientFrame(fin|opBinary, "b")}, close: 1002},
		{name: "text within binary", send: [][]byte{clientFrame(opBinary, "a"), whole}, close: 1002},
		{name: "a fragmented ping", send: [][]byte{clientFrame(opPing, "a"), last("b")}, close: 1002},
		{name: "a fragmented pong", send: [][]byte{clientFrame(opPong, "a"), last("b")}, close: 1002},
		{name: "a fragmented close", send: [][]byte{clientFrame(opClose, closePayload(1000, "")), last("b")}, close: 1002},
		{name: "a fragmented ping within a message", send: [][]byte{text(0, "a"), clientFrame(opPing, "x"), last("b")}, close: 1002},
	}
	for i := range 20 { // a message cut at random, with pings at random
		random := rand.New(rand.NewPCG(1, uint64(i)))
		payload := noise(1 + random.IntN(5000))
		e := conformanceCase{name: fmt.Sprintf("random fragments %d", i)}
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
