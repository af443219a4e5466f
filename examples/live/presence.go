package main

import (
	"fmt"
	"slices"
	"sync"

	"github.com/kataras/iris/websocket"
)

// Tab is an open tab.
type Tab struct {
	Name string `json:"name"`
	Away bool   `json:"away"` // it has lost its network, and may come back
}

var names = []string{"Ada", "Bo", "Cleo", "Dana", "Eli", "Fay", "Gus", "Hana", "Ivo", "June", "Kai", "Lou"}

// nameOf returns the name of a connection's tab.
func nameOf(c websocket.Connection) string {
	name, _ := c.GetValue("name").(string)
	return name
}

// presence knows which tabs are open. It tells all tabs of each change.
type presence struct {
	w *websocket.Server

	mu   sync.Mutex // guards the fields below, and keeps the order of what is emitted
	tabs []*Tab
}

func newPresence(w *websocket.Server) {
	p := &presence{w: w}
	w.OnConnection(p.enter)
	w.On("typing", func(c websocket.Connection) error {
		return c.To(websocket.Broadcast).Volatile().Emit("typing", nameOf(c))
	})
}

func (p *presence) enter(c websocket.Connection) {
	tab := new(Tab)
	p.change(func() {
		tab.Name = p.freeName()
		p.tabs = append(p.tabs, tab)
		c.SetValue("name", tab.Name)
		c.Emit("you", tab.Name)
	})
	c.OnSuspend(func() { p.change(func() { tab.Away = true }) })
	c.OnResume(func() { p.change(func() { tab.Away = false }) })
	c.OnDisconnect(func() {
		p.change(func() { p.tabs = slices.DeleteFunc(p.tabs, func(t *Tab) bool { return t == tab }) })
	})
}

// change edits the list and sends it to all tabs. The edit must not call change.
func (p *presence) change(edit func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	edit()
	p.w.Emit("tabs", p.tabs)
}

// freeName returns the first name that no tab has. The caller holds mu.
func (p *presence) freeName() string {
	for n := 0; ; n++ {
		name := names[n%len(names)]
		if n >= len(names) {
			name = fmt.Sprint(name, " ", n/len(names)+1)
		}
		if !slices.ContainsFunc(p.tabs, func(t *Tab) bool { return t.Name == name }) {
			return name
		}
	}
}
