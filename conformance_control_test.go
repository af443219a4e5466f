package websocket_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// controlCases returns the cases of pings and pongs: RFC 6455, sections 5.5.2 and 5.5.3.
func controlCases() (cases []conformanceCase) {
	for _, n := range []int{0, 1, 2, 124, 125} {
		payload := noise(n)
		ping, want := clientFrame(fin|opPing, payload), []reply{{opPong, payload}}
		cases = append(cases,
			sending(fmt.Sprintf("a ping of %d bytes", n), ping).gets(want...),
			sending(fmt.Sprintf("a ping of %d bytes, byte by byte", n), chops(1, ping)...).gets(want...),
			sending(fmt.Sprintf("an unsolicited pong of %d bytes", n),
				clientFrame(fin|opPong, payload), ping).gets(want...))
	}
	for name, opcode := range map[string]byte{"ping": opPing, "pong": opPong, "close": opClose} {
		cases = append(cases,
			sending("a "+name+" of 126 bytes", clientFrame(fin|opcode, closePayload(1000, pattern(124)))).
				closes(1002),
			sending("a "+name+" of 70,000 bytes",
				clientFrame(fin|opcode, closePayload(1000, pattern(69998)))[:14]).closes(1002))
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
		sending("ten pings", pings...).gets(pongs...),
		sending("ten pings in one write", bytes.Join(pings, nil)).gets(pongs...),
		sending("ten pings byte by byte", chops(1, pings...)...).gets(pongs...),
		sending("ten pings and a message in one write", slices.Concat(bytes.Join(pings, nil), message)).
			gets(append(slices.Clone(pongs), reply{opText, "hi"})...),
		sending("a message between pings in one write", slices.Concat(pings[0], message, pings[1], message)).
			gets(pongs[0], reply{opText, "hi"}, pongs[1], reply{opText, "hi"}),
		sending("ten unsolicited pongs, and a message",
			append(slices.Repeat([][]byte{clientFrame(fin|opPong, "x")}, 10), message)...).gets(reply{opText, "hi"}),
		sending("a ping before a violation", slices.Concat(pings[0], clientFrame(fin|3, ""))).
			gets(pongs[:1]...).closes(1002),
		sending("a ping before a close frame",
			slices.Concat(pings[0], clientFrame(fin|opClose, closePayload(1000, "")))).
			gets(pongs[:1]...).closes(1000))
}

// closeCases returns the cases of close frames: RFC 6455, sections 5.5.1 and 7.
func closeCases() (cases []conformanceCase) {
	bye := func(code int, reason string) []byte { return clientFrame(fin|opClose, closePayload(code, reason)) }
	registered := []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014}
	others := []int{3000, 3001, 3999, 4000, 4001, 4999} // of libraries and of applications
	for _, code := range append(registered, others...) {
		cases = append(cases,
			sending(fmt.Sprintf("close with %d", code), bye(code, "")).closes(code),
			sending(fmt.Sprintf("close with %d and a reason", code), bye(code, "so long")).closes(code))
	}
	for _, code := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 5001, 65535} {
		cases = append(cases,
			sending(fmt.Sprintf("close with the forbidden code %d", code), bye(code, "")).closes(1002),
			sending(fmt.Sprintf("close with the forbidden code %d and a reason", code), bye(code, "so long")).
				closes(1002))
	}
	for _, n := range []int{1, 2, 122, 123} {
		cases = append(cases, sending(fmt.Sprintf("close with a reason of %d bytes", n), bye(1000, pattern(n))).
			closes(1000))
	}
	message := clientFrame(fin|opText, "hi")
	for name, reason := range map[string]string{
		"a stray byte":     "\x80",
		"half a character": "\xce",
		"a surrogate":      "\xed\xa0\x80",
		"an overlong form": "\xc0\xaf",
		"text before it":   "so long\xff",
	} {
		cases = append(cases, sending("close with a reason in invalid UTF-8: "+name, bye(1000, reason)).closes(1002))
	}
	return append(cases,
		sending("close with a reason in Greek", bye(1000, strings.Repeat("γεια", 15))).closes(1000),
		sending("close with half a code", clientFrame(fin|opClose, "\x03")).closes(1002),
		sending("close, byte by byte", chops(1, bye(3000, "so long"))...).closes(3000),
		sending("close after a message", slices.Concat(message, bye(1001, ""))).
			gets(reply{opText, "hi"}).closes(1001),
		sending("a message after close", slices.Concat(bye(1000, ""), message)).closes(1000),
		sending("a ping after close", slices.Concat(bye(1000, ""), clientFrame(fin|opPing, "x"))).closes(1000),
		sending("a violation after close", slices.Concat(bye(1000, ""), clientFrame(fin|3, "x"))).closes(1000),
		sending("close twice", slices.Concat(bye(1000, ""), bye(1001, ""))).closes(1000),
		sending("close within a message", clientFrame(opText, "a"), bye(1000, "")).closes(1000),
		sending("close within a message, and then the rest of the message",
			clientFrame(opText, "a"), bye(1000, ""), clientFrame(fin|opContinuation, "b")).closes(1000),
		sending("a large message, and then close", clientFrame(fin|opText, pattern(1<<18)), bye(1000, "")).
			gets(reply{opText, pattern(1 << 18)}).closes(1000))
}
