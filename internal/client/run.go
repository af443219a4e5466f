package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/session"
)

// run reads from one socket after the other until the end.
func (c *Client) run(s *socket) {
	var end error // why the loop ends
	defer func() {
		if end == nil { // a function of Config has called runtime.Goexit
			c.Drop()
			end = ErrGoexit
		}
		c.finish(end)
	}()
	for {
		err := c.serve(s)
		c.suspend(s)
		if c.Err() != nil { // Close has sent a close frame
			s.kill()
		} else {
			s.leave(err)
		}
		c.reportClose(err)
		if c.config.NoReconnect || c.Err() != nil || c.isFinal(err) {
			end = err
			return
		}
		if s, err = c.comeBack(c.ctx, err); err != nil {
			end = err
			return
		}
	}
}

// serve reads from a socket until its end.
func (c *Client) serve(s *socket) error {
	s.ws.SetPingHandler(func(payload string) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		s.conv.out.Answer([]byte(payload))
		c.start(s.conv, s.conv.out.StartControl())
		return nil
	})
	for {
		text, message, err := s.read(c.config.MaxMessageSize)
		if err == nil {
			err = c.handle(s, text, message)
		}
		if err != nil {
			return err
		}
	}
}

// suspend ends the work for a socket that is lost.
func (c *Client) suspend(s *socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.conv.session.Suspend(s.generation)
	c.open = nil
	if time.Since(s.welcomed) > lasting {
		c.waited = 0
	}
	if s.timer != nil {
		s.timer.Stop()
	}
}

func (c *Client) reportClose(err error) {
	if c.config.OnClose == nil {
		return
	}
	var theirs *CloseError
	var ours *localError
	switch {
	case errors.As(err, &theirs):
		c.config.OnClose(theirs.Code, theirs.Reason)
	case errors.As(err, &ours):
		c.config.OnClose(ours.code, ours.reason)
	default:
		c.config.OnClose(frame.CloseAbnormal, "")
	}
}

// comeBack connects again. It returns an error if the client must stay away, or the context
// is done.
func (c *Client) comeBack(ctx context.Context, cause error) (*socket, error) {
	for attempt := 1; ; attempt++ {
		if c.config.OnAway != nil {
			c.config.OnAway(attempt, cause)
		}
		if refusal := unauthorized(cause); refusal != nil {
			if err := c.config.Unauthorized(c.ctx, refusal); err != nil {
				return nil, err
			}
		}
		delay := c.delay(cause, attempt)
		c.waited += delay
		if c.config.OnWait != nil {
			c.config.OnWait(attempt, delay)
		}
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("%w: %w", ctx.Err(), cause)
		}
		s, err := c.connect(ctx)
		if err == nil {
			return s, nil
		}
		if theirs := new(CloseError); errors.As(err, &theirs) {
			c.reportClose(err)
		}
		switch {
		case c.Err() != nil || c.isFinal(err):
			return nil, err
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		cause = err
	}
}

// connect opens a socket, says hello and takes the welcome.
func (c *Client) connect(ctx context.Context) (*socket, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	c.number++
	hello := session.Hello{Number: c.number}
	if c.config.Token != nil {
		token, err := c.config.Token(ctx)
		if err != nil {
			return nil, fmt.Errorf("client: no token: %w", err)
		}
		hello.Auth = token
	}
	s, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	s.number = c.number
	c.introduce(s, &hello)
	w, err := s.greet(hello, c.config.MaxMessageSize)
	if err == nil && !s.stop() {
		err = ctx.Err()
	}
	var loss *Loss
	if err == nil {
		loss, err = c.welcome(s, w)
	}
	if err != nil {
		c.forget()
		s.leave(err)
		s.stop()
		if ctx.Err() != nil {
			err = fmt.Errorf("client: no welcome: %w", ctx.Err())
		}
		return nil, err
	}
	if c.config.OnWelcome != nil {
		c.config.OnWelcome(w)
	}
	if loss != nil && c.config.OnLost != nil {
		c.config.OnLost(c, *loss)
	}
	return s, nil
}

// introduce adds the session to resume to the hello of a socket.
func (c *Client) introduce(s *socket, hello *session.Hello) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.greeting = s
	if c.conv != nil {
		hello.Session, hello.Token, hello.Received = c.conv.id, c.conv.token, c.conv.session.Received()
	}
}

// forget notes that the socket without a welcome is lost.
func (c *Client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.greeting = nil
}

// isFinal reports whether the client ends after the end of a socket. A refused token is no end
// if there is a session to keep, and somebody who gets another token.
func (c *Client) isFinal(err error) bool {
	if c.conv != nil && c.config.Unauthorized != nil && unauthorized(err) != nil {
		return false
	}
	return staysAway(err)
}

// unauthorized returns the refusal of a token, or nil.
func unauthorized(err error) *CloseError {
	var theirs *CloseError
	if errors.As(err, &theirs) && theirs.Code == frame.CloseUnauthorized {
		return theirs
	}
	return nil
}

// staysAway reports whether a client must not come back after the end of a socket.
func staysAway(err error) bool {
	var theirs *CloseError
	if errors.As(err, &theirs) {
		switch code := theirs.Code; code {
		case frame.CloseNormal, frame.CloseProtocolError, frame.CloseInvalidData, frame.CloseTooBig:
			return true
		default:
			return code >= 4000 && code < 4100
		}
	}
	var ours *localError
	return errors.As(err, &ours)
}

// delay returns how long to wait before an attempt to connect. Without a conversation, the
// first attempt of Dial has failed: that makes a pause. A pause is at most as long as all
// waits before it. So a short outage has short pauses, and each one at most doubles the time.
func (c *Client) delay(cause error, attempt int) time.Duration {
	var closed *CloseError
	if errors.As(cause, &closed) {
		if wait, ok := retry(closed.Reason); ok {
			return wait
		}
	}
	switch {
	case c.config.Backoff != nil:
		return c.config.Backoff(attempt)
	case attempt == 1 && c.conv != nil && !mustPause(closed):
		return rand.N(c.spread + 1)
	default:
		return rand.N(min(max(c.spread, shortestBound, c.waited), longestPause))
	}
}

const (
	// shortestBound is the bound of the first pause, if the server has no longer spread.
	shortestBound = time.Second
	longestPause  = 30 * time.Second
	// lasting is how long a socket must last to make the next pause a short one.
	lasting = 5 * time.Second
)

// mustPause reports whether a client must not come back at once. closed is nil if there
// was no close frame.
func mustPause(closed *CloseError) bool {
	if closed == nil || closed.Code == frame.CloseGoingAway || closed.Code == frame.CloseNoStatus {
		return false
	}
	return closed.Code < 4200 || closed.Code >= 4300
}

// retry reads "retry=<ms>" in the reason of a close frame.
func retry(reason string) (wait time.Duration, ok bool) {
	for _, word := range strings.FieldsFunc(reason, func(r rune) bool { return r == ' ' || r == ';' || r == ',' }) {
		if digits, found := strings.CutPrefix(word, "retry="); found {
			ms, err := strconv.ParseUint(digits, 10, 32)
			return time.Duration(ms) * time.Millisecond, err == nil
		}
	}
	return 0, false
}
