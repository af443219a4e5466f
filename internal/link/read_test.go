package link

import (
	"net"
	"testing"
	"time"
)

// lostOwner tells of the ends of reading.
type lostOwner struct{ lost chan error }

func (*lostOwner) Message(*Link, bool, []byte)   {}
func (*lostOwner) Ping(*Link, []byte)            {}
func (*lostOwner) Answer(*Link)                  {}
func (*lostOwner) Pong(*Link)                    {}
func (*lostOwner) PeerClosed(*Link, int, string) {}
func (*lostOwner) Rejected(*Link, error)         {}
func (o *lostOwner) Lost(_ *Link, err error)     { o.lost <- err }
func (*lostOwner) Gone(*Link)                    {}

// deadlines is a connection that reports each reset of its read deadline.
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

// TestALateDeadlineDoesNotEndDiscarding: the sweeper may set one just when a client has
// broken the protocol. The socket must stay open for the close frame.
func TestALateDeadlineDoesNotEndDiscarding(t *testing.T) {
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
	case <-d.reset: // it reads on
	case err := <-owner.lost:
		t.Fatalf("the end is reported, though the client is there: %v", err)
	}
	if _, err := client.Write([]byte("more")); err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	<-owner.lost
	<-ended
}
