package cluster

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"testing"
	"time"
)

// emits are messages of all shapes.
var emits = []Emit{
	{Target: All},
	{Target: Rooms, Names: []string{"red", ""}, Joined: true, Payload: []byte("e;0;text")},
	{
		Target: IDs, Names: []string{"a", "b"},
		Except: []string{"c"}, ExceptUsers: []string{"ann", "bob"}, Volatile: true,
	},
	{
		Target: User, Names: []string{"\x00\xff"},
		Native: true, Binary: true, Bytes: true, Payload: []byte{0, 255}, id: 1 << 40,
	},
}

// envelopes are messages between nodes of all kinds.
var envelopes = []envelope{
	{kind: emitKind, node: "n", position: position{number: 9, before: 8, age: time.Minute}, body: emits[1].Encode()},
	{kind: presenceKind, node: "n", position: position{number: 1}, body: []byte{1, 7}},
	{kind: markKind, node: "n", position: position{number: 1 << 62}, body: []byte{}},
	{kind: heartbeatKind, node: "n", body: []byte{answerFlag}},
	{kind: byeKind, node: "n", body: []byte{}},
	{kind: callKind, node: "n", body: []byte{1, 100, 6, 'x'}},
	{kind: answerKind, node: "n", body: []byte{1, lastAnswer, 0, 'x'}},
	{kind: resyncKind, node: "n", body: []byte{100}},
	{kind: numbersKind, node: "n", body: position{number: 3, before: 1}.append(appendString(nil, "rred"))},
	{kind: cancelKind, node: "n", body: []byte{1}},
}

// TestEnvelope: what is encoded is decoded.
func TestEnvelope(t *testing.T) {
	for _, want := range envelopes {
		got, err := readEnvelope(want.append([]byte("before"))[len("before"):])
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v and %v, want %+v", got, err, want)
		}
	}
	late := envelope{kind: heartbeatKind, node: "n", position: position{age: -time.Second}}
	if got, err := readEnvelope(late.append(nil)); err != nil || got.age != 0 {
		t.Errorf("a negative age: got %v and %v, want 0", got.age, err)
	}
}

// TestEmit: what is encoded is decoded. Fields of a later release are ignored.
func TestEmit(t *testing.T) {
	for _, want := range emits {
		for _, later := range []string{"", "later fields"} {
			got, err := DecodeEmit(append(want.Encode(), later...))
			if len(got.Payload) == 0 {
				got.Payload = nil
			}
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v and %v, want %+v", got, err, want)
			}
		}
	}
}

// TestMalformed: each beginning of a message that doesn't have all fields is an error.
func TestMalformed(t *testing.T) {
	whole := envelopes[0].append(nil)
	head := len(whole) - len(envelopes[0].body)
	for n := range head {
		if _, err := readEnvelope(whole[:n]); err != errMalformed {
			t.Errorf("the first %d bytes of an envelope: got %v", n, err)
		}
	}
	for _, m := range emits {
		whole := m.Encode()
		for n := range whole {
			if _, err := DecodeEmit(whole[:n]); err != errMalformed {
				t.Errorf("the first %d bytes of an emit: got %v", n, err)
			}
		}
	}
	huge := binary.AppendUvarint(nil, 1<<63)
	for name, message := range map[string][]byte{
		"a long name":       append([]byte{version, byte(heartbeatKind)}, huge...),
		"no node":           {version, byte(heartbeatKind), 0, 0, 0, 0},
		"no number":         {version, byte(emitKind), 1, 'n', 0, 0, 0},
		"a number too low":  {version, byte(emitKind), 1, 'n', 2, 2, 0},
		"0 after something": {version, byte(heartbeatKind), 1, 'n', 0, 1, 0},
	} {
		if _, err := readEnvelope(message); err != errMalformed {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := DecodeEmit(append([]byte{byte(Rooms), 0, 0}, huge...)); err != errMalformed {
		t.Errorf("many names: got %v", err)
	}
}

// TestReleases: two releases work side by side. A node reports a message of a later version,
// and ignores what it doesn't know of its own version.
func TestReleases(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node()
		p := w.peer("later", controlChannel, channel(nodePrefix, "later"))

		later := envelopes[3].append(nil)
		later[0] = version + 1
		p.raw(controlChannel, later)
		n.wantFailure(t, errVersion)
		wantList(t, "nodes", n.Nodes())

		p.send(controlChannel, envelope{kind: 200, body: []byte("of a later release")})
		wantList(t, "nodes", n.Nodes(), "later")

		p.send(controlChannel, envelope{kind: heartbeatKind, body: []byte{answerFlag | 64, 1, 2, 3}})
		if got := p.take(heartbeatKind); len(got) == 0 || got[len(got)-1].channel != channel(nodePrefix, "later") {
			t.Errorf("got the answers %v to a heartbeat with more fields", got)
		}
		p.send(controlChannel, envelope{kind: byeKind, body: []byte("and why")})
		wantList(t, "nodes", n.Nodes())

		n.join(t, "red")
		m := append(emits[1].Encode(), "later fields"...)
		p.send(channel(roomPrefix, "red"), envelope{kind: emitKind, position: position{number: 1}, body: m})
		wantList(t, "messages", n.payloads(), "e;0;text")
		p.send(channel(roomPrefix, "red"), envelope{
			kind: emitKind, position: position{number: 2, before: 1}, body: []byte{99, 0, 0, 0, 0, 0, 0},
		})
		if got := take(n.testLocal, &n.delivered); len(got) != 1 || got[0].Target != 99 {
			t.Errorf("a target of a later release: got %v", got)
		}
		p.send(channel(roomPrefix, "red"), envelope{kind: 201, position: position{number: 3, before: 2}})
		p.emit("red", position{number: 4, before: 3}, "after a kind of a later release")
		if got := take(n.testLocal, &n.reported); len(got) > 0 {
			t.Errorf("got the gaps %v", got)
		}
		if got := take(n.testLocal, &n.failures); len(got) > 0 {
			t.Errorf("got the failures %v", got)
		}
	})
}

// TestMalformedBodies: a node reports a body that it can't read, and lives on.
func TestMalformedBodies(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.nodeWith(ignoreChanges)
		n.join(t, "red")
		p := w.peer("other")
		number := uint64(0)
		for _, test := range []struct {
			channel string
			kind    kind
			body    []byte
		}{
			{channel(roomPrefix, "red"), emitKind, nil},
			{channel(roomPrefix, "red"), emitKind, []byte{1, 0}},
			{channel(nodePrefix, n.ID()), callKind, nil},
			{channel(nodePrefix, n.ID()), callKind, []byte{1, 1}},
			{channel(nodePrefix, n.ID()), answerKind, []byte{1}},
			{channel(nodePrefix, n.ID()), cancelKind, nil},
			{controlChannel, resyncKind, nil},
			{channel(nodePrefix, n.ID()), numbersKind, []byte{4, 'r'}},
			{channel(nodePrefix, n.ID()), numbersKind, []byte{4, 'r', 'r', 'e', 'd', 0, 0, 0}},
		} {
			e := envelope{kind: test.kind, body: test.body}
			if test.kind.numbered() {
				number++
				e.position = position{number: number, before: number - 1}
			}
			p.send(test.channel, e)
			n.wantFailure(t, errMalformed)
		}
		p.send(channel(nodePrefix, n.ID()), envelope{
			kind: presenceKind, position: position{number: 1}, body: []byte{1},
		})
		if got := take(n.testLocal, &n.failures); len(got) != 1 {
			t.Errorf("a malformed message of presence: got %v", got)
		}
		p.raw(controlChannel, []byte{version})
		n.wantFailure(t, errMalformed)
	})
}

// FuzzEnvelope: no bytes make the decoder panic. What it decodes is encoded to the same value.
func FuzzEnvelope(f *testing.F) {
	for _, e := range envelopes {
		f.Add(e.append(nil))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		e, err := readEnvelope(message)
		if err != nil {
			return
		}
		again, err := readEnvelope(e.append(nil))
		if err != nil || !reflect.DeepEqual(again, e) {
			t.Errorf("got %+v and %v, want %+v", again, err, e)
		}
	})
}

// FuzzEmit is like FuzzEnvelope.
func FuzzEmit(f *testing.F) {
	for _, m := range emits {
		f.Add(m.Encode())
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := DecodeEmit(body)
		if err != nil {
			return
		}
		again, err := DecodeEmit(m.Encode())
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("got %+v and %v, want %+v", again, err, m)
		}
	})
}

// FuzzReceive: no message of another node makes a node panic, and each is handled or reported.
func FuzzReceive(f *testing.F) {
	channels := []string{controlChannel, everyChannel, "rred", "pred", "nself"}
	for i, e := range envelopes {
		f.Add(i%len(channels), byte(e.kind), uint64(i+1), uint64(i), e.body)
	}
	f.Fuzz(func(t *testing.T, to int, k byte, number, before uint64, body []byte) {
		inWorld(t, func(t *testing.T, w *world) {
			n := w.nodeWith(ignoreChanges)
			n.join(t, "red")
			n.Watch("red")
			channel := channels[uint(to)%uint(len(channels))]
			if channel == "nself" {
				channel = nodePrefix + n.ID()
			}
			e := envelope{kind: kind(k), node: "other", position: position{number: number, before: before}, body: body}
			message := e.append(nil)
			kept := bytes.Clone(message)
			receiver{n.Cluster}.Message(channel, message)
			pass(settle + time.Second) // numbers after an outage count now
			if !bytes.Equal(message, kept) {
				t.Error("the message was changed")
			}
		})
	})
}
