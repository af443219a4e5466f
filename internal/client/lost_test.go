package client

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/kataras/iris/websocket/internal/session"
)

// TestLost: the server counts messages 0 to 63 and takes 64 to 66, and an ask. 67 and
// 68, another ask and a reply are emitted while the client is away.
func TestLost(t *testing.T) {
	const user = "user"
	for _, test := range []struct {
		why   string
		fates []Fate // of 64, 65, 66, the ask, 67, the reply, the ask, 68
	}{
		{"expired", []Fate{Taken, Taken, Taken, Taken, Resent, NotTaken, NotTaken, Resent}},
		{"unknown", []Fate{Unknown, Unknown, Unknown, Unknown, Resent, NotTaken, NotTaken, Resent}},
		{user, []Fate{Taken, Taken, Taken, Taken, NotTaken, NotTaken, NotTaken, NotTaken}},
	} {
		t.Run("why "+test.why, func(t *testing.T) {
			hold := make(chan struct{})
			p := newPeer(t, func(p *peer) {
				p.onHello = func(h session.Hello) (int, string) {
					if h.Session != "" {
						<-hold
					}
					return 0, ""
				}
				p.onWelcome = func(w *session.Welcome) {
					if w.Why = test.why; test.why == user {
						w.Received = 68
					}
				}
			})
			l := lostClient(t, p)
			conv := l.c.present()
			switch last := p.end(); test.why {
			case "expired":
				last.expire(test.why)
			default:
				p.restart()
			}
			close(hold)
			l.wait.Wait()
			eventually(t, "the loss", func() bool { return len(l.loss.list()) == 1 })
			if !conv.out.Finished() { // an Event of the lost session may hold it for long
				t.Error("the lost session still keeps its messages")
			}
			names := []string{"e 64", "e 65", "e 66", "first ask ", "e 67", " 1", "second ask ", "e 68"}
			want := test.why
			for i, name := range names {
				want += fmt.Sprintf(", %s %v", name, test.fates[i])
			}
			if got := l.loss.list()[0]; got != want {
				t.Errorf("lost\n%s, want\n%s", got, want)
			}
			var resent []string
			for i, name := range []string{"e:64", "e:65", "e:66", "first ask:", "e:67", ":1", "second ask:", "e:68"} {
				if test.fates[i] == Resent {
					resent = append(resent, name)
				}
			}
			if err := l.c.Emit("after", ""); err != nil {
				t.Fatal(err)
			}
			resent = append(resent, "after:")
			eventually(t, "the rest", func() bool { return len(p.end().messages()) >= len(resent) })
			if got := p.end().messages(); !slices.Equal(got, resent) {
				t.Errorf("the new session got %q, want %q", got, resent)
			}
			l.checkAsks(t, test.fates)
		})
	}
}

type lostCase struct {
	c                   *Client
	loss                log
	wait                sync.WaitGroup
	acked, first, other error // of the asks
}

// lostClient brings a client to the point where its session gets lost. Its asks end
// after that.
func lostClient(t *testing.T, p *peer) *lostCase {
	var l lostCase
	var ask Event
	l.c = dial(t, p, Config{
		OnEvent: func(_ *Client, e Event) { ask = e },
		OnLost: func(_ *Client, loss Loss) {
			line := loss.Why
			for _, m := range loss.Messages {
				line += fmt.Sprintf(", %s %s %v", m.Name, m.Payload, m.Fate)
			}
			l.loss.add("%s", line)
		},
	})
	start := func(name string, err *error) {
		sent := l.c.Sent()
		l.wait.Go(func() {
			_, *err = l.c.Ask(t.Context(), name, "")
		})
		eventually(t, name, func() bool { return l.c.Sent() == sent+1 })
	}
	emit := func(i int) {
		if err := l.c.Emit("e", i); err != nil {
			t.Fatal(err)
		}
	}
	p.end().emit("ask", 1, "")
	eventually(t, "the peer's ask", func() bool { return l.c.Received() == 1 })
	start("acked ask", &l.acked)
	for i := 1; i < 64; i++ {
		emit(i)
	}
	eventually(t, "a count", func() bool { return l.c.Acked() == 64 })
	for i := range 3 {
		emit(64 + i)
	}
	start("first ask", &l.first)
	eventually(t, "68 messages", func() bool { return p.end().session.Received() == 68 })
	l.c.Drop()
	eventually(t, "the drop", func() bool { return l.c.State() == session.Suspended })
	emit(67)
	if err := ask.Reply(1); err != nil {
		t.Fatal(err)
	}
	start("second ask", &l.other)
	emit(68)
	return &l
}

func (l *lostCase) checkAsks(t *testing.T, fates []Fate) {
	t.Helper()
	var lost *AskLostError
	if !errors.As(l.acked, &lost) || lost.Fate != Taken {
		t.Errorf("the ask that was counted: %v", l.acked)
	}
	if !errors.As(l.first, &lost) || lost.Fate != fates[3] {
		t.Errorf("the first ask: %v", l.first)
	}
	if !errors.As(l.other, &lost) || lost.Fate != fates[6] {
		t.Errorf("the second ask: %v", l.other)
	}
}

// TestImpossibleWelcomes: the client must not guess.
func TestImpossibleWelcomes(t *testing.T) {
	for name, change := range map[string]func(*session.Welcome){
		"a count that is too high": func(w *session.Welcome) { w.Received = 5 },
		"another session":          func(w *session.Welcome) { w.Session = "another" },
		"a remembered count that is too high": func(w *session.Welcome) {
			w.Resumed, w.Why, w.Received = false, "expired", 5
		},
		"no session": func(w *session.Welcome) { w.Session = "" },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, func(p *peer) {
				p.onWelcome = func(w *session.Welcome) {
					if w.Resumed {
						change(w)
					}
				}
			})
			c := dial(t, p, Config{})
			c.Drop()
			<-c.Done()
			var ours *localError
			if err := c.Err(); !errors.Is(err, ErrClosed) || !errors.As(err, &ours) {
				t.Errorf("the client ends with %v", err)
			}
			eventually(t, "the code 4002", func() bool { return slices.Contains(p.end().codes(), 4002) })
		})
	}
}
