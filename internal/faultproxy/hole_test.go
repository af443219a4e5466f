package faultproxy_test

import (
	"testing"

	"github.com/kataras/iris/websocket/internal/faultproxy"
)

// TestHoleUp: nothing of the client arrives, not even its end, and the other direction
// goes on.
func TestHoleUp(t *testing.T) {
	fault := faultproxy.None()
	fault.HoleUp = 3
	p := connect(t, fault)
	c := p.live()
	p.client.send("abcdef")
	p.server.wants("abc")
	p.client.send("ghi")
	p.server.send("hello")
	p.client.wants("hello")
	p.client.CloseWrite()
	eventually(t, "it is thrown away", func() bool { return up(c).Lost == 6 })
	p.server.wantsNothing()
	p.server.send("still there")
	p.client.wants("still there")
	c.Go() // brings nothing back
	p.server.wantsNothing()
	p.server.CloseWrite()
	p.client.wantsEnd("", nil)
	p.server.wantsNothing() // the proxy keeps it open
}

func TestHoleDown(t *testing.T) {
	fault := faultproxy.None()
	fault.HoleDown = 3
	p := connect(t, fault)
	c := p.live()
	p.server.send("abcdef")
	p.client.wants("abc")
	p.client.send("hello")
	p.server.wants("hello")
	p.server.CloseWrite()
	eventually(t, "it is thrown away", func() bool { return down(c).Lost == 3 })
	p.client.wantsNothing()
	p.client.send("still there")
	p.client.CloseWrite()
	p.server.wantsEnd("still there", nil)
	p.client.wantsNothing()
}

// TestHolesSwallowResets: the other side isn't told.
func TestHolesSwallowResets(t *testing.T) {
	fault := faultproxy.None()
	fault.HoleUp = 0
	p := connect(t, fault)
	c := p.live()
	p.client.SetLinger(0)
	p.client.Close()
	p.server.send("into the void")
	p.server.send("again")
	p.server.wantsNothing()
	p.server.send("and again")
	eventually(t, "all is taken", func() bool { return down(c).Delivered+down(c).Lost == 27 })
	p.server.wantsNothing()
}

// TestBothDirectionsBlack: both sides believe that they are connected.
func TestBothDirectionsBlack(t *testing.T) {
	p := connect(t, faultproxy.None())
	c := p.live()
	p.client.send("a")
	p.server.wants("a")
	c.Blackhole(true, false)
	c.Blackhole(false, true)
	p.client.send("to the server")
	p.server.send("to the client")
	eventually(t, "it is thrown away", func() bool { return up(c).Lost == 13 && down(c).Lost == 13 })
	p.client.wantsNothing()
	p.server.wantsNothing()
	c.Cut()
	p.client.wantsEnd("", nil)
	p.server.wantsEnd("", nil)
}

// TestBlackholeTakesWhatABlockedWriteHeld: the sender goes on.
func TestBlackholeTakesWhatABlockedWriteHeld(t *testing.T) {
	p := connect(t, faultproxy.None())
	c := p.live()
	written := p.flood(c)
	c.Blackhole(false, true)
	delivered := down(c).Delivered
	size, err := written()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "all is taken", func() bool { return down(c).Delivered+down(c).Lost == int64(size) })
	if now := down(c).Delivered; now != delivered {
		t.Errorf("%d bytes were delivered after the hole", now-delivered)
	}
}
