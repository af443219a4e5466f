package brokertest

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// probePrefix begins the messages that only find out whether a subscription stands.
const probePrefix = "\x00probe "

// recorder is a Receiver that keeps all that it receives.
type recorder struct {
	e    *env
	name string

	// hook is called for each message, if it isn't nil. It is set before Start.
	hook func(channel, message string)

	mu       sync.Mutex // guards all fields below
	messages map[string][]string
	probes   map[string]bool
	running  map[string]bool // the channels whose Message runs
	down, up int
	ended    bool
	faults   []string      // what must not happen
	changed  chan struct{} // closed and replaced at each call
}

func newRecorder(e *env, name string) *recorder {
	return &recorder{
		e:        e,
		name:     name,
		messages: make(map[string][]string),
		probes:   make(map[string]bool),
		running:  make(map[string]bool),
		changed:  make(chan struct{}),
	}
}

// Message implements broker.Receiver.
func (r *recorder) Message(channel string, message []byte) {
	text := string(message)
	r.enter(channel, text)
	runtime.Gosched() // so that a second call meets this one
	if r.hook != nil && !strings.HasPrefix(text, probePrefix) {
		r.hook(channel, text)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, channel)
	if string(message) != text {
		r.faults = append(r.faults, "a message changed before Message returned")
	}
}

// enter notes a message.
func (r *recorder) enter(channel, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running[channel] {
		r.faults = append(r.faults, "two calls of Message for one channel run at once")
	}
	r.running[channel] = true
	r.note("Message")
	if strings.HasPrefix(text, probePrefix) {
		r.probes[channel+text] = true
		return
	}
	r.messages[channel] = append(r.messages[channel], text)
}

// note tells of a call. mu is held.
func (r *recorder) note(call string) {
	if r.ended {
		r.faults = append(r.faults, call+" was called after Close")
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// Down implements broker.Receiver.
func (r *recorder) Down(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down++
	if err == nil {
		r.faults = append(r.faults, "Down was called without a reason")
	}
	r.note("Down")
}

// Up implements broker.Receiver.
func (r *recorder) Up() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.up++
	if r.up > r.down {
		r.faults = append(r.faults, "Up was called without Down before")
	}
	r.note("Up")
}

// end says that no call may come from now on.
func (r *recorder) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}

func (r *recorder) isEnded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

func (r *recorder) downs() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.down
}

func (r *recorder) ups() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.up
}

func (r *recorder) isUp() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.up == r.down
}

// withoutProbe returns those of the channels that have not received a probe.
func (r *recorder) withoutProbe(channels []string, text string) (missing []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, channel := range channels {
		if !r.probes[channel+text] {
			missing = append(missing, channel)
		}
	}
	return missing
}

// on returns what has arrived on a channel.
func (r *recorder) on(channel string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.messages[channel])
}

// received returns all that has arrived, by channel.
func (r *recorder) received() map[string][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[string][]string)
	for channel, texts := range r.messages {
		all[channel] = slices.Clone(texts)
	}
	return all
}

// await waits until a condition holds. It looks after each call of the Receiver.
func (r *recorder) await(what string, holds func() bool) {
	r.e.Helper()
	timer := time.NewTimer(r.e.Patience)
	defer timer.Stop()
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-changed:
		case <-timer.C:
			r.e.Fatalf("%s waits in vain for %s", r.name, what)
		}
	}
}

// awaitText waits until a text has arrived on a channel.
func (r *recorder) awaitText(channel, text string) {
	r.e.Helper()
	r.await(fmt.Sprintf("%s on %s", short(text), short(channel)), func() bool {
		return slices.Contains(r.on(channel), text)
	})
}

// awaitExactly waits until as many texts have arrived on a channel as wanted. It checks that
// they are these, in this order.
func (r *recorder) awaitExactly(channel string, want []string) {
	r.e.Helper()
	what := fmt.Sprintf("%d messages on %s", len(want), short(channel))
	r.await(what, func() bool { return len(r.on(channel)) >= len(want) })
	r.checkExactly(channel, want)
}

// checkExactly checks what has arrived on a channel.
func (r *recorder) checkExactly(channel string, want []string) {
	r.e.Helper()
	got := r.on(channel)
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(want):
			r.e.Fatalf("%s got %s on %s too", r.name, short(got[i]), short(channel))
		case i >= len(got):
			r.e.Fatalf("%s didn't get %s on %s", r.name, short(want[i]), short(channel))
		case got[i] != want[i]:
			const format = "message %d on %s is %s at %s, want %s"
			r.e.Fatalf(format, i, short(channel), short(got[i]), r.name, short(want[i]))
		}
	}
}

// waitABit waits for a call of the Receiver, at most 10 ms. It paces attempts.
func (r *recorder) waitABit() {
	r.mu.Lock()
	changed := r.changed
	r.mu.Unlock()
	select {
	case <-changed:
	case <-time.After(10 * time.Millisecond):
	}
}

// checkEnd checks: nothing has happened that must not happen.
func (r *recorder) checkEnd() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, fault := range r.faults {
		r.e.Errorf("%s: %s", r.name, fault)
	}
}
