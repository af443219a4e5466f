package handshake

import (
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"
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

// TestAnswerDeadlines: the time is limited for the response alone, whatever deadline the
// connection had.
func TestAnswerDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, client := net.Pipe()
		defer func() { _, _ = conn.Close(), client.Close() }()
		if err := Answer(conn, []byte("HTTP/1.1 101"), time.Second); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("nobody reads: %v, want a timeout", err)
		}
		go func() { _, _ = io.Copy(io.Discard, client) }()
		for _, within := range []time.Duration{0, time.Second} {
			_ = conn.SetDeadline(time.Now().Add(-time.Second)) // as net/http may
			if err := Answer(conn, []byte("HTTP/1.1 101"), within); err != nil {
				t.Errorf("within %v: %v", within, err)
			}
			time.Sleep(time.Minute)
			if _, err := conn.Write([]byte("later")); err != nil {
				t.Errorf("within %v, a minute later: %v", within, err)
			}
		}
	})
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
