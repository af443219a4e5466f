package faultproxy_test

import (
	"fmt"
	"io"
	"log"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/internal/faultproxy"
)

var quiet = log.New(io.Discard, "", 0)

// TestStallEndsAfterItsTime: nothing is lost, and the end waits too.
func TestStallEndsAfterItsTime(t *testing.T) {
	const stall = 100 * time.Millisecond
	for _, isUp := range []bool{true, false} {
		t.Run(fmt.Sprintf("up %t", isUp), func(t *testing.T) {
			fault := faultproxy.None()
			fault.StallFor = stall
			if isUp {
				fault.StallUp = 2
			} else {
				fault.StallDown = 2
			}
			p := connect(t, fault)
			from, to := p.server, p.client
			if isUp {
				from, to = to, from
			}
			begin := time.Now()
			from.send("abcdef")
			from.CloseWrite()
			to.wants("ab")
			to.send("the other direction goes on")
			from.wants("the other direction goes on")
			to.wantsEnd("cdef", nil)
			if took := time.Since(begin); took < stall {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestStallWithoutATimeEndsWithGo, and happens once only.
func TestStallWithoutATimeEndsWithGo(t *testing.T) {
	fault := faultproxy.None()
	fault.StallDown = 0
	p := connect(t, fault)
	c := p.live()
	p.server.send("abc")
	eventually(t, "it is held", func() bool { return down(c).Held == 3 })
	p.client.wantsNothing()
	c.Go()
	p.client.wants("abc")
	p.server.send("def")
	p.client.wants("def")
}

func TestStallOfALiveConnection(t *testing.T) {
	p := connect(t, faultproxy.None())
	c := p.live()
	for range 3 {
		c.Stall()
		p.client.send("up")
		p.server.send("down")
		eventually(t, "both are held", func() bool { return up(c).Held == 2 && down(c).Held == 4 })
		p.client.wantsNothing()
		p.server.wantsNothing()
		c.Go()
		p.client.wants("down")
		p.server.wants("up")
	}
	c.Stall()
	p.client.SetLinger(0)
	p.client.Close()
	p.server.wantsNothing() // a reset waits as well
	c.Go()
	p.server.wantsReset("")
}

// TestStallInterruptsABlockedWrite and loses nothing.
func TestStallInterruptsABlockedWrite(t *testing.T) {
	p := connect(t, faultproxy.None())
	c := p.live()
	written := p.flood(c)
	c.Stall()
	delivered := down(c).Delivered
	got := make([]byte, delivered)
	if _, err := io.ReadFull(p.client, got); err != nil {
		t.Fatal(err)
	}
	p.client.wantsNothing()
	c.Go()
	rest := make(chan int64, 1)
	go func() {
		n, _ := io.Copy(io.Discard, p.client)
		rest <- n
	}()
	size, err := written()
	p.server.CloseWrite()
	if n := <-rest; n != int64(size)-delivered || err != nil {
		t.Errorf("the client reads %d bytes more, %v; want %d", n, err, int64(size)-delivered)
	}
}

func TestEachPieceIsDelayed(t *testing.T) {
	const delay = 30 * time.Millisecond
	fault := faultproxy.None()
	fault.Pieces, fault.Delay = 1, delay
	p := connect(t, fault)
	begin := time.Now()
	p.client.send("abcd")
	for i, letter := range []string{"a", "b", "c", "d"} {
		p.server.wants(letter)
		if took, want := time.Since(begin), time.Duration(i+1)*delay; took < want {
			t.Errorf("%s came after %v, want %v or more", letter, took, want)
		}
	}
}

func TestPieces(t *testing.T) {
	const size = 10_000
	for _, most := range []int{1, 2, 100} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			fault := faultproxy.None()
			fault.Pieces = most
			p := connect(t, fault)
			c := p.live()
			text := strings.Repeat("0123456789", size/10)
			p.server.send(text)
			p.client.wants(text)
			eventually(t, "all is counted", func() bool { return down(c).Delivered == size })
			pieces := down(c).Pieces
			if pieces < int64(size/most) || most == 1 && pieces != size || pieces > size {
				t.Errorf("%d bytes went in %d pieces", size, pieces)
			}
		})
	}
}

// TestTheSameSeedDrawsTheSame, whatever the order.
func TestTheSameSeedDrawsTheSame(t *testing.T) {
	listener := listen(t)
	one, two, other := newProxy(t, listener, 7), newProxy(t, listener, 7), newProxy(t, listener, 8)
	const faults, below, longest = 1000, 500, time.Second
	draw := func(p *faultproxy.Proxy, n int) faultproxy.Fault {
		return faultproxy.Draw(p.Rand(n), below, longest)
	}
	different := 0
	seen := make(map[string]int)
	for n := faults; n > 0; n-- {
		f := draw(one, n)
		if again := draw(two, n); !reflect.DeepEqual(f, again) {
			t.Fatalf("number %d is %+v and %+v", n, f, again)
		}
		if !reflect.DeepEqual(f, draw(other, n)) {
			different++
		}
		if f.StallFor > longest || f.LateAfter > longest {
			t.Errorf("too long: %+v", f)
		}
		places := map[string]int64{
			"cut up": f.CutUp, "cut down": f.CutDown, "hole up": f.HoleUp, "hole down": f.HoleDown,
			"stall up": f.StallUp, "stall down": f.StallDown,
		}
		kind := "none"
		for name, place := range places {
			if place >= below {
				t.Errorf("%s is at %d", name, place)
			}
			if place >= 0 {
				kind = name
			}
		}
		seen[fmt.Sprint(kind, f.HalfOpen)]++
	}
	if different < faults/2 {
		t.Errorf("only %d of %d differ with another seed", different, faults)
	}
	if len(seen) != 9 { // three kinds and the half-open cut in two directions, and none
		t.Errorf("drawn: %v", seen)
	}
}
