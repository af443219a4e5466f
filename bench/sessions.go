package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/kataras/iris/websocket/bench/load"
)

// sessionScenarios are the rows for sessions alone.
var sessionScenarios = []scenario{
	{name: "10,000 come back at once", unit: "µs", connections: 10000, rooms: 100, mode: plain, run: comeBack},
	{name: "broadcast to 10,000, half suspended", unit: "µs", connections: 10000, rooms: 1, mode: plain, run: halfSuspended, sessions: true},
}

// comeBack measures the return of clients whose sockets were cut. Clients of protocol 2
// resume their sessions, and are compared with new ones. Both take turns.
func comeBack(r *run) error {
	again := func(end func() error) (float64, error) {
		if err := end(); err != nil {
			return 0, err
		}
		if err := r.calm(); err != nil {
			return 0, err
		}
		return r.spent(func() error {
			if err := r.swarm.Return(r.swarm.Conns); err != nil {
				return err
			}
			return r.calm()
		})
	}
	var returned, begun float64
	const turns = 2
	for range turns {
		spent, err := again(func() error { r.swarm.Cut(r.swarm.Conns); return nil })
		if err != nil {
			return err
		}
		returned += spent
		if spent, err = again(func() error { return r.swarm.Leave(r.swarm.Conns) }); err != nil {
			return err
		}
		begun += spent
	}
	for room := range r.scenario.rooms { // they still receive
		if err := r.emit(room, room, 1); err != nil {
			return err
		}
	}
	if _, err := r.settle(); err != nil {
		return err
	}
	r.result.value = returned / turns / float64(r.scenario.connections)
	if r.peer.Sessions > 0 {
		r.result.note = fmt.Sprintf("%.2f of new connections", returned/begun)
	}
	return nil
}

// halfSuspended measures a broadcast for each member, suspended or not, and compares it
// with a broadcast to attached members alone. Then all members but one are suspended:
// this is the cost of a suspended one alone.
func halfSuspended(r *run) error {
	const messages = 20
	if err := r.warmUp(); err != nil {
		return err
	}
	members := r.scenario.connections
	cost := func() (float64, error) {
		spent, err := r.spent(func() error {
			for range messages {
				next := time.Now().Add(200 * time.Millisecond)
				if err := r.emit(0, 0, 1); err != nil {
					return err
				}
				if _, err := r.settle(); err != nil {
					return err
				}
				time.Sleep(time.Until(next))
			}
			return nil
		})
		return spent / messages / float64(members), err
	}
	// cut suspends clients and lets the others wait for their messages alone.
	cut := func(conns []*load.Conn) error {
		r.swarm.Cut(conns)
		r.scenario.connections -= len(conns)
		return r.calm()
	}
	attached, err := cost()
	if err != nil {
		return err
	}
	half := members / 2
	if err := cut(r.swarm.Conns[half:]); err != nil {
		return err
	}
	if r.result.value, err = cost(); err != nil {
		return err
	}
	if err := cut(r.swarm.Conns[1:half]); err != nil {
		return err
	}
	suspended, err := cost()
	if err != nil {
		return err
	}
	r.result.note = fmt.Sprintf("%.2f of all attached; %.2f for a suspended one", r.result.value/attached, suspended)
	if err := r.swarm.Return(r.swarm.Conns[1:]); err != nil {
		return err
	}
	r.expected += messages*(members-half) + messages*(members-1) // what they have missed
	_, err = r.settle()
	return err
}

// sessionsIntroduction and sessionsCaveats stand around the table of protocol 2.
const (
	sessionsIntroduction = `Clients of protocol 2 beside classic ones: all of them, and half of each in every room. In brackets is the ratio to the classic ones, the median of the rounds' ratios.
`
	sessionsCaveats = `The clients of protocol 2 send their count after 64 messages or 64 KiB. Reading these counts is a part of the figures. In the row of the end of connections, nobody sends a close frame: sessions are suspended, and classic connections end. "Come back" is the return of clients whose sockets were cut: classic ones are new connections, those of protocol 2 resume their sessions. The last row is the cost of a broadcast for each member, suspended or not. The suspended ones come back at its end, and receive what they have missed.
`
)

// writeSessions writes the part of RESULTS.md about protocol 2.
func (t *table) writeSessions() error {
	var b strings.Builder
	fmt.Fprintf(&b, "`go run . -sessions -rounds %d -write`, on %s: %s.\n\n%s\n", t.rounds, today(), machine(), sessionsIntroduction)
	b.WriteString(t.header())
	for _, r := range t.rows {
		b.WriteString(t.line(r))
	}
	b.WriteString("\n" + sessionsCaveats)
	return writeSection("Protocol 2", b.String())
}
