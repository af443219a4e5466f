package hub

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestRacing: members are added, join, leave and are removed while other goroutines
// visit. Two visits of one room never reach a member at the same time. Nothing is left
// at the end.
func TestRacing(t *testing.T) {
	h := New[*client]()
	var work sync.WaitGroup
	var done atomic.Bool
	var together atomic.Int32 // the visits that met another one
	alone := func(visits *atomic.Int32) {
		if visits.Add(1) > 1 {
			together.Add(1)
		}
		runtime.Gosched() // another visit may come in
		visits.Add(-1)
	}
	for visitor := range 3 {
		work.Go(func() {
			for i := 0; !done.Load(); i++ {
				switch (i + visitor) % 3 {
				case 0:
					h.Visit("room", Everyone, func(c *client) { alone(&c.inRoom) })
				case 1:
					h.VisitAll(func(c *client) { alone(&c.inAll) })
				default:
					h.Members("room")
					h.Len()
				}
			}
		})
	}
	var members sync.WaitGroup
	for worker := range 8 {
		members.Go(func() {
			for i := range 300 {
				c := newClient(fmt.Sprintf("%d-%d", worker, i))
				h.Add(&c.member, c.id)
				var both sync.WaitGroup
				both.Go(func() {
					h.Join(&c.member, "room")
					h.Join(&c.member, fmt.Sprint("room ", i%3))
					h.leave(&c.member, "room")
				})
				both.Go(func() {
					h.Remove(&c.member)
					for _, room := range h.Rooms(&c.member) {
						h.leave(&c.member, room)
					}
				})
				both.Wait()
				// Leave the rooms left over by both.
				for _, room := range h.Rooms(&c.member) {
					h.leave(&c.member, room)
				}
			}
		})
	}
	members.Wait()
	done.Store(true)
	work.Wait()
	if n := together.Load(); n != 0 {
		t.Errorf("%d visits of a member met another visit of the same room", n)
	}
	if h.Len() != 0 || h.roomCount() != 0 {
		t.Errorf("%d members and %d rooms are left", h.Len(), h.roomCount())
	}
}

// TestRacingLeaves: goroutines put one member into a room and take it out, all at the same
// time.
func TestRacingLeaves(t *testing.T) {
	h := New[*client]()
	a := addClients(t, h, "a")[0]
	h.Join(&a.member, "other")
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for range 20_000 {
				h.Join(&a.member, "room")
				h.leave(&a.member, "room")
			}
		})
	}
	work.Wait()
	h.leave(&a.member, "room")
	wantMembers(t, h, "room")
	wantMembers(t, h, "other", "a")
	if got := h.Rooms(&a.member); !slices.Equal(got, []string{"other", "a"}) {
		t.Errorf("is in %v, want other and a", got)
	}
}

// TestTwoLeavesEndTogether: a member leaves a room, comes back and leaves again. Both calls of
// EndLeave have found its seat when the first one goes on. One of them removes the seat. Other
// seats stay.
func TestTwoLeavesEndTogether(t *testing.T) {
	h := New[*client]()
	clients := addClients(t, h, "a", "b")
	a := clients[0]
	for _, c := range clients {
		h.Join(&c.member, "room")
	}
	h.Join(&a.member, "other")
	h.BeginLeave(&a.member, "room")
	h.Join(&a.member, "room")
	h.BeginLeave(&a.member, "room")
	r := h.find("room")
	r.mu.Lock() // stops EndLeave after it has found the seat
	gone := make(chan bool)
	for range 2 {
		go func() { gone <- h.EndLeave(&a.member, "room") }()
	}
	for waitingIn("EndLeave") < 2 {
		runtime.Gosched()
	}
	r.mu.Unlock()
	if first, second := <-gone, <-gone; first == second {
		t.Errorf("EndLeave reports %v twice, want true once", first)
	}
	wantMembers(t, h, "room", "b")
	if got := h.Rooms(&a.member); !slices.Equal(got, []string{"other", "a"}) {
		t.Errorf("is in %v, want other and a", got)
	}
}

// waitingIn returns the number of goroutines that wait for a lock in a method of the hub.
func waitingIn(method string) (n int) {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(stack, "[sync.Mutex.Lock") && strings.Contains(stack, "(*Hub[...])."+method+"(") {
			n++
		}
	}
	return n
}

// TestVisitsOfARoomAreInOneOrder: the visits of several goroutines never interleave.
func TestVisitsOfARoomAreInOneOrder(t *testing.T) {
	h := New[*client]()
	clients := addClients(t, h, "a", "b", "c", "d")
	for _, c := range clients {
		h.Join(&c.member, "room")
	}
	h.Join(&clients[0].member, "b") // a room with the client of its name, and another one
	for _, room := range []string{"room", "b"} {
		var mu sync.Mutex
		seen := map[*client][]int{}
		var work sync.WaitGroup
		for visitor := range 4 {
			work.Go(func() {
				for i := range 200 {
					h.Visit(room, Everyone, func(c *client) {
						mu.Lock()
						seen[c] = append(seen[c], visitor*1000+i)
						mu.Unlock()
					})
				}
			})
		}
		work.Wait()
		var first []int
		for c, order := range seen {
			if first == nil {
				first = order
			}
			if len(order) != 800 || !slices.Equal(order, first) {
				t.Errorf("%s: %s was visited in another order", room, c.member.ID())
			}
		}
	}
}

// TestAMovingMemberIsVisited: a member joins one room before it leaves the other.
// Each visit of both reaches it, although the rooms are created and removed all the
// time, sometimes while the visit is locking the others.
func TestAMovingMemberIsVisited(t *testing.T) {
	h := New[*client]()
	a := addClients(t, h, "a")[0]
	names := []string{"first"}
	for i := range 1000 {
		names = append(names, fmt.Sprintf("in between %04d", i))
	}
	names = append(names, "last")
	h.Join(&a.member, "first")
	var done atomic.Bool
	var mover sync.WaitGroup
	mover.Go(func() {
		defer done.Store(true)
		here, there := "first", "last"
		for range 20000 {
			h.Join(&a.member, there)
			h.leave(&a.member, here)
			here, there = there, here
		}
	})
	for !done.Load() {
		visits := 0
		h.VisitSeveral(names, Everyone, func(*client) { visits++ })
		if visits < 1 || visits > 2 {
			t.Errorf("visited %d times", visits)
			break
		}
	}
	mover.Wait()
}

// TestRemoveOvertakesAdd: after Remove before or during Add, the member is not
// registered.
func TestRemoveOvertakesAdd(t *testing.T) {
	t.Run("before", func(t *testing.T) {
		h, c := New[*client](), newClient("a")
		h.Remove(&c.member)
		if !h.Add(&c.member, "a") {
			t.Error("the ID counts as taken")
		}
		wantNobody(t, h, "a")
	})
	t.Run("between", func(t *testing.T) {
		h, c := New[*client](), newClient("a")
		h.everyone.mu.Lock() // stops Add after it has set the ID
		done := make(chan struct{})
		go func() {
			h.Add(&c.member, "a")
			close(done)
		}()
		for h.get("a") == nil {
			runtime.Gosched()
		}
		c.member.mu.Lock()
		c.member.removed = true // as Remove does, under the same lock
		c.member.mu.Unlock()
		h.everyone.mu.Unlock()
		<-done
		if n := h.Len(); n != 0 {
			t.Errorf("%d members", n)
		}
	})
}

func wantNobody(t *testing.T, h *Hub[*client], id string) {
	t.Helper()
	if _, ok := h.Get(id); ok || h.Len() != 0 || len(h.Members(id)) != 0 {
		t.Errorf("%s is known, or one of %d members", id, h.Len())
	}
}

// TestAnOccupiedRoomIsNotRemoved: between the last leave and removeEmpty, another
// member may join.
func TestAnOccupiedRoomIsNotRemoved(t *testing.T) {
	h := New[*client]()
	a := addClients(t, h, "a")[0]
	h.Join(&a.member, "room")
	h.removeEmpty(h.find("room"))
	wantMembers(t, h, "room", "a")
	b := addClients(t, h, "b")[0]
	h.Join(&b.member, "room")
	wantMembers(t, h, "room", "a", "b")
	if r := h.find("room"); r == nil || r.dead {
		t.Error("the room is dead")
	}
	// removeEmpty of an old room must not remove the new room of the same name.
	old := h.find("room")
	h.leave(&a.member, "room")
	h.leave(&b.member, "room")
	h.Join(&a.member, "room")
	h.removeEmpty(old)
	wantMembers(t, h, "room", "a")
	if n := h.roomCount(); n != 1 {
		t.Errorf("%d rooms", n)
	}
}

// TestANewRoomIsNotRemoved: removeEmpty has marked a room as dead, and another member has
// put a new room in its place. The new one stays.
func TestANewRoomIsNotRemoved(t *testing.T) {
	h := New[*client]()
	old := h.replace("room", nil)
	shard := h.roomShard("room")
	shard.mu.Lock() // stops removeEmpty after it has marked the room
	removed := make(chan struct{})
	go func() {
		h.removeEmpty(old)
		close(removed)
	}()
	for dead := false; !dead; runtime.Gosched() {
		old.mu.Lock()
		dead = old.dead
		old.mu.Unlock()
	}
	next := &room[*client]{name: "room"} // as replace does, under the same lock
	shard.byName["room"] = next
	shard.mu.Unlock()
	<-removed
	if h.find("room") != next {
		t.Error("the new room is gone")
	}
}

// TestAJoinedMemberIsVisited: a room is created and removed all the time. After each
// Join, a visit of the room reaches the member.
func TestAJoinedMemberIsVisited(t *testing.T) {
	h := New[*client]()
	var lost atomic.Int32
	var work sync.WaitGroup
	for _, c := range addClients(t, h, "a", "b", "c", "d") {
		work.Go(func() {
			for i := 0; i < 20_000 && lost.Load() == 0; i++ {
				h.Join(&c.member, "room")
				seen := false
				h.Visit("room", JoinedOnly, func(visited *client) { seen = seen || visited == c })
				if !seen {
					lost.Add(1)
				}
				h.leave(&c.member, "room")
			}
		})
	}
	work.Wait()
	if n := lost.Load(); n != 0 {
		t.Errorf("%d members were not visited", n)
	}
	if n := h.roomCount(); n != 0 {
		t.Errorf("%d rooms are left", n)
	}
}
