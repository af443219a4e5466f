package handshake

import (
	"net"
	"net/http/httptest"
	"testing"
)

// TestTakeOverWithoutConnection: TakeOver fails for a response without a network
// connection.
func TestTakeOverWithoutConnection(t *testing.T) {
	if conn, _, err := TakeOver(httptest.NewRecorder()); err == nil || conn != nil {
		t.Errorf("took over %v, %v", conn, err)
	}
}

// TestAnswerFails: Answer returns the error of a closed connection.
func TestAnswerFails(t *testing.T) {
	conn, client := net.Pipe()
	_ = client.Close()
	defer func() { _ = conn.Close() }()
	if err := Answer(conn, []byte("HTTP/1.1 101"), 0); err == nil {
		t.Error("nothing went wrong")
	}
}

// TestTokens: a token has the characters of RFC 9110, section 5.6.2, and no other.
func TestTokens(t *testing.T) {
	const chars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for c := range 256 {
		want := false
		for i := range len(chars) {
			want = want || chars[i] == byte(c)
		}
		if got := isToken(string([]byte{byte(c)})); got != want {
			t.Errorf("%q: %t, want %t", byte(c), got, want)
		}
	}
	if isToken("") {
		t.Error("nothing is a token")
	}
}
