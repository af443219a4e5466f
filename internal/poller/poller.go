// Package poller tells when something can be read from network connections, so
// that those which are silent for long need no goroutine to wait on them: a
// goroutine's stack is the largest part of what an idle connection takes.
//
// Where the system has no way to do so, a Poller watches nothing and says so;
// goroutines wait then.
package poller

import "sync"

// Poller watches descriptors, each for one event at a time. The zero value and
// nil watch nothing; make one with New. Its methods are safe for concurrent use.
type Poller[T comparable] struct {
	wake  func(T) // immutable
	queue queue   // the system's; immutable

	mu      sync.Mutex // guards the fields below
	watched []T        // by descriptor; the zero T for those that aren't watched
	stopped bool
}

// New returns a Poller that calls wake, which must not block, on a goroutine of
// its own. Close ends it.
func New[T comparable](wake func(T)) (*Poller[T], error) {
	p := &Poller[T]{wake: wake}
	if err := p.queue.open(); err != nil {
		return nil, err
	}
	go func() {
		p.queue.run(p.ready)
		p.stop()
	}()
	return p, nil
}

// stop is the end, by Close or because the system has failed: what is watched is
// woken, since nobody else will.
func (p *Poller[T]) stop() {
	p.mu.Lock()
	watched := p.watched
	p.watched, p.stopped = nil, true
	p.mu.Unlock()
	var none T
	for _, value := range watched {
		if value != none {
			p.wake(value)
		}
	}
}

// Watch has wake called with the value once, as soon as something can be read
// from the descriptor, be it an error. It must not be called again before that.
// again says whether the descriptor has been watched before; it must stay open
// meanwhile. False means that it can't be watched.
func (p *Poller[T]) Watch(fd int, value T, again bool) bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return false
	}
	if len(p.watched) <= fd {
		p.watched = append(p.watched, make([]T, fd+1-len(p.watched))...)
	}
	p.watched[fd] = value
	if err := p.queue.arm(fd, again); err != nil {
		var none T
		p.watched[fd] = none
		return false
	}
	return true
}

// Forget ends the watch of a descriptor that is about to be closed, if there is
// one for that value.
func (p *Poller[T]) Forget(fd int, value T) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if fd < len(p.watched) && p.watched[fd] == value {
		var none T
		p.watched[fd] = none
	}
}

// ready is called when a descriptor can be read from. It may be another one by
// now, of the same number: its value is woken for nothing, and has to look.
func (p *Poller[T]) ready(fd int) {
	var none T
	p.mu.Lock()
	value := none
	if fd < len(p.watched) {
		value, p.watched[fd] = p.watched[fd], none
	}
	p.mu.Unlock()
	if value != none {
		p.wake(value)
	}
}

// Close ends the Poller; what it watches is woken. It may be called once.
func (p *Poller[T]) Close() {
	if p != nil {
		p.queue.close()
	}
}
