package faulttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/broker/internal/redistest"
	"github.com/nats-io/nats-server/v2/server"
)

// natsConfig configures a process with a NATS server.
type natsConfig struct {
	Port, MonitorPort, ClusterPort int
	Routes                         []int // ports
}

// runNATS is the program of a NATS server.
func runNATS(text string) {
	var config natsConfig
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		panic(err)
	}
	options := &server.Options{Host: "127.0.0.1", Port: config.Port, NoLog: true, NoSigs: true}
	options.HTTPHost, options.HTTPPort = "127.0.0.1", config.MonitorPort
	options.ServerName = fmt.Sprint("server-", config.Port)
	if config.ClusterPort > 0 {
		options.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: config.ClusterPort}
		for _, port := range config.Routes {
			options.Routes = append(options.Routes, &url.URL{Scheme: "nats-route", Host: loopback(port)})
		}
	}
	s, err := server.NewServer(options)
	if err != nil {
		panic(err)
	}
	s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		panic("the server isn't ready")
	}
	fmt.Println("ready")
	endWithInput()
}

func loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// natsServer is a NATS server in a process of its own.
type natsServer struct {
	t       testing.TB
	config  natsConfig
	process *process // nil while it is stopped
}

func (s *natsServer) start() { s.process, _ = startProcess(s.t, natsProgram, s.config) }

func (s *natsServer) stop() {
	s.process.kill()
	s.process = nil
}

func (s *natsServer) addr() string { return loopback(s.config.Port) }

// startNATS starts a NATS server, or a cluster of several.
func startNATS(t testing.TB, size int) []*natsServer {
	t.Helper()
	var servers []*natsServer
	var routes []int
	for range size {
		s := &natsServer{t: t}
		s.config.Port, s.config.MonitorPort = redistest.FreePort(t), redistest.FreePort(t)
		if size > 1 {
			s.config.ClusterPort = redistest.FreePort(t)
			routes = append(routes, s.config.ClusterPort)
		}
		servers = append(servers, s)
	}
	for _, s := range servers {
		s.config.Routes = routes
		s.start()
	}
	awaitRoutes(t, servers)
	return servers
}

// awaitRoutes waits until all servers have all their routes: those that the accounts share, and
// one for the account of the system. Subscriptions reach another server by one of them only.
func awaitRoutes(t testing.TB, servers []*natsServer) {
	t.Helper()
	want := (len(servers) - 1) * (server.DEFAULT_ROUTE_POOL_SIZE + 1)
	for _, s := range servers {
		eventually(t, "the NATS servers form a cluster", func() bool {
			var list server.Routez
			s.get("/routez", &list)
			return list.NumRoutes == want
		})
	}
}

// get reads a page of the server's monitoring.
func (s *natsServer) get(path string, value any) {
	s.t.Helper()
	if err := getJSON("http://"+loopback(s.config.MonitorPort)+path, value); err != nil {
		s.t.Fatal(err)
	}
}

// subscriptions returns the subjects of nodes that the server has subscriptions for.
func (s *natsServer) subscriptions() (subjects []string) {
	s.t.Helper()
	var list server.Subsz
	s.get("/subsz?subs=1&limit=100000", &list)
	for _, sub := range list.Subs {
		if strings.HasPrefix(sub.Subject, "iris-ws.") {
			subjects = append(subjects, sub.Subject)
		}
	}
	return subjects
}

// connections returns how many clients the server has.
func (s *natsServer) connections() int {
	s.t.Helper()
	var list server.Connz
	s.get("/connz", &list)
	return list.NumConns
}

// httpClient keeps no connection, and so no goroutine.
var httpClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}

func getJSON(address string, value any) error {
	response, err := httpClient.Get(address)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", address, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(value)
}
