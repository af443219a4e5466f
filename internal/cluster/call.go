package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxCalls bounds the calls of other nodes with an answer that run at a time. Many of them may
// wait for people: the question of an AskAll.
const maxCalls = 4096

// maxAnswer bounds the answer of one node, in bytes: the asker keeps all of it in memory.
const maxAnswer = 64 << 20

// calls has the questions to other nodes that await answers, and counts those of others.
type calls struct {
	mu      sync.Mutex // guards the fields below
	waiting map[uint64]*call
	running map[*answering]struct{}
	told    map[string][]func() // what waits for an earlier call of the same key
	tells   int                 // calls without an answer
	closed  bool
	ends    sync.WaitGroup // the calls of other nodes; Add is under mu
}

// answering is a call of another node that runs here. Immutable.
type answering struct {
	node   string
	id     uint64
	cancel context.CancelFunc
}

// call is a question to several nodes. Its fields are guarded by calls.mu.
type call struct {
	answers map[string][]byte // by node; parts of it at first
	parts   map[string]uint64 // how many parts have come
	failed  map[string]error
	left    map[string]struct{}
	done    chan struct{} // closed when nobody is left
}

// Answers is the result of a question to several nodes.
type Answers struct {
	// ByNode has the answers. They are immutable.
	ByNode map[string][]byte
	// Failed has the nodes that haven't answered, with the reasons.
	Failed map[string]error
}

// ErrNodeGone is the reason of a node that has ended before its answer.
var ErrNodeGone = errors.New("the node has ended")

var (
	errBusy        = errors.New("the node has too much to do")
	errLostPart    = errors.New("a part of the answer was lost")
	errLargeAnswer = errors.New("the answer is too large")
)

// send sends a question. The id 0 wants no answer. It reports whether it has sent one message for
// all nodes.
func (c *Cluster) send(nodes []string, id uint64, wait time.Duration, op byte, args []byte) (toAll bool) {
	body := binary.AppendUvarint(binary.AppendUvarint(nil, id), milliseconds(wait))
	body = append(append(body, op), args...)
	// A question to all nodes is one message. The channel of one node is for that one.
	if len(nodes) > 1 && len(nodes) == len(c.nodes.list()) {
		c.sendCall(controlChannel, nodes, id, body)
		return true
	}
	for _, node := range nodes {
		c.sendCall(channel(nodePrefix, node), []string{node}, id, body)
	}
	return false
}

// sendCancel tells nodes that nobody waits for their answers. It uses the channel of the
// question, so that it doesn't overtake it.
func (c *Cluster) sendCancel(nodes []string, id uint64, toAll bool) {
	body := binary.AppendUvarint(nil, id)
	if toAll && len(nodes) > 0 {
		c.publish(controlChannel, &envelope{kind: cancelKind, body: body})
		return
	}
	for _, node := range nodes {
		c.publish(channel(nodePrefix, node), &envelope{kind: cancelKind, body: body})
	}
}

// sendCall sends a question on the channel of nodes. If it can't be sent, nobody waits.
func (c *Cluster) sendCall(channel string, nodes []string, id uint64, body []byte) {
	err := c.hand(channel, &envelope{kind: callKind, body: body})
	if err != nil && id != 0 {
		for _, node := range nodes {
			c.calls.failed(id, node, err)
		}
	}
	c.unpublished(err)
}

// Ask asks nodes and waits until each has answered, has ended, or ctx is done.
func (c *Cluster) Ask(ctx context.Context, nodes []string, op byte, args []byte) Answers {
	q := &call{
		answers: make(map[string][]byte),
		parts:   make(map[string]uint64),
		failed:  make(map[string]error),
		left:    make(map[string]struct{}),
		done:    make(chan struct{}),
	}
	for _, node := range nodes {
		q.left[node] = struct{}{}
	}
	id := c.lastID.Add(1)
	c.calls.begin(id, q)
	nodes = slices.DeleteFunc(slices.Clone(nodes), func(node string) bool {
		gone := !c.nodes.lives(node) // before begin: else nodeGone has seen q
		if gone {
			c.calls.failed(id, node, ErrNodeGone)
		}
		return gone
	})
	wait := maxDuration
	if deadline, ok := ctx.Deadline(); ok {
		wait = time.Until(deadline)
	}
	toAll := c.send(nodes, id, wait, op, args)
	select {
	case <-q.done:
	case <-ctx.Done():
	}
	answers, left := c.calls.end(id, q, ctx.Err())
	c.sendCancel(left, id, toAll)
	return answers
}

func (s *calls) begin(id uint64, q *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = make(map[uint64]*call)
	}
	s.waiting[id] = q
	if s.closed {
		q.failAll(ErrNodeGone)
	}
	q.closeIfDone()
}

// failAll ends the waiting, under mu.
func (q *call) failAll(err error) {
	for node := range q.left {
		q.fail(node, err)
	}
}

// closeIfDone is called under mu.
func (q *call) closeIfDone() {
	if len(q.left) > 0 {
		return
	}
	select {
	case <-q.done:
	default:
		close(q.done)
	}
}

// end takes a question off the list. It returns the nodes that haven't answered, too; cause is
// their reason.
func (s *calls) end(id uint64, q *call, cause error) (answers Answers, left []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, id)
	left = slices.Collect(maps.Keys(q.left))
	q.failAll(cause)
	return Answers{q.answers, q.failed}, left
}

// find returns a question that waits for a node, under mu; else nil.
func (s *calls) find(id uint64, node string) *call {
	q := s.waiting[id]
	if q == nil {
		return nil
	}
	if _, waits := q.left[node]; !waits {
		return nil
	}
	return q
}

// fail ends the waiting for a node.
func (q *call) fail(node string, err error) {
	delete(q.left, node)
	delete(q.answers, node)
	q.failed[node] = err
	q.closeIfDone()
}

// failed notes that a node has answered with an error.
func (s *calls) failed(id uint64, node string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.find(id, node); q != nil {
		q.fail(node, err)
	}
}

// answered notes a part of the answer of a node. Parts come in their order, unless one was
// lost.
func (s *calls) answered(id uint64, node string, index uint64, part []byte, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.find(id, node)
	switch {
	case q == nil: // nobody waits any more
	case q.parts[node] != index:
		q.fail(node, errLostPart)
	case len(q.answers[node])+len(part) > maxAnswer:
		q.fail(node, errLargeAnswer)
	default:
		q.answers[node] = append(q.answers[node], part...)
		if q.parts[node]++; last {
			delete(q.left, node)
			q.closeIfDone()
		}
	}
}

// nodeGone ends the waiting for a node.
func (s *calls) nodeGone(node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.waiting {
		if _, waits := q.left[node]; waits {
			q.fail(node, ErrNodeGone)
		}
	}
	for a := range s.running {
		if a.node == node {
			a.cancel()
		}
	}
}

// close ends all waiting, and lets no more calls of other nodes begin.
func (s *calls) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, q := range s.waiting {
		q.failAll(ErrNodeGone)
	}
}

// start counts a call of another node. It reports false if there are too many.
func (s *calls) start(a *answering) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.running) == maxCalls {
		return false
	}
	if s.running == nil {
		s.running = make(map[*answering]struct{})
	}
	s.running[a] = struct{}{}
	s.ends.Add(1)
	return true
}

func (s *calls) finish(a *answering) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, a)
	s.ends.Done()
}

// receiveCancel ends a call: the other node doesn't wait any more.
func (c *Cluster) receiveCancel(e *envelope) error {
	r := reader{rest: e.body}
	id := r.uint()
	if r.failed {
		return errMalformed
	}
	c.calls.mu.Lock()
	defer c.calls.mu.Unlock()
	for a := range c.calls.running {
		if a.node == e.node && a.id == id {
			a.cancel()
		}
	}
	return nil
}

// receiveCall runs a call of another node on another goroutine.
func (c *Cluster) receiveCall(e *envelope) error {
	r := reader{rest: e.body}
	id, wait, op := r.uint(), r.duration(), r.byte()
	if r.failed {
		return errMalformed
	}
	args, node := slices.Clone(r.rest), e.node
	if id == 0 {
		c.receiveTold(node, wait, op, args)
		return nil
	}
	ctx, cancel := context.WithTimeout(c.ctx, wait)
	a := &answering{node, id, cancel}
	if !c.calls.start(a) {
		cancel()
		c.sendAnswer(node, id, nil, errBusy)
		return nil
	}
	go func() {
		defer c.calls.finish(a)
		defer cancel()
		answer, err := c.local.Call(ctx, op, args)
		c.sendAnswer(node, id, answer, err)
	}()
	return nil
}

// answerSize is the largest part of an answer, in bytes.
const answerSize = 48 << 10

// sendAnswer answers a call, in parts if the answer is large. If a part can't be sent, it tells
// the asker, or the asker would wait for the last one.
func (c *Cluster) sendAnswer(node string, id uint64, answer []byte, err error) {
	if len(answer) > maxAnswer {
		err = errLargeAnswer
	}
	if err == nil {
		if err = c.sendParts(node, id, answer); err == nil {
			return
		}
		c.unpublished(err)
	}
	c.unpublished(c.sendPart(node, id, failedAnswer, 0, []byte(err.Error())))
}

// sendParts sends all parts of an answer, or those before the first that can't be sent.
func (c *Cluster) sendParts(node string, id uint64, answer []byte) error {
	index := uint64(0)
	for ; len(answer) > answerSize; index++ {
		if err := c.sendPart(node, id, partOfAnswer, index, answer[:answerSize]); err != nil {
			return err
		}
		answer = answer[answerSize:]
	}
	return c.sendPart(node, id, lastAnswer, index, answer)
}

func (c *Cluster) sendPart(node string, id uint64, state byte, index uint64, part []byte) error {
	body := append(binary.AppendUvarint(nil, id), state)
	body = append(binary.AppendUvarint(body, index), part...)
	return c.hand(channel(nodePrefix, node), &envelope{kind: answerKind, body: body})
}

// What a message with an answer has.
const (
	lastAnswer   = 0
	partOfAnswer = 1
	failedAnswer = 2
)

func (c *Cluster) receiveAnswer(e *envelope) error {
	r := reader{rest: e.body}
	id := r.uint()
	state, index := r.byte(), r.uint()
	switch {
	case r.failed:
		return errMalformed
	case state == failedAnswer:
		c.calls.failed(id, e.node, errors.New(strings.ToValidUTF8(string(r.rest), "\uFFFD")))
	default:
		c.calls.answered(id, e.node, index, r.rest, state == lastAnswer)
	}
	return nil
}
