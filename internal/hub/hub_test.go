package hub

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client is the value of a member in these tests.
type client struct {
	id     string // the ID for Add
	member Member[*client]
	inside atomic.Int32 // how many visits are under way
}

func newClient(id string) *client {
	c := &client{id: id}
	c.member.Init(c)
	return c
}

// addClients adds clients with these IDs.
func addClients(t *testing.T, h *Hub[*client], ids ...string) []*client {
	t.Helper()
	clients := make([]*client, len(ids))
	for i, id := range ids {
		clients[i] = newClient(id)
		if !h.Add(&clients[i].member, clients[i].id) {
			t.Fatalf("%s was not added", id)
		}
	}
	return clients
}

func ids(clients []*client) []string {
	names := []string{}
	for _, c := range clients {
		names = append(names, c.member.ID())
	}
	slices.Sort(names)
	return names
}

func wantMembers(t *testing.T, h *Hub[*client], room string, want ...string) {
	t.Helper()
	if got := ids(h.Members(room)); !slices.Equal(got, want) && len(got)+len(want) > 0 {
		t.Errorf("in %q are %v, want %v", room, got, want)
	}
}

// leave leaves a room in both steps.
func (h *Hub[T]) leave(m *Member[T], room string) bool {
	if !h.BeginLeave(m, room) {
		return false
	}
	h.EndLeave(m, room)
	return true
}

// roomCount returns the number of rooms in the hub.
func (h *Hub[T]) roomCount() int {
	n := 0
	for i := range h.rooms {
		h.rooms[i].mu.Lock()
		n += len(h.rooms[i].byName)
		h.rooms[i].mu.Unlock()
	}
	return n
}

func TestIDsAreUnique(t *testing.T) {
	h := New[*client]()
	a := addClients(t, h, "a")[0]
	second := newClient("a")
	if h.Add(&second.member, second.id) {
		t.Error("an ID was given twice")
	}
	if h.Len() != 1 {
		t.Errorf("%d members", h.Len())
	}
	h.Remove(&second.member) // must not remove the first one
	if got, ok := h.Get("a"); !ok || got != a {
		t.Error("the first one is gone")
	}
	if !h.Remove(&a.member) || h.Remove(&a.member) {
		t.Error("Remove doesn't report what it did")
	}
	third := newClient("a")
	if !h.Add(&third.member, third.id) {
		t.Error("the ID isn't free after Remove")
	}
}

func TestJoiningIsIdempotent(t *testing.T) {
	h := New[*client]()
	a := addClients(t, h, "a")[0]
	for range 3 {
		if !h.Join(&a.member, "room") {
			t.Error("did not join")
		}
	}
	wantMembers(t, h, "room", "a")
	if !h.leave(&a.member, "room") || h.leave(&a.member, "room") {
		t.Error("leave doesn't report whether it left")
	}
	wantMembers(t, h, "room")
	if n := h.roomCount(); n != 0 {
		t.Errorf("%d rooms are remembered", n)
	}
}

func TestEveryMemberHasARoomOfItsOwn(t *testing.T) {
	h := New[*client]()
	clients := addClients(t, h, "a", "b")
	a, b := clients[0], clients[1]
	wantMembers(t, h, "a", "a")
	if !h.IsJoined(&a.member, "a") || h.IsJoined(&a.member, "b") {
		t.Error("a isn't in its own room alone")
	}
	h.Join(&a.member, "a") // changes nothing
	wantMembers(t, h, "a", "a")
	h.Join(&b.member, "a") // as a guest
	wantMembers(t, h, "a", "a", "b")
	if !h.leave(&a.member, "a") || h.leave(&a.member, "a") {
		t.Error("can't leave its own room, once")
	}
	wantMembers(t, h, "a", "b")
	h.Join(&a.member, "a")
	wantMembers(t, h, "a", "a", "b")
	if got := h.Rooms(&b.member); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("b is in %v", got)
	}
	if n := h.roomCount(); n != 1 {
		t.Errorf("%d rooms take memory, want the one with a guest", n)
	}
}

func TestLeavingTakesPlaceAtTheEnd(t *testing.T) {
	h := New[*client]()
	a := addClients(t, h, "a")[0]
	for _, room := range []string{"room", "a"} {
		h.Join(&a.member, room)
		if !h.BeginLeave(&a.member, room) || h.BeginLeave(&a.member, room) {
			t.Errorf("%s: of two that leave, not exactly the first is told so", room)
		}
		wantMembers(t, h, room, "a")
		if !h.IsJoined(&a.member, room) {
			t.Errorf("%s: has left before the end", room)
		}
		h.EndLeave(&a.member, room)
		wantMembers(t, h, room)

		h.Join(&a.member, room)
		h.BeginLeave(&a.member, room)
		h.Join(&a.member, room) // changes its mind
		h.EndLeave(&a.member, room)
		wantMembers(t, h, room, "a")
	}
}

func TestRemovedMembersJoinNothing(t *testing.T) {
	h := New[*client]()
	a := addClients(t, h, "a")[0]
	h.Join(&a.member, "room")
	h.Remove(&a.member)
	if h.Join(&a.member, "other") || h.Join(&a.member, "room") || h.Join(&a.member, "a") {
		t.Error("joined after Remove")
	}
	wantMembers(t, h, "a")
	wantMembers(t, h, "other")
	wantMembers(t, h, "room", "a") // until it leaves
	if got := h.Rooms(&a.member); !slices.Equal(got, []string{"room", "a"}) {
		t.Errorf("is in %v", got)
	}
	h.leave(&a.member, "room")
	if h.Len() != 0 || len(h.All()) != 0 || h.roomCount() != 0 {
		t.Errorf("%d members, %d rooms left", h.Len(), h.roomCount())
	}
}

// TestModel compares a hub with maps over random joins and leaves.
func TestModel(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	h := New[*client]()
	names := []string{"a", "b", "c", "d", "e"}
	clients := addClients(t, h, names...)
	rooms := append([]string{"x", "y", "z"}, names...)
	model := map[string]map[string]bool{}
	for _, room := range rooms {
		model[room] = map[string]bool{}
	}
	for _, name := range names {
		model[name][name] = true
	}
	for i := range 40 { // more than manySeats
		room := fmt.Sprint("room ", i)
		rooms, model[room] = append(rooms, room), map[string]bool{}
	}
	for range 20000 {
		c := clients[random.IntN(len(clients))]
		room := rooms[random.IntN(len(rooms))]
		id := c.member.ID()
		if random.IntN(3) > 0 {
			h.Join(&c.member, room)
			model[room][id] = true
		} else if got := h.leave(&c.member, room); got != model[room][id] {
			t.Fatalf("%s left %s: %v, want %v", id, room, got, model[room][id])
		} else {
			delete(model[room], id)
		}
		want := []string{}
		for member := range model[room] {
			want = append(want, member)
		}
		slices.Sort(want)
		wantMembers(t, h, room, want...)
		if h.IsJoined(&c.member, room) != model[room][id] {
			t.Fatalf("IsJoined(%s, %s) is not %v", id, room, model[room][id])
		}
	}
}

// TestRacing: members are added, join, leave and are removed while other goroutines
// visit. Nothing is left at the end.
func TestRacing(t *testing.T) {
	h := New[*client]()
	var work sync.WaitGroup
	var done atomic.Bool
	for visitor := range 3 {
		work.Go(func() {
			for i := 0; !done.Load(); i++ {
				visit := func(c *client) { c.inside.Add(1); c.inside.Add(-1) }
				switch (i + visitor) % 3 {
				case 0:
					h.Visit("room", Everyone, visit)
				case 1:
					h.VisitAll(visit)
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
	if h.Len() != 0 || h.roomCount() != 0 {
		t.Errorf("%d members and %d rooms are left", h.Len(), h.roomCount())
	}
}

// TestVisitsOfARoomAreInOneOrder: the visits of several goroutines never interleave.
func TestVisitsOfARoomAreInOneOrder(t *testing.T) {
	h := New[*client]()
	clients := addClients(t, h, "a", "b", "c", "d")
	for _, c := range clients {
		h.Join(&c.member, "room")
	}
	h.Join(&clients[0].member, "b") // a room with an owner and a guest
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

func TestARoomShrinks(t *testing.T) {
	h := New[*client]()
	var clients []*client
	for i := range 1000 {
		clients = append(clients, newClient(fmt.Sprint(i)))
		h.Add(&clients[i].member, clients[i].id)
		h.Join(&clients[i].member, "room")
	}
	for _, c := range clients[:990] {
		h.leave(&c.member, "room")
	}
	if r := h.find("room"); len(r.seats) != 10 || cap(r.seats) > 100 {
		t.Errorf("10 members take space for %d", cap(r.seats))
	}
	wantMembers(t, h, "room", "990", "991", "992", "993", "994", "995", "996", "997", "998", "999")
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

// TestJoiningTheRoomOfItsOwn: Join reports whether the member is in its own room.
func TestJoiningTheRoomOfItsOwn(t *testing.T) {
	h := New[*client]()
	a := addClients(t, h, "a")[0]
	h.leave(&a.member, "a")
	if !h.Join(&a.member, "a") {
		t.Error("has not joined")
	}
	h.Remove(&a.member)
	if h.Join(&a.member, "a") {
		t.Error("joined after its end")
	}
}
