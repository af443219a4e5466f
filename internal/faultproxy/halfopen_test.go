package faultproxy_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/internal/faultproxy"
)

// TestHalfOpen: the client sees the cut, the server sees nothing but silence. The late
// bytes of the client arrive when they are let go.
func TestHalfOpen(t *testing.T) {
	for _, reset := range []bool{false, true} {
		t.Run(fmt.Sprintf("reset %t", reset), func(t *testing.T) {
			fault := faultproxy.None()
			fault.CutUp, fault.HalfOpen, fault.Reset = 4, true, reset
			p := connect(t, fault)
			c := p.live()
			p.client.send("abcdefgh") // one segment: the proxy has all of it at the cut
			if reset {
				p.client.wantsReset("")
			} else {
				p.client.wantsEnd("", nil)
			}
			p.client.Close()
			p.server.wants("abcd")
			p.server.wantsNothing()
			p.server.send("are you there?")
			eventually(t, "it is thrown away", func() bool { return down(c).Lost == 14 })
			c.Go()
			p.server.wants("efgh")
			p.server.wantsNothing()
			c.Cut()
			if reset {
				p.server.wantsReset("")
			} else {
				p.server.wantsEnd("", nil)
			}
		})
	}
}

// TestLateBytesArriveAfterATime: the sender's socket is gone by then, and a new one
// may be in use.
func TestLateBytesArriveAfterATime(t *testing.T) {
	listener := listen(t)
	proxy := newProxy(t, listener, 1)
	const late = 100 * time.Millisecond
	proxy.SetPlan(func(n int) faultproxy.Fault {
		fault := faultproxy.None()
		if n == 1 {
			fault.CutUp, fault.HalfOpen, fault.LateAfter = 1, true, late
		}
		return fault
	})
	old := dial(t, proxy, listener)
	begin := time.Now()
	old.client.send("1234")
	old.client.wantsEnd("", nil)
	old.client.Close()
	next := dial(t, proxy, listener)
	next.client.send("new")
	next.server.wants("new")
	old.server.wants("1234")
	if took := time.Since(begin); took < late {
		t.Errorf("the late bytes came after %v", took)
	}
	old.server.wantsNothing()
}

// TestAClientMayStillSendAfterTheFIN: the proxy half-closes only.
func TestAClientMayStillSendAfterTheFIN(t *testing.T) {
	fault := faultproxy.None()
	fault.CutDown, fault.HalfOpen = 2, true
	p := connect(t, fault)
	c := p.live()
	p.server.send("12345")
	p.client.wantsEnd("12", nil)
	p.client.send("abc")
	eventually(t, "it is held", func() bool { return up(c).Held == 3 })
	p.server.wantsNothing()
	c.Go()
	p.server.wants("abc")
	p.client.send("def") // no longer held back
	p.server.wants("def")
	if count := down(c); count.Delivered != 2 || count.Lost != 3 {
		t.Errorf("down: %+v", count)
	}
}

func TestAbandonALiveConnection(t *testing.T) {
	for _, reset := range []bool{false, true} {
		t.Run(fmt.Sprintf("reset %t", reset), func(t *testing.T) {
			fault := faultproxy.None()
			fault.Reset = reset
			p := connect(t, fault)
			c := p.live()
			c.Stall()
			p.client.send("on its way")
			eventually(t, "the proxy has it", func() bool { return up(c).Held == 10 })
			c.Abandon()
			c.Abandon() // does nothing
			if reset {
				p.client.wantsReset("")
			} else {
				p.client.wantsEnd("", nil)
			}
			p.server.wantsNothing()
			c.Go()
			p.server.wants("on its way")
			p.server.wantsNothing()
		})
	}
}

// TestTheServerMayCloseAHalfOpenConnection: its late bytes then have nowhere to go.
func TestTheServerMayCloseAHalfOpenConnection(t *testing.T) {
	p := connect(t, faultproxy.None())
	c := p.live()
	c.Abandon()
	p.server.Close()
	p.client.send("too late")
	eventually(t, "it is held", func() bool { return up(c).Held == 8 })
	c.Go()
	p.client.send("!")
	eventually(t, "the rest is thrown away", func() bool { return up(c).Lost > 0 || up(c).Delivered == 9 })
	c.Cut()
	p.client.Close()
	wantOver(t, c)
}
