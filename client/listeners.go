package client

import (
	"maps"
	"slices"
	"time"
)

// listeners are the registered functions. They are immutable: a change makes new ones.
type listeners struct {
	events       map[string][]handlerFunc
	any          []func(Message)
	native       []nativeFunc
	connect      []func()
	suspend      []func(error)
	reconnecting []func(int, time.Duration)
	resume       []func()
	lost         []func(Loss)
	drain        []func(time.Duration)
	disconnect   []func(error)
	errors       []func(error)
}

// nativeFunc is a function for native messages, with the method that registered it.
type nativeFunc struct {
	method string
	f      func(Message)
}

// change replaces the listeners with a changed copy. f may append to the slices.
func (c *Client) change(f func(*listeners)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.listeners.Load()
	next := &listeners{
		events: maps.Clone(l.events), any: slices.Clip(l.any), native: slices.Clip(l.native),
		connect: slices.Clip(l.connect), suspend: slices.Clip(l.suspend), reconnecting: slices.Clip(l.reconnecting),
		resume: slices.Clip(l.resume), lost: slices.Clip(l.lost), drain: slices.Clip(l.drain),
		disconnect: slices.Clip(l.disconnect), errors: slices.Clip(l.errors),
	}
	if next.events == nil {
		next.events = make(map[string][]handlerFunc)
	}
	f(next)
	c.listeners.Store(next)
}

func mustBeFunc(method string, isNil bool) {
	if isNil {
		panic("client: " + method + ": the function is nil")
	}
}
