package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// node is a running process.
type node struct {
	name, address string
	pid           int
	command       *exec.Cmd
	life          io.Closer // the process ends when it is closed
}

// runCluster runs a NATS server and a node for each address, until ctx is done. A node that
// has ended starts again after a pause. started is called for each start, by one goroutine at
// a time.
func runCluster(ctx context.Context, addresses []string, pause time.Duration, started func(*node)) error {
	broker, err := startNATS()
	if err != nil {
		return err
	}
	defer broker.WaitForShutdown()
	defer broker.Shutdown() // after the nodes
	var nodes sync.WaitGroup
	defer nodes.Wait()
	var mu sync.Mutex // held while started runs
	failed := make(chan error, len(addresses))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for i := range addresses {
		nodes.Go(func() {
			failed <- keepRunning(ctx, i, addresses, broker.ClientURL(), pause, func(n *node) {
				mu.Lock()
				defer mu.Unlock()
				started(n)
			})
		})
	}
	return <-failed // the first one ends the others
}

// startNATS starts a NATS server in this process, on a free port.
func startNATS() (*server.Server, error) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		s.Shutdown()
		return nil, errors.New("the NATS server doesn't start")
	}
	return s, nil
}

// keepRunning starts a node again and again, until ctx is done.
func keepRunning(
	ctx context.Context, i int, addresses []string, broker string, pause time.Duration, started func(*node),
) error {
	for {
		n, err := startNode(i, addresses, broker)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case ctx.Err() == nil:
			started(n)
		}
		err = n.wait(ctx)
		if ctx.Err() != nil {
			return nil
		}
		fmt.Fprintf(os.Stderr, "Node %s has ended (%v). It starts again in %v.\n", n.name, err, pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// startNode starts a node in a process of its own. It returns once the node listens.
func startNode(i int, addresses []string, broker string) (*node, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	n := &node{name: string(rune('A' + i)), address: addresses[i]}
	arguments := append([]string{roleNode, n.name, broker, n.address}, addresses...)
	n.command = exec.Command(program, arguments...)
	n.command.Stderr = os.Stderr
	if n.life, err = n.command.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := n.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := n.command.Start(); err != nil {
		return nil, err
	}
	n.pid = n.command.Process.Pid
	reader := bufio.NewReader(output)
	line, err := reader.ReadString('\n')
	if err != nil || line != readyLine {
		n.life.Close()
		return nil, fmt.Errorf("node %s doesn't start: %w", n.name, errors.Join(err, n.command.Wait()))
	}
	go func() { _, _ = io.Copy(os.Stderr, reader) }() // the log of Iris, until the process ends
	return n, nil
}

// wait waits for the end of the process. It ends the process when ctx is done.
func (n *node) wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { n.life.Close() })
	defer stop()
	return n.command.Wait()
}
