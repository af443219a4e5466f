package session

import (
	"slices"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/outbox"
)

func newSession() *Session {
	out := new(outbox.Outbox)
	out.Init(10_000, false)
	return New(out)
}

func newTable(change func(*Bounds)) *Table[string] {
	b := Bounds{Window: time.Minute, Sessions: 10, Bytes: 1000, Remember: time.Hour, Remembers: 10}
	if change != nil {
		change(&b)
	}
	return NewTable[string](b)
}

func values(entries []*Entry[string]) (list []string) {
	for _, e := range entries {
		list = append(list, e.Value)
	}
	return list
}

func TestFind(t *testing.T) {
	table, now := newTable(nil), time.Unix(1e9, 0)
	e := table.Add(newSession(), "a")
	if got, _, _, err := table.Find(Hello{Session: e.ID, Token: e.Token}); got != e || err != nil {
		t.Errorf("found %v, %v", got, err)
	}
	if got, _, _, err := table.Find(Hello{Session: e.ID, Token: "another"}); got != nil || err != ErrToken {
		t.Errorf("with another token: %v, %v", got, err)
	}
	if got, _, _, err := table.Find(Hello{Session: "another", Token: e.Token}); got != nil || err != ErrEnded {
		t.Errorf("another session: %v, %v", got, err)
	}

	a, err := e.Session.Attach(1, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		e.Session.Accept(a.Generation, 1)
	}
	e.Session.End()
	table.Ended(e, "closed", now)
	got, received, why, err := table.Find(Hello{Session: e.ID, Token: e.Token})
	if got != nil || received != 3 || why != "closed" || err != ErrEnded {
		t.Errorf("after the end: %v, %d, %q, %v", got, received, why, err)
	}
	_, received, why, err = table.Find(Hello{Session: e.ID, Token: "another"})
	if received != 0 || why != "" || err != ErrToken {
		t.Errorf("after the end, with another token: %d, %q, %v", received, why, err)
	}
	table.Expire(now.Add(time.Hour))
	if _, received, why, _ := table.Find(Hello{Session: e.ID, Token: e.Token}); received != 0 || why != "" {
		t.Errorf("long after the end: %d, %q", received, why)
	}
}

func TestMemoriesAreBounded(t *testing.T) {
	table, now := newTable(func(b *Bounds) { b.Remembers = 2 }), time.Unix(1e9, 0)
	var entries []*Entry[string]
	for range 3 {
		e := table.Add(newSession(), "")
		entries = append(entries, e)
		table.Ended(e, "closed", now)
	}
	for i, want := range []string{"", "closed", "closed"} {
		if _, _, why, _ := table.Find(Hello{Session: entries[i].ID, Token: entries[i].Token}); why != want {
			t.Errorf("session %d: %q, want %q", i, why, want)
		}
	}
}

func TestExpire(t *testing.T) {
	table, now := newTable(nil), time.Unix(1e9, 0)
	first, second := table.Add(newSession(), "first"), table.Add(newSession(), "second")
	resumed := table.Add(newSession(), "resumed")
	table.Suspended(first, 10, now)
	table.Suspended(resumed, 10, now)
	table.Suspended(second, 10, now.Add(30*time.Second))
	table.Resumed(resumed)
	for _, step := range []struct {
		after time.Duration
		want  []string
	}{
		{time.Minute - 1, nil},
		{time.Minute, []string{"first"}},
		{time.Minute, nil},
		{90 * time.Second, []string{"second"}},
	} {
		if got := values(table.Expire(now.Add(step.after))); !slices.Equal(got, step.want) {
			t.Errorf("after %v: %q, want %q", step.after, got, step.want)
		}
	}
	if sessions, suspended, bytes := table.Stats(); sessions != 3 || suspended != 0 || bytes != 0 {
		t.Errorf("%d sessions, %d suspended, %d bytes", sessions, suspended, bytes)
	}
}

// TestTheOldestIsEvicted: the one suspended first ends, by number and by bytes.
func TestTheOldestIsEvicted(t *testing.T) {
	now := time.Unix(1e9, 0)
	t.Run("by number", func(t *testing.T) {
		table := newTable(func(b *Bounds) { b.Sessions = 2 })
		for _, step := range []struct {
			name string
			want []string
		}{{"a", nil}, {"b", nil}, {"c", []string{"a"}}} {
			e := table.Add(newSession(), step.name)
			if got := values(table.Suspended(e, 1, now)); !slices.Equal(got, step.want) {
				t.Errorf("%s: %q, want %q", step.name, got, step.want)
			}
		}
	})
	t.Run("by bytes", func(t *testing.T) {
		table := newTable(nil)
		a, b := table.Add(newSession(), "a"), table.Add(newSession(), "b")
		table.Suspended(a, 400, now)
		if got := values(table.Suspended(b, 600, now)); got != nil {
			t.Errorf("within the bounds: %q", got)
		}
		if got := values(table.Grown(b, 601)); !slices.Equal(got, []string{"a"}) {
			t.Errorf("%q, want a", got)
		}
		if _, suspended, bytes := table.Stats(); suspended != 1 || bytes != 601 {
			t.Errorf("%d suspended, %d bytes", suspended, bytes)
		}
		table.Resumed(b)
		if got := table.Grown(b, 5000); got != nil {
			t.Errorf("an attached session: %q", values(got))
		}
	})
	t.Run("itself", func(t *testing.T) {
		table := newTable(nil)
		if got := values(table.Suspended(table.Add(newSession(), "a"), 1001, now)); !slices.Equal(got, []string{"a"}) {
			t.Errorf("%q, want a", got)
		}
	})
}

// TestExpireLosesAgainstAttach: a socket that comes just before the end is kept.
func TestExpireLosesAgainstAttach(t *testing.T) {
	s := newSession()
	a, err := s.Attach(1, 0, nil)
	if err != nil || s.Expire() || s.State() != Attached {
		t.Fatalf("an attached session expires, %v", err)
	}
	if !s.Suspend(a.Generation) || s.Suspend(a.Generation) {
		t.Error("Suspend")
	}
	if !s.Expire() || s.Expire() || s.State() != Ended {
		t.Error("a suspended session doesn't expire once")
	}
	if _, err := s.Attach(2, 0, nil); err != ErrEnded {
		t.Errorf("attaching after the end: %v", err)
	}
}

func TestAttachIsRefused(t *testing.T) {
	s := newSession()
	a, err := s.Attach(5, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		number, count uint64
		want          error
	}{
		"the same number":    {5, 0, ErrStale},
		"a smaller number":   {4, 0, ErrStale},
		"a count of nothing": {6, 1, outbox.ErrCount},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := s.Attach(test.number, test.count, nil); err != test.want {
				t.Errorf("%v, want %v", err, test.want)
			}
			if ok, _ := s.Accept(a.Generation, 1); !ok {
				t.Error("the socket of the session is fenced")
			}
		})
	}
}

// TestTell: the count is due after 64 messages, or after 64 KiB.
func TestTell(t *testing.T) {
	for name, test := range map[string]struct{ size, want int }{"messages": {1, 64}, "bytes": {16 << 10, 4}} {
		t.Run(name, func(t *testing.T) {
			s := newSession()
			a, err := s.Attach(1, 0, nil)
			if err != nil {
				t.Fatal(err)
			}
			for round := range 2 {
				for i := 1; ; i++ {
					if _, tell := s.Accept(a.Generation, test.size); tell != (i == test.want) {
						t.Fatalf("round %d, message %d: tell is %v", round, i, tell)
					} else if tell {
						break
					}
				}
				if count, ok := s.Count(a.Generation); !ok || count != uint64((round+1)*test.want) {
					t.Errorf("round %d: count %d, %v", round, count, ok)
				}
			}
			if _, ok := s.Count(a.Generation + 1); ok {
				t.Error("another socket tells a count")
			}
		})
	}
}

// TestGreeting: it is the first, and that of a lost socket is never written.
func TestGreeting(t *testing.T) {
	out := new(outbox.Outbox)
	out.Init(10_000, false)
	s := New(out)
	if result := out.Enqueue(frame.NewFrame(frame.OpText, []byte("message"))); result != outbox.Queued {
		t.Fatalf("result %d", result)
	}
	greet := func(number uint64, text string) {
		t.Helper()
		a, err := s.Attach(number, 0, frame.NewControl(frame.OpText, []byte(text)))
		if err != nil {
			t.Fatal(err)
		}
		s.Suspend(a.Generation)
	}
	greet(1, "first")
	greet(2, "second")
	if _, err := s.Attach(3, 0, frame.NewControl(frame.OpText, []byte("third"))); err != nil {
		t.Fatal(err)
	}
	var written []byte
	var f outbox.Flusher
	for range 2 { // the writer that the first Attach asked for is fenced
		_, err := f.Flush(out, func(p []byte) (int, error) { written = append(written, p...); return len(p), nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	if want := "\x81\x05third\x81\x07message"; string(written) != want {
		t.Errorf("written %q, want %q", written, want)
	}
}

func TestParseHello(t *testing.T) {
	long := string(make([]byte, 257))
	for name, test := range map[string]struct {
		payload string
		want    Hello
		fails   bool
	}{
		"new":            {`{"n":1}`, Hello{Number: 1}, false},
		"to resume":      {`{"s":"a","k":"b","r":7,"n":2,"t":"c"}`, Hello{"a", "b", 7, 2, "c"}, false},
		"unknown fields": {`{"n":1,"later":true}`, Hello{Number: 1}, false},
		"no number":      {`{}`, Hello{}, true},
		"no JSON":        {`x`, Hello{}, true},
		"a string":       {`{"n":"1"}`, Hello{}, true},
		"negative":       {`{"n":1,"r":-1}`, Hello{}, true},
		"a fraction":     {`{"n":1.5}`, Hello{}, true},
		"a long session": {`{"n":1,"s":"` + long + `"}`, Hello{}, true},
		"a long token":   {`{"n":1,"k":"` + long + `"}`, Hello{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ParseHello([]byte(test.payload)); got != test.want || (err != nil) != test.fails {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestAsks(t *testing.T) {
	var asks Asks
	var got []string
	add := func(id uint64) error {
		return asks.Add(id, 2, func(a Answer) {
			if a.Err != nil {
				got = append(got, a.Err.Error())
				return
			}
			got = append(got, string(a.Message.Payload))
		})
	}
	if err := add(1); err != nil {
		t.Error(err)
	}
	if err := add(1); err != ErrDuplicateAsk {
		t.Errorf("the same id: %v", err)
	}
	if err := add(2); err != nil {
		t.Error(err)
	}
	if err := add(3); err != ErrTooManyAsks {
		t.Errorf("over the bound: %v", err)
	}
	reply := Answer{}
	reply.Message.Payload = []byte("reply")
	if !asks.Answer(1, reply) || asks.Answer(1, reply) || asks.Answer(9, reply) {
		t.Error("Answer")
	}
	asks.End(ErrEnded)
	asks.End(ErrStale)
	if err := add(4); err != ErrEnded {
		t.Errorf("after the end: %v", err)
	}
	if want := []string{"reply", ErrEnded.Error()}; !slices.Equal(got, want) || asks.Len() != 0 {
		t.Errorf("%q, want %q; %d are left", got, want, asks.Len())
	}
}
