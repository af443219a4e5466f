package websocket_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// controlCases are about pings and pongs: RFC 6455, sections 5.5.2 and 5.5.3.
func controlCases() (cases []conformanceCase) {
	for _, n := range []int{0, 1, 2, 124, 125} {
		payload := noise(n)
		ping, want := clientFrame(fin|opPing, payload), []reply{{opPong, payload}}
		cases = append(cases,
			conformanceCase{name: fmt.Sprintf("a ping of %d bytes", n), send: [][]byte{ping}, want: want},
			conformanceCase{name: fmt.Sprintf("a ping of %d bytes, byte by byte", n), send: chops(1, ping), want: want},
			conformanceCase{name: fmt.Sprintf("a pong of %d bytes that nobody asked for", n), send: [][]byte{clientFrame(fin|opPong, payload), ping}, want: want})
	}
	for name, opcode := range map[string]byte{"ping": opPing, "pong": opPong, "close": opClose} {
		cases = append(cases,
			conformanceCase{name: "a " + name + " of 126 bytes", send: [][]byte{clientFrame(fin|opcode, closePayload(1000, pattern(124)))}, close: 1002},
			conformanceCase{name: "a " + name + " of 70,000 bytes", send: [][]byte{clientFrame(fin|opcode, closePayload(1000, pattern(69998)))[:14]}, close: 1002})
	}
	var pings [][]byte
	var pongs []reply
	for i := range 10 {
		payload := fmt.Sprint("payload ", i)
		pings = append(pings, clientFrame(fin|opPing, payload))
		pongs = append(pongs, reply{opPong, payload})
	}
	message := clientFrame(fin|opText, "hi")
	return append(cases,
		conformanceCase{name: "ten pings", send: pings, want: pongs},
		conformanceCase{name: "ten pings in one write", send: [][]byte{bytes.Join(pings, nil)}, want: pongs},
		conformanceCase{name: "ten pings byte by byte", send: chops(1, pings...), want: pongs},
		conformanceCase{name: "ten pings and a message in one write", send: [][]byte{slices.Concat(bytes.Join(pings, nil), message)}, want: append(slices.Clone(pongs), reply{opText, "hi"})},
		conformanceCase{name: "a message between pings in one write", send: [][]byte{slices.Concat(pings[0], message, pings[1], message)},
			want: []reply{pongs[0], {opText, "hi"}, pongs[1], {opText, "hi"}}},
		conformanceCase{name: "ten pongs that nobody asked for, and a message", send: append(slices.Repeat([][]byte{clientFrame(fin|opPong, "x")}, 10), message), want: []reply{{opText, "hi"}}},
		conformanceCase{name: "a ping before a violation", send: [][]byte{slices.Concat(pings[0], clientFrame(fin|3, ""))}, want: pongs[:1], close: 1002},
		conformanceCase{name: "a ping before a close frame", send: [][]byte{slices.Concat(pings[0], clientFrame(fin|opClose, closePayload(1000, "")))}, want: pongs[:1], close: 1000})
}

// closeCases are about RFC 6455, sections 5.5.1 and 7.
func closeCases() (cases []conformanceCase) {
	bye := func(code int, reason string) []byte { return clientFrame(fin|opClose, closePayload(code, reason)) }
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3001, 3999, 4000, 4001, 4999} {
		cases = append(cases,
			conformanceCase{name: fmt.Sprintf("close with %d", code), send: [][]byte{bye(code, "")}, close: code},
			conformanceCase{name: fmt.Sprintf("close with %d and a reason", code), send: [][]byte{bye(code, "so long")}, close: code})
	}
	for _, code := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 5001, 65535} {
		cases = append(cases,
			conformanceCase{name: fmt.Sprintf("close with %d, which must not be sent", code), send: [][]byte{bye(code, "")}, close: 1002},
			conformanceCase{name: fmt.Sprintf("close with %d, which must not be sent, and a reason", code), send: [][]byte{bye(code, "so long")}, close: 1002})
	}
	for _, n := range []int{1, 2, 122, 123} {
		cases = append(cases, conformanceCase{name: fmt.Sprintf("close with a reason of %d bytes", n), send: [][]byte{bye(1000, pattern(n))}, close: 1000})
	}
	message := clientFrame(fin|opText, "hi")
	for name, reason := range map[string]string{
		"a stray byte": "\x80", "half a character": "\xce", "a surrogate": "\xed\xa0\x80", "an overlong form": "\xc0\xaf", "text before it": "so long\xff",
	} {
		cases = append(cases, conformanceCase{name: "close with a reason that is no text: " + name, send: [][]byte{bye(1000, reason)}, close: 1002})
	}
	return append(cases,
		conformanceCase{name: "close with a reason in Greek", send: [][]byte{bye(1000, strings.Repeat("γεια", 15))}, close: 1000},
		conformanceCase{name: "close with half a code", send: [][]byte{clientFrame(fin|opClose, "\x03")}, close: 1002},
		conformanceCase{name: "close, byte by byte", send: chops(1, bye(3000, "so long")), close: 3000},
		conformanceCase{name: "close after a message", send: [][]byte{slices.Concat(message, bye(1001, ""))}, want: []reply{{opText, "hi"}}, close: 1001},
		conformanceCase{name: "a message after close", send: [][]byte{slices.Concat(bye(1000, ""), message)}, close: 1000},
		conformanceCase{name: "a ping after close", send: [][]byte{slices.Concat(bye(1000, ""), clientFrame(fin|opPing, "x"))}, close: 1000},
		conformanceCase{name: "a violation after close", send: [][]byte{slices.Concat(bye(1000, ""), clientFrame(fin|3, "x"))}, close: 1000},
		conformanceCase{name: "close twice", send: [][]byte{slices.Concat(bye(1000, ""), bye(1001, ""))}, close: 1000},
		conformanceCase{name: "close within a message", send: [][]byte{clientFrame(opText, "a"), bye(1000, "")}, close: 1000},
		conformanceCase{name: "close within a message, of which more comes", send: [][]byte{clientFrame(opText, "a"), bye(1000, ""), clientFrame(fin|opContinuation, "b")}, close: 1000},
		conformanceCase{name: "a large message, and then close", send: [][]byte{clientFrame(fin|opText, pattern(1<<18)), bye(1000, "")}, want: []reply{{opText, pattern(1 << 18)}}, close: 1000})
}
