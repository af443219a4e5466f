package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/kataras/iris/websocket/broker/internal/remote"
	"github.com/redis/rueidis"
)

// dialer makes connections.
type dialer struct {
	config Config
	names  *names
}

// connect makes a conn. It makes a new client each time: it finds out anew what servers
// there are, and which of them is the master.
func (d *dialer) connect(ctx context.Context, deliver func(string, []byte)) (*conn, error) {
	options := d.config.Client
	options.DisableRetry = true // a retry might send a message twice
	options.DisableCache = true
	options.PipelineMultiplex = -1 // one connection
	options.SendToReplicas, options.ReplicaOnly = nil, false
	c := &conn{
		names:   d.names,
		deliver: deliver,
		size:    d.config.MaxMessageSize,
		lost:    make(chan struct{}),
	}
	c.sockets.ctx, c.sockets.cancel = context.WithCancel(context.Background())
	c.sockets.dial = options.DialCtxFn
	options.DialCtxFn = c.sockets.Dial
	defer context.AfterFunc(ctx, c.sockets.close)() // ends the handshake
	client, err := rueidis.NewClient(options)
	if err != nil {
		c.sockets.close()
		return nil, permanent(err)
	}
	c.client = client
	if err := c.open(ctx); err != nil {
		c.Close()
		return nil, permanent(err)
	}
	return c, nil
}

// permanent marks errors that another attempt doesn't mend: a wrong password or a missing
// permission.
func permanent(err error) error {
	if answer, ok := rueidis.IsRedisErr(err); ok {
		for _, code := range []string{"WRONGPASS", "NOAUTH", "NOPERM"} {
			if len(answer.Error()) >= len(code) && answer.Error()[:len(code)] == code {
				return &remote.PermanentError{Err: err}
			}
		}
	}
	return err
}

// open opens a shard for each master, and finds out which partitions each of them has.
func (c *conn) open(ctx context.Context) error {
	if c.client.Mode() != rueidis.ClientModeCluster {
		s := c.newShard(c.client)
		for p := range c.shardOf {
			c.shardOf[p] = s
		}
		return c.ping(ctx)
	}
	c.sharded = true
	masters, err := mastersOf(ctx, c.client)
	if err != nil {
		return err
	}
	nodes, byAddress := c.client.Nodes(), make(map[string]*shard)
	for p := range c.shardOf {
		address := masters[c.names.slots[p]]
		if byAddress[address] == nil {
			node := nodes[address]
			if node == nil {
				return fmt.Errorf("redis: slot %d has no server", c.names.slots[p])
			}
			byAddress[address] = c.newShard(node)
		}
		c.shardOf[p] = byAddress[address]
	}
	return c.ping(ctx)
}

// mastersOf returns the address of the master of each slot.
func mastersOf(ctx context.Context, client rueidis.Client) (*[slots]string, error) {
	ranges, err := client.Do(ctx, client.B().ClusterSlots().Build()).ToArray()
	if err != nil {
		return nil, err
	}
	masters := new([slots]string)
	for _, r := range ranges {
		fields, err := r.ToArray()
		if err != nil || len(fields) < 3 {
			return nil, errSlots
		}
		first, err1 := fields[0].AsInt64()
		last, err2 := fields[1].AsInt64()
		master, err3 := fields[2].ToArray()
		if err := errors.Join(err1, err2, err3); err != nil || len(master) < 2 || first < 0 || last >= slots {
			return nil, errSlots
		}
		host, err1 := master[0].ToString()
		port, err2 := master[1].AsInt64()
		if errors.Join(err1, err2) != nil {
			return nil, errSlots
		}
		for slot := first; slot <= last; slot++ {
			masters[slot] = net.JoinHostPort(host, strconv.FormatInt(port, 10))
		}
	}
	return masters, nil
}

var errSlots = errors.New("redis: can't understand the answer to CLUSTER SLOTS")

// sockets makes the TCP connections of a conn, and can close them.
type sockets struct {
	dial   func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) // may be nil
	ctx    context.Context                                                           // done after close
	cancel context.CancelFunc

	mu  sync.Mutex // guards all
	all []net.Conn
}

// Dial is a DialCtxFn of rueidis.
func (s *sockets) Dial(_ context.Context, address string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
	socket, err := s.dialAny(address, d, config)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		_ = socket.Close()
		return nil, s.ctx.Err()
	}
	s.all = append(s.all, socket)
	return socket, nil
}

func (s *sockets) dialAny(address string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
	switch {
	case s.dial != nil:
		return s.dial(s.ctx, address, d, config)
	case config != nil:
		return (&tls.Dialer{NetDialer: d, Config: config}).DialContext(s.ctx, "tcp", address)
	}
	return d.DialContext(s.ctx, "tcp", address)
}

// close closes all connections. There will be no other.
func (s *sockets) close() {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, socket := range s.all {
		_ = socket.Close()
	}
	s.all = nil
}
