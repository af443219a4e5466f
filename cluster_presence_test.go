package websocket_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/broker"
)

// showUsers lets the connections of users be seen, with a name to show. Everybody may watch,
// except for the room secret.
var showUsers = websocket.Config{
	Presence: func(c websocket.Connection, room string) (any, bool) {
		return map[string]string{"name": strings.ToUpper(c.User())}, c.User() != ""
	},
	WatchPresence: func(c websocket.Connection, room string) bool { return room != "secret" },
}

// watch asks for the presence of a room. It returns the keys of the persons.
func (client *clusterClient) watch(room string) []string {
	client.t.Helper()
	payload, ok := strings.CutPrefix(client.askPresence(room, true), ";r41;")
	if !ok {
		client.t.Fatalf("got %q, want a reply", payload)
	}
	var list []struct{ Key string }
	if err := json.Unmarshal([]byte(payload), &list); err != nil {
		client.t.Fatal(err)
	}
	keys := make([]string, len(list))
	for i, person := range list {
		keys[i] = person.Key
	}
	slices.Sort(keys)
	return keys
}

// askPresence sends the question about presence and returns the answer. Changes may come before
// it.
func (client *clusterClient) askPresence(room string, watch bool) (answer string) {
	client.t.Helper()
	client.sendText(fmt.Sprintf(`iris:presence;41;{"room":%q,"watch":%v}`, room, watch))
	for {
		answer = client.next()
		if !strings.HasPrefix(answer, "iris:presence;") && !strings.HasPrefix(answer, ";a;") {
			return answer
		}
	}
}

// change is a change of presence as a client gets it.
func change(room, user string, joined bool) string {
	return fmt.Sprintf(`iris:presence;4;{"room":%q,"joined":%v,"key":%q,"user":%q,"data":{"name":%q}}`,
		room, joined, "u"+user, user, strings.ToUpper(user))
}

// wantPresent waits until a node sees this number of connections in a room.
func (n *testNode) wantPresent(room string, want int) {
	n.t.Helper()
	eventually(n.t, fmt.Sprintf("%d connections in %s", want, room), func() bool {
		list, err := n.Cluster().Presence(shortly(n.t), room)
		count := 0
		for _, one := range list {
			count += len(one.Connections)
		}
		return err == nil && count == want
	})
}

// wantNothingElse fails if something else than the event end comes to clients.
func wantNothingElse(t *testing.T, nodes []*testNode, clients ...*clusterClient) {
	t.Helper()
	for _, n := range nodes {
		if err := n.Local().Emit("end", ""); err != nil {
			t.Error(err)
		}
	}
	for _, c := range clients {
		c.want("end;0;")
	}
}

// TestClusterPresence: a user with five tabs on three nodes joins once and leaves once, for a
// watcher on each node.
func TestClusterPresence(t *testing.T) {
	nodes := startCluster(t, broker.NewMemory(), 3, showUsers)
	var watchers []*clusterClient
	for _, n := range nodes {
		c := n.dialModern("", "red")
		if got := c.watch("red"); len(got) > 0 {
			t.Errorf("got %v in an empty room", got)
		}
		n.ready() // the changes reach it
		watchers = append(watchers, c)
	}
	var tabs []*clusterClient
	for i := range 5 {
		tabs = append(tabs, nodes[i%3].dial("ann", "red"))
	}
	for _, c := range watchers {
		c.want(change("red", "ann", true))
	}
	for _, n := range nodes {
		n.wantPresent("red", 5)
	}
	wantNothingElse(t, nodes, watchers...)

	list, err := nodes[2].Cluster().Presence(shortly(t), "red")
	if err != nil || len(list) != 1 || list[0].User != "ann" ||
		string(list[0].Connections[4].Data) != `{"name":"ANN"}` {
		t.Errorf("got %v and %v", list, err)
	}
	late := nodes[1].dialModern("", "red")
	if got := late.watch("red"); !slices.Equal(got, []string{"uann"}) {
		t.Errorf("a late watcher got %v", got)
	}

	for _, c := range tabs[:4] {
		c.sendClose(1000)
		c.wantClosed(1000)
	}
	for _, n := range nodes {
		n.wantPresent("red", 1)
	}
	wantNothingElse(t, nodes, append(watchers, late)...)
	tabs[4].sendClose(1000)
	for _, c := range append(watchers, late) {
		c.want(change("red", "ann", false))
	}
	wantNothingElse(t, nodes, append(watchers, late)...)
}

// TestClusterPresenceMoves: a user comes to another node and leaves the first one. Those who
// watch get the data of the new connection. The user never leaves.
func TestClusterPresenceMoves(t *testing.T) {
	cfg := showUsers
	cfg.Presence = func(c websocket.Connection, room string) (any, bool) {
		return c.Server().Cluster().Node(), c.User() != ""
	}
	nodes := startCluster(t, broker.NewMemory(), 2, cfg)
	// Of several connections, the data is that of the one with the lowest ID.
	slices.SortFunc(nodes, func(a, b *testNode) int { return strings.Compare(a.Cluster().Node(), b.Cluster().Node()) })
	first, second := nodes[0], nodes[1]
	shown := func(n *testNode) string {
		data := n.Cluster().Node()
		return fmt.Sprintf(`iris:presence;4;{"room":"red","joined":true,"key":"ubob","user":"bob","data":%q}`, data)
	}
	watcher := second.dialModern("", "red")
	watcher.watch("red")
	second.ready()
	old := first.dial("bob", "red")
	watcher.want(shown(first))
	second.dial("bob", "red")
	for _, n := range nodes {
		n.wantPresent("red", 2)
	}
	wantNothingElse(t, nodes, watcher)
	old.sendClose(1000)
	watcher.want(shown(second))
	wantNothingElse(t, nodes, watcher)
}

// TestClusterPresenceShutdown: the users of a node that is shut down are gone at once. Those who
// have moved to another node neither leave nor join.
func TestClusterPresenceShutdown(t *testing.T) {
	cfg := showUsers
	cfg.CloseTimeout = 50 * time.Millisecond // the clients of the node don't answer
	nodes := startCluster(t, broker.NewMemory(), 3, cfg)
	watcher := nodes[0].dialModern("", "red")
	watcher.watch("red")
	nodes[0].ready()
	nodes[2].dial("ann", "red")
	watcher.want(change("red", "ann", true))
	for range 3 {
		nodes[2].dial("bob", "red")
	}
	watcher.want(change("red", "bob", true))
	nodes[1].dial("ann", "red")
	nodes[0].wantPresent("red", 5)
	if err := nodes[2].Shutdown(shortly(t)); err != nil {
		t.Fatal(err)
	}
	watcher.want(change("red", "bob", false))
	nodes[0].wantPresent("red", 1)
	nodes[1].wantPresent("red", 1)
	wantNothingElse(t, nodes[:1], watcher)
}

// TestClusterPresenceSuspended: who is suspended is present. The end of its node ends that once.
func TestClusterPresenceSuspended(t *testing.T) {
	nodes := startCluster(t, broker.NewMemory(), 2, showUsers)
	watcher := nodes[0].dialModern("", "red")
	watcher.watch("red")
	nodes[0].ready()
	client := nodes[1].dialModern("ann", "red")
	watcher.want(change("red", "ann", true))
	client.vanish()
	eventually(t, "the session is suspended", func() bool { return nodes[1].Stats().Suspended == 1 })
	wantNothingElse(t, nodes[:1], watcher)
	if err := nodes[1].Shutdown(shortly(t)); err != nil {
		t.Fatal(err)
	}
	watcher.want(change("red", "ann", false))
	wantNothingElse(t, nodes[:1], watcher)
}

// TestClusterPresenceHeals: after a cut, both sides see the same again.
func TestClusterPresenceHeals(t *testing.T) {
	memory := broker.NewMemory()
	nodes := startCluster(t, memory, 2, showUsers)
	watcher := nodes[0].dialModern("", "red")
	watcher.watch("red")
	nodes[0].ready()
	leaves := nodes[1].dial("ann", "red")
	watcher.want(change("red", "ann", true))
	nodes[0].broker.Cut() // what others send is lost for it
	leaves.sendClose(1000)
	leaves.wantClosed(1000)
	eventually(t, "the user has left", func() bool { return websocket.RoomMembers(nodes[1].Server, "red") == 0 })
	dial(t, nodes[1].url+"?user=bob&rooms=red").next()
	wantNothingElse(t, nodes[:1], watcher)
	nodes[0].broker.Heal()
	told := func() (message string) { // without reports of gaps: an answer of the other node may be lost, too
		for message = watcher.next(); strings.HasPrefix(message, "iris:gap;"); message = watcher.next() {
		}
		return message
	}
	got := []string{told(), told()}
	slices.Sort(got)
	if want := []string{change("red", "ann", false), change("red", "bob", true)}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := nodes[0].Local().Emit("end", ""); err != nil {
		t.Error(err)
	}
	if got := told(); got != "end;0;" {
		t.Errorf("got %q, want nothing else", got)
	}
}

// TestPresenceAlone: without a broker, presence works on one node. A watcher is told until it
// doesn't want to be, and needs a permission.
func TestPresenceAlone(t *testing.T) {
	for name, brokered := range map[string]bool{"no broker": false, "a broker": true} {
		t.Run(name, func(t *testing.T) {
			cfg := showUsers
			cfg.Authenticate = userFromURL
			if brokered {
				cfg.Broker = broker.NewMemory().Node()
			}
			s, url := onConnection(t, cfg, func(c websocket.Connection) {
				c.On("join", c.Join)
				c.On("leave", func(room string) { c.Leave(room) })
				_ = c.Emit("ready", c.ID())
			})
			n := &testNode{Server: s, t: t, url: url}
			watcher, ann, tab := n.dialModern(""), n.dial("ann"), n.dial("ann")
			if got := watcher.watch("red"); len(got) > 0 {
				t.Errorf("got %v in an empty room", got)
			}
			ann.send("join;0;red")
			watcher.want(change("red", "ann", true))
			tab.send("join;0;red")
			n.wantPresent("red", 2)
			ann.send("leave;0;red")
			n.wantPresent("red", 1)
			wantNothingElse(t, []*testNode{n}, watcher)
			tab.vanish()
			watcher.want(change("red", "ann", false))

			refused := `;e1;{"code":"forbidden","message":"this client may not see who is in the room"}`
			if got := watcher.askPresence("secret", true); got != refused {
				t.Errorf("got %q, want %q", got, refused)
			}
			if got := watcher.askPresence("red", false); got != ";r41;null" {
				t.Errorf("got %q at the end of watching", got)
			}
			watcher.askPresence("red", false) // a second time changes nothing
			ann.want("end;0;")
			ann.send("join;0;red")
			n.wantPresent("red", 1)
			wantNothingElse(t, []*testNode{n}, watcher)
			if got := websocket.WatchedRooms(s); got != 0 {
				t.Errorf("%d rooms are still watched", got)
			}
		})
	}
}

// TestWatchersEnd: the end of a watcher ends its watching. It may watch a limited number of rooms.
func TestWatchersEnd(t *testing.T) {
	nodes := startCluster(t, broker.NewMemory(), 2, showUsers)
	n := nodes[0]
	watcher := n.dialModern("")
	const most = 100
	for i := range most {
		watcher.watch(fmt.Sprint(i))
	}
	watcher.watch("0") // again
	if got := watcher.askPresence("more", true); !strings.HasPrefix(got, `;e1;{"code":"too_many"`) {
		t.Errorf("got %q for one room too many", got)
	}
	if got := websocket.WatchedRooms(n.Server); got != most {
		t.Errorf("%d rooms are watched, want %d", got, most)
	}
	long := strings.Repeat("x", broker.MaxChannelLength+1)
	if got := watcher.askPresence(long, true); !strings.HasPrefix(got, `;e1;{"code":"forbidden"`) {
		t.Errorf("got %q for a room with a long name", got)
	}
	watcher.sendClose(1000)
	watcher.wantClosed(1000)
	eventually(t, "nothing is watched", func() bool { return websocket.WatchedRooms(n.Server) == 0 })
	other := n.dialModern("")
	other.watch("0")
	if err := n.Disconnect(other.id); err != nil {
		t.Error(err)
	}
	eventually(t, "nothing is watched", func() bool { return websocket.WatchedRooms(n.Server) == 0 })
}

// TestRoomChangeElsewhere: OnRoomChange is called for a change on another node, and Presence has
// it then.
func TestRoomChangeElsewhere(t *testing.T) {
	nodes := startCluster(t, broker.NewMemory(), 2, showUsers)
	present := make(chan int, 100)
	nodes[0].OnRoomChange(func(room string) {
		list, err := nodes[0].Cluster().Presence(shortly(t), room)
		if err != nil && t.Context().Err() == nil { // else the nodes end
			t.Error(err)
		}
		present <- len(list)
	})
	nodes[0].dial("ann", "red")
	nodes[1].dial("bob", "red")
	for receive(t, present) != 2 { // as long as only ann is there
	}
}

// TestPresenceGoexit: a function that calls runtime.Goexit loses its change, and no other.
func TestPresenceGoexit(t *testing.T) {
	cfg := showUsers
	cfg.Marshal = func(v any) ([]byte, error) {
		encoded, err := json.Marshal(v)
		if strings.Contains(string(encoded), `"joined":true,"key":"ubob"`) {
			runtime.Goexit()
		}
		return encoded, err
	}
	n := startNode(t, broker.NewMemory(), cfg)
	watcher := n.dialModern("")
	watcher.watch("red")
	n.dial("bob", "red")
	n.dial("cem", "red")
	watcher.want(change("red", "cem", true))
}

// TestWatchPresenceUnset: without Config.WatchPresence no client learns anything.
func TestWatchPresenceUnset(t *testing.T) {
	nodes := startCluster(t, broker.NewMemory(), 1, websocket.Config{Presence: showUsers.Presence})
	c := nodes[0].dialModern("ann", "red")
	if got := c.askPresence("red", true); !strings.HasPrefix(got, `;e1;{"code":"no_handler"`) {
		t.Errorf("got %q", got)
	}
}

// TestPresenceFailures: data that can't be encoded, is too large, or whose function panics is
// reported, and harms nobody else.
func TestPresenceFailures(t *testing.T) {
	failures := make(chan error, 10)
	cfg := websocket.Config{
		Authenticate: userFromURL,
		Presence: func(c websocket.Connection, room string) (any, bool) {
			switch c.User() {
			case "fails":
				return failingValue{}, true
			case "large":
				return strings.Repeat("x", 64<<10), true
			case "panics":
				panic("no data")
			}
			return nil, true
		},
	}
	s, url := onConnection(t, cfg, func(c websocket.Connection) {
		c.OnError(func(err error) { failures <- err })
		c.Join("red")
		_ = c.Emit("ready", c.ID())
	})
	n := &testNode{Server: s, t: t, url: url}
	n.dial("good")
	for user, visible := range map[string]int{"fails": 1, "large": 0, "panics": 0} {
		c := n.dial(user)
		err := receive(t, failures)
		var failed *websocket.HandlerError
		var panicked *websocket.PanicError
		switch {
		case user == "panics" && !errors.As(err, &panicked), user != "panics" && !errors.As(err, &failed):
			t.Errorf("%s: got %v", user, err)
		case user == "fails" && !errors.Is(err, errHandler):
			t.Errorf("%s: got %v", user, err)
		}
		n.wantPresent("red", 1+visible)
		c.sendClose(gorilla.CloseNormalClosure)
		n.wantPresent("red", 1)
	}
}
