package nats

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/internal/faultproxy"
	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// natsServer is a NATS server in this process. It can stop and start on the same port.
type natsServer struct {
	t       testing.TB
	options server.Options
	running *server.Server // nil while it is stopped
}

// startServer starts a server on a free port. The test stops it at its end.
func startServer(t testing.TB, options server.Options) *natsServer {
	t.Helper()
	options.Host, options.NoLog, options.NoSigs = "127.0.0.1", true, true
	if options.Port == 0 {
		options.Port = server.RANDOM_PORT
	}
	s := &natsServer{t: t, options: options}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *natsServer) start() {
	s.t.Helper()
	options := s.options // the server changes its copy
	running, err := server.NewServer(&options)
	if err != nil {
		s.t.Fatal(err)
	}
	running.Start()
	if !running.ReadyForConnections(10 * time.Second) {
		s.t.Fatal("the server isn't ready")
	}
	s.running = running
	_, port, _ := strings.Cut(strings.TrimPrefix(running.ClientURL(), "nats://"), ":")
	if s.options.Port, err = strconv.Atoi(port); err != nil {
		s.t.Fatal(err)
	}
}

func (s *natsServer) stop() {
	if s.running != nil {
		s.running.Shutdown()
		s.running.WaitForShutdown()
		s.running = nil
	}
}

func (s *natsServer) address() string { return "127.0.0.1:" + strconv.Itoa(s.options.Port) }

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
	config.URL = "nats://" + proxy.Addr()
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
