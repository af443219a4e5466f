package redis

import (
	"context"
	"errors"
	"sync"

	"github.com/kataras/iris/websocket/broker/internal/remote"
	"github.com/redis/rueidis"
)

// batch is how many channels one command has, at most.
const batch = 1000

// conn is a remote.Conn: the connections to all masters. If one of them is lost, all are made
// anew. An outage of a Redis Cluster is rare, and so one Down tells of it.
type conn struct {
	client  rueidis.Client
	names   *names
	deliver func(channel string, message []byte)
	size    int
	sockets sockets
	sharded bool // it is a Redis Cluster: SPUBLISH and SSUBSCRIBE
	shards  []*shard
	shardOf [partitions]*shard

	watchers sync.WaitGroup
	lost     chan struct{}

	mu     sync.Mutex          // guards the fields below
	err    error               // the first reason; lost is closed then
	ending map[string]struct{} // the names of channels whose subscriptions this node ends
}

// shard is the connection to one master. It sends messages, and receives them.
type shard struct {
	rueidis.DedicatedClient
}

// newShard connects to the server of a client.
func (c *conn) newShard(client rueidis.Client) *shard {
	dedicated, _ := client.Dedicate() // Close ends it
	s := &shard{dedicated}
	c.shards = append(c.shards, s)
	ended := s.SetPubSubHooks(rueidis.PubSubHooks{
		OnMessage:      func(m rueidis.PubSubMessage) { c.deliver(channelOf(m.Channel), []byte(m.Message)) },
		OnSubscription: c.changed,
	})
	c.watchers.Go(func() { c.fail(<-ended) })
	return s
}

// errMoved is the reason when a master ends subscriptions: their slot has moved to another one.
var errMoved = errors.New("redis: channels have moved to another server")

// changed handles what a server says of a subscription. A server ends those of a slot that
// moves to another server. Then all connections are made anew.
func (c *conn) changed(s rueidis.PubSubSubscription) {
	if s.Kind != "unsubscribe" && s.Kind != "sunsubscribe" {
		return
	}
	c.mu.Lock()
	_, wanted := c.ending[s.Channel]
	delete(c.ending, s.Channel)
	c.mu.Unlock()
	if !wanted {
		c.fail(errMoved)
	}
}

// end notes that this node ends subscriptions.
func (c *conn) end(names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending == nil {
		c.ending = make(map[string]struct{})
	}
	for _, name := range names {
		c.ending[name] = struct{}{}
	}
}

// errEnded is the reason of a loss without another one.
var errEnded = errors.New("redis: the connection has ended")

// fail says: a connection is lost.
func (c *conn) fail(err error) {
	if err == nil {
		err = errEnded
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
		close(c.lost)
	}
}

// Change implements remote.Conn. The channels of a partition share commands.
func (c *conn) Change(ctx context.Context, subscribe, unsubscribe []string) error {
	if err := c.change(ctx, unsubscribe, "UNSUBSCRIBE", "SUNSUBSCRIBE"); err != nil {
		return err
	}
	return c.change(ctx, subscribe, "SUBSCRIBE", "SSUBSCRIBE")
}

// change sends commands for channels.
func (c *conn) change(ctx context.Context, channels []string, command, shardedCommand string) error {
	var groups [partitions][]string
	for _, channel := range channels {
		p := 0
		if c.sharded {
			p = partitionOf(channel)
		}
		groups[p] = append(groups[p], c.names.name(channel))
	}
	for p, group := range groups {
		for len(group) > 0 {
			n := min(len(group), batch)
			if err := c.changeGroup(ctx, c.shardOf[p], group[:n], command, shardedCommand); err != nil {
				return err
			}
			group = group[n:]
		}
	}
	return nil
}

// changeGroup sends one command.
func (c *conn) changeGroup(ctx context.Context, s *shard, names []string, command, shardedCommand string) error {
	if command == "UNSUBSCRIBE" {
		c.end(names)
	}
	build := c.client.B()
	var built rueidis.Completed
	switch {
	case !c.sharded && command == "SUBSCRIBE":
		built = build.Subscribe().Channel(names...).Build()
	case !c.sharded:
		built = build.Unsubscribe().Channel(names...).Build()
	case shardedCommand == "SSUBSCRIBE":
		built = build.Ssubscribe().Channel(names...).Build()
	default:
		built = build.Sunsubscribe().Channel(names...).Build()
	}
	return s.Do(ctx, built).Error()
}

// Send implements remote.Conn. Each shard gets its messages in one pipeline. After an error, it
// isn't known which of them were sent.
func (c *conn) Send(ctx context.Context, messages []remote.Message) (int, error) {
	if !c.sharded {
		pipeline := make(rueidis.Commands, len(messages))
		for i, m := range messages {
			pipeline[i] = c.client.B().Publish().Channel(c.names.name(m.Channel)).Message(rueidis.BinaryString(m.Payload)).Build()
		}
		return len(messages), run(ctx, c.shardOf[0], pipeline)
	}
	pipelines := make(map[*shard]rueidis.Commands)
	for _, m := range messages {
		s := c.shardOf[partitionOf(m.Channel)]
		command := c.client.B().Spublish().Channel(c.names.name(m.Channel)).Message(rueidis.BinaryString(m.Payload)).Build()
		pipelines[s] = append(pipelines[s], command)
	}
	results := make(chan error, len(pipelines))
	for s, pipeline := range pipelines {
		go func() { results <- run(ctx, s, pipeline) }()
	}
	var err error
	for range len(pipelines) {
		err = errors.Join(err, <-results)
	}
	return len(messages), err
}

// run sends the commands of a pipeline and waits for the answers.
func run(ctx context.Context, s *shard, pipeline rueidis.Commands) (err error) {
	for _, result := range s.DoMulti(ctx, pipeline...) {
		err = errors.Join(err, result.Error())
	}
	return err
}

// Sync implements remote.Conn. Change and Send have waited for all answers.
func (c *conn) Sync(ctx context.Context) error { return c.ping(ctx) }

// ping waits for an answer of each shard.
func (c *conn) ping(ctx context.Context) error {
	for _, s := range c.shards {
		if err := s.Do(ctx, c.client.B().Ping().Build()).Error(); err != nil {
			return err
		}
	}
	return nil
}

// MaxMessageSize implements remote.Conn.
func (c *conn) MaxMessageSize() int { return c.size }

// Lost implements remote.Conn.
func (c *conn) Lost() <-chan struct{} { return c.lost }

// Err implements remote.Conn.
func (c *conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close implements remote.Conn.
func (c *conn) Close() {
	c.sockets.close() // the Close of rueidis would wait for a server that answers nothing
	for _, s := range c.shards {
		s.Close()
	}
	c.client.Close()
	c.watchers.Wait()
}
