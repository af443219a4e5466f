package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kataras/iris/websocket/bench/peers"
)

// usage is a server process's own report.
type usage struct {
	CPU      int64 // nanoseconds of processor time, the kernel's included
	Resident int64 // bytes
	Mallocs  uint64
}

// mode is the kind of the connections.
type mode string

const (
	plain   mode = "plain"
	secure  mode = "tls"
	deflate mode = "deflate"
)

// serve runs in the server's process. It prints its address, and then its usage for
// each line of its standard input. It ends with its input.
func serve(peer peers.Peer, how mode, broker string) error {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := listener.Addr()
	if how == secure {
		certificate, err := selfSigned()
		if err != nil {
			return err
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}})
	}
	go func() {
		if err := peer.Serve(listener, peers.Options{Deflate: how == deflate, Broker: broker}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}()
	fmt.Println(address)
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		question, file, _ := strings.Cut(input.Text(), " ")
		switch question {
		case "collect":
			for range 3 { // the content of a pool survives the first
				runtime.GC()
			}
			debug.FreeOSMemory()
		case "profile":
			if err := profile(file); err != nil {
				return err
			}
		case "usage":
			pprof.StopCPUProfile()
		}
		if err := json.NewEncoder(os.Stdout).Encode(measure()); err != nil {
			return err
		}
	}
	return nil
}

// profile writes a profile of the processor time into a file, until the next usage.
func profile(name string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return pprof.StartCPUProfile(file)
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{certificate}, PrivateKey: key}, err
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

// process is a server's process, seen from the load.
type process struct {
	address netip.AddrPort
	command *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Reader

	baseline int64 // bytes resident before anything connected
}

// start starts a server. It is a node of a cluster if there is a broker.
func start(peer peers.Peer, how mode, broker string) (*process, error) {
	command, err := commandOf(peer, how, broker)
	if err != nil {
		return nil, err
	}
	p := &process{command: command}
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

func commandOf(peer peers.Peer, how mode, broker string) (*exec.Cmd, error) {
	if peer.Script != "" {
		args := append([]string{"--expose-gc", filepath.Join("node", peer.Script), broker}, peer.Args...)
		return exec.Command("node", args...), nil
	}
	if peer.Binary != "" {
		return exec.Command(peer.Binary, "serve", "iris", string(how)), nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return exec.Command(self, "serve", peer.Name, string(how), broker), nil
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

// profiles is the folder for profiles; empty for none.
var profiles string

// begin is usage before the measured part of a run.
func (p *process) begin(label string) (usage, error) {
	if profiles == "" {
		return p.usage("usage")
	}
	return p.usage("profile " + filepath.Join(profiles, label+".pprof"))
}

func (p *process) stop() {
	_ = p.input.Close()
	_ = p.command.Wait()
}
