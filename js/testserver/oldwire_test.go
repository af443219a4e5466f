package main

import (
	"encoding/binary"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// startOurs starts the server of these tests.
func startOurs(t *testing.T) (address string) {
	t.Helper()
	app := newApp()
	if err := app.Build(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(app)
	t.Cleanup(server.Close)
	return hostOf(t, server.URL)
}

// sends returns a step: one peer sends frames at once.
func sends(who string, frames ...[]byte) step {
	return step{who: who, sends: slices.Concat(frames...)}
}

// says returns a step: one peer sends an event.
func says(who, rest string) step { return sends(who, frame(0x81, prefix+rest)) }

// alone returns a scene with one peer.
func alone(frames ...[]byte) []step { return []step{sends("a", frames...)} }

// event returns a server's frame with an event, native one with a native message.
func event(rest string) string { return native(prefix + rest) }

func native(message string) string { return string(appendHeader(nil, 0x81, 0, len(message))) + message }

// long returns a message of so many bytes.
func long(bytes int, beginning string) string {
	return beginning + strings.Repeat("x", bytes-len(beginning))
}

// TestAPeerThatSpeaksTheOldWire gets the same bytes from our server as from that
// of Iris v11.1.1.
func TestAPeerThatSpeaksTheOldWire(t *testing.T) {
	ours, theirs := startOurs(t), startClassic(t)
	silent := []string{"a pong", "unknown;0;x"}
	scenes := map[string][]step{
		"a native message": alone(frame(0x81, "hello")),
		"an empty one":     alone(frame(0x81, "")),
		"a binary one":     alone(frame(0x82, "bytes")),
		"in fragments": alone(
			frame(0x01, prefix+"str"), frame(0x00, "ing;0;he"), frame(0x80, "llo"),
		),
		"with a ping in between": alone(
			frame(0x01, prefix+"string;"), frame(0x89, "p"), frame(0x80, "0;hello"),
		),
		"an event of 1024 bytes":          alone(frame(0x81, long(1024, prefix+"bytes;3;"))),
		"a native message of 1024 bytes":  alone(frame(0x81, long(1024, ""))),
		"a native with the prefix within": alone(frame(0x81, "x "+prefix+"string;0;y")),
		"a ping":                          alone(frame(0x89, "are you there?")),
		"a pong":                          alone(frame(0x8a, "unasked for")),
		"a close frame":                   alone(frame(0x88, "\x03\xe8bye")),
		"an empty close frame":            alone(frame(0x88, "")),

		"to a room": {
			says("a", "join;0;red"), says("b", "join;0;red"), says("c", "say;0;red"), says("a", "say;0;red"),
			says("a", "leave;0;red"), says("b", "say;0;red"), says("a", "leave;0;red"), says("c", "say;0;blue"),
		},
		"to the room of its own": {says("a", "say to myself;0;x"), says("b", "nothing;0;x")},
		"to the others":          {says("b", "say to others;0;x"), says("a", "nothing;0;x")},
		"to all":                 {says("b", "say to all;0;x"), says("a", "nothing;0;x")},
		"to others, natively":    {says("b", "say natively;0;x"), says("a", "nothing;0;x")},
	}
	for _, kind := range []string{
		"string", "empty string", "int64", "float64", "true", "false", "bytes", "nil", "struct", "map", "slice",
		"native", "native, empty",
	} {
		scenes["send "+kind] = []step{says("a", "send;0;"+kind)}
	}
	for _, message := range []string{
		"unknown;0;x",
		"string;0;x", "string;0;a;b", "string;1;42", "string;1;-7", `string;4;"x"`,
		"int;1;42", "int;1;-7", "int;1;+7", "int;1;007", "int;1;9223372036854775807",
		"bool;2;true", "bool;2;false", "bool;4;true",
		"bytes;3;x", "bytes;3;\x01;\x02",
		"any;0;x", "any;1;42", "any;2;true", "any;2;false", "any;3;x", `any;4;{"a":[1,"x",null]}`, "any;4;1.5",
		"nothing;0;x", "nothing;1;42", "nothing;2;true", "nothing;2;false", "nothing;3;x", "nothing;4;{}",
	} {
		scenes[message] = []step{says("a", message)}
	}
	for name, scene := range scenes {
		mine, original := play(t, ours, scene), play(t, theirs, scene)
		if !maps.EqualFunc(mine, original, slices.Equal) {
			t.Errorf("%s: told %q, by v11.1.1 %q", name, mine, original)
		}
		if len(mine["a"]) == 0 != slices.Contains(silent, name) {
			t.Errorf("%s: told %q", name, mine)
		}
	}
}

// told has the frames that each peer receives, by the peer.
type told = map[string][]string

// difference is a scene. Our server and that of Iris v11.1.1 send different frames
// in it.
type difference struct {
	scene     []step
	then, now told
}

// lethal returns a difference: the event ended the connection of a.
func lethal(message string, now told) difference {
	return difference{
		scene: []step{says("a", message), says("a", "nothing;0;x"), says("b", "nothing;0;x")},
		then:  told{"a": {theEnd}, "b": {prefix + "gone;0;a", event("got;0;nothing")}},
		now:   now,
	}
}

// lives returns the frames of a lethal scene if no connection ends.
func lives(a, b []string) told {
	return told{"a": append(a, event("got;0;nothing")), "b": append(b, event("got;0;nothing"))}
}

// wrong returns a lethal difference: the server now reports the event.
func wrong(message, report string) difference {
	failed := []string{prefix + "failed;0;a: " + report}
	return lethal(message, lives(failed, failed))
}

// misread returns a wrong difference: the handler takes another type.
func misread(message string) difference {
	name, _, _ := strings.Cut(message, ";")
	return wrong(message, `event "`+name+`"`)
}

// dropped returns a difference: the old server dropped the event, and a handler now
// gets it.
func dropped(message, got string) difference {
	return difference{[]step{says("a", message)}, told{"a": nil}, told{"a": {event("got;0;" + got)}}}
}

// hushed returns a difference: the old server dropped the event, and ours reports it.
func hushed(message, report string) difference {
	return difference{[]step{says("a", message)}, told{"a": nil}, told{"a": {prefix + "failed;0;a: " + report}}}
}

// bytesNow returns a lethal difference: the handler of bytes now gets the payload.
func bytesNow(message, got string) difference {
	return lethal(message, lives([]string{event("got;0;bytes " + got)}, nil))
}

// large returns a difference: the size of the message ended the connection of a.
func large(message string, now told) difference {
	return difference{
		scene: []step{sends("a", frame(0x81, message)), says("b", "nothing;0;x")},
		then:  told{"a": {closing(1009, ""), theEnd}, "b": {prefix + "gone;0;a", event("got;0;nothing")}},
		now:   now,
	}
}

// closing returns a server's close frame.
func closing(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16([]byte{0x88, byte(2 + len(reason))}, code)) + reason
}

const tooLarge = "the client sent a message larger than Config.MaxMessageSize"

// differences are all known ones, by their causes: bugs of the old server. Those
// under "no bug" have other causes, and are on purpose.
var differences = map[string][]difference{
	"an event whose name has no ';' after it panicked the reader": {
		wrong("x", "malformed event"), wrong("", "malformed event"),
	},
	"a payload of another type than the handler's panicked the reader": {
		misread("int;0;x"), misread("int;2;true"), misread("int;3;x"), misread(`int;4;"x"`),
		misread("bool;0;true"), misread("bool;1;42"), misread("bool;1;0"), misread("bool;3;x"), misread("bool;4;{}"),
		lethal("int;4;42", lives([]string{event("got;0;int 42")}, nil)),
	},
	"a panic in a handler ended the connection": {
		wrong("panic;0;x", `panic in the handler of "panic"`),
	},
	"what the old script sends as an int that is none, or without data, was dropped": {
		dropped("string;1;true", `string "true"`), dropped("string;1;1.5", `string "1.5"`),
		dropped("string;2;true", `string "true"`),
		dropped("string;0;", `string ""`), dropped("string;1;", `string ""`),
		dropped("int;0;", "int 0"),
		dropped("bool;1;true", "bool true"), dropped("bool;1;false", "bool false"), dropped("bool;0;", "bool false"),
		dropped("bytes;1;true", `bytes "true"`), dropped("bytes;1;1.5", `bytes "1.5"`),
		dropped("bytes;0;", `bytes ""`), dropped("bytes;1;", `bytes ""`),
		dropped("any;1;true", "any bool true"), dropped("any;1;1.5", "any float64 1.5"),
		dropped("any;0;", "any string "), dropped("any;1;", "any []interface {} []"),
		dropped("nothing;1;true", "nothing"), dropped("nothing;1;1.5", "nothing"),
		dropped("nothing;0;", "nothing"), dropped("nothing;1;", "nothing"),
	},
	"an int from the server arrived empty": {
		{[]step{says("a", "send;0;int")}, told{"a": {event("sent;1;")}}, told{"a": {event("sent;1;42")}}},
	},
	"a message over 1024 bytes ended the connection, and OnError was told nothing": {
		large(long(1025, prefix+"bytes;3;"), told{
			"a": {event(long(1025-len(prefix+"bytes;3;")+len(`got;0;bytes "`), `got;0;bytes "`) + `"`)},
			"b": {event("got;0;nothing")},
		}),
		large(long(1025, ""), told{"a": {native("native " + long(1025, ""))}, "b": {event("got;0;nothing")}}),
		large(long(64<<10, ""), told{"a": {native("native " + long(64<<10, ""))}, "b": {event("got;0;nothing")}}),
		{
			scene: []step{sends("a", frame(0x81, long(64<<10+1, ""))), {who: "b", hears: "gone;0;a"}},
			then:  told{"a": {closing(1009, ""), theEnd}, "b": {prefix + "gone;0;a"}},
			now: told{
				"a": {closing(1009, tooLarge), theEnd},
				"b": {prefix + "failed;0;a: " + tooLarge, prefix + "gone;0;a"},
			},
		},
	},
	"who joined twice was told twice, and had to leave twice": {
		{
			scene: []step{
				says("a", "join;0;red"), says("a", "join;0;red"), says("b", "say;0;red"),
				says("a", "leave;0;red"), says("b", "say;0;red"), says("a", "leave;0;red"), says("b", "say;0;red"),
			},
			then: told{"a": {
				event("joined;0;red"), event("joined;0;red"), event("said;0;red"), event("said;0;red"),
				event("left;0;true"), event("said;0;red"), event("left;0;true"),
			}, "b": nil},
			now: told{"a": {
				event("joined;0;red"), event("joined;0;red"), event("said;0;red"),
				event("left;0;true"), event("left;0;false"),
			}, "b": nil},
		},
	},
	"OnDisconnect was called twice": {
		{
			scene: []step{says("a", "kick twice;0;x"), {who: "b", hears: "calls;0;"}},
			then:  told{"a": {theEnd}, "b": {prefix + "gone;0;a", prefix + "gone;0;a", event("calls;0;2")}},
			now:   told{"a": {closing(1000, ""), theEnd}, "b": {prefix + "gone;0;a", event("calls;0;1")}},
		},
	},
	"no bug: a disconnect by the server begins with a close frame": {
		{
			scene: []step{says("a", "kick;0;x"), {who: "b", hears: "gone;0;a"}, says("b", "say to others;0;x")},
			then:  told{"a": {theEnd}, "b": {prefix + "gone;0;a"}},
			now:   told{"a": {closing(1000, ""), theEnd}, "b": {prefix + "gone;0;a"}},
		},
	},
	"no bug: OnError isn't told of an orderly end": {
		{
			scene: []step{
				says("a", "join;0;red"), says("b", "join;0;red"), sends("a", frame(0x88, "\x03\xe8")),
				{who: "b", hears: "gone;0;a"}, says("b", "say;0;red"),
			},
			then: told{
				"a": {event("joined;0;red"), closing(1000, ""), theEnd},
				"b": {
					event("joined;0;red"), prefix + "failed;0;a: close 1000 (normal)",
					prefix + "gone;0;a", event("said;0;red"),
				},
			},
			now: told{
				"a": {event("joined;0;red"), closing(1000, ""), theEnd},
				"b": {event("joined;0;red"), prefix + "gone;0;a", event("said;0;red")},
			},
		},
	},
	"no bug: a handler of bytes takes any payload, since the old script can't send bytes": {
		bytesNow("bytes;0;x", `"x"`), bytesNow("bytes;1;42", `"42"`),
		bytesNow("bytes;2;false", `"false"`), bytesNow("bytes;4;{}", `"{}"`),
	},
	"no bug: a handler of a string takes bytes": {
		dropped("string;3;x", `string "x"`),
	},
	"no bug: text stays as it was typed, where the old script sends digits as an int": {
		{
			[]step{says("a", "string;1;007")},
			told{"a": {event(`got;0;string "7"`)}},
			told{"a": {event(`got;0;string "007"`)}},
		},
	},
	"no bug: JSON's null is a payload": {
		dropped("any;4;null", "any <nil> <nil>"), dropped("string;4;null", `string ""`),
		dropped("nothing;4;null", "nothing"),
	},
	"no bug: what was dropped without a word is reported": {
		hushed("int;1;true", `event "int"`), hushed("int;1;1.5", `event "int"`), hushed("int;1;", `event "int"`),
		hushed("int;1;9223372036854775808", `event "int"`),
		hushed("bool;1;1.5", `event "bool"`), hushed("bool;1;", `event "bool"`),
		hushed("string;4;{}", `event "string"`), hushed("any;4;{", `event "any"`),
		hushed("string;5;x", `event "string"`), hushed("string;x;y", `event "string"`),
		hushed("string;", `event "string"`), hushed("string;0", `event "string"`), hushed(";0;x", "malformed event"),
	},
	"no bug: a bool is true or false": {
		{
			[]step{says("a", "bool;2;yes")},
			told{"a": {event("got;0;bool false")}},
			told{"a": {prefix + `failed;0;a: event "bool"`}},
		},
	},
	"no bug: a ';' follows the type": {
		{
			[]step{says("a", "string;0xy")},
			told{"a": {event(`got;0;string "y"`)}},
			told{"a": {prefix + `failed;0;a: event "string"`}},
		},
	},
}

// TestWhereTheOldServerDiffered asserts the frames of both servers: the old one must
// have had each bug of the list.
func TestWhereTheOldServerDiffered(t *testing.T) {
	ours, theirs := startOurs(t), startClassic(t)
	for bug, list := range differences {
		t.Run(bug, func(t *testing.T) {
			for _, d := range list {
				if original := play(t, theirs, d.scene); !maps.EqualFunc(original, d.then, slices.Equal) {
					t.Errorf("v11.1.1 told %q, not %q", original, d.then)
				}
				if mine := play(t, ours, d.scene); !maps.EqualFunc(mine, d.now, slices.Equal) {
					t.Errorf("told %q, want %q", mine, d.now)
				}
			}
		})
	}
}

// TestAForeignPageIsRefused: v11.1.1 let a page of any origin connect.
func TestAForeignPageIsRefused(t *testing.T) {
	const header = "Origin: http://elsewhere.example\r\n"
	if _, response := handshake(t, startClassic(t), header); response.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("v11.1.1 answered %s", response.Status)
	}
	_, response := handshake(t, startOurs(t), header)
	why, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusForbidden || !strings.Contains(string(why), "Origins") {
		t.Errorf("answered %s, %q, %v", response.Status, why, err)
	}
}
