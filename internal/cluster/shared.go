package cluster

import "sync"

// Shared answers the same question of many callers at once: after a restart, all clients of a
// node ask who is in their room. The zero value is ready. Its methods are safe for concurrent
// use.
type Shared[T any] struct {
	mu   sync.Mutex           // guards next
	next map[string]*asked[T] // by question, while it is asked; nil if nobody waits to ask again
}

// asked is a question that was asked, or will be next.
type asked[T any] struct {
	answer T             // read it after done
	done   chan struct{} // closed with the answer
}

// Do asks a question and returns the answer, which callers share. A question is asked once at a
// time. Callers that come meanwhile wait for its next turn, which is one for all of them: so no
// answer is older than its call of Do.
func (s *Shared[T]) Do(question string, ask func() T) T {
	s.mu.Lock()
	next, running := s.next[question]
	switch {
	case !running:
		if s.next == nil {
			s.next = make(map[string]*asked[T])
		}
		s.next[question] = nil
		s.mu.Unlock()
		defer s.turn(question, ask)
		return ask()
	case next == nil:
		next = &asked[T]{done: make(chan struct{})}
		s.next[question] = next
	}
	s.mu.Unlock()
	<-next.done
	return next.answer
}

// turn ends a turn, and begins the next one on another goroutine.
func (s *Shared[T]) turn(question string, ask func() T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.next[question]
	if next == nil {
		delete(s.next, question)
		return
	}
	s.next[question] = nil
	go func() {
		defer s.turn(question, ask)
		defer close(next.done)
		next.answer = ask()
	}()
}
