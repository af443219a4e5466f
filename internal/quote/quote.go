// Package quote makes texts safe for logs and error messages. The texts come from
// clients, or from code that quotes clients. The result is one line of bounded
// length, except for [Lines]. It contains no line breaks and no escape sequences for
// terminals. So a client can't forge a line of a log or control a terminal. The
// functions do no I/O, hold no locks, and are safe for concurrent use.
package quote

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text replaces all invisible parts of s by Go's escape sequences: control
// characters, all kinds of line breaks, characters that change the direction of
// writing, and bytes outside of UTF-8. It cuts a text of more than most bytes
// between two characters and appends the length of s. If a result within the limit
// goes through Text again, it doesn't change.
func Text(s string, most int) string { return clip(s, most, strconv.IsGraphic, "") }

// Any is Text for a value as fmt prints it.
func Any(v any, most int) string { return Text(fmt.Sprint(v), most) }

// String is Text in double quotes, for a value within a text. The quotes mark its
// end for any s.
func String(s string, most int) string {
	return clip(s, most, func(r rune) bool { return strconv.IsGraphic(r) && r != '"' && r != '\\' }, `"`)
}

// Lines is Text for several lines: it keeps line breaks and tabs. Use it only for
// texts without any part from a client.
func Lines(s string, most int) string {
	return clip(s, most, func(r rune) bool { return strconv.IsGraphic(r) || r == '\n' || r == '\t' }, "")
}

// Cut returns the first bytes of s, at most so many, without half a character at
// the end. It escapes nothing.
func Cut(s []byte, most int) []byte {
	if len(s) <= most {
		return s
	}
	for end := most; end >= 0 && most-end < utf8.UTFMax; end-- {
		if utf8.RuneStart(s[end]) {
			return s[:end]
		}
	}
	return s[:most] // not UTF-8 at this point
}

// clip keeps the characters of s allowed by keep and escapes the others, within most
// bytes. It puts the text between two copies of around.
func clip(s string, most int, keep func(rune) bool, around string) string {
	var b strings.Builder
	b.WriteString(around)
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		part := s[i : i+size]
		switch {
		case r == utf8.RuneError && size == 1:
			part = fmt.Sprintf(`\x%02x`, s[i])
		case keep(r):
		case r == '"' || r == '\\':
			part = `\` + part
		default:
			part = strings.Trim(strconv.QuoteRuneToGraphic(r), "'")
		}
		if b.Len()+len(part)-len(around) > most {
			return fmt.Sprintf("%s%s… (%d bytes in all)", b.String(), around, len(s))
		}
		b.WriteString(part)
		i += size
	}
	b.WriteString(around)
	return b.String()
}
