package cluster

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

// An envelope is a message between nodes:
//
//	version | kind | node | number | before | age | body
//
// The first two are bytes. The name of the node has its length before it. The numbers are
// unsigned varints. A body may be longer than this release knows: the rest is ignored. So
// later releases may append fields. A receiver ignores a kind that it doesn't know, but counts
// its number, if it has one.
const version = 1

// kind says what the body of an envelope has. The numbers are on the wire.
type kind byte

const (
	emitKind      kind = 1  // a message to clients; numbered
	presenceKind  kind = 2  // of package presence; numbered on the channel of a room
	markKind      kind = 3  // no body: the publisher's last number on this channel
	heartbeatKind kind = 4  // the node lives
	byeKind       kind = 5  // the node ends
	callKind      kind = 6  // a question to nodes
	answerKind    kind = 7  // its answer
	resyncKind    kind = 8  // asks for the numbers after an outage
	numbersKind   kind = 9  // the answer
	cancelKind    kind = 10 // nobody waits for the answer to a call any more
)

// numbered reports whether the envelopes of a kind must have a number.
func (k kind) numbered() bool { return k == emitKind || k == presenceKind || k == markKind }

// envelope is a decoded envelope. Its fields point into the message.
type envelope struct {
	kind kind
	node string
	position
	body []byte
}

// position is the place of a message among those of its publisher on one channel.
type position struct {
	number uint64 // rises by one with each message
	before uint64 // how many messages of the series come before it
	age    time.Duration
}

// age is the time since the first message of the series. Clocks of nodes may differ, so it is
// a duration.

// Errors of a message of another node.
var (
	errVersion   = errors.New("cluster: the message is of a later version")
	errMalformed = errors.New("cluster: the message is malformed")
)

// append appends the envelope to dst.
func (e *envelope) append(dst []byte) []byte {
	dst = slices.Grow(dst, 32+len(e.node)+len(e.body))
	dst = append(dst, version, byte(e.kind))
	dst = appendString(dst, e.node)
	dst = e.position.append(dst)
	return append(dst, e.body...)
}

func (p position) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, p.number)
	dst = binary.AppendUvarint(dst, p.before)
	return binary.AppendUvarint(dst, uint64(max(p.age, 0).Milliseconds()))
}

// readEnvelope decodes a message of another node.
func readEnvelope(message []byte) (envelope, error) {
	if len(message) < 2 {
		return envelope{}, errMalformed
	}
	if message[0] != version {
		return envelope{}, errVersion
	}
	r := reader{rest: message[2:]}
	e := envelope{kind: kind(message[1]), node: r.string(), position: r.position()}
	e.body = r.rest
	if r.failed || e.node == "" || e.kind.numbered() && e.number == 0 {
		return envelope{}, errMalformed
	}
	return e, nil
}

// reader reads the fields of a body. After an error it reads zero values.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) uint() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.rest, r.failed = nil, true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.failed = true
		return 0
	}
	first := r.rest[0]
	r.rest = r.rest[1:]
	return first
}

func (r *reader) bytes() []byte {
	n := r.uint()
	if n > uint64(len(r.rest)) {
		r.rest, r.failed = nil, true
		return nil
	}
	value := r.rest[:n]
	r.rest = r.rest[n:]
	return value
}

func (r *reader) string() string { return string(r.bytes()) }

func (r *reader) strings() []string {
	n := r.uint()
	if n > uint64(len(r.rest)) { // each has one byte at least
		r.rest, r.failed = nil, true
		return nil
	}
	var list []string
	for ; n > 0 && !r.failed; n-- {
		list = append(list, r.string())
	}
	return list
}

// duration reads milliseconds.
func (r *reader) duration() time.Duration {
	return time.Duration(min(r.uint(), uint64(maxDuration.Milliseconds()))) * time.Millisecond
}

// maxDuration bounds what another node may claim. It is no limit in practice.
const maxDuration = 10 * 365 * 24 * time.Hour

func (r *reader) position() position {
	p := position{number: r.uint(), before: r.uint(), age: r.duration()}
	if p.before > 0 && p.before >= p.number {
		r.failed = true
	}
	return p
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendStrings(dst []byte, list []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, s := range list {
		dst = appendString(dst, s)
	}
	return dst
}
