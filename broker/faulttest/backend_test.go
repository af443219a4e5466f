package faulttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/kataras/iris/websocket/broker/internal/redistest"
)

// backend is a running broker of one or several servers.
type backend struct {
	name     string
	kind     string // nats or redis
	sentinel bool
	size     int      // how many servers can stop and start
	entry    []string // the addresses that nodes are configured with
	all      []string // of all servers
	stop     func(i int)
	start    func(i int)
	pid      func(i int) int // of the process of server i
	shutdown func()          // asks the only server to end, and waits for that
	reshard  func()          // moves the channels of nodes from one server to another
	settle   func()          // waits until the servers that run know each other
	left     func() []string // the subscriptions and keys of nodes, and connections
	// serves reports whether server i has connections of nodes, or its slots.
	serves func(i int) bool
}

// startBackend starts a broker.
func startBackend(t testing.TB, name string) *backend {
	t.Helper()
	switch name {
	case "nats":
		return natsBackend(t, name, 1)
	case "nats-cluster":
		return natsBackend(t, name, 3)
	case "redis":
		return redisBackend(name, []*redistest.Server{redistest.Start(t)})
	case "redis-cluster":
		servers := redistest.StartCluster(t)
		b := redisBackend(name, servers)
		b.settle = func() { awaitMasters(t, servers) }
		b.reshard = func() { redistest.Reshard(servers[0], servers[1], "iris-ws") }
		return b
	case "redis-sentinel":
		return sentinelBackend(t, name)
	}
	t.Fatalf("there is no broker %q", name)
	return nil
}

func natsBackend(t testing.TB, name string, size int) *backend {
	t.Helper()
	servers := startNATS(t, size)
	b := &backend{name: name, kind: "nats", size: size}
	for _, s := range servers {
		b.entry = append(b.entry, s.addr())
	}
	b.all = b.entry
	b.stop = func(i int) { servers[i].stop() }
	b.start = func(i int) { servers[i].start() }
	b.settle = func() {
		for _, s := range servers {
			if s.process == nil {
				return
			}
		}
		awaitRoutes(t, servers)
	}
	b.left = func() (left []string) {
		for _, s := range servers {
			if s.process != nil {
				left = append(left, s.subscriptions()...)
				if n := s.connections(); n > 0 {
					left = append(left, fmt.Sprint(n, " connections"))
				}
			}
		}
		return left
	}
	b.pid = func(i int) int { return servers[i].process.cmd.Process.Pid }
	b.serves = func(i int) bool { return servers[i].process != nil && servers[i].connections() > 0 }
	return b
}

func redisBackend(name string, servers []*redistest.Server) *backend {
	b := &backend{name: name, kind: "redis", size: len(servers)}
	for _, s := range servers {
		b.entry = append(b.entry, s.Addr())
	}
	b.all = b.entry
	b.stop = func(i int) { servers[i].Stop() }
	b.start = func(i int) { servers[i].Start() }
	b.shutdown = func() {
		_, _ = servers[0].Do("SHUTDOWN", "NOSAVE") // it ends the connection instead of an answer
		servers[0].Stop()
	}
	b.settle = func() {}
	b.left = func() (left []string) {
		for _, s := range servers {
			if s.Running() {
				left = append(left, leftOnRedis(s)...)
			}
		}
		return left
	}
	b.pid = func(i int) int { return servers[i].PID() }
	b.serves = func(i int) bool {
		return servers[i].Running() && strings.Contains(servers[i].Text("INFO", "replication"), "role:master")
	}
	return b
}

// leftOnRedis returns the channels of nodes, the keys, and the connections of nodes.
func leftOnRedis(s *redistest.Server) (left []string) {
	for _, kind := range []string{"CHANNELS", "SHARDCHANNELS"} {
		names, err := s.Strings("PUBSUB", kind, "{iris-ws:*")
		if err != nil {
			left = append(left, err.Error())
		}
		left = append(left, names...)
	}
	if keys, err := s.Do("DBSIZE"); err != nil || keys != 0 {
		left = append(left, fmt.Sprintf("%v keys (%v)", keys, err))
	}
	for _, line := range strings.Split(s.Text("CLIENT", "LIST", "TYPE", "pubsub"), "\n") {
		if line != "" && !strings.Contains(line, "name=sentinel") {
			left = append(left, line)
		}
	}
	return left
}

// awaitMasters waits until each running server of a Redis Cluster sees all slots served.
func awaitMasters(t testing.TB, servers []*redistest.Server) {
	t.Helper()
	for _, s := range servers {
		if s.Running() {
			eventually(t, "the Redis Cluster serves all slots", func() bool {
				return strings.Contains(s.Text("CLUSTER", "INFO"), "cluster_state:ok")
			})
		}
	}
}

// sentinelBackend starts a master and a replica, which a sentinel watches.
func sentinelBackend(t testing.TB, name string) *backend {
	t.Helper()
	master := redistest.Start(t)
	replica := redistest.Start(t, "--replicaof", "127.0.0.1", strconv.Itoa(master.Port))
	redistest.AwaitReplica(t, replica)
	sentinel := redistest.StartSentinel(t, master)
	redistest.AwaitSentinel(t, sentinel)
	b := redisBackend(name, []*redistest.Server{master, replica})
	b.sentinel = true
	b.entry = []string{sentinel.Addr()}
	b.all = append(b.all, sentinel.Addr())
	return b
}

// used returns a server that nodes are using.
func (b *backend) used() int {
	for i := range b.size {
		if b.serves(i) {
			return i
		}
	}
	return 0
}

// freeze stops a process, and returns when all its threads have stopped: on a busy machine they
// run on for some milliseconds after the signal. The system still accepts connections for it,
// and keeps what they send. thaw lets it go on.
func freeze(t testing.TB, pid int) (thaw func()) {
	t.Helper()
	signal := func(s syscall.Signal) {
		if err := syscall.Kill(pid, s); err != nil {
			t.Error(err)
		}
	}
	signal(syscall.SIGSTOP)
	thaw = sync.OnceFunc(func() { signal(syscall.SIGCONT) })
	t.Cleanup(thaw)
	eventually(t, "the process stops", func() bool { return isFrozen(t, pid) })
	return thaw
}

// isFrozen reports whether all threads of a process have stopped. It needs the /proc of Linux.
func isFrozen(t testing.TB, pid int) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("/proc shows no threads of process %d: %v", pid, err)
	}
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if err != nil {
			continue // the thread has ended
		}
		_, state, _ := strings.Cut(string(stat), ") ") // after the name
		if !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return true
}
