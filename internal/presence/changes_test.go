package presence

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
)

// TestChangedMayCall: changed may call all methods. What it causes comes after it.
func TestChangedMayCall(t *testing.T) {
	e := new(end).discarding(t)
	var got []string
	var tracker *Tracker
	tracker = New("a", e, func(c Change) {
		got = append(got, "begin "+describe(c))
		switch {
		case c.User == "ann" && c.Joined:
			for _, user := range []string{"bob", "cid"} {
				if _, err := tracker.Join("room", Member{ID: user, User: user}); err != nil {
					t.Error(err)
				}
			}
			tracker.Leave("room", "ann")
			if members, _ := tracker.Members("room"); len(members) != 2 {
				t.Errorf("there are %v", members)
			}
		case c.User == "bob" && c.Joined:
			tracker.Leave("room", "bob")
		}
		got = append(got, "end "+describe(c))
	})
	if _, err := tracker.Join("room", Member{ID: "ann", User: "ann"}); err != nil {
		t.Fatal(err)
	}
	want := []string{"begin +ann", "end +ann", "begin +bob", "end +bob", "begin +cid", "end +cid",
		"begin -ann", "end -ann", "begin -bob", "end -bob"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(tracker.queues) > 0 {
		t.Errorf("%d queues are left", len(tracker.queues))
	}
}

// TestChangedOneAtATime: a slow call holds up the changes of its room, and neither the
// methods nor the changes of other rooms.
func TestChangedOneAtATime(t *testing.T) {
	entered, release, done := make(chan bool), make(chan bool), make(chan bool)
	var got []string // of room; only one goroutine at a time appends
	other := 0
	tracker := New("a", new(end).discarding(t), func(c Change) {
		if c.Room != "room" {
			other++
			return
		}
		got = append(got, describe(c))
		if c.User == "ann" {
			entered <- true
			<-release
		}
	})
	join := func(room, user string) {
		if _, err := tracker.Join(room, Member{ID: user, User: user}); err != nil {
			t.Error(err)
		}
	}
	go func() { join("room", "ann"); close(done) }()
	<-entered
	join("room", "bob") // returns before its change is reported
	join("other", "bob")
	if len(got) != 1 || other != 1 {
		t.Errorf("during the first call came %q, and %d in the other room", got, other)
	}
	close(release)
	<-done
	if want := []string{"+ann", "+bob"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestChangedPanics: after a panic or a runtime.Goexit in changed, the changes go on. None is
// lost or comes twice.
func TestChangedPanics(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("expected") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			n := newNet(t, "a", "b")
			b := n.nodes["b"]
			var got []string
			fail := true
			a := n.nodes["a"]
			a.Tracker = New("a", a, func(c Change) {
				got = append(got, c.Room+describe(c))
				if fail && !c.Joined {
					fail = false
					end()
				}
			})
			a.NodeUp("b")
			for _, room := range []string{"1", "2"} {
				a.watch(room)
				b.join(room, "b", "")
			}
			n.deliver()
			done := make(chan bool)
			go func() {
				defer close(done)
				defer func() { _ = recover() }() // the panic of end
				a.NodeDown("b")
			}()
			<-done
			for _, room := range []string{"1", "2"} {
				a.join(room, "a", "")
			}
			slices.Sort(got)
			if want := []string{"1+#a", "1+#b", "1-#b", "2+#a", "2+#b", "2-#b"}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if len(a.queues) > 0 {
				t.Errorf("%d queues are left", len(a.queues))
			}
		})
	}
}

// TestMembersAreSorted: by user and then by ID, on all nodes.
func TestMembersAreSorted(t *testing.T) {
	n := newNet(t, "a", "b")
	for i, e := range []*end{n.nodes["b"], n.nodes["a"]} {
		for _, user := range []string{"cid", "", "ann"} {
			e.join("room", fmt.Sprint(user, 9-i), user)
			e.join("room", fmt.Sprint(user, 5+i), user)
		}
	}
	n.deliver()
	want := []string{"5", "6", "8", "9", "ann5=ann", "ann6=ann", "ann8=ann", "ann9=ann",
		"cid5=cid", "cid6=cid", "cid8=cid", "cid9=cid"}
	for _, e := range n.nodes {
		e.wantIDs("room", want...)
		if local := e.Local("room"); len(local) != 6 || !slices.IsSortedFunc(local, func(a, b Member) int {
			return slices.Compare([]string{a.User, a.ID}, []string{b.User, b.ID})
		}) {
			t.Errorf("%s: %v", e.name, local)
		}
	}
}
