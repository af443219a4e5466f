package presence

// batch collects entries for one node into messages below the limit.
type batch struct {
	tracker *Tracker
	node    string
	head    []byte
	message []byte
}

func (t *Tracker) batch(node string, k kind, number uint64) *batch {
	return &batch{tracker: t, node: node, head: appendUvarint(newMessage(k), number)}
}

func (b *batch) add(entry []byte) {
	if len(b.message)+len(entry) > b.tracker.limit {
		b.send()
	}
	if b.message == nil {
		b.message = append(b.message, b.head...)
	}
	b.message = append(b.message, entry...)
}

// send sends what was added. mu is held.
func (b *batch) send() {
	if b.message != nil {
		b.tracker.transport.ToNode(b.node, b.message)
		b.message = nil
	}
}
