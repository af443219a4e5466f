package session

import (
	"slices"
	"testing"
	"time"
)

func newTable(change func(*Bounds)) *Table[string] {
	b := Bounds{Window: time.Minute, Sessions: 10, Remember: time.Hour, Remembers: 10}
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

	a, err := e.Session.Attach(1, 0, bindNothing)
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
	table.Update(first, now, false)
	table.Update(resumed, now, false)
	table.Update(second, now.Add(30*time.Second), false)
	table.Update(first, now.Add(45*time.Second), false) // a late call changes nothing
	if _, err := resumed.Session.Attach(1, 0, bindNothing); err != nil {
		t.Fatal(err)
	}
	table.Update(resumed, now, false)
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
	if sessions, suspended := table.Stats(); sessions != 3 || suspended != 0 {
		t.Errorf("%d sessions, %d suspended", sessions, suspended)
	}
}

// TestTheOldestIsEvicted checks: above the bound, the session suspended first ends.
func TestTheOldestIsEvicted(t *testing.T) {
	now := time.Unix(1e9, 0)
	table := newTable(func(b *Bounds) { b.Sessions = 2 })
	for _, step := range []struct{ name, want string }{{"a", ""}, {"b", ""}, {"c", "a"}} {
		got := ""
		if e := table.Update(table.Add(newSession(), step.name), now, false); e != nil {
			got = e.Value
		}
		if got != step.want {
			t.Errorf("%s: evicted %q, want %q", step.name, got, step.want)
		}
	}
	for _, want := range []string{"b", "c"} {
		if e := table.Evict(); e == nil || e.Value != want {
			t.Errorf("evicted %v, want %s", e, want)
		}
	}
	if e := table.Evict(); e != nil {
		t.Errorf("evicted %q, want none", e.Value)
	}
}

// TestSuspendedAgain: the window begins anew with each loss, even if nobody has noted the
// socket in between.
func TestSuspendedAgain(t *testing.T) {
	table, now := newTable(nil), time.Unix(1e9, 0)
	e := table.Add(newSession(), "a")
	table.Update(e, now, false)
	a, err := e.Session.Attach(1, 0, bindNothing)
	if err != nil || !e.Session.Suspend(a.Generation) {
		t.Fatal("it has no socket", err)
	}
	later := now.Add(30 * time.Second)
	table.Update(e, later, false)
	table.Update(e, later.Add(10*time.Second), false) // a late call changes nothing
	if expired := table.Expire(now.Add(time.Minute)); len(expired) > 0 {
		t.Error("it expires by the first loss")
	}
	if expired := table.Expire(later.Add(time.Minute)); len(expired) != 1 {
		t.Error("it doesn't expire by the second loss")
	}
}

// TestLateUpdateAfterTheEnd checks: a session that has ended is not counted as suspended.
func TestLateUpdateAfterTheEnd(t *testing.T) {
	table, now := newTable(func(b *Bounds) { b.Sessions = 1 }), time.Unix(1e9, 0)
	ended, other := table.Add(newSession(), "ended"), table.Add(newSession(), "other")
	ended.Session.End()
	table.Ended(ended, "closed", now)
	table.Update(ended, now, false)
	if evicted := table.Update(other, now, false); evicted != nil {
		t.Errorf("%s is evicted for a session that has ended", evicted.Value)
	}
	if sessions, suspended := table.Stats(); sessions != 1 || suspended != 1 {
		t.Errorf("%d sessions, %d suspended", sessions, suspended)
	}
}
