package cluster

import (
	"context"
	"fmt"
	"time"
)

// maxTells bounds the calls of other nodes without an answer that run or wait.
const maxTells = 8192

// Tell asks nodes for something without an answer. It doesn't block. A node does several such
// things with the same arguments one after the other: a Join and a Leave keep their order.
func (c *Cluster) Tell(nodes []string, op byte, args []byte) {
	c.send(nodes, 0, tellFor, op, args)
}

// tellFor bounds the time of a call that nobody waits for.
const tellFor = 10 * time.Second

// receiveTold runs a call without an answer.
func (c *Cluster) receiveTold(node string, wait time.Duration, op byte, args []byte) {
	ok := c.calls.tell(node+string(args), func() {
		ctx, cancel := context.WithTimeout(c.ctx, wait)
		defer cancel()
		if _, err := c.local.Call(ctx, op, args); err != nil {
			c.local.Failed(fmt.Errorf("a call of another node: %w", err))
		}
	})
	if !ok && c.ctx.Err() == nil {
		c.local.Failed(fmt.Errorf("a call of another node (%d): %w", op, errBusy))
	}
}

// tell runs f on a goroutine of its own, after the earlier ones of the same key. It reports
// false if there are too many.
func (s *calls) tell(key string, f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.tells == maxTells {
		return false
	}
	s.tells++
	if waiting, running := s.told[key]; running {
		s.told[key] = append(waiting, f)
		return true
	}
	if s.told == nil {
		s.told = make(map[string][]func())
	}
	s.told[key] = nil
	s.ends.Add(1)
	go s.runTold(key, f)
	return true
}

// runTold is the goroutine of a key.
func (s *calls) runTold(key string, f func()) {
	defer s.ends.Done()
	for f != nil {
		f()
		f = s.nextTold(key)
	}
}

// nextTold returns what waits next; nil at the end.
func (s *calls) nextTold(key string) (f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tells--
	waiting := s.told[key]
	if len(waiting) == 0 {
		delete(s.told, key)
		return nil
	}
	s.told[key] = waiting[1:]
	return waiting[0]
}
