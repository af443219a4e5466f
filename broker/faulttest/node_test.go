package faulttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/websocket"
)

// nodeConfig configures a process with a node.
type nodeConfig struct {
	Broker     string            // nats or redis
	Servers    []string          // the addresses of the broker
	Sentinel   bool              // they are sentinels
	Via        map[string]string // the proxy for each address
	MaxPending int
}

// target is where a node publishes to: a room, a user or the ID of a connection.
type target struct{ Kind, Name string }

func (t target) String() string { return t.Kind + "/" + t.Name }

// state is what a node says of itself.
type state struct {
	Node   string
	Nodes  []string
	Sent   int // how many messages it has published on each stream
	Stats  websocket.ClusterStats
	Gaps   map[string]int // the missed messages: see gapKey
	Down   bool           // there is an outage of the broker
	Errors []string       // of emits
}

// count is how many connections are in the lobby, and which nodes have not answered.
type count struct {
	Count  int
	Failed []string
}

// gapKey returns the key of a gap in the counts of missed messages.
func gapKey(gap websocket.BrokerGap) string {
	switch {
	case gap.Room != "":
		return gap.Node + " room/" + gap.Room
	case gap.User != "":
		return gap.Node + " user/" + gap.User
	}
	return gap.Node + " any"
}

// nodeServer is the node in its process.
type nodeServer struct {
	server *websocket.Server
	stop   chan struct{} // closed when it should end
	ending sync.Once

	mu      sync.Mutex // guards the fields below
	gaps    map[string]int
	outages int // of the connections of the broker at present
	errors  []string

	publishing sync.Mutex // held during a round; guards the fields below
	targets    []target
	padding    string // at the end of each message
	sent       int
}

// publishEvery is the time between two rounds of messages.
const publishEvery = 200 * time.Millisecond

// runNode is the program of a node.
func runNode(text string) {
	var config nodeConfig
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		panic(err)
	}
	n := &nodeServer{stop: make(chan struct{}), gaps: make(map[string]int)}
	app := iris.New()
	app.Logger().SetLevel("disable")
	n.server = websocket.New(app, "/ws", websocket.Config{
		Broker:       newBroker(config),
		Authenticate: func(ctx iris.Context) (string, error) { return ctx.URLParam("user"), nil },
		Presence: func(c websocket.Connection, room string) (any, bool) {
			return c.User(), room == lobby
		},
		WatchPresence:  func(websocket.Connection, string) bool { return true },
		OnBrokerGap:    n.gap,
		OnBrokerOutage: n.outage,
		CloseTimeout:   3 * time.Second,
	})
	n.server.OnConnection(func(c websocket.Connection) {
		_ = c.Emit("ready", c.ID())
		for _, room := range strings.Fields(c.Context().URLParam("rooms")) {
			c.Join(room)
		}
	})
	n.addPages(app)
	if err := app.Build(); err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	pages := &http.Server{Handler: app}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = pages.Serve(listener)
	}()
	publisher := make(chan struct{})
	go func() {
		defer close(publisher)
		n.publish()
	}()
	go endWithInput()
	fmt.Println(listener.Addr())
	<-n.stop
	<-publisher
	n.end(pages, served)
}

// end shuts the node down. The process fails if something is left.
func (n *nodeServer) end(pages *http.Server, served chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := n.server.Shutdown(ctx)
	if err == nil {
		err = pages.Shutdown(ctx)
	}
	<-served
	if err == nil {
		err = findLeaks()
	}
	if err != nil {
		fmt.Println("the end of the node:", err)
		os.Exit(1)
	}
}

// addPages adds the pages by which the test commands the node.
func (n *nodeServer) addPages(app *iris.Application) {
	app.Get("/state", func(ctx iris.Context) { _ = ctx.JSON(n.state()) })
	app.Get("/ready", func(ctx iris.Context) {
		if err := n.server.Cluster().Ready(ctx.Request().Context()); err != nil {
			ctx.StopWithError(iris.StatusInternalServerError, err)
			return
		}
		_ = ctx.JSON(true)
	})
	app.Get("/presence", func(ctx iris.Context) {
		within, cancel := context.WithTimeout(ctx.Request().Context(), 5*time.Second)
		defer cancel()
		list, err := n.server.Cluster().Presence(within, lobby)
		if err != nil {
			ctx.StopWithError(iris.StatusInternalServerError, err)
			return
		}
		_ = ctx.JSON(list)
	})
	app.Get("/count", func(ctx iris.Context) {
		within, cancel := context.WithTimeout(ctx.Request().Context(), time.Second)
		defer cancel()
		var answer count
		var failed *websocket.ClusterError
		n, err := n.server.Cluster().Count(within, lobby)
		if errors.As(err, &failed) {
			for name := range failed.Nodes {
				answer.Failed = append(answer.Failed, name)
			}
		}
		answer.Count = n
		_ = ctx.JSON(answer)
	})
	app.Get("/publish", func(ctx iris.Context) { // to these targets from now on
		var targets []target
		if err := json.Unmarshal([]byte(ctx.URLParam("to")), &targets); err != nil {
			ctx.StopWithError(iris.StatusBadRequest, err)
			return
		}
		n.publishing.Lock()
		defer n.publishing.Unlock()
		n.targets = targets
		n.padding = strings.Repeat(" ", ctx.URLParamIntDefault("padding", 0))
		_ = ctx.JSON(n.sent)
	})
	app.Get("/shutdown", func(ctx iris.Context) {
		_ = ctx.JSON(true)
		n.ending.Do(func() { close(n.stop) })
	})
}

func (n *nodeServer) state() state {
	n.publishing.Lock()
	sent := n.sent
	n.publishing.Unlock()
	cluster := n.server.Cluster()
	s := state{Node: cluster.Node(), Nodes: cluster.Nodes(), Sent: sent, Stats: n.server.Stats().Cluster}
	s.Gaps = make(map[string]int)
	n.mu.Lock()
	defer n.mu.Unlock()
	for key, missed := range n.gaps {
		s.Gaps[key] = missed
	}
	s.Down, s.Errors = n.outages > 0, append(s.Errors, n.errors...)
	return s
}

func (n *nodeServer) gap(gap websocket.BrokerGap) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gaps[gapKey(gap)] += gap.Missed
}

func (n *nodeServer) outage(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil {
		n.outages = 1
	} else {
		n.outages = 0
	}
}

// publish is the goroutine that publishes.
func (n *nodeServer) publish() {
	ticker := time.NewTicker(publishEvery)
	defer ticker.Stop()
	for {
		select {
		case <-n.stop:
			return
		case <-ticker.C:
			n.publishRound()
		}
	}
}

// publishRound sends the next number on all streams.
func (n *nodeServer) publishRound() {
	n.publishing.Lock()
	defer n.publishing.Unlock()
	if len(n.targets) == 0 {
		return
	}
	n.sent++
	node := n.server.Cluster().Node()
	for _, to := range n.targets {
		var emitter websocket.Emitter
		switch to.Kind {
		case "room":
			emitter = n.server.ToRoom(to.Name)
		case "user":
			emitter = n.server.ToUser(to.Name)
		case "id":
			emitter = n.server.ToID(to.Name)
		}
		if err := emitter.Emit("m", fmt.Sprintf("%s %s %d%s", node, to, n.sent, n.padding)); err != nil {
			n.mu.Lock()
			n.errors = append(n.errors, err.Error())
			n.mu.Unlock()
		}
	}
}

// lobby is the room of all clients. It has presence.
const lobby = "lobby"
