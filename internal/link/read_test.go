package link

import (
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// lostOwner is an Owner. It passes on the errors of Lost.
type lostOwner struct{ lost chan error }

func (*lostOwner) Message(*Link, bool, []byte)   {}
func (*lostOwner) Ping(*Link, []byte)            {}
func (*lostOwner) Answer(*Link)                  {}
func (*lostOwner) Pong(*Link)                    {}
func (*lostOwner) PeerClosed(*Link, int, string) {}
func (*lostOwner) Rejected(*Link, error)         {}
func (o *lostOwner) Lost(_ *Link, err error)     { o.lost <- err }
func (*lostOwner) Gone(*Link)                    {}

// deadlines is a connection. It reports each reset of its read deadline.
type deadlines struct {
	net.Conn
	reset chan struct{}
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	err := d.Conn.SetReadDeadline(t)
	if t.IsZero() {
		d.reset <- struct{}{}
	}
	return err
}

// TestDiscardIgnoresLateDeadline checks: a late deadline doesn't end the discarding of
// input. The sweeper may set a deadline just after a client has broken the protocol.
// The socket must stay open for the close frame.
func TestDiscardIgnoresLateDeadline(t *testing.T) {
	client, server := net.Pipe()
	defer func() { _ = client.Close() }()
	d := &deadlines{server, make(chan struct{}, 10)}
	owner := &lostOwner{make(chan error, 10)}
	l := New(d, nil, owner, new(Watcher), Options{MaxMessageSize: 100, ReadBufferSize: 100})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.Wait()
	}()
	if _, err := client.Write([]byte{0xFF, 0xFF}); err != nil { // reserved bits
		t.Fatal(err)
	}
	<-owner.lost
	<-d.reset
	_ = server.SetReadDeadline(longAgo)
	select {
	case <-d.reset: // reading goes on
	case err := <-owner.lost:
		t.Fatalf("the connection ended with %v, want it open", err)
	}
	if _, err := client.Write([]byte("more")); err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	<-owner.lost
	<-ended
}

// expired is a network connection with a deadline of its application: each read fails.
type expired struct {
	net.Conn
	reads atomic.Int64
}

func (e *expired) Read([]byte) (int, error) {
	e.reads.Add(1)
	return 0, os.ErrDeadlineExceeded
}

// TestDiscardEndsAtDeadlineOfApplication checks: a connection with an expired deadline of
// its application ends. Discarding must not try again and again.
func TestDiscardEndsAtDeadlineOfApplication(t *testing.T) {
	client, server := net.Pipe()
	defer func() { _ = client.Close() }()
	conn := &expired{Conn: server}
	violation := []byte{0xFF, 0xFF} // reserved bits
	owner := &lostOwner{make(chan error, 10)}
	l := New(conn, violation, owner, new(Watcher), Options{MaxMessageSize: 100, ReadBufferSize: 100})
	l.Wait()
	if got := conn.reads.Load(); got > 2 {
		t.Errorf("got %d reads, want 2 at most", got)
	}
	_ = server.Close()
}
