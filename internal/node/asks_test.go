package node

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
	"github.com/kataras/iris/websocket/internal/session"
)

// TestGiveUpAfterAnswer: a client is told that nobody waits only if it has not answered.
func TestGiveUpAfterAnswer(t *testing.T) {
	for name, answered := range map[string]bool{"answered": true, "not answered": false} {
		t.Run(name, func(t *testing.T) {
			n, c := newNode(), new(Conn)
			c.InitSession(n, &recorder{make(chan string, 100)})
			bind := func(session.Attachment) outbox.Socket { return outbox.Socket{} }
			if _, err := c.resumable.session.Attach(1, 0, bind); err != nil {
				t.Fatal(err)
			}
			if c.out.Enqueue(frame.NewFrame(frame.OpText, []byte("event;0;"))) != outbox.Start {
				t.Fatal("the test is not the writer")
			}
			given := errors.New("given up")
			answers := make(chan session.Answer, 2)
			if err := c.Await(7, func(a session.Answer) { answers <- a }); err != nil {
				t.Fatal(err)
			}
			if answered {
				c.resumable.asks.Answer(7, session.Answer{})
			}
			c.GiveUp(7, given)
			if a := <-answers; (a.Err == given) == answered || len(answers) > 0 {
				t.Errorf("the ask ended with %v, and %d times more", a.Err, len(answers))
			}
			var written bytes.Buffer
			if err := c.out.Drain(&written); err != nil {
				t.Fatal(err)
			}
			if told := strings.Contains(written.String(), ";c7;"); told == answered {
				t.Errorf("the client is told %q", written.String())
			}
		})
	}
}

// TestAskAfterTheEnd: an ask that isn't sent ends at once, once.
func TestAskAfterTheEnd(t *testing.T) {
	c := new(Conn)
	c.InitSession(newNode(), &recorder{make(chan string, 100)})
	c.out.Kill(errors.New("the end"))
	answers := make(chan session.Answer, 2)
	c.Ask(7, frame.NewFrame(frame.OpText, []byte("event;07;")), func(a session.Answer) { answers <- a })
	if len(answers) != 1 || (<-answers).Err == nil || c.resumable.asks.Len() != 0 {
		t.Errorf("the ask has not ended; %d are left", c.resumable.asks.Len())
	}
}
