// Package redistest runs Redis servers for tests: single ones, sentinels and clusters. It needs
// the program redis-server.
package redistest

import (
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Server is a running redis-server. It can stop and start with the same port and folder.
type Server struct {
	Port    int // immutable
	BusPort int // of a Redis Cluster; immutable

	t      testing.TB
	args   []string
	output string    // the file of its output: a pipe would need a goroutine
	cmd    *exec.Cmd // nil while it is stopped
	stdin  io.Closer // closing it kills the server
}

// guard starts a program, and kills it when its own input ends. So nothing is left if the
// test is killed.
const guard = `"$@" </dev/null & pid=$!; read -r _; kill -9 "$pid"; wait "$pid" 2>/dev/null; exit 0`

// patience is the longest time for what a server does.
const patience = 60 * time.Second

// ports has the ports that FreePort has returned.
var ports struct {
	mu    sync.Mutex // guards taken
	taken map[int]bool
}

// FreePort returns a port that nothing uses. It is below those that the system gives to
// clients, so that it is still free after a restart of its server. Test programs of different
// names mostly take them from different ranges, because they may run at the same time.
func FreePort(t testing.TB) int {
	t.Helper()
	ports.mu.Lock()
	defer ports.mu.Unlock()
	if ports.taken == nil {
		ports.taken = make(map[int]bool)
	}
	first := 10000 + 5000*int(crc32.ChecksumIEEE([]byte(filepath.Base(os.Args[0])))%4)
	for range 1000 {
		port := first + rand.IntN(5000)
		if ports.taken[port] {
			continue
		}
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		_ = l.Close()
		ports.taken[port] = true
		return port
	}
	t.Fatal("found no free port")
	return 0
}

// Start starts a server on a free port. The test stops it at its end.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{t: t, Port: FreePort(t)}
	s.args = append([]string{"redis-server", "--port", strconv.Itoa(s.Port), "--bind", "127.0.0.1",
		"--dir", t.TempDir(), "--save", "", "--appendonly", "no"}, args...)
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// StartSentinel starts a sentinel that watches a master with the name "main". It promotes a
// replica soon.
func StartSentinel(t testing.TB, master *Server) *Server {
	t.Helper()
	s := &Server{t: t, Port: FreePort(t)}
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	text := "port " + strconv.Itoa(s.Port) + "\nbind 127.0.0.1\ndir " + filepath.Dir(file) +
		"\nsentinel monitor main 127.0.0.1 " + strconv.Itoa(master.Port) + " 1" +
		"\nsentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.args = []string{"redis-server", file, "--sentinel"}
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// Start starts the server again, after Stop.
func (s *Server) Start() {
	s.t.Helper()
	s.cmd = exec.Command("sh", append([]string{"-c", guard, "sh"}, s.args...)...)
	s.output = filepath.Join(s.t.TempDir(), "output")
	output, err := os.Create(s.output)
	if err != nil {
		s.t.Fatal(err)
	}
	defer output.Close()
	s.cmd.Stdout, s.cmd.Stderr = output, output
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	s.stdin = stdin
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); !s.answers(); {
		if time.Now().After(deadline) {
			s.Stop()
			text, _ := os.ReadFile(s.output)
			s.t.Fatalf("redis-server doesn't answer:\n%s", text)
		}
	}
}

// answers tries to ping the server.
func (s *Server) answers() bool {
	_, err := s.do("PING")
	if _, refused := err.(answerError); err != nil && !refused {
		time.Sleep(5 * time.Millisecond) // the next attempt may be better
		return false
	}
	return true
}

// Stop kills the server.
func (s *Server) Stop() {
	if s.cmd != nil {
		_ = s.stdin.Close()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// Running reports whether the server is started.
func (s *Server) Running() bool { return s.cmd != nil }

// Addr returns the address of the server.
func (s *Server) Addr() string { return "127.0.0.1:" + strconv.Itoa(s.Port) }

// await waits until a condition holds.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// must sends a command that must succeed.
func (s *Server) must(command ...string) any {
	s.t.Helper()
	answer, err := s.Do(command...)
	if err != nil {
		s.t.Fatal(fmt.Errorf("%q: %w", command, err))
	}
	return answer
}
