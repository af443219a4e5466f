package load

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Swarm is a number of clients, and counts their messages.
type Swarm struct {
	Conns []*Conn

	Received  int // messages
	Far       int // those of them that went to far clients
	Reordered int // with another number than the next one: lost or out of order
	Stray     int // of a stream not expected by the client
	Gone      int // connections ended by the server

	// Echo is called for each message when it is set, instead of checking
	// numbers.
	Echo func(c *Conn)

	// Latencies are those of all messages if Measure is set; FarLatencies have those of
	// far clients instead.
	Measure                 bool
	Latencies, FarLatencies []time.Duration

	address  netip.AddrPort
	returns  int // calls of Return
	epoll    int
	byFD     map[int32]*Conn
	buffer   []byte
	events   []unix.EpollEvent
	inflater inflater

	chunks chan chunk // of TLS connections
	done   chan struct{}
	closed bool
}

// chunk is a piece read from a TLS connection, nil if it has ended.
type chunk struct {
	conn *Conn
	data []byte
}

// dialers is the number of connections made at a time.
const dialers = 8

// Connect makes n connections.
func Connect(address netip.AddrPort, n int, options func(i int) Options) (*Swarm, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	s := &Swarm{
		address: address, epoll: epoll, byFD: make(map[int32]*Conn, n), Conns: make([]*Conn, n),
		buffer: make([]byte, 256<<10), events: make([]unix.EpollEvent, 512),
		chunks: make(chan chunk, 256), done: make(chan struct{}),
	}
	for i := range s.Conns {
		s.Conns[i] = newConn(options(i))
	}
	if err := s.dial(s.Conns); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Add makes more connections.
func (s *Swarm) Add(n int, options func(i int) Options) error {
	conns := make([]*Conn, n)
	for i := range conns {
		conns[i] = newConn(options(i))
	}
	s.Conns = append(s.Conns, conns...)
	return s.dial(conns)
}

// dial connects clients, several at a time.
func (s *Swarm) dial(conns []*Conn) error {
	failures := make([]error, dialers)
	var all sync.WaitGroup
	for d := range dialers {
		all.Go(func() {
			for i := d; i < len(conns); i += dialers {
				// Several source addresses, for there are fewer ports than clients.
				source := netip.AddrFrom4([4]byte{127, 0, byte(s.returns), byte(1 + i/20000)})
				if err := conns[i].dial(s.address, source); err != nil {
					failures[d] = fmt.Errorf("connection %d: %w", i, err)
					return
				}
			}
		})
	}
	all.Wait()
	for _, err := range failures {
		if err != nil {
			return err
		}
	}
	for _, c := range conns {
		if c.secure != nil {
			go s.readSecure(c)
			continue
		}
		s.byFD[int32(c.fd)] = c
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.fd)}
		if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, c.fd, &event); err != nil {
			return err
		}
	}
	return nil
}

// Cut ends the sockets of clients without a close frame, as a lost network does. It is
// not for TLS.
func (s *Swarm) Cut(conns []*Conn) {
	for _, c := range conns {
		delete(s.byFD, int32(c.fd))
		c.close()
	}
}

// Leave ends connections in an orderly way: with a close frame. Their sessions end.
func (s *Swarm) Leave(conns []*Conn) error {
	frame := Frame([]byte{1000 >> 8, 1000 & 0xFF})
	frame[0] = 0x88
	for _, c := range conns {
		if err := c.Send(frame); err != nil {
			return err
		}
		if c.session != nil {
			c.session = &session{number: c.session.number}
		}
	}
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		if err := s.Poll(100 * time.Millisecond); err != nil {
			return err
		}
	}
	s.Cut(conns)
	return nil
}

// Return connects clients again after Cut or Leave. Those with a session resume it.
func (s *Swarm) Return(conns []*Conn) error {
	s.returns++
	return s.dial(conns)
}

// Close ends all connections. It may be called again.
func (s *Swarm) Close() {
	if s.closed {
		return
	}
	s.closed = true
	close(s.done)
	for _, c := range s.Conns {
		if c != nil {
			c.close()
		}
	}
	_ = unix.Close(s.epoll)
}

// Pause makes a client never read again.
func (s *Swarm) Pause(c *Conn) {
	_ = unix.EpollCtl(s.epoll, unix.EPOLL_CTL_DEL, c.fd, nil)
}

// Poll reads all there is. It waits no longer than the time given.
func (s *Swarm) Poll(wait time.Duration) error {
	if len(s.byFD) == 0 {
		s.pollSecure(wait)
		return nil
	}
	n, err := unix.EpollWait(s.epoll, s.events, int((wait+time.Millisecond-1)/time.Millisecond))
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

func (s *Swarm) pollSecure(wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case c := <-s.chunks:
			if c.data == nil {
				s.Gone++
				continue
			}
			c.conn.take(c.data, &s.inflater, s.got)
			if len(s.chunks) == 0 {
				return
			}
		case <-timer.C:
			return
		}
	}
}

func (s *Swarm) readSecure(c *Conn) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := c.secure.Read(buffer)
		next := chunk{c, append([]byte(nil), buffer[:n]...)}
		if n > 0 || err != nil {
			select {
			case s.chunks <- next:
			case <-s.done:
				return
			}
		}
		if err != nil {
			return
		}
	}
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
	c.take(s.buffer[:n], &s.inflater, s.got)
}

// got is called for each data frame.
func (s *Swarm) got(c *Conn, payload []byte) {
	for {
		m, rest, ok := find(payload)
		if !ok {
			return
		}
		s.count(c, m)
		payload = rest
	}
}

func (s *Swarm) count(c *Conn, m message) {
	s.Received++
	if c.options.Far {
		s.Far++
	}
	if s.Echo != nil {
		s.Echo(c)
		return
	}
	if s.Measure {
		latency := time.Duration(time.Now().UnixNano() - m.sent)
		if c.options.Far {
			s.FarLatencies = append(s.FarLatencies, latency)
		} else {
			s.Latencies = append(s.Latencies, latency)
		}
	}
	stream := m.stream - c.options.Stream
	if stream < 0 || stream >= len(c.expected) {
		s.Stray++
		return
	}
	if m.seq != c.expected[stream] {
		s.Reordered++
	}
	c.expected[stream] = m.seq + 1
}

// PollUntil polls until so many messages have arrived in all. It reports false if
// none arrives for a time of patience.
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
