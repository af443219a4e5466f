// Package quote makes texts that come from clients, or from code that quotes
// clients, fit for a log and for an error message: one line each, of bounded
// length, in which nothing can pass for a line of its own or act on a terminal.
// It does no I/O and is safe for concurrent use.
package quote

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text returns s with escape sequences, as Go writes them, in place of what is
// not visible: control characters, line breaks of all kinds, characters that turn
// the direction of writing, bytes that are not UTF-8. What is longer than most
// bytes is cut between two characters, and the length of s added. A text that has
// been through here before, within the same limit, stays as it is.
func Text(s string, most int) string { return clip(s, most, strconv.IsGraphic, "") }

// Any is Text for how fmt prints a value.
func Any(v any, most int) string { return Text(fmt.Sprint(v), most) }

// String is Text in double quotes, for values within a text: whatever s is, one
// can see where it ends.
func String(s string, most int) string {
	return clip(s, most, func(r rune) bool { return strconv.IsGraphic(r) && r != '"' && r != '\\' }, `"`)
}

// Lines is Text for several lines: line breaks and tabs stay. It is for what no
// client has a part in.
func Lines(s string, most int) string {
	return clip(s, most, func(r rune) bool { return strconv.IsGraphic(r) || r == '\n' || r == '\t' }, "")
}

// Cut returns the beginning of s, of at most so many bytes, without half a
// character at its end. It escapes nothing.
func Cut(s []byte, most int) []byte {
	if len(s) <= most {
		return s
	}
	for end := most; end >= 0 && most-end < utf8.UTFMax; end-- {
		if utf8.RuneStart(s[end]) {
			return s[:end]
		}
	}
	return s[:most] // it isn't UTF-8 there
}

// clip writes what it may keep of s, and the rest escaped, within most bytes.
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
