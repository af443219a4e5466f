package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/kataras/iris/websocket/bench/peers"
)

// beforeTable compares this library with itself at another commit, whose benchmark is a
// program. The same server a second time shows what chance makes of equal ones.
func beforeTable(program string, rounds int) (*table, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ours := peers.Wires()[0]
	at := func(name, binary string) peers.Peer {
		p := ours
		p.Name, p.Binary = name, binary
		return p
	}
	list := []peers.Peer{at("before", program), at("after", self), at("after, again", self)}
	return &table{peers: list, rounds: rounds, base: "before"}, nil
}

const beforeText = `A server without a broker, before this library could have several nodes and after. In brackets is the ratio to before, the median of the rounds' ratios. The last column is the same server as the one before it: the difference between them is chance.
`

// writeBefore writes the part of RESULTS.md about a change.
func (t *table) writeBefore(only string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "`go run . -before PROGRAM -rounds %d -scenario '%s' -write`, on %s: %s. Medians of interleaved rounds.\n\n%s\n", t.rounds, only, today(), machine(), beforeText)
	b.WriteString(t.header())
	for _, r := range t.rows {
		b.WriteString(t.line(r))
	}
	return writeSection("One node without a broker", b.String())
}
