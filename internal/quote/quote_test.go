package quote_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/kataras/iris/websocket/internal/quote"
)

func TestText(t *testing.T) {
	for name, test := range map[string]struct {
		in   string
		most int
		want string
	}{
		"empty":             {"", 10, ""},
		"ordinary":          {`Grüße, "you" & 'me' \o/ 日本 😀`, 100, `Grüße, "you" & 'me' \o/ 日本 😀`},
		"a forged line":     {"a\n[ERRO] b\r\n", 100, `a\n[ERRO] b\r\n`},
		"a terminal's":      {"\x1b[2J\a\x00\x7f\u009b", 100, `\x1b[2J\a\x00\x7f\u009b`},
		"separators":        {"a\u2028b\u2029c\u0085d\vf\f", 100, `a\u2028b\u2029c\u0085d\vf\f`},
		"directions":        {"\u202e\u2066\u200f\u061c", 100, `\u202e\u2066\u200f\u061c`},
		"invisible":         {"\ufeff\u200b\U000e0041", 100, `\ufeff\u200b\U000e0041`},
		"not UTF-8":         {"a\xff\xc3", 100, `a\xff\xc3`},
		"a real U+FFFD":     {"\ufffd", 100, "\ufffd"},
		"as long as it may": {"12345", 5, "12345"},
		"too long":          {"123456", 5, "12345… (6 bytes in all)"},
		"half a character":  {"1234ö", 5, "1234… (6 bytes in all)"},
		"half an escape":    {"123\n", 4, "123… (4 bytes in all)"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := quote.Text(test.in, test.most); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestString(t *testing.T) {
	for _, test := range []struct {
		in   string
		most int
		want string
	}{
		{"a b", 10, `"a b"`},
		{`a" b=\"c`, 20, `"a\" b=\\\"c"`},
		{"'\n", 10, `"'\n"`},
		{"123456", 5, `"12345"… (6 bytes in all)`},
	} {
		t.Run(fmt.Sprintf("%q", test.in), func(t *testing.T) {
			if got := quote.String(test.in, test.most); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestLinesKeepsLinesOnly(t *testing.T) {
	if got := quote.Lines("a\n\tb\r\x1b\u2028", 100); got != "a\n\tb"+`\r\x1b\u2028` {
		t.Errorf("%q", got)
	}
	if got := quote.Lines(strings.Repeat("a\n", 10), 4); got != "a\na\n… (20 bytes in all)" {
		t.Errorf("%q", got)
	}
}

func TestAny(t *testing.T) {
	for _, test := range []struct {
		in   any
		want string
	}{
		{errors.New("a\nb"), `a\nb`},
		{nil, "<nil>"},
		{[]int{1, 2}, "[1 2]"},
		{map[string]int{"\n": 1}, `map[\n:1]`},
	} {
		t.Run(test.want, func(t *testing.T) {
			if got := quote.Any(test.in, 100); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		in   string
		most int
		want string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "abc"},
		{"abö", 3, "ab"},
		{"a日", 3, "a"},
		{"😀😀", 7, "😀"},
		{"öö", 1, ""},
		{"öö", 2, "ö"},
		{"a\xbf\xbf\xbf\xbf\xbf\xbf", 5, "a\xbf\xbf\xbf\xbf"},
		{"\xff\n", 1, "\xff"},
	} {
		t.Run(fmt.Sprintf("%q to %d", test.in, test.most), func(t *testing.T) {
			if got := quote.Cut([]byte(test.in), test.most); string(got) != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// FuzzText: each result is one visible line of bounded length, and another pass
// doesn't change it.
func FuzzText(f *testing.F) {
	f.Add("a\n\x1b\u2028\u202e\xff", 20)
	f.Add(`"\`, 5)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = min(max(most, 0), 200)
		text, quoted := quote.Text(s, most), quote.String(s, most)
		for _, got := range []string{text, quoted} {
			if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsGraphic(r) }) {
				t.Errorf("%q", got)
			}
			if len(got) > most+len(`""… (9223372036854775807 bytes in all)`) {
				t.Errorf("%d bytes", len(got))
			}
		}
		if again := quote.Text(text, len(text)); again != text {
			t.Errorf("%q becomes %q", text, again)
		}
		if cut := quote.Cut([]byte(s), most); len(cut) > most || !bytes.HasPrefix([]byte(s), cut) {
			t.Errorf("cut to %q", cut)
		}
	})
}
