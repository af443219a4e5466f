package client

import (
	"context"
	"encoding/json"
	"slices"
)

// Person is a person in a room: a user with all connections, or one connection of nobody in
// particular.
type Person struct {
	// Key tells people of a room apart. It is made of the user. For a connection without a
	// user, it is a secret of the server, and new in each session of that connection.
	Key string `json:"key"`
	// User is the user of the connections; empty if the server knows none.
	User string `json:"user"`
	// Data is the result of Config.Presence of the server as JSON; nil without it. Don't
	// change its bytes.
	Data json.RawMessage `json:"data"`
}

// Decode stores Data in the value behind the pointer v, as [json.Unmarshal] does. Without
// data, the value stays as it was.
func (p Person) Decode(v any) error {
	if p.Data == nil {
		return nil
	}
	return json.Unmarshal(p.Data, v)
}

// PresenceChange is a change of the people in a room.
type PresenceChange struct {
	// Joined: the person has come, or has other data now. Otherwise the person has left.
	Joined bool
	// Person is the person who has come or left.
	Person
}

// Presence knows who is in a room, until its Close. It goes on in a new session of the
// client. While the network is away, it has the people of before. Its methods are safe for
// concurrent use, and may be called in registered functions.
type Presence struct {
	client *Client // immutable
	watch  *watch  // immutable

	// Guarded by presences.mu.
	functions []func(PresenceChange)
	closed    bool
}

// Presence asks the server who is in a room, and follows the changes. On a server with
// Config.Broker, the people are those of all nodes. It blocks until the server has answered,
// ctx is done, or the client ends. A lost network and a lost session end no wait: the client
// asks again. So give ctx a deadline. Don't call it in a registered function: start a
// goroutine.
//
// Call it once, not in each session. In a new session, the client asks again by itself, after
// the OnConnect functions. So the server may decide by the rooms that they join. If it refuses
// then, OnError gets a [*PresenceError].
//
// All presences of one room share one question to the server. A server lets a client watch
// 100 rooms.
//
// The error is a [*ReplyError] with the code "forbidden" if Config.WatchPresence of the server
// says no; with "no_handler" if the server has no WatchPresence; with "too_many" above 100
// rooms; the error of ctx; or an error of [Emitter.Emit].
func (c *Client) Presence(ctx context.Context, room string) (*Presence, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p, answer, err := c.openPresence(room)
	if err != nil {
		return nil, err
	}
	select {
	case <-answer.done:
		err = answer.err
	case <-ctx.Done():
		err = ctx.Err()
	case <-c.done:
		err = c.Err()
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Room returns the name of the room.
func (p *Presence) Room() string { return p.watch.room }

// People returns who is in the room, in the order of their keys. The slice belongs to the
// caller.
func (p *Presence) People() []Person {
	mu := &p.client.presences.mu
	mu.Lock()
	defer mu.Unlock()
	people := make([]Person, 0, len(p.watch.people))
	for _, person := range p.watch.people {
		people = append(people, person)
	}
	sortPeople(people)
	return people
}

// OnChange registers a function for later changes. It is called after People has the change.
// The differences after a lost session are changes, too. Register the function first, and
// then call People for those who are there already: so no change is missed.
func (p *Presence) OnChange(f func(PresenceChange)) {
	mustBeFunc("Presence.OnChange", f == nil)
	mu := &p.client.presences.mu
	mu.Lock()
	defer mu.Unlock()
	p.functions = append(slices.Clip(p.functions), f)
}

// Close ends the Presence. No OnChange function of it is called afterwards; a running one
// runs to its end. People keeps the last people. The server is told if no other Presence of
// the room is open. Close doesn't wait, and may be called again.
func (p *Presence) Close() { p.client.closePresence(p) }

func (p *Presence) isClosed() bool {
	mu := &p.client.presences.mu
	mu.Lock()
	defer mu.Unlock()
	return p.closed
}
