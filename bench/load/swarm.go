package load

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Swarm is a number of clients and what they have received.
type Swarm struct {
	Conns []*Conn

	Received  int // data frames
	Reordered int // with a number that isn't the next one: lost or out of order
	Stray     int // of another room, or not of the load
	Gone      int // connections that the server ended

	// Echo is called for each message when it is set, instead of checking
	// numbers.
	Echo func(c *Conn)

	epoll  int
	byFD   map[int32]*Conn
	buffer []byte
	events []unix.EpollEvent
}

// Connect makes n connections; path gives the path of each, room its room.
func Connect(address netip.AddrPort, n int, path func(i int) string, room func(i int) int) (*Swarm, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	s := &Swarm{epoll: epoll, byFD: make(map[int32]*Conn, n), buffer: make([]byte, 256<<10), events: make([]unix.EpollEvent, 512)}
	for i := range n {
		// Several source addresses, for there are fewer ports than clients.
		source := netip.AddrFrom4([4]byte{127, 0, 0, byte(1 + i/20000)})
		c, err := dial(address, source, path(i))
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("connection %d: %w", i, err)
		}
		c.Room = room(i)
		s.Conns = append(s.Conns, c)
		s.byFD[int32(c.fd)] = c
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.fd)}
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, c.fd, &event); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Close ends all connections.
func (s *Swarm) Close() {
	for _, c := range s.Conns {
		_ = unix.Close(c.fd)
	}
	_ = unix.Close(s.epoll)
}

// Pause makes a client never read again.
func (s *Swarm) Pause(c *Conn) {
	c.paused = true
	_ = unix.EpollCtl(s.epoll, unix.EPOLL_CTL_DEL, c.fd, nil)
}

// Poll reads what there is, waiting for at most the time given.
func (s *Swarm) Poll(wait time.Duration) error {
	n, err := unix.EpollWait(s.epoll, s.events, int(wait.Milliseconds()))
	if err == unix.EINTR {
		return nil
	}
	if err != nil {
		return err
	}
	for _, event := range s.events[:n] {
		s.read(s.byFD[event.Fd])
	}
	return nil
}

func (s *Swarm) read(c *Conn) {
	n, err := unix.Read(c.fd, s.buffer)
	if err == unix.EAGAIN || err == unix.EINTR {
		return
	}
	if n <= 0 || err != nil {
		s.Gone++
		s.Pause(c)
		return
	}
	c.take(s.buffer[:n], s.got)
}

func (s *Swarm) got(c *Conn, payload []byte) {
	s.Received++
	if s.Echo != nil {
		s.Echo(c)
		return
	}
	room, seq, ok := identify(payload)
	switch {
	case !ok || room != c.Room:
		s.Stray++
	case seq != c.expected:
		s.Reordered++
		c.expected = seq + 1
	default:
		c.expected++
	}
}

// PollUntil polls until that many messages have been received in all, and
// reports false if they haven't for that long.
func (s *Swarm) PollUntil(received int, patience time.Duration) (bool, error) {
	last, at := s.Received, time.Now()
	for s.Received < received {
		if err := s.Poll(50 * time.Millisecond); err != nil {
			return false, err
		}
		if s.Received != last {
			last, at = s.Received, time.Now()
		} else if time.Since(at) > patience {
			return false, nil
		}
	}
	return true, nil
}
