package cluster

import "encoding/binary"

// Target says whom an Emit is for. The numbers are on the wire.
type Target byte

// The targets of an Emit.
const (
	All   Target = 1
	Rooms Target = 2 // Names: rooms, and the rooms of IDs unless Joined is set
	IDs   Target = 3 // Names
	User  Target = 4 // Names has one
)

// Emit is a message to clients of several nodes.
type Emit struct {
	Target Target
	Names  []string // sorted, without duplicates

	Except      []string // these IDs and rooms get nothing
	ExceptUsers []string // the connections of these users get nothing
	Joined      bool     // for Rooms: without connections whose ID is a name
	Volatile    bool     // slow clients don't get it

	Native bool // the payload is a native message; else it is an event without the prefix
	Binary bool // with the classic wire
	Bytes  bool // with protocol 2
	// Payload is the message. A receiver must not change it, nor keep it.
	Payload []byte

	id uint64 // not 0 if it was published on more than one channel
}

// The flags of an Emit on the wire.
const (
	joinedFlag = 1 << iota
	volatileFlag
	nativeFlag
	binaryFlag
	bytesFlag
)

func (m *Emit) append(dst []byte) []byte {
	var flags uint64
	for i, set := range [...]bool{m.Joined, m.Volatile, m.Native, m.Binary, m.Bytes} {
		if set {
			flags |= 1 << i
		}
	}
	dst = append(dst, byte(m.Target))
	dst = binary.AppendUvarint(dst, flags)
	dst = binary.AppendUvarint(dst, m.id)
	dst = appendStrings(dst, m.Names)
	dst = appendStrings(dst, m.Except)
	dst = appendStrings(dst, m.ExceptUsers)
	dst = binary.AppendUvarint(dst, uint64(len(m.Payload)))
	return append(dst, m.Payload...)
}

// Encode encodes a message for the arguments of a call.
func (m *Emit) Encode() []byte { return m.append(nil) }

// DecodeEmit reverses Encode. The result points into the bytes.
func DecodeEmit(encoded []byte) (Emit, error) { return readEmit(encoded) }

func readEmit(body []byte) (Emit, error) {
	if len(body) == 0 {
		return Emit{}, errMalformed
	}
	r := reader{rest: body[1:]}
	flags := r.uint()
	m := Emit{
		Target:   Target(body[0]),
		Joined:   flags&joinedFlag != 0,
		Volatile: flags&volatileFlag != 0,
		Native:   flags&nativeFlag != 0,
		Binary:   flags&binaryFlag != 0,
		Bytes:    flags&bytesFlag != 0,
		id:       r.uint(),
	}
	m.Names, m.Except, m.ExceptUsers = r.strings(), r.strings(), r.strings()
	m.Payload = r.bytes()
	if r.failed {
		return Emit{}, errMalformed
	}
	return m, nil
}
