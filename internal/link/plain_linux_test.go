//go:build linux && !race && !portable && !386 && !s390x

package link

import (
	"syscall"
	"testing"
	"time"
)

// TestBlockingDescriptor: other code has made the descriptor blocking, for all its
// duplicates. TryWrite and a read without input still return at once.
func TestBlockingDescriptor(t *testing.T) {
	server, client := overTCP(t)
	file, err := server.File() // a duplicate
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	l := New(server, nil, nil, new(Watcher), Options{ReadBufferSize: 512})
	if err := syscall.SetNonblock(int(file.Fd()), false); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"write": func() error {
			for data := make([]byte, 1<<20); ; {
				if n, err := l.TryWrite(data); n < len(data) || err != nil {
					return err
				}
			}
		},
		"read": func() error {
			if _, err := l.receive(false, true); err != errNothing {
				return err
			}
			return nil
		},
	} {
		returned := make(chan error, 1)
		go func() { returned <- call() }()
		select {
		case err := <-returned:
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(patience):
			_ = client.Close() // lets the call return
			t.Fatalf("%s blocks", name)
		}
	}
}
