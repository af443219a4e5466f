//go:build linux && !portable

package poller

import (
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is the longest wait for an expected event. After it, the test fails.
const patience = 20 * time.Second

// start returns a poller and a channel of the woken values.
func start(t *testing.T) (*Poller[string], <-chan string) {
	t.Helper()
	woken := make(chan string, 100)
	p, err := New(func(value string) { woken <- value })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, woken
}

// pair returns both ends of a TCP connection, and the descriptor of the first.
func pair(t *testing.T) (here *net.TCPConn, fd int, there *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	here, there = server.(*net.TCPConn), client.(*net.TCPConn)
	raw, err := here.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(d uintptr) { fd = int(d) }); err != nil {
		t.Fatal(err)
	}
	return here, fd, there
}

func send(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
}

func watch(t *testing.T, p *Poller[string], fd int, value string, again bool) {
	t.Helper()
	if !p.Watch(fd, value, again) {
		t.Fatalf("%s can't be watched", value)
	}
}

func wantWoken(t *testing.T, woken <-chan string, want string) {
	t.Helper()
	select {
	case got := <-woken:
		if got != want {
			t.Fatalf("woke %q, want %q", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("%q wasn't woken", want)
	}
}

// wantNothing checks for missing wakes: it wakes another value and wants it to be
// the next one.
func wantNothing(t *testing.T, p *Poller[string], woken <-chan string) {
	t.Helper()
	_, fd, there := pair(t)
	send(t, there)
	watch(t, p, fd, "the end", false)
	wantWoken(t, woken, "the end")
}

func TestWakesOnceForEachWatch(t *testing.T) {
	p, woken := start(t)
	_, fd, there := pair(t)
	watch(t, p, fd, "a", false)
	wantNothing(t, p, woken)
	send(t, there)
	wantWoken(t, woken, "a")
	send(t, there)
	wantNothing(t, p, woken)
	watch(t, p, fd, "a", true) // earlier input counts
	wantWoken(t, woken, "a")
}

func TestWakesForAnEnd(t *testing.T) {
	for name, end := range map[string]func(*net.TCPConn) error{
		"closed": (*net.TCPConn).Close,
		"half":   (*net.TCPConn).CloseWrite,
		"reset":  func(c *net.TCPConn) error { _ = c.SetLinger(0); return c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			p, woken := start(t)
			_, fd, there := pair(t)
			watch(t, p, fd, name, false)
			if err := end(there); err != nil {
				t.Fatal(err)
			}
			wantWoken(t, woken, name)
		})
	}
}

func TestForget(t *testing.T) {
	p, woken := start(t)
	_, fd, there := pair(t)
	watch(t, p, fd, "a", false)
	p.Forget(fd, "another") // an earlier value of the descriptor
	p.Forget(1<<20, "a")
	send(t, there)
	wantWoken(t, woken, "a")
	watch(t, p, fd, "a", true)
	wantWoken(t, woken, "a")

	_, fd, there = pair(t)
	watch(t, p, fd, "b", false)
	p.Forget(fd, "b")
	send(t, there)
	wantNothing(t, p, woken)
}

// TestADescriptorIsReused: the watch of a closed connection doesn't affect the next
// one with the same descriptor.
func TestADescriptorIsReused(t *testing.T) {
	p, woken := start(t)
	here, fd, _ := pair(t)
	watch(t, p, fd, "old", false)
	p.Forget(fd, "old")
	if err := here.Close(); err != nil {
		t.Fatal(err)
	}
	_, otherFD, there := pair(t)
	if otherFD != fd {
		if err := syscall.Dup3(otherFD, fd, syscall.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = syscall.Close(fd) }()
	}
	watch(t, p, fd, "new", false) // epoll has dropped the closed descriptor
	send(t, there)
	wantWoken(t, woken, "new")
}

func TestCantBeWatched(t *testing.T) {
	p, woken := start(t)
	file, err := os.Open(os.Args[0]) // epoll refuses files
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if p.Watch(int(file.Fd()), "file", false) {
		t.Error("a file is watched")
	}
	wantNothing(t, p, woken)
	var none *Poller[string]
	if none.Watch(0, "nobody", false) {
		t.Error("nil watches")
	}
	none.Forget(0, "nobody")
	none.Close()
}

func TestManyAtOnce(t *testing.T) {
	const many = 300 // more than one call of epoll_wait returns
	woken := make(chan int, many)
	p, err := New(func(value int) { woken <- value })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for i := range many {
		_, fd, there := pair(t)
		send(t, there)
		if !p.Watch(fd, i+1, false) {
			t.Fatal("can't be watched")
		}
	}
	seen := make(map[int]bool)
	for range many {
		select {
		case value := <-woken:
			seen[value] = true
		case <-time.After(patience):
			t.Fatalf("%d of %d were woken", len(seen), many)
		}
	}
	if len(seen) != many {
		t.Errorf("%d of %d were woken", len(seen), many)
	}
}

// TestQueueTellsOnce: the queue tells of a descriptor once, although its input is still
// there. Otherwise the goroutine of the poller would be busy until somebody reads.
func TestQueueTellsOnce(t *testing.T) {
	var q queue
	if err := q.open(); err != nil {
		t.Fatal(err)
	}
	told, ended := make(chan int), make(chan struct{})
	go func() {
		defer close(ended)
		q.run(func(fd int) { told <- fd })
	}()
	for range 3 {
		_, fd, there := pair(t)
		send(t, there)
		if err := q.arm(fd, false); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-told:
			if got != fd {
				t.Errorf("told of %d, want %d", got, fd)
			}
		case <-time.After(patience):
			t.Fatal("told of nothing")
		}
	}
	q.close()
	for open := true; open; {
		select {
		case fd := <-told:
			t.Errorf("told of %d again", fd)
		case <-ended:
			open = false
		}
	}
}

// TestClosed: Close wakes each watched value once, since nothing else will. After it,
// nothing can be watched.
func TestClosed(t *testing.T) {
	woken := make(chan string, 10)
	p, err := New(func(value string) { woken <- value })
	if err != nil {
		t.Fatal(err)
	}
	_, fd, _ := pair(t)
	_, forgotten, _ := pair(t)
	_, last, _ := pair(t)
	watch(t, p, fd, "a", false)
	watch(t, p, forgotten, "b", false)
	watch(t, p, last, "c", false)
	p.Forget(forgotten, "b")
	_, woke, there := pair(t)
	watch(t, p, woke, "woken before", false)
	send(t, there)
	wantWoken(t, woken, "woken before")
	file, err := os.Open(os.Args[0]) // epoll refuses files
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if p.Watch(int(file.Fd()), "file", false) {
		t.Error("a file is watched")
	}
	p.Close()
	got := map[string]bool{}
	for range 2 {
		select {
		case value := <-woken:
			got[value] = true
		case <-time.After(patience):
			t.Fatalf("Close woke %v, want a and c", got)
		}
	}
	if !got["a"] || !got["c"] || len(woken) > 0 {
		t.Errorf("Close woke %v and %d more, want a and c", got, len(woken))
	}
	if p.Watch(fd, "a", true) || p.Watch(1<<10, "d", false) {
		t.Error("a closed poller watches")
	}
}

// TestWatchAfterAnotherPoller: a descriptor goes on to another poller after the end of the
// first one.
func TestWatchAfterAnotherPoller(t *testing.T) {
	woken := make(chan string, 100)
	first, err := New(func(value string) { woken <- value })
	if err != nil {
		t.Fatal(err)
	}
	_, fd, there := pair(t)
	watch(t, first, fd, "first", false)
	first.Close()
	wantWoken(t, woken, "first")
	second, wokenBySecond := start(t)
	watch(t, second, fd, "second", true)
	send(t, there)
	wantWoken(t, wokenBySecond, "second")
}
