package cluster

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kataras/iris/websocket/broker"
)

// asks asks on a goroutine and returns the result when it is there.
func (n *testNode) asks(ctx context.Context, nodes []string, args string) <-chan Answers {
	result := make(chan Answers, 1)
	go func() { result <- n.Ask(ctx, nodes, 7, []byte(args)) }()
	synctest.Wait()
	return result
}

// wantAnswers compares the result of a question.
func wantAnswers(t *testing.T, result <-chan Answers, answers map[string]string, failed map[string]error) {
	t.Helper()
	synctest.Wait()
	var got Answers
	select {
	case got = <-result:
	default:
		t.Fatal("the question still waits")
	}
	if len(got.ByNode) != len(answers) || len(got.Failed) != len(failed) {
		t.Errorf("got the answers of %d nodes and %v", len(got.ByNode), got.Failed)
	}
	for node, want := range answers {
		if answer, ok := got.ByNode[node]; !ok || string(answer) != want {
			t.Errorf("node %s: got %.100q and %v, want %.100q", node, answer, got.Failed[node], want)
		}
	}
	for node, want := range failed {
		if err := got.Failed[node]; err == nil || !errors.Is(err, want) && err.Error() != want.Error() {
			t.Errorf("node %s: got the error %v, want %v", node, err, want)
		}
	}
}

// TestAsk: each node answers once, by whichever channel it is asked.
func TestAsk(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b, c := w.node(), w.node(), w.node()
		all := map[string]string{b.ID(): "x", c.ID(): "x"}
		wantAnswers(t, a.asks(t.Context(), []string{b.ID(), c.ID()}, "x"), all, nil)
		wantAnswers(t, a.asks(t.Context(), []string{c.ID()}, "x"), map[string]string{c.ID(): "x"}, nil)
		wantAnswers(t, a.asks(t.Context(), nil, "x"), nil, nil)
		b.call = func(context.Context, byte, []byte) ([]byte, error) { return []byte("late"), errors.New("no \xff") }
		failed := map[string]error{b.ID(): errors.New("no \uFFFD")}
		wantAnswers(t, a.asks(t.Context(), []string{b.ID(), c.ID()}, ""), map[string]string{c.ID(): ""}, failed)
		if n := len(a.calls.waiting) + len(b.calls.running) + len(c.calls.running); n > 0 {
			t.Errorf("%d calls are left", n)
		}
	})
}

// TestAskLarge: an answer of any size arrives, in parts.
func TestAskLarge(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.memory.MaxMessageSize = 64 << 10
		a, b := w.node(), w.node()
		for _, size := range []int{answerSize - 1, answerSize, answerSize + 1, 1 << 20} {
			large := bytes.Repeat([]byte("0123456789abcdef!"), size/17+1)[:size]
			b.call = func(context.Context, byte, []byte) ([]byte, error) { return large, nil }
			result := a.asks(t.Context(), []string{b.ID()}, "")
			wantAnswers(t, result, map[string]string{b.ID(): string(large)}, nil)
		}
	})
}

// TestAskLostPart: an answer without one of its parts is an error at once.
func TestAskLostPart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node()
		p := w.peer("peer", channel(nodePrefix, "peer"))
		p.send(controlChannel, envelope{kind: heartbeatKind})
		for _, test := range []struct {
			name  string
			parts []string // state, index, text
			want  string   // empty for a lost part
		}{
			{"one", []string{"\x00\x00one"}, "one"},
			{"several", []string{"\x01\x00a", "\x01\x01b", "\x00\x02c"}, "abc"},
			{"the first is lost", []string{"\x01\x01b", "\x00\x02c"}, ""},
			{"one in the middle is lost", []string{"\x01\x00a", "\x00\x02c"}, ""},
			{"one comes twice", []string{"\x01\x00a", "\x01\x00a", "\x00\x01c"}, ""},
			{"more comes after the last", []string{"\x00\x00a", "\x00\x01b"}, "a"},
		} {
			result := n.asks(t.Context(), []string{"peer"}, "")
			id, _ := binary.Uvarint(p.take(callKind)[0].body)
			for _, part := range test.parts {
				p.send(channel(nodePrefix, n.ID()), envelope{
					kind: answerKind, body: append(binary.AppendUvarint(nil, id), part...),
				})
			}
			if test.want == "" {
				wantAnswers(t, result, nil, map[string]error{"peer": errLostPart})
			} else {
				wantAnswers(t, result, map[string]string{"peer": test.want}, nil)
			}
		}
	})
}

// TestAskLargeFails: an answer that can't be sent, or is too large, is an error at once.
func TestAskLargeFails(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.memory.MaxPending = 64 << 10
		a, b := w.node(), w.node()
		b.call = func(context.Context, byte, []byte) ([]byte, error) {
			b.broker.Cut() // what waits is bounded from now on
			return make([]byte, 3*answerSize), nil
		}
		result := a.asks(t.Context(), []string{b.ID()}, "")
		b.broker.Heal()
		wantAnswers(t, result, nil, map[string]error{b.ID(): broker.ErrFull})
		b.wantFailure(t, broker.ErrFull)
		b.call = func(context.Context, byte, []byte) ([]byte, error) { return make([]byte, maxAnswer+1), nil }
		wantAnswers(t, a.asks(t.Context(), []string{b.ID()}, ""), nil, map[string]error{b.ID(): errLargeAnswer})
	})
}

// TestAskEndlessAnswer: a node with a fault doesn't fill the memory of the asker.
func TestAskEndlessAnswer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node()
		p := w.peer("peer", channel(nodePrefix, "peer"))
		p.send(controlChannel, envelope{kind: heartbeatKind})
		result := n.asks(t.Context(), []string{"peer"}, "")
		id, _ := binary.Uvarint(p.take(callKind)[0].body)
		part := make([]byte, 1<<19)
		for index := range uint64(maxAnswer/len(part) + 1) {
			body := append(binary.AppendUvarint(nil, id), partOfAnswer)
			body = append(binary.AppendUvarint(body, index), part...)
			p.send(channel(nodePrefix, n.ID()), envelope{kind: answerKind, body: body})
		}
		wantAnswers(t, result, nil, map[string]error{"peer": errLargeAnswer})
	})
}

// TestAskNodeGone: nobody waits for a node that has ended, or ends, or is unknown.
func TestAskNodeGone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b, c := w.node(), w.node(), w.node()
		began := make(chan struct{}, 2)
		blocks := func(ctx context.Context, _ byte, _ []byte) ([]byte, error) {
			began <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		b.call, c.call = blocks, blocks
		first, second := a.asks(t.Context(), []string{b.ID()}, ""), a.asks(t.Context(), []string{c.ID()}, "")
		<-began
		<-began
		if err := b.Close(t.Context()); err != nil { // it doesn't wait for the asker
			t.Fatal(err)
		}
		wantAnswers(t, first, nil, map[string]error{b.ID(): ErrNodeGone})
		c.kill()
		began2 := time.Now()
		pass(deadAfter + tickEvery)
		wantAnswers(t, second, nil, map[string]error{c.ID(): ErrNodeGone})
		gone := map[string]error{b.ID(): ErrNodeGone, c.ID(): ErrNodeGone, "never": ErrNodeGone}
		wantAnswers(t, a.asks(t.Context(), []string{b.ID(), c.ID(), "never"}, ""), nil, gone)
		if took := time.Since(began2); took > 10*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// TestAskAskerGone: a node ends what it does for one that has ended.
func TestAskAskerGone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.node(), w.node()
		ended := make(chan error, 1)
		b.call = func(ctx context.Context, _ byte, _ []byte) ([]byte, error) {
			<-ctx.Done()
			ended <- ctx.Err()
			return nil, ctx.Err()
		}
		result := a.asks(t.Context(), []string{b.ID()}, "")
		if err := a.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantAnswers(t, result, nil, map[string]error{b.ID(): ErrNodeGone})
		if err := <-ended; err != context.Canceled {
			t.Errorf("the call ended by %v", err)
		}
		if got := a.Ask(t.Context(), []string{b.ID()}, 7, nil); got.Failed[b.ID()] != ErrNodeGone {
			t.Errorf("a question after Close: got %v", got)
		}
	})
}

// TestAskGivesUp: who gives up has the error of its context. The other nodes end the call.
func TestAskGivesUp(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b, c := w.node(), w.node(), w.node()
		var left time.Duration
		ended := make(chan error, 1)
		b.call = func(ctx context.Context, _ byte, _ []byte) ([]byte, error) {
			deadline, _ := ctx.Deadline()
			left = time.Until(deadline)
			<-ctx.Done()
			time.Sleep(time.Second) // the asker has given up
			ended <- ctx.Err()
			return []byte("too late"), nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		result := a.asks(ctx, []string{b.ID(), c.ID()}, "x")
		pass(time.Minute)
		cancel()
		wantAnswers(t, result, map[string]string{c.ID(): "x"}, map[string]error{b.ID(): context.Canceled})
		if err := <-ended; err != context.Canceled {
			t.Errorf("the call ended by %v", err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		result = a.asks(ctx, []string{b.ID()}, "x")
		pass(5 * time.Second)
		wantAnswers(t, result, nil, map[string]error{b.ID(): context.DeadlineExceeded})
		if <-ended; left != 5*time.Second {
			t.Errorf("the other node had %v", left)
		}
	})
}

// TestAskCancelFollows: what ends a question comes on its channel. On another one it may overtake
// the question, which then runs for as long as its asker lives.
func TestAskCancelFollows(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node()
		p := w.peer("peer", controlChannel, channel(nodePrefix, "peer"))
		p.send(controlChannel, envelope{kind: heartbeatKind})
		for _, nodes := range [][]string{{"peer"}, {"peer", "other"}} {
			for _, name := range nodes[1:] {
				w.peer(name).send(controlChannel, envelope{kind: heartbeatKind})
			}
			ctx, cancel := context.WithCancel(t.Context())
			result := n.asks(ctx, nodes, "")
			asked := p.take(callKind)
			cancel()
			<-result
			ended := p.take(cancelKind)
			if len(asked) != 1 || len(ended) != 1 || asked[0].channel != ended[0].channel {
				t.Errorf("to %q: got the question %v and its end %v", nodes, asked, ended)
			}
		}
	})
}

// TestAskUnsent: a question that the broker doesn't take is an error at once.
func TestAskUnsent(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.memory.MaxMessageSize, w.memory.MaxPending = 64<<10, 64<<10
		a, b := w.node(), w.node()
		large := strings.Repeat("x", 64<<10)
		tooLarge := map[string]error{b.ID(): broker.ErrTooLarge}
		wantAnswers(t, a.asks(t.Context(), []string{b.ID()}, large), nil, tooLarge)
		a.wantFailure(t, broker.ErrTooLarge)
		c := w.node() // to two nodes, the question is one message
		tooLarge[c.ID()] = broker.ErrTooLarge
		wantAnswers(t, a.asks(t.Context(), []string{b.ID(), c.ID()}, large), nil, tooLarge)
		a.wantFailure(t, broker.ErrTooLarge)
		a.broker.Cut()
		full := map[string]error{b.ID(): broker.ErrFull}
		ctx, cancel := context.WithCancel(t.Context())
		waits := a.asks(ctx, []string{b.ID()}, large[:40<<10])
		wantAnswers(t, a.asks(t.Context(), []string{b.ID()}, large[:40<<10]), nil, full)
		a.broker.Heal()
		wantAnswers(t, waits, map[string]string{b.ID(): large[:40<<10]}, nil) // it has only waited
		cancel()
	})
}

// TestAskBusy: a node refuses what is too much, and works on.
func TestAskBusy(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.node(), w.node()
		release := make(chan struct{})
		b.call = func(context.Context, byte, []byte) ([]byte, error) { <-release; return []byte("done"), nil }
		var waiting []<-chan Answers
		for range maxCalls {
			waiting = append(waiting, a.asks(t.Context(), []string{b.ID()}, ""))
		}
		wantAnswers(t, a.asks(t.Context(), []string{b.ID()}, ""), nil, map[string]error{b.ID(): errBusy})
		close(release)
		for _, result := range waiting {
			wantAnswers(t, result, map[string]string{b.ID(): "done"}, nil)
		}
		wantAnswers(t, a.asks(t.Context(), []string{b.ID()}, ""), map[string]string{b.ID(): "done"}, nil)
	})
}

// TestTell: things with the same arguments keep their order, others don't wait for them.
func TestTell(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.node(), w.node()
		release, done := make(chan struct{}), make(chan string, 100)
		b.call = func(_ context.Context, op byte, args []byte) ([]byte, error) {
			if op == 0 {
				<-release
			}
			done <- fmt.Sprint(string(args), op)
			return nil, nil
		}
		var want []string
		for op := range byte(20) {
			a.Tell([]string{b.ID()}, op, []byte("x"))
			want = append(want, fmt.Sprint("x", op))
		}
		a.Tell([]string{b.ID()}, 1, []byte("y"))
		synctest.Wait()
		if first := <-done; first != "y1" || len(done) > 0 {
			t.Errorf("%s came first, and %d more before the first x is done", first, len(done))
		}
		close(release)
		for _, want := range want {
			if got := <-done; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		synctest.Wait()
		if b.calls.tells != 0 || len(b.calls.told) != 0 {
			t.Errorf("%d things are left", b.calls.tells)
		}
	})
}

// TestTellBusy: a node reports what it couldn't do. It ends although something is blocked.
func TestTellBusy(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.node(), w.node()
		release := make(chan struct{})
		b.call = func(context.Context, byte, []byte) ([]byte, error) { <-release; return nil, errMalformed }
		for i := range maxTells + 1 {
			a.Tell([]string{b.ID()}, 1, binary.AppendUvarint(nil, uint64(i%5)))
		}
		b.wantFailure(t, errBusy)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Close(ctx); err != context.DeadlineExceeded {
			t.Errorf("Close while a function blocks: got %v", err)
		}
		close(release)
		if err := b.Close(t.Context()); err != nil {
			t.Errorf("a second Close: got %v", err)
		}
		failures := take(b.testLocal, &b.failures)
		if slices.ContainsFunc(failures, func(err error) bool { return !errors.Is(err, errMalformed) }) {
			t.Errorf("got other failures")
		}
	})
}
