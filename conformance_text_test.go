package websocket_test

import (
	"fmt"
	"slices"
)

// wellFormed reports whether a string is UTF-8, by the table of RFC 3629, section 4.
func wellFormed(s string) bool {
	for len(s) > 0 {
		n, low, high := 0, byte(0x80), byte(0xBF)
		switch c := s[0]; {
		case c <= 0x7F:
		case 0xC2 <= c && c <= 0xDF:
			n = 1
		case c == 0xE0:
			n, low = 2, 0xA0
		case c == 0xED:
			n, high = 2, 0x9F
		case 0xE1 <= c && c <= 0xEF:
			n = 2
		case c == 0xF0:
			n, low = 3, 0x90
		case 0xF1 <= c && c <= 0xF3:
			n = 3
		case c == 0xF4:
			n, high = 3, 0x8F
		default:
			return false
		}
		if len(s) <= n {
			return false
		}
		for i := 1; i <= n; i++ {
			if s[i] < low || s[i] > high {
				return false
			}
			low, high = 0x80, 0xBF
		}
		s = s[n+1:]
	}
	return true
}

// textCases returns the cases of RFC 6455, section 8.1: invalid UTF-8 in a text ends the
// connection as soon as the server can know it.
func textCases() (cases []conformanceCase) {
	add := func(name, text string) {
		e := sending(fmt.Sprintf("text: %s % x", name, text), clientFrame(fin|opText, text))
		if wellFormed(text) {
			e.want = []reply{{opText, text}}
		} else {
			e.close = 1007
		}
		cases = append(cases, e)
	}
	leads := []byte{
		0x7F, 0x80, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED,
		0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFC, 0xFE, 0xFF,
	}
	seconds := []byte{0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF}
	for _, lead := range leads {
		add("a lead alone", string([]byte{lead}))
		for _, second := range seconds {
			for n := range 3 {
				add("a sequence", string(append([]byte{lead, second}, slices.Repeat([]byte{0x80}, n)...)))
			}
		}
	}
	for _, text := range []string{
		"\ufffd", "\uffff", "\ufdd0", "\U0001fffe", "\U0010ffff", "\ufeff", "\x00",
		"κόσμε", "Hello-µ@ßöäüàá-UTF-8!!", "𝄞 and 🤝",
	} {
		add("valid", text)
	}

	// The server closes already when the beginning of a message can't become valid text.
	for _, bad := range []string{
		"\x80", "\xff", "\xc0", "\xc1\x80", "\xe0\x80", "\xed\xa0", "\xf0\x80", "\xf4\x90", "\xf5",
		"ab\xce\xceb", "κόσμε\xed\xa0\x80",
	} {
		unfinished := clientFrame(opText, bad)
		announced := clientFrame(fin|opText, bad+pattern(1000))[:8+len(bad)] // a header of 8 bytes
		name := fmt.Sprintf("% x", bad)
		cases = append(cases,
			sending("an unfinished text: "+name, unfinished).closes(1007),
			sending("a fragment of text after a good one: "+name,
				clientFrame(opText, "good"), clientFrame(opContinuation, bad)).closes(1007),
			sending("an unfinished frame of text: "+name, announced).cutShort().closes(1007),
			sending("an unfinished frame of text, byte by byte: "+name, chops(1, announced)...).
				cutShort().closes(1007),
			sending("an unfinished frame of text after a good fragment: "+name,
				clientFrame(opText, "κό"), clientFrame(fin|opContinuation, bad+pattern(1000))[:8+len(bad)]).
				cutShort().closes(1007),
			sending("bytes in a binary message: "+name,
				clientFrame(opBinary, bad), clientFrame(fin|opContinuation, bad)).gets(reply{opBinary, bad + bad}))
	}
	// A character may be cut anywhere, but must not end too early.
	for _, text := range []string{"κόσμε", "€", "𝄞", "a€𝄞ß"} {
		for n := 1; n < len(text); n++ {
			cases = append(cases,
				sending(fmt.Sprintf("%s in fragments of %d", text, n), fragments(opText, text, n)...).
					gets(reply{opText, text}),
				sending(fmt.Sprintf("%s in writes of %d", text, n), chops(n, clientFrame(fin|opText, text))...).
					gets(reply{opText, text}))
			if !wellFormed(text[:n]) {
				cases = append(cases,
					sending(fmt.Sprintf("%s cut after %d bytes", text, n),
						clientFrame(fin|opText, text[:n])).closes(1007),
					sending(fmt.Sprintf("%s cut after %d bytes, in fragments", text, n),
						clientFrame(opText, text[:n]), clientFrame(fin|opContinuation, "")).closes(1007))
			}
		}
	}
	return cases
}
