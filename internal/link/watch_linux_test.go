//go:build linux && !portable

package link

import "testing"

// TestNoWatchAfterClose: a socket that is about to be closed can't be watched any more. The
// poller would hold its link until the number of the descriptor is used again.
func TestNoWatchAfterClose(t *testing.T) {
	server, _ := overTCP(t)
	w := new(Watcher)
	w.Start()
	defer w.Stop()
	l := New(server, nil, nil, w, Options{ReadBufferSize: 512})
	if !l.socket.watch(l) {
		t.Fatal("can't be watched")
	}
	l.socket.close(l) // the first step of Kill
	if l.socket.watch(l) {
		t.Error("is watched after its end")
	}
}
