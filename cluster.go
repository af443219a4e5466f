package websocket

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kataras/iris/websocket/internal/cluster"
)

// BrokerGap says which messages of another node this node has missed: see
// [Config.OnBrokerGap]. At most one of Room and User is set. Without both, messages to any
// connection may be missing.
type BrokerGap struct {
	// Node is the publisher; empty if it is not known.
	Node string `json:"node,omitempty"`
	// Room is the room that the messages were for.
	Room string `json:"room,omitempty"`
	// User is the user that the messages were for.
	User string `json:"user,omitempty"`
	// Missed is the number of messages; 0 if it is not known.
	Missed int `json:"missed"`
}

// ClusterStats are the numbers of a node of a cluster. Nodes and Subscriptions are present
// numbers; the others only go up.
type ClusterStats struct {
	// Nodes is the number of other nodes.
	Nodes int
	// Subscriptions is the number of channels of the broker that this node receives.
	Subscriptions int
	// Published counts the messages sent to other nodes, each once.
	Published uint64
	// Received counts the messages received from other nodes, each once.
	Received uint64
	// Unsent counts the messages that the broker did not accept: too many waited, or the
	// message was too large.
	Unsent uint64
	// Missed counts the missed messages of other nodes: see [Config.OnBrokerGap]. A gap
	// of unknown length counts as none.
	Missed uint64
	// Gaps counts the gaps.
	Gaps uint64
	// Outages counts the outages of the broker.
	Outages uint64
}

// prepareCluster makes the server a node of a cluster. joinCluster follows.
func (s *Server) prepareCluster() {
	changed := s.presence.changed
	if s.config.Presence == nil {
		changed = nil
	}
	switch {
	case s.config.Broker != nil:
		s.publisher.cluster = cluster.New(s.config.Broker, (*remote)(s), changed)
		s.presence.rooms = s.publisher.cluster
	case changed != nil:
		s.presence.rooms = cluster.NewAlone(changed)
	}
}

// joinCluster connects to the broker. It comes last: a constructor that panics leaves no
// goroutine behind.
func (s *Server) joinCluster() {
	if s.publisher.cluster != nil {
		s.publisher.cluster.Start()
	}
}

// stats returns the numbers of the cluster.
func (p *publisher) stats() ClusterStats {
	if p.cluster == nil {
		return ClusterStats{}
	}
	n := p.cluster.Stats()
	return ClusterStats{
		Nodes: n.Nodes, Subscriptions: n.Subscriptions, Published: n.Published, Received: n.Received,
		Unsent: n.Unsent, Missed: n.Missed, Gaps: n.Gaps, Outages: n.Outages,
	}
}

// Cluster is the view of a server on all nodes of its cluster: see [Config.Broker]. Its
// methods have the names of those of [Server], and act on the connections of all nodes. They
// wait for the answers of the other nodes, until ctx is done: give it a deadline. They return
// a [*ClusterError] if a node has not answered; the result is then that of the others. Without
// a broker there is one node, and they return at once. They are safe for concurrent use. A
// function registered on a connection may call them.
type Cluster struct{ server *Server }

// Cluster returns the view of the server on all nodes.
func (s *Server) Cluster() Cluster { return Cluster{s} }

// ClusterError says which nodes have not answered, and why.
type ClusterError struct {
	// Nodes has the reason for each of these nodes: the error of the context, or what the
	// node reports.
	Nodes map[string]error
}

// Error implements error.
func (e *ClusterError) Error() string {
	var list []string
	for name, err := range e.Nodes {
		list = append(list, name+" ("+err.Error()+")")
	}
	slices.Sort(list)
	return fmt.Sprintf("websocket: of the other nodes of the cluster, %d did not answer: %s", len(list), strings.Join(list, ", "))
}

// Unwrap returns the reasons.
func (e *ClusterError) Unwrap() []error {
	var list []error
	for _, err := range e.Nodes {
		list = append(list, err)
	}
	return list
}

// ErrNodeEnded is the reason in a [ClusterError] of a node that has ended before its answer.
var ErrNodeEnded = cluster.ErrNodeGone

func clusterError(failed map[string]error) error {
	if len(failed) == 0 {
		return nil
	}
	return &ClusterError{failed}
}

// Ready waits until the server has connected to the broker, and until the other nodes'
// messages for its present connections reach it. Call it before the program accepts clients,
// and once at its start: in a later outage of the broker it returns nil, as long as nobody joins.
// It returns the error of ctx, or that of the broker if it can't connect at all, such as for a
// wrong password.
func (c Cluster) Ready(ctx context.Context) error {
	if nodes := c.server.publisher.cluster; nodes != nil {
		return nodes.Ready(ctx)
	}
	return nil
}

// Node returns the name of this node. It is new after each start; empty without a broker.
func (c Cluster) Node() string {
	if nodes := c.server.publisher.cluster; nodes != nil {
		return nodes.ID()
	}
	return ""
}

// Nodes returns the names of the other nodes that this node knows, in no particular order. A
// new node is known at once, a killed one for up to ten seconds.
func (c Cluster) Nodes() []string {
	if nodes := c.server.publisher.cluster; nodes != nil {
		return nodes.Nodes()
	}
	return nil
}

// Count returns the number of connections that have joined a room; for [All], of all
// connections.
func (c Cluster) Count(ctx context.Context, room string) (int, error) {
	if room == All {
		return c.do(ctx, opCount, subject{target: cluster.All}, "")
	}
	return c.do(ctx, opCount, subject{cluster.Rooms, room}, "")
}

// CountUser returns the number of connections of a user.
func (c Cluster) CountUser(ctx context.Context, user string) (int, error) {
	return c.do(ctx, opCount, subject{cluster.User, user}, "")
}

// IsConnected reports whether there is a connection of this ID.
func (c Cluster) IsConnected(ctx context.Context, connID string) (bool, error) {
	n, err := c.do(ctx, opCount, subject{cluster.IDs, connID}, "")
	return found(n, err)
}

// Disconnect is [Server.Disconnect] on all nodes. It returns [ErrAlreadyDisconnected] if there
// is no such connection.
func (c Cluster) Disconnect(ctx context.Context, connID string) error {
	n, err := c.do(ctx, opDisconnect, subject{cluster.IDs, connID}, "")
	if ok, err := found(n, err); err != nil || ok {
		return err
	}
	return ErrAlreadyDisconnected
}

// DisconnectUser is [Server.DisconnectUser] on all nodes.
func (c Cluster) DisconnectUser(ctx context.Context, user string) (closed int, err error) {
	return c.do(ctx, opDisconnect, subject{cluster.User, user}, "")
}

// Join is [Server.Join] on all nodes. It returns [ErrAlreadyDisconnected] if there is no such
// connection.
func (c Cluster) Join(ctx context.Context, roomName, connID string) error {
	n, err := c.do(ctx, opJoin, subject{cluster.IDs, connID}, roomName)
	if ok, err := found(n, err); err != nil || ok {
		return err
	}
	return ErrAlreadyDisconnected
}

// Leave is [Server.Leave] on all nodes.
func (c Cluster) Leave(ctx context.Context, roomName, connID string) (bool, error) {
	return found(c.do(ctx, opLeave, subject{cluster.IDs, connID}, roomName))
}

// JoinUser is [Server.JoinUser] on all nodes. It returns the number of connections.
func (c Cluster) JoinUser(ctx context.Context, roomName, user string) (int, error) {
	return c.do(ctx, opJoin, subject{cluster.User, user}, roomName)
}

// LeaveUser is [Server.LeaveUser] on all nodes. It returns the number of connections that
// have left.
func (c Cluster) LeaveUser(ctx context.Context, roomName, user string) (int, error) {
	return c.do(ctx, opLeave, subject{cluster.User, user}, roomName)
}

// found interprets a number of connections with one ID. If one was found, the nodes that have
// not answered don't matter.
func found(n int, err error) (bool, error) {
	if n > 0 {
		return true, nil
	}
	return false, err
}

// do does an operation here and on the other nodes. It returns the number of connections.
func (c Cluster) do(ctx context.Context, op byte, of subject, room string) (int, error) {
	if of.target == cluster.User && of.name == "" {
		return 0, nil
	}
	s := c.server
	n := s.perform(op, of, room)
	nodes := s.publisher.nodesOf(of)
	if len(nodes) == 0 || of.target == cluster.IDs && n > 0 {
		return n, nil
	}
	answers := s.publisher.cluster.Ask(ctx, nodes, op, of.append(nil, room))
	for name, answer := range answers.ByNode {
		more, size := binary.Uvarint(answer)
		if size <= 0 {
			answers.Failed[name] = errors.New("the answer is malformed")
			continue
		}
		n += int(more)
	}
	return n, clusterError(answers.Failed)
}

// nodesOf returns the other nodes that may have connections of a subject.
func (p *publisher) nodesOf(of subject) []string {
	switch {
	case p.cluster == nil:
		return nil
	case of.target == cluster.IDs:
		if owner, ok := p.cluster.Owner(of.name); ok {
			return owner // none for this node
		}
	}
	return p.cluster.Nodes()
}

// elsewhere does an operation on the connections of other nodes, without waiting. It reports
// whether there are other nodes to ask.
func (s *Server) elsewhere(op byte, of subject, room string) bool {
	nodes := s.publisher.nodesOf(of)
	if len(nodes) == 0 {
		return false
	}
	s.publisher.cluster.Tell(nodes, op, of.append(nil, room))
	return true
}

// isRemoteID reports whether a name is the ID of a connection of another node.
func (p *publisher) isRemoteID(name string) bool { return p.cluster != nil && p.cluster.IsID(name) }

// enter tells the other nodes that a connection may come under this ID and for this user.
func (p *publisher) enter(id, user string) {
	if p.cluster == nil {
		return
	}
	p.cluster.AddID(id)
	if user != "" {
		p.cluster.AddUser(user)
	}
}

// exit reverses enter.
func (p *publisher) exit(id, user string) {
	if p.cluster == nil || id == "" { // see Server.introduce
		return
	}
	p.cluster.RemoveID(id)
	if user != "" {
		p.cluster.RemoveUser(user)
	}
}

// joined notes that this node has one more member of a room.
func (p *publisher) joined(room string) {
	if p.cluster != nil {
		p.cluster.AddRoom(room)
	}
}

// left reverses joined.
func (p *publisher) left(room string) {
	if p.cluster != nil {
		p.cluster.RemoveRoom(room)
	}
}

// leaveCluster notes that this node begins to end.
func (p *publisher) leaveCluster() {
	if p.cluster != nil {
		p.cluster.Leave()
	}
}

// closeCluster takes this node out of the cluster.
func (p *publisher) closeCluster(ctx context.Context) error {
	if p.cluster == nil {
		return nil
	}
	return p.cluster.Close(ctx)
}

// closeClusterLater is closeCluster after the clients have had their time to close.
func (s *Server) closeClusterLater() {
	ctx, cancel := context.WithTimeout(context.Background(), s.config.CloseTimeout)
	defer cancel()
	_ = s.node.Shutdown(ctx)
	ctx, cancel = context.WithTimeout(context.Background(), s.config.CloseTimeout)
	defer cancel()
	_ = s.publisher.closeCluster(ctx)
}

var _ cluster.Local = (*remote)(nil)
