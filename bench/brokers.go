package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kataras/iris/websocket/bench/peers"
)

// brokerProcess is the server of a broker, in a process of its own. It can stop and start
// again with the same address.
type brokerProcess struct {
	kind    string
	port    int
	monitor int // the port for figures; of NATS alone
	folder  string
	command *exec.Cmd // nil while it is stopped
	fresh   figures   // of a server without clients
}

// newBroker starts a broker.
func newBroker(kind string) (b *brokerProcess, err error) {
	b = &brokerProcess{kind: kind}
	if b.port, err = freePort(); err != nil {
		return nil, err
	}
	if b.monitor, err = freePort(); err != nil {
		return nil, err
	}
	if b.folder, err = os.MkdirTemp("", "bench"); err != nil {
		return nil, err
	}
	if err := b.start(); err != nil {
		b.end()
		return nil, err
	}
	b.fresh, err = b.figures()
	return b, err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (b *brokerProcess) address() string { return "127.0.0.1:" + strconv.Itoa(b.port) }

// start starts the server, and waits until it answers.
func (b *brokerProcess) start() error {
	port, monitor := strconv.Itoa(b.port), strconv.Itoa(b.monitor)
	if b.kind == peers.NATS {
		// The server is a tool of this module.
		program, err := exec.Command("go", "tool", "-n", "nats-server").Output()
		if err != nil {
			return fmt.Errorf("nats-server can't be built: %w", err)
		}
		b.command = exec.Command(strings.TrimSpace(string(program)), "-a", "127.0.0.1", "-p", port, "-m", monitor, "-l", os.DevNull)
	} else {
		b.command = exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", b.folder)
	}
	// Nothing is left if the benchmark is killed. The kernel watches the thread; Go's stay.
	b.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.command.Start(); err != nil {
		return err
	}
	var err error
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if _, err = b.figures(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("the broker %s doesn't answer: %w", b.kind, err)
}

// kill ends the server at once.
func (b *brokerProcess) kill() {
	if b.command != nil && b.command.Process != nil {
		_ = b.command.Process.Kill()
		_ = b.command.Wait()
	}
	b.command = nil
}

// end ends the server and removes its files.
func (b *brokerProcess) end() {
	b.kill()
	_ = os.RemoveAll(b.folder)
}

// cpu returns the processor time of the server, in nanoseconds.
func (b *brokerProcess) cpu() (int64, error) {
	// The clock of another process: see clock_getcpuclockid(3).
	var now unix.Timespec
	err := unix.ClockGettime(int32(^b.command.Process.Pid<<3|2), &now)
	return now.Nano(), err
}

// figures are what a server tells about itself.
type figures struct {
	published  int // messages
	channels   int // with a subscription
	subscribed int // commands to subscribe
}

func (b *brokerProcess) figures() (figures, error) {
	if b.kind == peers.NATS {
		return b.natsFigures()
	}
	return b.redisFigures()
}

func (b *brokerProcess) natsFigures() (f figures, err error) {
	var server struct {
		InMsgs        int `json:"in_msgs"`
		Subscriptions int `json:"subscriptions"`
	}
	if err := b.monitored("varz", &server); err != nil {
		return f, err
	}
	var subscriptions struct {
		Inserts int `json:"num_inserts"`
	}
	err = b.monitored("subsz", &subscriptions)
	return figures{server.InMsgs, server.Subscriptions, subscriptions.Inserts}, err
}

func (b *brokerProcess) monitored(path string, to any) error {
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/%s", b.monitor, path))
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	return json.NewDecoder(response.Body).Decode(to)
}

func (b *brokerProcess) redisFigures() (f figures, err error) {
	conn, err := net.Dial("tcp4", b.address())
	if err != nil {
		return f, err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "INFO everything\r\n"); err != nil {
		return f, err
	}
	reader := bufio.NewReader(conn)
	length, err := reader.ReadString('\n')
	if err != nil {
		return f, err
	}
	n, err := strconv.Atoi(strings.Trim(length, "$\r\n"))
	if err != nil {
		return f, fmt.Errorf("INFO was answered with %q", length)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(reader, text); err != nil {
		return f, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		command, isCommand := strings.CutPrefix(name, "cmdstat_")
		switch {
		case isCommand:
			calls, _ := strconv.Atoi(between(value, "calls=", ","))
			if slices.Contains([]string{"publish", "spublish"}, command) {
				f.published += calls
			}
			if slices.Contains([]string{"subscribe", "ssubscribe", "psubscribe"}, command) {
				f.subscribed += calls
			}
		case slices.Contains([]string{"pubsub_channels", "pubsubshard_channels", "pubsub_patterns"}, name):
			channels, _ := strconv.Atoi(value)
			f.channels += channels
		}
	}
	return f, nil
}

func between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	value, _, _ := strings.Cut(rest, after)
	return value
}
