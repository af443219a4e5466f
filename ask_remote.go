package websocket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/kataras/iris/websocket/internal/cluster"
	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/wire"
)

// The methods of this file ask the clients of other nodes. The asker sends the question to the
// nodes. Each one asks its own clients, and answers with all their replies.

// askOthers asks the recipients of other nodes. It doesn't wait. The function that it returns
// does.
func (e emitter) askOthers(ctx context.Context, event string, data any) func() ([]Reply, error) {
	none := func() ([]Reply, error) { return nil, nil }
	p := e.publisher
	if p.cluster == nil || e.local {
		return none
	}
	m, ok := remoteTarget(&e.target)
	nodes := p.askedNodes(&m)
	if !ok || len(nodes) == 0 {
		return none
	}
	f, err := p.event(event, data)
	if err != nil {
		return func() ([]Reply, error) { return nil, err }
	}
	m.Payload, _, _ = f.Parts()
	result := make(chan cluster.Answers, 1)
	go func() { result <- p.cluster.Ask(ctx, nodes, opAsk, m.Encode()) }()
	return func() (replies []Reply, err error) {
		answers := <-result
		for name, answer := range answers.ByNode {
			more, err := decodeReplies(event, answer, p)
			if err != nil {
				answers.Failed[name] = err
				continue
			}
			replies = append(replies, more...)
		}
		return replies, clusterError(answers.Failed)
	}
}

// askedNodes returns the nodes to ask: those that the IDs name, or all others.
func (p *publisher) askedNodes(m *cluster.Emit) []string {
	if m.Target != cluster.IDs {
		return p.cluster.Nodes()
	}
	seen := make(map[string]bool)
	var nodes []string
	for _, id := range m.Names {
		owner, known := p.cluster.Owner(id)
		if !known {
			return p.cluster.Nodes()
		}
		for _, name := range owner {
			if !seen[name] {
				seen[name] = true
				nodes = append(nodes, name)
			}
		}
	}
	return nodes
}

// remoteReply is a Reply between nodes.
type remoteReply struct {
	ID      string          `json:"id"`
	User    string          `json:"user,omitempty"`
	Type    MessageType     `json:"type,omitempty"`
	Payload []byte          `json:"payload,omitempty"`
	Failure *failurePayload `json:"failure,omitempty"` // a ReplyError
	Error   string          `json:"error,omitempty"`   // another error
	Known   int             `json:"known,omitempty"`   // its number in knownErrors, from 1
}

// knownErrors are the errors of an ask that keep their identity between nodes. Later releases
// append to the list.
var knownErrors = []error{
	ErrNotSupported, ErrTooManyAsks, ErrAlreadyDisconnected, ErrSlowConsumer, context.DeadlineExceeded, context.Canceled,
}

// answerAsk asks the clients of this node for another node.
func (s *Server) answerAsk(ctx context.Context, args []byte) ([]byte, error) {
	m, err := cluster.DecodeEmit(args)
	if err != nil {
		return nil, err
	}
	event, err := wire.Decode("", m.Payload)
	if err != nil {
		return nil, err
	}
	ctx, cancel := sooner(ctx)
	defer cancel()
	event.ID = s.node.NextAsk()
	g := &gathering{id: event.ID, event: string(event.Name), all: make(chan struct{})}
	message := wire.AppendEncoded(frame.Reserve(len(m.Payload)+20), event)
	g.ask(s.node, frame.SealMessage(message, event.Type == wire.Bytes), targetOf(&m))
	return encodeReplies(g.wait(ctx))
}

// sooner returns a context that is done a little before ctx, so that the replies until then
// reach the asker in time.
func sooner(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(time.Until(deadline)/10, time.Second/2)))
}

func encodeReplies(replies []Reply) ([]byte, error) {
	list := make([]remoteReply, 0, len(replies))
	for _, r := range replies {
		one := remoteReply{ID: r.ID, User: r.User, Type: r.Message.Type, Payload: r.Message.payload}
		failed, ok := r.Err.(*ReplyError)
		switch {
		case ok:
			one.Failure = &failurePayload{Code: failed.Code, Message: failed.Message}
			one.Failure.Data, _ = failed.Data.(json.RawMessage) // of a client
		case r.Err != nil:
			one.Error = r.Err.Error()
			for i, known := range knownErrors {
				if errors.Is(r.Err, known) {
					one.Known = i + 1
				}
			}
		}
		list = append(list, one)
	}
	return json.Marshal(list)
}

func decodeReplies(event string, answer []byte, p *publisher) ([]Reply, error) {
	var list []remoteReply
	if err := json.Unmarshal(answer, &list); err != nil {
		return nil, fmt.Errorf("the answer is malformed: %w", err)
	}
	replies := make([]Reply, 0, len(list))
	for _, one := range list {
		r := Reply{ID: one.ID, User: one.User}
		switch {
		case one.Failure != nil:
			f := one.Failure
			failed := &ReplyError{Code: f.Code, Message: f.Message, received: true}
			if len(f.Data) > 0 {
				failed.Data = f.Data
			}
			r.Err = failed
		case one.Known > 0 && one.Known <= len(knownErrors):
			r.Err = knownErrors[one.Known-1]
		case one.Error != "":
			r.Err = errors.New(one.Error)
		default:
			r.Message = newMessage(wire.Event{Name: []byte(event), Type: wire.Type(one.Type), Payload: one.Payload}, p.decoder)
			r.Message.isReply = true
		}
		replies = append(replies, r)
	}
	return replies, nil
}
