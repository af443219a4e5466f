package redis

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/internal/faultproxy"
	"go.uber.org/goleak"
)

// TestMain checks that no goroutine is left. rueidis has one that ends by itself, a second
// after a failed attempt to connect.
func TestMain(m *testing.M) {
	code := m.Run()
	err := goleak.Find()
	for deadline := time.Now().Add(5 * time.Second); err != nil && time.Now().Before(deadline); {
		err = goleak.Find()
	}
	if code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// proxies cuts nodes off. Each node has a proxy of its own.
type proxies struct {
	t  testing.TB
	of map[broker.Broker]*faultproxy.Proxy
}

// node returns a node behind a proxy.
func (p *proxies) node(address string, config Config) broker.Broker {
	p.t.Helper()
	proxy, err := faultproxy.New(address, 1)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(proxy.Close)
	config.Client.InitAddress = []string{proxy.Addr()}
	b := newBroker(p.t, config)
	if p.of == nil {
		p.of = make(map[broker.Broker]*faultproxy.Proxy)
	}
	p.of[b] = proxy
	return b
}

func newBroker(t testing.TB, config Config) broker.Broker {
	t.Helper()
	b, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (p *proxies) cut(b broker.Broker) {
	p.of[b].SetPlan(func(int) faultproxy.Fault { return faultproxy.Fault{} }) // cuts at once
	for _, c := range p.of[b].Conns() {
		c.Cut()
	}
}

func (p *proxies) heal(b broker.Broker) { p.of[b].SetPlan(nil) }

// stall lets the server of a node neither read nor write.
func (p *proxies) stall(b broker.Broker) {
	for _, c := range p.of[b].Conns() {
		c.Stall()
	}
}

func (p *proxies) resume(b broker.Broker) {
	for _, c := range p.of[b].Conns() {
		c.Go()
	}
}
