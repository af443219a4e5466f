package outbox

import (
	"runtime"
	"sync"
)

// Source is what Flushers flush: something with an outbox.
type Source interface {
	// Flush has the flusher write what is queued, and sees to what comes of
	// it. It must not block.
	Flush(*Flusher)
}

// Flushers are a few goroutines that write for all connections, so that who
// emits to many doesn't wait for the system calls, and what piles up meanwhile
// goes out together. They exist only while there is something to write. The
// zero value is ready for use.
type Flushers[S Source] struct {
	mu      sync.Mutex // guards what follows
	queue   []S
	next    int // the first of queue that hasn't been taken
	running int
	runs    func() // run, bound once: a go statement with a method allocates
}

// share is how many sources a flusher takes at a time, and how many more must
// wait for another flusher to be started.
const share = 32

// Submit has sources flushed, each once, soon. It doesn't block; the slice
// remains the caller's.
func (f *Flushers[S]) Submit(sources []S) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next > len(f.queue)/2 { // under a steady load it may never be empty
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

// take takes some sources off the queue; none means that the flusher has ceased
// to run.
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
