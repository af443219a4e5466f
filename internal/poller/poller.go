// Package poller waits for input on many network connections with one goroutine. So
// a silent connection needs no goroutine of its own: its stack would be the largest
// part of the memory of an idle connection.
//
// A [Poller] watches descriptors. Each descriptor has a value. At the first input or
// error, the Poller calls its wake function with the value, once. To wait again,
// call [Poller.Watch] again. The Poller uses epoll on Linux. On other systems, and
// with the build tag portable, [New] fails, and the caller must wait on goroutines.
//
// # Invariants
//
//   - Each successful Watch leads to at most one call of wake. It leads to exactly
//     one if input comes, unless Forget comes first.
//   - At the end, by Close or by a failure of the system, wake is called for all
//     watched values: nothing else would wake them.
//   - A descriptor may be closed and its number used again. So a call of wake may
//     come without input. The caller must check.
//
// # Locks
//
// Poller.mu guards the watched values. It is never held during wake, and no other
// lock is taken under it.
package poller

import "sync"

// Poller watches descriptors, each for one event at a time. The zero value and nil
// watch nothing; make a Poller with New. Its methods are safe for concurrent use.
type Poller[T comparable] struct {
	wake  func(T) // immutable
	queue queue   // of the system; immutable

	mu      sync.Mutex // guards the fields below
	watched []T        // by descriptor; the zero T for an unwatched one
	stopped bool
}

// New returns a Poller. It calls wake on its own goroutine; wake must not block.
// Close ends the goroutine. New returns an error if the system has no support.
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

// stop ends the Poller after Close or a failure of the system. It wakes all watched
// values, since nothing else will.
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

// Watch watches a descriptor: wake is called with the value once, at the first input
// or error. Input that has already come counts. Don't call Watch again before wake.
// Pass true for again if the descriptor has been watched before, by this Poller or by one
// that has ended. The descriptor must
// stay open during the call. Watch reports false if the descriptor can't be watched.
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

// Forget ends the watch of a descriptor for a value, if there is one. Call it before
// the descriptor is closed.
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

// ready wakes the value of a descriptor with input. The number may belong to another
// descriptor by now. Then wake is called without input.
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

// Close ends the Poller and wakes all watched values. Call it at most once.
func (p *Poller[T]) Close() {
	if p != nil {
		p.queue.close()
	}
}
