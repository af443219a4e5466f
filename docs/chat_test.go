package docs_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestChatIsTheExample checks: the code of CHAT.md is that of the example rooms, whose tests
// run it.
func TestChatIsTheExample(t *testing.T) {
	files, err := filepath.Glob("../examples/rooms/*")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, file := range files {
		code.WriteString(read(t, file))
	}
	for _, b := range blocksOf(t, "CHAT.md") {
		switch b.language {
		case "sh":
			checkShell(t, b)
		default:
			if !strings.Contains(code.String(), b.text) {
				t.Errorf("%v is not in the example rooms:\n%s", b, b.text)
			}
		}
	}
}
