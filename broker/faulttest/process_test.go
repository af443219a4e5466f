package faulttest

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// process is a running process of the test binary. It ends when its input ends. So nothing is
// left if the test is killed.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdin  io.Closer
	output *output
	ended  chan struct{} // closed when it has ended
	err    error         // of its end; read it after ended
}

// startProcess starts a process with a configuration in a variable of the environment. It
// returns the first line of its output, too.
func startProcess(t testing.TB, variable string, config any) (*process, string) {
	t.Helper()
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(program), ended: make(chan struct{})}
	p.output = &output{first: make(chan string, 1)}
	p.cmd.Env = append(os.Environ(), variable+"="+string(text))
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	select {
	case line := <-p.output.first:
		return p, line
	case <-p.ended:
	case <-time.After(patience):
	}
	t.Fatalf("the process doesn't start:\n%s", p.output)
	return nil, ""
}

// kill kills the process.
func (p *process) kill() {
	if p.hasEnded() {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.ended
	p.checkOutput()
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// wait waits until the process has ended by itself, without an error.
func (p *process) wait() {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Error("the process doesn't end")
		p.kill()
	}
	if p.err != nil {
		p.t.Errorf("the process has failed: %v\n%s", p.err, p.output)
	}
	p.checkOutput()
}

// checkOutput fails if the process has had a race or a panic.
func (p *process) checkOutput() {
	for _, word := range []string{"DATA RACE", "panic:", "fatal error:"} {
		if text := p.output.String(); strings.Contains(text, word) {
			p.t.Errorf("a process has printed:\n%.20000s", text)
		}
	}
}

// endWithInput ends this process when its input ends.
func endWithInput() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(1)
}

// output collects the output of a process.
type output struct {
	first chan string // gets the first line

	mu   sync.Mutex // guards the fields below
	text bytes.Buffer
	told bool // first has it
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	if line, _, ok := strings.Cut(o.text.String(), "\n"); ok && !o.told {
		o.told = true
		o.first <- line
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
