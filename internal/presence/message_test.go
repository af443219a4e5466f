package presence

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// TestFormat fixes the bytes of all messages: nodes of two releases run side by side.
func TestFormat(t *testing.T) {
	member := Member{ID: "i1", User: "ann", Data: []byte("{}")}
	for name, c := range map[string]struct {
		message []byte
		want    string // hexadecimal, by field
	}{
		"change": {encodeChange("r", change{before: 1, version: 300, member: member}),
			"01 01 0172 01 ac02 026931 03616e6e 027b7d"},
		"first change": {encodeChange("", change{version: 1, member: Member{ID: "i1"}}),
			"01 01 00 00 01 026931 00 00"},
		"removal": {encodeChange("r", change{before: 1, version: 2, removes: true, member: member}),
			"01 02 0172 01 02 026931"},
		"hello":       {encodeHello(hello{room: "r", number: 7, claim: claim{version: 5}}), "01 03 0172 07 05 00"},
		"empty hello": {encodeHello(hello{room: "r", number: 7, claim: claim{5, true}}), "01 03 0172 07 05 01"},
		"ask": {appendAsk(appendUvarint(newMessage(kindAsk), 7),
			ask{room: "r", known: 3, claim: claim{5, true}, always: true}),
			"01 04 07 0172 03 05 01 02"},
		"sets": {appendSet(appendUvarint(newMessage(kindSets), 7),
			set{room: "r", version: 5, part: 2, last: true, count: 1, encoded: appendMember(nil, member)}),
			"01 05 07 0172 05 02 04 01 026931 03616e6e 027b7d"},
		"offer": {encodeOffer(300), "01 06 ac02"},
		"list":  {encodeList(), "01 07"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, want := hex.EncodeToString(c.message), strings.ReplaceAll(c.want, " ", ""); got != want {
				t.Errorf("the message is %s, want %s", got, want)
			}
			if _, err := decode(c.message); err != nil {
				t.Errorf("decode: %v", err)
			}
		})
	}
}

// TestReceiveErrors: a malformed message is an error and changes nothing.
func TestReceiveErrors(t *testing.T) {
	for name, c := range map[string]struct {
		message string // hexadecimal, by field
		want    error
	}{
		"empty":                               {"", errMalformed},
		"no kind":                             {"01", errMalformed},
		"format of a later release":           {"02 01 0172 00 09 0178 00 00", errFormat},
		"format zero":                         {"00 01", errFormat},
		"kind of a later release":             {"01 7f ff", nil},
		"kind zero":                           {"01 00 ff", nil},
		"a change without its end":            {"01 01 0172 00 09 0178 00", errMalformed},
		"a change with more":                  {"01 01 0172 00 09 0178 00 00 00", errMalformed},
		"a version before that isn't before":  {"01 01 0172 09 09 0178 00 00", errMalformed},
		"a removal of version zero":           {"01 02 0172 00 00 0178", errMalformed},
		"a text longer than the message":      {"01 01 ffffffffffffffffff01 72 00 09 0178 00 00", errMalformed},
		"a number that is too long":           {"01 06 ffffffffffffffffffff01", errMalformed},
		"a list with more":                    {"01 07 00", errMalformed},
		"an ask that ends in its second room": {"01 04 07 0172 00 00 01 02 0172", errMalformed},
		"sets that end in the second member":  {"01 05 63 0172 09 00 04 02 0178 00 00 0179 00", errMalformed},
		"sets with too many members":          {"01 05 63 0172 09 00 04 ffffffffffffffffff01 0178 00 00", errMalformed},
		"a set after a malformed one":         {"01 05 63 0172 09 00 04 01 0178 00 00 0172", errMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNet(t, "a", "b")
			a := n.nodes["a"]
			a.join("r", "1", "")
			n.deliver()
			message, err := hex.DecodeString(strings.ReplaceAll(c.message, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Receive("b", message); !errors.Is(err, c.want) {
				t.Errorf("the error is %v, want %v", err, c.want)
			}
			a.wantIDs("r", "1")
			wantKinds(t, n.take(), map[kind]int{})
		})
	}
}

// FuzzReceive gives a node any messages, one after the other. It must not panic, must send
// messages that others can read, and must keep its promises about changes.
func FuzzReceive(f *testing.F) {
	member := Member{ID: "i1", User: "ann", Data: []byte("{}")}
	part := appendSet(appendUvarint(newMessage(kindSets), 99), set{room: "r", version: 5, count: 1,
		encoded: appendMember(nil, member)})
	whole := appendSet(appendUvarint(newMessage(kindSets), 99), set{room: "r", version: 5, part: 1, last: true})
	f.Add(encodeChange("r", change{version: 3, member: member}),
		encodeChange("r", change{before: 3, version: 4, removes: true, member: member}), encodeList())
	f.Add(part, whole, encodeChange("r", change{before: 5, version: 6, member: Member{ID: "i2", User: "ann"}}))
	f.Add(encodeHello(hello{room: "r", number: 7, claim: claim{version: 5}}), encodeOffer(0), encodeOffer(1<<31-1))
	f.Add(encodeChange("r", change{before: 4, version: 6, member: member}), whole,
		appendAsk(appendUvarint(newMessage(kindAsk), 7), ask{room: "r", known: 3, claim: claim{9, true}, always: true}))
	f.Fuzz(func(t *testing.T, first, second, third []byte) {
		n := newNet(t)
		a := n.add("a")
		persons := make(map[person]bool)
		a.Tracker = New("a", a, func(c Change) {
			p := personOf(Member{ID: c.ID, User: c.User})
			if persons[p] == c.Joined != c.Updated {
				t.Errorf("%+v comes twice, or for nobody", c)
			}
			if persons[p] = c.Joined; !c.Joined {
				delete(persons, p)
			}
		})
		a.NodeUp("b")
		a.join("r", "1", "ann")
		for _, message := range [][]byte{first, second, third, first, second} {
			_ = a.Receive("b", message) // nothing but its error is wanted
			members, _ := a.Members("r")
			want := make(map[person]bool)
			for _, m := range members {
				want[personOf(m)] = true
			}
			for p := range want {
				if !persons[p] {
					t.Errorf("no change said that %v joined", p)
				}
			}
			if len(persons) != len(want) {
				t.Errorf("the changes say %v, want %v", persons, want)
			}
		}
		for _, l := range n.take() {
			if m, err := decode(l.message); err != nil || m.kind == 0 {
				t.Errorf("sent %x: %v", l.message, err)
			}
		}
		a.NodeDown("b")
		a.wantIDs("r", "1=ann")
		if len(a.Rooms()) != 1 || len(a.rooms["r"].views) != 0 || len(persons) != 1 {
			t.Errorf("left are the rooms %q, %v views and %v", a.Rooms(), a.rooms["r"].views, persons)
		}
	})
}

// TestMemberJSON: nodes of other releases read the members in the answer to a question.
func TestMemberJSON(t *testing.T) {
	for want, m := range map[string]Member{
		`{"id":"1"}`: {ID: "1"},
		`{"id":"1","user":"ann","data":"eyJhIjoxfQ=="}`: {"1", "ann", []byte(`{"a":1}`)},
	} {
		if got, err := json.Marshal(m); err != nil || string(got) != want {
			t.Errorf("got %s and %v, want %s", got, err, want)
		}
	}
}
