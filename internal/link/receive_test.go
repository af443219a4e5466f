package link

import (
	"net"
	"testing"
)

// TestBlockingReadsBorrowABuffer: blocking reads borrow a larger buffer for a large
// message and then return to the small one of the connection.
func TestBlockingReadsBorrowABuffer(t *testing.T) {
	const size = 100
	client, server := net.Pipe() // can't be read without blocking
	defer func() { _ = client.Close() }()
	defer func() { _ = server.Close() }()
	l := New(server, nil, nil, nil, Options{ReadBufferSize: size})
	receive := func() int {
		t.Helper()
		data, err := l.receive(true, false)
		if err != nil {
			t.Fatal(err)
		}
		n := cap(data)
		l.release()
		return n
	}
	written := make(chan struct{})
	write := func(n int) {
		go func() {
			_, _ = client.Write(make([]byte, n))
			written <- struct{}{}
		}()
	}
	for round := range 2 {
		write(10 * size)
		for i := range 2 {
			if n := receive(); n != size {
				t.Errorf("round %d: read %d was into a buffer of %d bytes", round, i, n)
			}
		}
		if n := receive(); n < 16<<10 { // the rest
			t.Errorf("round %d: a large message is read into a buffer of %d bytes", round, n)
		}
		<-written
		write(10)
		if n := receive(); n != size {
			t.Errorf("round %d: a small message is read into a buffer of %d bytes", round, n)
		}
		<-written
	}
	if l.dropBuffer(); l.kept != nil || l.full != 0 {
		t.Error("something is kept while nobody reads")
	}
}
