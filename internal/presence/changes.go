package presence

// queue has the changes of a room that were not yet handed to Tracker.changed. Tracker.mu
// guards its fields.
type queue struct {
	changes []Change
	running bool // a goroutine delivers them
}

// note queues a change. If nobody delivers the changes of its room, the holder of mu will.
func (t *Tracker) note(c Change) {
	q := t.queues[c.Room]
	if q == nil {
		q = new(queue)
		t.queues[c.Room] = q
	}
	q.changes = append(q.changes, c)
	if !q.running {
		q.running = true
		t.started = append(t.started, c.Room)
	}
}

// unlock sends the questions, releases mu, and delivers changes. All methods that may
// change something end with it.
func (t *Tracker) unlock() {
	t.sendAsks()
	rooms := t.started
	t.started = nil
	t.mu.Unlock()
	if len(rooms) == 0 {
		return
	}
	defer func() { // rooms are left only if changed panics: others will go on with them
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, room := range rooms {
			t.queues[room].running = false
		}
	}()
	for len(rooms) > 0 {
		if c, ok := t.nextChange(rooms[0]); ok {
			t.changed(c)
		} else {
			rooms = rooms[1:]
		}
	}
}

// nextChange takes the next change of a room. It removes an empty queue.
func (t *Tracker) nextChange(room string) (c Change, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.queues[room]
	if len(q.changes) == 0 {
		delete(t.queues, room)
		return c, false
	}
	c = q.changes[0]
	q.changes[0] = Change{} // frees its data
	q.changes = q.changes[1:]
	return c, true
}
