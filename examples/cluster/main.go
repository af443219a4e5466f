// Command cluster is a chat on two nodes: two processes with an address each. An embedded
// NATS server carries messages between them. Everybody sees who is there, on both nodes.
//
//	cd examples/cluster && go run .
//
// Open both addresses, and press "Kill this node" in one tab. Its process ends at once. The
// tab goes to the other node. The program starts the process again after ten seconds.
//
// The addresses of the nodes are the arguments. They default to localhost:8080 and
// localhost:8081.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if arguments := os.Args[1:]; len(arguments) > 0 && arguments[0] == roleNode {
		runNode(arguments[1:])
		return
	}
	addresses := []string{"localhost:8080", "localhost:8081"}
	copy(addresses, os.Args[1:])
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	started := func(n *node) {
		fmt.Printf("Node %s: http://%s (process %d)\n", n.name, n.address, n.pid)
	}
	fmt.Printf("Starting two nodes, %s.\n", strings.Join(addresses, " and "))
	if err := runCluster(ctx, addresses, 10*time.Second, started); err != nil {
		log.Fatal(err)
	}
}
