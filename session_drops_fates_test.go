package websocket_test

import (
	"errors"
	"slices"

	"github.com/kataras/iris/websocket/internal/client"
)

// fateCounts counts messages by what the clients know of them.
type fateCounts struct {
	handled, taken, resent, notTaken, unknown int

	unknownHandled int // unknown to the client, and handled
	wrong          int // the client knows what isn't true, or one was handled twice
}

// compare compares what the clients know with what the handlers have seen. missing counts
// the messages that should have been handled.
func (r *restartRun) compare() (counts fateCounts, missing int) {
	for _, c := range r.clients {
		connections := r.connectionsOf(c)
		for _, d := range connections {
			for _, l := range []*lane{&d.up, &d.asks} {
				n, _ := l.faults()
				counts.wrong += n
			}
		}
		c.mu.Lock()
		for n := 1; n <= int(c.sent.Load()); n++ {
			missing += counts.add(c.fates[message{false, n}], handlers(connections, message{false, n}))
		}
		for n := 1; n <= int(c.asked.Load()); n++ {
			by := handlers(connections, message{true, n})
			missing += counts.add(c.fates[message{true, n}], by, c.ended[n])
		}
		c.mu.Unlock()
		if n, first := c.echoes.faults(); c.violation() != "" || n > 0 {
			counts.wrong++
			r.t.Errorf("client %d: %s; echoes: %s", c.index, c.violation(), first)
		}
	}
	return counts, missing
}

// connectionsOf returns all connections of a client so far.
func (r *restartRun) connectionsOf(c *restartClient) (list []*dropConnection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.connections {
		if indexOf(d.ID()) == c.index {
			list = append(list, d)
		}
	}
	return list
}

// handlers returns the IDs of the connections whose handlers have seen a message.
func handlers(connections []*dropConnection, m message) (ids []string) {
	for _, d := range connections {
		if l := map[bool]*lane{false: &d.up, true: &d.asks}[m.ask]; l.has(m.n) {
			ids = append(ids, d.ID())
		}
	}
	return ids
}

// add counts one message with its fates, and the error of an ask. It returns 1 if it
// should have been handled and has not been.
func (f *fateCounts) add(fates []fate, by []string, asked ...error) (missing int) {
	f.handled += len(by)
	if len(by) > 1 {
		f.wrong++ // handled twice
	}
	last := client.Resent // not taken before the present session
	for _, fate := range fates {
		seen := slices.Contains(by, fate.connection)
		switch last = fate.Fate; last {
		case client.Taken:
			f.taken++
		case client.Resent:
			f.resent++
		case client.NotTaken:
			f.notTaken++
		default:
			f.unknown++
			if seen {
				f.unknownHandled++
			}
			continue
		}
		if seen != (last == client.Taken) {
			f.wrong++
		}
	}
	var lost *client.AskLostError
	for _, err := range asked {
		switch {
		case !errors.As(err, &lost): // it has its reply
			missing += 1 - min(len(by), 1)
		case lost.Fate == client.Taken && len(by) == 0, lost.Fate == client.NotTaken && len(by) > 0:
			f.wrong++
		}
	}
	if last == client.Resent && len(by) == 0 {
		missing = 1
	}
	return missing
}

// losses returns how many sessions were lost, by the reason that the server told.
func (r *restartRun) losses() map[string]int {
	all := make(map[string]int)
	for _, c := range r.clients {
		c.mu.Lock()
		for why, n := range c.losses {
			all["why "+why] += n
		}
		c.mu.Unlock()
	}
	return all
}
