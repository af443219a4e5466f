package handshake

import (
	"reflect"
	"strings"
	"testing"
)

// format formats extensions as a client could.
func format(extensions []extension) string {
	var all []string
	for _, e := range extensions {
		text := e.name
		for _, p := range e.parameters {
			text += "; " + p.name
			if p.hasValue {
				text += `="` + p.value + `"`
			}
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// FuzzExtensions: parsed extensions, formatted and parsed again, stay the same; the
// answer accepts nothing but an offer.
func FuzzExtensions(f *testing.F) {
	for _, seed := range []string{
		"permessage-deflate; client_max_window_bits, x; a=b; c=\"d\"",
		`permessage-deflate; server_max_window_bits="1\5"`,
		", ,a;b", `a; b="`, "=", "a b", "\x00",
	} {
		f.Add(seed, "")
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		extensions, ok := parseExtensions([]string{one, two})
		if !ok {
			return
		}
		again, ok := parseExtensions([]string{format(extensions)})
		if !ok || !reflect.DeepEqual(again, extensions) {
			t.Errorf("%q and %q are read as %+v, and that as %+v", one, two, extensions, again)
		}
		joined, ok := parseExtensions([]string{one + "," + two})
		if !ok || !reflect.DeepEqual(joined, extensions) {
			t.Errorf("two lines, %q and %q, are %+v, and one %+v", one, two, extensions, joined)
		}
		answer := negotiate(extensions)
		if answer == "" {
			return
		}
		if !strings.Contains(one+two, "permessage-deflate") {
			t.Errorf("%q and %q are answered with %q", one, two, answer)
		}
		agreed, ok := parseExtensions([]string{answer})
		if !ok || len(agreed) != 1 || agreed[0].name != "permessage-deflate" {
			t.Errorf("the answer %q is malformed", answer)
		}
	})
}
