package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"github.com/kataras/iris/websocket/bench/peers"
)

// usage is what a server process says of itself.
type usage struct {
	CPU      int64 // nanoseconds of processor time, the kernel's included
	Resident int64 // bytes
	Mallocs  uint64
}

// serve is the server's process: it prints its address and then, for each line
// on its standard input, its usage; it ends with its input.
func serve(peer peers.Peer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		if err := peer.Serve(listener); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}()
	fmt.Println(listener.Addr())
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		if input.Text() == "collect" {
			runtime.GC()
			debug.FreeOSMemory()
		}
		if err := json.NewEncoder(os.Stdout).Encode(measure()); err != nil {
			return err
		}
	}
	return nil
}

func measure() usage {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{CPU: r.Utime.Nano() + r.Stime.Nano(), Resident: resident(), Mallocs: m.Mallocs}
}

func resident() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(data))[1], 10, 64)
	if err != nil {
		panic(err)
	}
	return pages * int64(os.Getpagesize())
}

// process is a server's process as the load sees it.
type process struct {
	address netip.AddrPort
	command *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Reader

	baseline int64 // bytes resident before anything connected
}

func start(peer peers.Peer) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{command: exec.Command(self, "serve", peer.Name)}
	p.command.Stderr = os.Stderr
	if p.input, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.output = bufio.NewReader(output)
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	line, err := p.output.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("%s: %w", peer.Name, err)
	}
	p.address, err = netip.ParseAddrPort(strings.TrimSpace(line))
	return p, err
}

// usage asks the server for its usage, after a garbage collection if told so.
func (p *process) usage(question string) (u usage, err error) {
	if _, err = io.WriteString(p.input, question+"\n"); err != nil {
		return u, err
	}
	line, err := p.output.ReadBytes('\n')
	if err != nil {
		return u, err
	}
	return u, json.Unmarshal(line, &u)
}

func (p *process) stop() {
	_ = p.input.Close()
	_ = p.command.Wait()
}
