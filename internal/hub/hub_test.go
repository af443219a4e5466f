package hub

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client is the value of a member in these tests.
type client struct {
	id     string // the ID for Add
	member Member[*client]

	inRoom, inAll atomic.Int32 // the visits under way, of a room and of all
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
	for i := range 3 {
		if got := h.Join(&a.member, "room"); got != (i == 0) {
			t.Errorf("call %d of Join reports %v", i, got)
		}
	}
	if names := h.Names(); !slices.Equal(names, []string{"room"}) {
		t.Errorf("the rooms are %v", names)
	}
	if h.BeginLeave(&a.member, "room"); h.Join(&a.member, "room") || h.EndLeave(&a.member, "room") {
		t.Error("a member that joins while it leaves counts as new, or as gone")
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
	h.Join(&b.member, "a") // gets nothing there while there is an a
	wantMembers(t, h, "a", "a")
	several := []string{}
	h.VisitSeveral([]string{"a", "none"}, Everyone, func(c *client) { several = append(several, c.id) })
	if !slices.Equal(several, []string{"a"}) {
		t.Errorf("a visit of several rooms reaches %v", several)
	}
	if !h.leave(&a.member, "a") || h.leave(&a.member, "a") {
		t.Error("can't leave its own room, once")
	}
	wantMembers(t, h, "a")
	h.Join(&a.member, "a")
	wantMembers(t, h, "a", "a")
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
			if member == room || !slices.Contains(names, room) { // a room named like an ID has one member
				want = append(want, member)
			}
		}
		slices.Sort(want)
		wantMembers(t, h, room, want...)
		if h.IsJoined(&c.member, room) != model[room][id] {
			t.Fatalf("IsJoined(%s, %s) is not %v", id, room, model[room][id])
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

// TestJoiningTheRoomOfItsOwn: a member may come back to its own room, until its end.
func TestJoiningTheRoomOfItsOwn(t *testing.T) {
	h := New[*client]()
	a := addClients(t, h, "a")[0]
	h.leave(&a.member, "a")
	if h.Join(&a.member, "a"); !h.IsJoined(&a.member, "a") {
		t.Error("has not joined")
	}
	h.leave(&a.member, "a")
	h.Remove(&a.member)
	if h.Join(&a.member, "a"); h.IsJoined(&a.member, "a") {
		t.Error("joined after its end")
	}
}
