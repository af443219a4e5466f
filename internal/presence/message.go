package presence

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A message begins with the version of this format and its kind. Then come the fields of its
// kind. Numbers are uvarints. A text is its length, followed by its bytes. A list goes on to
// the end of the message.
//
//	change   room, version before, version after, member
//	removal  room, version before, version after, ID
//	hello    room, number, claim
//	ask      number, then each: room, known version, claim, flags
//	sets     number, then each: room, version, part, flags, count, members
//	offer    how many rooms the sender follows
//	list     nothing: the receiver shall list its rooms
//
// A member is ID, user and data. A claim is the version of the sender's set and flags.
//
// A node ignores a kind that it doesn't know. So a later release may add kinds: an ignored
// change is a missing version, and leads to a question. Other changes need a new version of
// the format.
const formatVersion = 1

type kind byte

const (
	kindChange kind = iota + 1
	kindRemoval
	kindHello
	kindAsk
	kindSets
	kindOffer
	kindList
)

// Bits of flags. Unknown bits are ignored.
const (
	flagEmpty  = 1 << iota // claim: the set is empty
	flagAlways             // ask: answer even if the set is empty
	flagLast               // sets: no part of this set follows
)

// Bounds on what precedes the entries of a batch, and the members of a set without the name
// of its room.
const (
	batchHead = 2 + binary.MaxVarintLen64
	setHead   = 4*binary.MaxVarintLen32 + binary.MaxVarintLen64
)

// Errors of Receive.
var (
	errMalformed = errors.New("presence: malformed message")
	errFormat    = errors.New("presence: unknown version of the format")
)

type (
	// change is one change of the set of a node.
	change struct {
		before  uint64 // the version before; 0 if the set was empty or becomes empty
		version uint64
		removes bool
		member  Member // only its ID for a removal
	}
	// claim is the version that the sender's set has.
	claim struct {
		version uint64
		empty   bool
	}
	// hello asks all nodes with the room for their sets.
	hello struct {
		room   string
		number uint64
		claim
	}
	// ask asks a node for its set in a room, unless the sender knows this version of it.
	ask struct {
		room  string
		known uint64 // 0: no members
		claim
		always bool
	}
	// set is the set of a node in a room, or a part of it.
	set struct {
		room    string
		version uint64
		part    uint64 // from 0
		last    bool   // no part follows
		count   int
		encoded []byte   // to be sent
		members []Member // received
	}
	// message is a received message. Its kind says which fields it has.
	message struct {
		kind   kind
		room   string
		number uint64
		change change
		claim  claim
		asks   []ask
		sets   []set
		count  int
	}
)

func newMessage(k kind) []byte { return []byte{formatVersion, byte(k)} }

func appendUvarint(b []byte, n uint64) []byte { return binary.AppendUvarint(b, n) }

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(appendUvarint(b, uint64(len(text))), text...)
}

func appendMember(b []byte, m Member) []byte {
	return appendText(appendText(appendText(b, m.ID), m.User), m.Data)
}

func flagIf(set bool, flag uint64) uint64 {
	if set {
		return flag
	}
	return 0
}

func appendClaim(b []byte, c claim) []byte {
	return appendUvarint(appendUvarint(b, c.version), flagIf(c.empty, flagEmpty))
}

func encodeChange(room string, c change) []byte {
	k := kindChange
	if c.removes {
		k = kindRemoval
	}
	b := appendText(newMessage(k), room)
	b = appendUvarint(appendUvarint(b, c.before), c.version)
	if c.removes {
		return appendText(b, c.member.ID)
	}
	return appendMember(b, c.member)
}

func encodeHello(h hello) []byte {
	b := appendText(newMessage(kindHello), h.room)
	return appendClaim(appendUvarint(b, h.number), h.claim)
}

func encodeOffer(count int) []byte { return appendUvarint(newMessage(kindOffer), uint64(count)) }

func encodeList() []byte { return newMessage(kindList) }

func appendAsk(b []byte, a ask) []byte {
	b = appendClaim(appendUvarint(appendText(b, a.room), a.known), a.claim)
	return appendUvarint(b, flagIf(a.always, flagAlways))
}

func appendSet(b []byte, s set) []byte {
	b = appendUvarint(appendUvarint(appendText(b, s.room), s.version), s.part)
	b = appendUvarint(b, flagIf(s.last, flagLast))
	return append(appendUvarint(b, uint64(s.count)), s.encoded...)
}

// decode reads a message. It keeps nothing of p. The kind of the message is 0 if this
// release doesn't know it.
func decode(p []byte) (message, error) {
	if len(p) < 2 {
		return message{}, errMalformed
	}
	if p[0] != formatVersion {
		return message{}, fmt.Errorf("%w: %d", errFormat, p[0])
	}
	m := message{kind: kind(p[1])}
	r := reader{rest: p[2:]}
	switch m.kind {
	case kindChange, kindRemoval:
		m.room = r.text()
		m.change = r.change(m.kind == kindRemoval)
	case kindHello:
		m.room, m.number, m.claim = r.text(), r.uvarint(), r.claim()
	case kindAsk:
		for m.number = r.uvarint(); r.more(); {
			m.asks = append(m.asks, r.ask())
		}
	case kindSets:
		for m.number = r.uvarint(); r.more(); {
			m.sets = append(m.sets, r.set())
		}
	case kindOffer:
		m.count = int(min(r.uvarint(), 1<<31-1))
	case kindList:
	default:
		return message{}, nil
	}
	if r.malformed || len(r.rest) > 0 {
		return message{}, errMalformed
	}
	return m, nil
}

// reader reads the fields of a message. After the first malformed one, all are zero.
type reader struct {
	rest      []byte
	malformed bool
}

func (r *reader) more() bool { return len(r.rest) > 0 && !r.malformed }

func (r *reader) fail() { r.rest, r.malformed = nil, true }

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) text() string { return string(r.bytes()) }

func (r *reader) member() Member {
	return Member{ID: r.text(), User: r.text(), Data: append([]byte(nil), r.bytes()...)}
}

func (r *reader) claim() claim {
	return claim{version: r.uvarint(), empty: r.uvarint()&flagEmpty != 0}
}

func (r *reader) change(removes bool) change {
	c := change{before: r.uvarint(), version: r.uvarint(), removes: removes}
	if c.before >= c.version {
		r.fail()
	}
	if removes {
		c.member.ID = r.text()
	} else {
		c.member = r.member()
	}
	return c
}

func (r *reader) ask() ask {
	a := ask{room: r.text(), known: r.uvarint(), claim: r.claim()}
	a.always = r.uvarint()&flagAlways != 0
	return a
}

func (r *reader) set() set {
	s := set{room: r.text(), version: r.uvarint(), part: r.uvarint(), last: r.uvarint()&flagLast != 0}
	for count := r.uvarint(); count > 0 && !r.malformed; count-- {
		s.members = append(s.members, r.member())
	}
	return s
}
