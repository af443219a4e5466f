package outbox

import (
	"runtime"
	"sync"
)

// Source is an owner of an outbox.
type Source interface {
	// Flush calls the flusher with the outbox and handles the outcome. It must not
	// block.
	Flush(*Flusher)
}

// Flushers writes for many connections on a few goroutines. So a broadcast doesn't
// wait for the system calls of each recipient, and the frames of the meantime are
// written together. The goroutines exist only while there is something to write.
// The zero value is ready for use.
type Flushers[S Source] struct {
	mu      sync.Mutex // guards the fields below
	queue   []S
	next    int // the index of the first source not yet taken
	running int
	runs    func() // run, bound once: a go statement with a method allocates
}

// share is the maximum number of sources taken by a flusher at a time. For each further
// share in the queue, another flusher starts, up to GOMAXPROCS.
const share = 32

// Submit queues sources to be flushed once each. It doesn't block. The caller may
// use the slice again.
func (f *Flushers[S]) Submit(sources []S) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next > len(f.queue)/2 { // under a steady load the queue may never be empty
		n := copy(f.queue, f.queue[f.next:])
		clear(f.queue[n:])
		f.queue, f.next = f.queue[:n], 0
	}
	f.queue = append(f.queue, sources...)
	for f.running < runtime.GOMAXPROCS(0) && len(f.queue)-f.next > f.running*share {
		if f.running++; f.runs == nil {
			f.runs = f.run
		}
		go f.runs()
	}
}

func (f *Flushers[S]) run() {
	flusher := flushers.Get().(*Flusher)
	defer flushers.Put(flusher)
	defer flusher.Forget()
	var taken [share]S
	for {
		n := f.take(&taken)
		if n == 0 {
			return
		}
		for i, source := range taken[:n] {
			source.Flush(flusher)
			var none S
			taken[i] = none
		}
	}
}

// take moves up to share sources from the queue to taken and returns their number.
// If it returns 0, the flusher must end.
func (f *Flushers[S]) take(taken *[share]S) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := copy(taken[:], f.queue[f.next:])
	clear(f.queue[f.next : f.next+n])
	if f.next += n; f.next == len(f.queue) {
		f.queue, f.next = f.queue[:0], 0
		if cap(f.queue) > 1<<14 {
			f.queue = nil
		}
	}
	if n == 0 {
		f.running--
	}
	return n
}

var flushers = sync.Pool{New: func() any { return new(Flusher) }}

// FlushNow flushes one source on the caller's goroutine.
func FlushNow(source Source) {
	flusher := flushers.Get().(*Flusher)
	source.Flush(flusher)
	flusher.Forget()
	flushers.Put(flusher)
}
