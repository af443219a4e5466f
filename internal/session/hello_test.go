package session

import (
	"strings"
	"testing"
)

func TestParseHello(t *testing.T) {
	longest := strings.Repeat("x", 256)
	for name, test := range map[string]struct {
		payload string
		want    Hello
		fails   bool
	}{
		"new":            {`{"n":1}`, Hello{Number: 1}, false},
		"to resume":      {`{"s":"a","k":"b","r":7,"n":2,"t":"c"}`, Hello{"a", "b", 7, 2, "c"}, false},
		"unknown fields": {`{"n":1,"later":true}`, Hello{Number: 1}, false},
		"no number":      {`{}`, Hello{}, true},
		"no JSON":        {`x`, Hello{}, true},
		"a string":       {`{"n":"1"}`, Hello{}, true},
		"negative":       {`{"n":1,"r":-1}`, Hello{}, true},
		"a fraction":     {`{"n":1.5}`, Hello{}, true},
		"long names": {
			`{"n":1,"s":"` + longest + `","k":"` + longest + `"}`,
			Hello{longest, longest, 0, 1, ""}, false,
		},
		"a long session": {`{"n":1,"s":"x` + longest + `"}`, Hello{}, true},
		"a long token":   {`{"n":1,"k":"x` + longest + `"}`, Hello{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ParseHello([]byte(test.payload)); got != test.want || (err != nil) != test.fails {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
