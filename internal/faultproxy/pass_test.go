package faultproxy_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/internal/faultproxy"
)

func TestWithoutFaultsEachEndIsPassedOnAlone(t *testing.T) {
	p := connect(t, faultproxy.None())
	c := p.live()
	if c.N() != 1 || c.ServerAddr() != p.server.RemoteAddr().String() {
		t.Errorf("the connection is %d, %s at the server", c.N(), c.ServerAddr())
	}
	p.client.send("question")
	p.client.CloseWrite()
	p.server.wantsEnd("question", nil)
	p.client.wantsNothing()
	p.server.send("answer")
	p.client.wants("answer")
	p.server.CloseWrite()
	p.client.wantsEnd("", nil)
	wantOver(t, c)
	if conns := p.proxy.Conns(); len(conns) != 0 {
		t.Errorf("%d connections are left", len(conns))
	}
}

func TestResetsArePassedOn(t *testing.T) {
	for _, byClient := range []bool{true, false} {
		t.Run(fmt.Sprintf("by the client: %t", byClient), func(t *testing.T) {
			p := connect(t, faultproxy.None())
			c := p.live()
			from, to := p.server, p.client
			if byClient {
				from, to = to, from
			}
			from.send("last words")
			to.wants("last words")
			from.SetLinger(0)
			from.Close()
			to.wantsReset("")
			wantOver(t, c)
		})
	}
}

// TestClosedSocketsRefuseWrites: the writer learns it as it does without a proxy.
func TestClosedSocketsRefuseWrites(t *testing.T) {
	p := connect(t, faultproxy.None())
	c := p.live()
	p.client.Close()
	p.server.wantsEnd("", nil)
	eventually(t, "the server can't write", func() bool {
		_, err := p.server.Write([]byte("x"))
		return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
	})
	wantOver(t, c)
}

func TestManyBytesArriveInBothDirections(t *testing.T) {
	for name, pieces := range map[string]int{"as they come": 0, "in pieces": 5000} {
		t.Run(name, func(t *testing.T) {
			fault := faultproxy.None()
			fault.Pieces = pieces
			p := connect(t, fault)
			random := rand.NewChaCha8([32]byte{1})
			sent := make([]byte, 1<<20)
			random.Read(sent)
			var tasks sync.WaitGroup
			for _, s := range []side{p.client, p.server} {
				tasks.Go(func() {
					if _, err := s.Write(sent); err != nil {
						t.Errorf("the %s can't write: %v", s.name, err)
					}
					s.CloseWrite()
				})
				tasks.Go(func() {
					if got, err := io.ReadAll(s); err != nil || !bytes.Equal(got, sent) {
						t.Errorf("the %s reads %d bytes, %v", s.name, len(got), err)
					}
				})
			}
			tasks.Wait()
		})
	}
}

// TestASlowReceiverStopsItsSender: the proxy doesn't hold all that comes.
func TestASlowReceiverStopsItsSender(t *testing.T) {
	p := connect(t, faultproxy.None())
	c := p.live()
	c.Stall()
	written := p.flood(c)
	if held := down(c).Held; held > 96<<10 {
		t.Errorf("the proxy holds %d bytes", held)
	}
	p.server.SetWriteDeadline(time.Now())
	sent, err := written()
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the server has sent %d bytes, %v", sent, err)
	}
	p.server.CloseWrite()
	c.Go()
	if n, err := io.Copy(io.Discard, p.client); n != int64(sent) || err != nil {
		t.Errorf("the client reads %d bytes, %v; want %d", n, err, sent)
	}
}

func TestThePlanIsAskedForEachConnection(t *testing.T) {
	listener := listen(t)
	proxy := newProxy(t, listener, 1)
	var numbers []int
	proxy.SetPlan(func(n int) faultproxy.Fault {
		numbers = append(numbers, n)
		fault := faultproxy.None()
		fault.CutDown = int64(n)
		return fault
	})
	for n := 1; n <= 5; n++ {
		p := dial(t, proxy, listener)
		p.server.send("123456")
		p.client.wantsEnd("123456"[:n], nil)
	}
	proxy.Close() // no plan is running
	if want := []int{1, 2, 3, 4, 5}; !slices.Equal(numbers, want) {
		t.Errorf("asked for %d", numbers)
	}
}

func TestClientsOfAnUnreachableServerAreReset(t *testing.T) {
	listener := listen(t)
	proxy := newProxy(t, listener, 1)
	listener.Close()
	if err := connectError(proxy); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client meets %v", err)
	}
}

func TestCloseResetsEverythingAndStopsListening(t *testing.T) {
	listener := listen(t)
	proxy := newProxy(t, listener, 1)
	faults := make([]faultproxy.Fault, 6)
	for i := range faults {
		faults[i] = faultproxy.None()
	}
	faults[1].StallUp, faults[1].StallFor = 0, time.Hour
	faults[2].Delay = time.Hour
	faults[3].HoleUp, faults[3].HoleDown = 0, 0
	faults[4].CutUp, faults[4].HalfOpen, faults[4].LateAfter = 1, true, time.Hour
	faults[5].CutUp = 1 // both sides have a FIN and don't close
	proxy.SetPlan(func(n int) faultproxy.Fault { return faults[n-1] })
	var pairs []pair
	for range faults {
		p := dial(t, proxy, listener)
		p.client.send("xx")
		if len(pairs) < 4 {
			p.live()
		}
		pairs = append(pairs, p)
	}
	pairs[4].client.wantsEnd("", nil)
	pairs[5].client.wantsEnd("", nil)
	proxy.Close()
	proxy.Close() // does nothing
	for i, p := range pairs {
		if i < 4 {
			if _, err := io.ReadAll(p.client); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("client %d reads %v", i+1, err)
			}
		}
		if _, err := io.ReadAll(p.server); i != 5 && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("server %d reads %v", i+1, err)
		}
	}
	if conn, err := net.Dial("tcp", proxy.Addr()); err == nil {
		conn.Close()
		t.Error("the proxy still listens")
	}
}

func TestTLSPasses(t *testing.T) {
	body := strings.Repeat("secret ", 1000)
	hello := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }
	server := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	server.Config.ErrorLog = quiet
	server.StartTLS()
	defer server.Close()
	proxy := newProxy(t, server.Listener, 1)
	fault := faultproxy.None()
	fault.Pieces = 1
	proxy.SetPlan(func(n int) faultproxy.Fault {
		if n == 2 {
			fault.CutDown = 3000 // in the middle of the answer's records
		}
		return fault
	})
	client := server.Client()
	defer client.CloseIdleConnections()
	get := func() (string, error) {
		answer, err := client.Get("https://" + proxy.Addr())
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		return string(b), err
	}
	if got, err := get(); err != nil || got != body {
		t.Errorf("got %d bytes, %v; want %d", len(got), err, len(body))
	}
	client.CloseIdleConnections()
	if got, err := get(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %d bytes, %v; want an unexpected end", len(got), err)
	}
}
