package websocket

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/kataras/iris/websocket/internal/cluster"
	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/node"
)

// toOtherNodes sends a frame to the recipients on other nodes. err is the result of this
// node. It is nil but for a target on this node alone.
func (p *publisher) toOtherNodes(f *frame.Frame, t *node.Target, err error) error {
	m, ok := remoteTarget(t)
	if !ok {
		return err
	}
	payload, second, native := f.Parts()
	m.Payload, m.Native = payload, native
	m.Binary, m.Bytes = f.Opcode() == frame.OpBinary, second == frame.OpBinary
	return p.cluster.Publish(&m)
}

// remoteTarget returns a message without a payload for the recipients on other nodes. It
// reports false if there can be none.
func remoteTarget(t *node.Target) (m cluster.Emit, ok bool) {
	m = cluster.Emit{Except: t.Except, ExceptUsers: t.ExceptUsers, Joined: t.Joined, Volatile: t.Volatile}
	switch t.Kind {
	case node.All:
		m.Target = cluster.All
	case node.Room:
		m.Target, m.Names = cluster.Rooms, []string{t.Name}
	case node.Rooms:
		m.Target, m.Names = cluster.Rooms, t.Names
	case node.IDs:
		m.Target, m.Names = cluster.IDs, t.Names
	case node.User:
		m.Target, m.Names = cluster.User, []string{t.Name}
	default:
		return m, false
	}
	return m, m.Target == cluster.All || len(m.Names) > 0 && (m.Target != cluster.User || m.Names[0] != "")
}

// fromOtherNode makes the frame of a message of another node.
func (p *publisher) fromOtherNode(m *cluster.Emit) *frame.Frame {
	prefix := p.prefix
	if m.Native {
		prefix = ""
	}
	buffer := append(frame.Reserve(len(prefix)+len(m.Payload)), prefix...)
	f := frame.Seal(append(buffer, m.Payload...), opcode(m.Binary))
	if m.Native {
		f.SetSecond(frame.Native, opcode(m.Bytes))
	} else {
		f.SetSecond(len(prefix), opcode(m.Bytes))
	}
	return f
}

func opcode(binary bool) byte {
	if binary {
		return frame.OpBinary
	}
	return frame.OpText
}

// targetOf returns the recipients on this node of a message of another node.
func targetOf(m *cluster.Emit) node.Target {
	t := node.Target{Joined: m.Joined, Except: m.Except, ExceptUsers: m.ExceptUsers, Volatile: m.Volatile}
	switch {
	case m.Target == cluster.All:
		t.Kind = node.All
	case len(m.Names) == 0: // of a later release
	case m.Target == cluster.Rooms && len(m.Names) == 1:
		t.Kind, t.Name = node.Room, m.Names[0]
	case m.Target == cluster.Rooms:
		t.Kind, t.Names = node.Rooms, m.Names
	case m.Target == cluster.IDs:
		t.Kind, t.Names = node.IDs, m.Names
	case m.Target == cluster.User:
		t.Kind, t.Name = node.User, m.Names[0]
	}
	return t
}

// remote implements cluster.Local for a server.
type remote Server

// Deliver implements cluster.Local.
func (r *remote) Deliver(m cluster.Emit) {
	p := &(*Server)(r).publisher
	_ = p.node.Deliver(p.fromOtherNode(&m), targetOf(&m)) // it has no error for these targets
}

// Missed implements cluster.Local.
func (r *remote) Missed(g cluster.Gap) {
	s := (*Server)(r)
	gap := BrokerGap{Node: g.Node, Missed: int(g.Missed)}
	to := node.Target{Kind: node.All}
	switch g.Target {
	case cluster.Rooms:
		gap.Room = g.Name
		to = node.Target{Kind: node.Room, Name: g.Name} // or the connection of this ID
	case cluster.User:
		gap.User = g.Name
		to = node.Target{Kind: node.User, Name: g.Name}
	}
	if f, err := s.publisher.modern(gapEvent, 0, gap, false); err == nil {
		to.Await = (*node.Conn).Resumable // a classic client would take it for an event of the application
		_ = s.node.Deliver(f, to)
	}
	if report := s.config.OnBrokerGap; report != nil {
		s.guard("Config.OnBrokerGap", func() { report(gap) })
	}
}

// gapEvent tells a client of a BrokerGap.
const gapEvent = "iris:gap"

// Outage implements cluster.Local.
func (r *remote) Outage(err error) {
	s := (*Server)(r)
	if report := s.config.OnBrokerOutage; report != nil {
		s.guard("Config.OnBrokerOutage", func() { report(err) })
		return
	}
	if err != nil {
		err = fmt.Errorf("websocket: the broker can't be reached, and this node works for its own clients alone: %w", err)
		s.logger.log(s.appLogger(), brokerTrouble, err)
	}
}

// Failed implements cluster.Local.
func (r *remote) Failed(err error) {
	s := (*Server)(r)
	s.logger.log(s.appLogger(), brokerTrouble, fmt.Errorf("websocket: between nodes: %w", err))
}

// What a node may ask another one for. The numbers are on the wire.
const (
	opCount      = 1
	opDisconnect = 2
	opJoin       = 3
	opLeave      = 4
	opMembers    = 5
	opAsk        = 6
)

// subject names connections: by ID, user or room, or all of them.
type subject struct {
	target cluster.Target // Rooms has one name
	name   string
}

// connections returns those of this node.
func (s *Server) connections(of subject) []*node.Conn {
	switch of.target {
	case cluster.All:
		return s.node.All()
	case cluster.Rooms:
		return s.node.Joined(of.name)
	case cluster.User:
		return s.node.MembersOfUser(of.name)
	case cluster.IDs:
		if c, ok := s.node.Get(of.name); ok {
			return []*node.Conn{c}
		}
	}
	return nil
}

// perform does an operation on the connections of this node. It returns how many there were.
func (s *Server) perform(op byte, of subject, room string) (n int) {
	for _, conn := range s.connections(of) {
		c := faceOf(conn)
		if !conn.Alive() {
			continue
		}
		switch op {
		case opDisconnect:
			if c.Disconnect() != nil {
				continue
			}
		case opJoin:
			c.Join(room)
		case opLeave:
			if !c.Leave(room) {
				continue
			}
		}
		n++
	}
	return n
}

// errUnknownOp is the answer of a node of an earlier release.
var errUnknownOp = errors.New("the node doesn't know this operation: its release is too old")

// Call implements cluster.Local.
func (r *remote) Call(ctx context.Context, op byte, args []byte) ([]byte, error) {
	s := (*Server)(r)
	switch op {
	case opCount, opDisconnect, opJoin, opLeave:
		of, room, err := readSubject(args)
		if err != nil {
			return nil, err
		}
		return binary.AppendUvarint(nil, uint64(s.perform(op, of, room))), nil
	case opMembers:
		return s.encodePresent(string(args))
	case opAsk:
		return s.answerAsk(ctx, args)
	}
	return nil, errUnknownOp
}

var errArguments = errors.New("the arguments of the operation are malformed")

func (s subject) append(dst []byte, room string) []byte {
	dst = append(dst, byte(s.target))
	dst = append(binary.AppendUvarint(dst, uint64(len(s.name))), s.name...)
	return append(dst, room...)
}

func readSubject(args []byte) (s subject, room string, err error) {
	if len(args) == 0 {
		return s, "", errArguments
	}
	n, size := binary.Uvarint(args[1:])
	if size <= 0 || n > uint64(len(args)-1-size) {
		return s, "", errArguments
	}
	rest := args[1+size:]
	return subject{cluster.Target(args[0]), string(rest[:n])}, string(rest[n:]), nil
}
