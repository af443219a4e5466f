package handshake

import (
	"net/http"
	"strings"
	"testing"
)

// TestHeadersOfTheApplication: a response has them, but not those of the handshake, however
// they are spelled, and no name that would break the header.
func TestHeadersOfTheApplication(t *testing.T) {
	header := http.Header{"X-Mine": {"a", "b\r\nc"}, "upgrade": {"h2c"}, "Vary": {"x"}, "X: y\r\nZ": {"z"}}
	lines := strings.Split(string(Response(Request{}, "", header)), "\r\n")
	var mine []string
	for _, line := range lines[4:] {
		if line != "" {
			mine = append(mine, line)
		}
	}
	if got := strings.Join(mine, "|"); got != "X-Mine: a|X-Mine: b  c" {
		t.Errorf("the headers are %q", got)
	}
}
