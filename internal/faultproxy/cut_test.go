package faultproxy_test

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/kataras/iris/websocket/internal/faultproxy"
)

// TestCutAtAnyByte: each side gets what came before the cut, then its end.
func TestCutAtAnyByte(t *testing.T) {
	const text = "0123456789"
	for _, reset := range []bool{false, true} {
		for at := range int64(len(text) + 1) {
			if at == 0 && reset {
				continue // below
			}
			t.Run(fmt.Sprintf("up at %d, reset %t", at, reset), func(t *testing.T) {
				fault := faultproxy.None()
				fault.CutUp, fault.Reset = at, reset
				p := connect(t, fault)
				p.client.Write([]byte(text)) // may meet the cut
				p.wantCut(reset, "", text[:at])
			})
			t.Run(fmt.Sprintf("down at %d, reset %t", at, reset), func(t *testing.T) {
				fault := faultproxy.None()
				fault.CutDown, fault.Reset = at, reset
				p := connect(t, fault)
				p.server.Write([]byte(text))
				p.wantCut(reset, text[:at], "")
			})
		}
	}
}

// TestResetAtOnce: the client meets it already while it connects, or after that.
func TestResetAtOnce(t *testing.T) {
	listener := listen(t)
	proxy := newProxy(t, listener, 1)
	proxy.SetPlan(func(n int) faultproxy.Fault {
		fault := faultproxy.None()
		fault.Reset = true
		if n%2 == 0 {
			fault.CutUp = 0
		} else {
			fault.CutDown = 0
		}
		return fault
	})
	for range 10 {
		if err := connectError(proxy); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the client meets %v", err)
		}
		accept(t, listener).wantsReset("")
	}
}

// wantCut reads the end at both sides, after these texts.
func (p pair) wantCut(reset bool, client, server string) {
	p.client.t.Helper()
	if reset {
		p.client.wantsReset(client)
		p.server.wantsReset(server)
		return
	}
	p.client.wantsEnd(client, nil)
	p.server.wantsEnd(server, nil)
}

func TestCutCountsBytesAcrossWrites(t *testing.T) {
	fault := faultproxy.None()
	fault.CutUp = 7
	p := connect(t, fault)
	p.client.send("abc")
	p.server.wants("abc")
	p.server.send("ok")
	p.client.wants("ok")
	p.client.send("defgh")
	p.server.wantsEnd("defg", nil)
	p.client.wantsEnd("", nil)
}

// TestAfterACutNothingPasses: what the sides still send is thrown away, until both
// have closed.
func TestAfterACutNothingPasses(t *testing.T) {
	p := connect(t, faultproxy.None())
	c := p.live()
	c.Cut()
	c.Cut() // does nothing
	p.client.wantsEnd("", nil)
	p.server.wantsEnd("", nil)
	p.client.send("late")
	p.server.send("later")
	eventually(t, "it is thrown away", func() bool { return up(c).Lost == 4 && down(c).Lost == 5 })
	p.client.Close()
	p.server.Close()
	wantOver(t, c)
}

func TestCutOfALiveConnection(t *testing.T) {
	for _, reset := range []bool{false, true} {
		t.Run(fmt.Sprintf("reset %t", reset), func(t *testing.T) {
			fault := faultproxy.None()
			fault.Reset = reset
			p := connect(t, fault)
			c := p.live()
			p.client.send("ping")
			p.server.wants("ping")
			c.Cut()
			p.wantCut(reset, "", "")
		})
	}
}

// TestCutDuringABlockedWrite: a side that doesn't read can't hold up a cut.
func TestCutDuringABlockedWrite(t *testing.T) {
	for _, reset := range []bool{false, true} {
		t.Run(fmt.Sprintf("reset %t", reset), func(t *testing.T) {
			fault := faultproxy.None()
			fault.Reset = reset
			p := connect(t, fault)
			c := p.live()
			written := p.flood(c)
			c.Cut()
			if reset {
				wantOver(t, c)
				if _, err := written(); err == nil {
					t.Error("the server's write ends well")
				}
				return
			}
			p.server.wantsEnd("", nil)
			if _, err := written(); err != nil { // it is thrown away
				t.Error(err)
			}
			got, err := io.Copy(io.Discard, p.client)
			if want := down(c).Delivered; got != want || err != nil {
				t.Errorf("the client reads %d bytes, %v; want %d", got, err, want)
			}
		})
	}
}
