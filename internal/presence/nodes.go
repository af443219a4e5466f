package presence

// Gap says that messages of a node on the channel of a room were lost. It asks the node for
// its set, and says which version this node's own set has. A question may have been lost.
func (t *Tracker) Gap(from, room string) {
	t.mu.Lock()
	defer t.unlock()
	_, up := t.up[from]
	if r := t.rooms[room]; up && r != nil && r.ready > 0 {
		t.ask(from, r, true)
	}
}

// NodeUp says that a node was seen, or seen again, or that messages of it to this node were
// lost. Both nodes compare the versions of their common rooms, and exchange the sets that
// differ. The node with fewer rooms lists them. A node's messages about its sets have no
// effect before.
func (t *Tracker) NodeUp(node string) {
	t.mu.Lock()
	defer t.unlock()
	if node == t.node {
		return
	}
	if _, ok := t.up[node]; !ok {
		t.up[node] = t.counter
	}
	t.askKnown(node)
	t.sendAsks()
	t.transport.ToNode(node, encodeOffer(t.countReady()))
}

// NodeDown says that a node is gone. Its connections leave.
func (t *Tracker) NodeDown(node string) {
	t.mu.Lock()
	defer t.unlock()
	delete(t.up, node)
	for _, r := range t.rooms {
		if v := r.views[node]; v != nil {
			t.replace(r, v, nil)
			delete(r.views, node)
		}
	}
}

// offered answers the offer of a node with count rooms. mu is held.
func (t *Tracker) offered(from string, count int) {
	if t.countReady() <= count {
		t.askAll(from)
		return
	}
	t.askKnown(from)
	t.sendAsks()
	t.transport.ToNode(from, encodeList())
}

func (t *Tracker) countReady() (count int) {
	for _, r := range t.rooms {
		if r.ready > 0 {
			count++
		}
	}
	return count
}

// askAll asks a node for its sets in all rooms. mu is held.
func (t *Tracker) askAll(node string) {
	for _, r := range t.rooms {
		if r.ready > 0 {
			t.ask(node, r, false)
		}
	}
}

// askKnown asks a node for its sets in the rooms in which it had members. mu is held.
func (t *Tracker) askKnown(node string) {
	for _, r := range t.rooms {
		if r.views[node] != nil {
			t.ask(node, r, false)
		}
	}
}
