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

// sends returns a step: one peer sends frames in one write.
func sends(who string, frames ...[]byte) step {
	return step{who: who, sends: slices.Concat(frames...)}
}

// emits returns a step: one peer sends an event.
func emits(who, rest string) step { return sends(who, frame(0x81, prefix+rest)) }

// onePeer returns a scenario with one peer.
func onePeer(frames ...[]byte) []step { return []step{sends("a", frames...)} }

// event returns the server's frame for an event.
func event(rest string) string { return native(prefix + rest) }

// native returns the server's frame for a native message.
func native(message string) string { return string(appendHeader(nil, 0x81, 0, len(message))) + message }

// long returns a message with this number of bytes.
func long(bytes int, beginning string) string {
	return beginning + strings.Repeat("x", bytes-len(beginning))
}

// TestOldWire checks: a client with the old wire format receives the same bytes from
// our server and from the server of Iris v11.1.1.
func TestOldWire(t *testing.T) {
	ours, theirs := startOurs(t), startClassic(t)
	silent := []string{"a pong", "unknown;0;x"} // scenarios without frames from the server
	scenarios := map[string][]step{
		"a native message": onePeer(frame(0x81, "hello")),
		"an empty one":     onePeer(frame(0x81, "")),
		"a binary one":     onePeer(frame(0x82, "bytes")),
		"in fragments": onePeer(
			frame(0x01, prefix+"str"), frame(0x00, "ing;0;he"), frame(0x80, "llo"),
		),
		"with a ping in between": onePeer(
			frame(0x01, prefix+"string;"), frame(0x89, "p"), frame(0x80, "0;hello"),
		),
		"an event of 1024 bytes":          onePeer(frame(0x81, long(1024, prefix+"bytes;3;"))),
		"a native message of 1024 bytes":  onePeer(frame(0x81, long(1024, ""))),
		"a native with the prefix within": onePeer(frame(0x81, "x "+prefix+"string;0;y")),
		"a ping":                          onePeer(frame(0x89, "are you there?")),
		"a pong":                          onePeer(frame(0x8a, "unasked for")),
		"a close frame":                   onePeer(frame(0x88, "\x03\xe8bye")),
		"an empty close frame":            onePeer(frame(0x88, "")),

		"to a room": {
			emits("a", "join;0;red"), emits("b", "join;0;red"), emits("c", "say;0;red"), emits("a", "say;0;red"),
			emits("a", "leave;0;red"), emits("b", "say;0;red"), emits("a", "leave;0;red"), emits("c", "say;0;blue"),
		},
		"to the room of its own": {emits("a", "say to myself;0;x"), emits("b", "nothing;0;x")},
		"to the others":          {emits("b", "say to others;0;x"), emits("a", "nothing;0;x")},
		"to all":                 {emits("b", "say to all;0;x"), emits("a", "nothing;0;x")},
		"to others, natively":    {emits("b", "say natively;0;x"), emits("a", "nothing;0;x")},
	}
	for _, kind := range []string{
		"string", "empty string", "int64", "float64", "true", "false", "bytes", "nil", "struct", "map", "slice",
		"native", "native, empty",
	} {
		scenarios["send "+kind] = []step{emits("a", "send;0;"+kind)}
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
		scenarios[message] = []step{emits("a", message)}
	}
	for name, scenario := range scenarios {
		got, want := run(t, ours, scenario), run(t, theirs, scenario)
		if !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s: got %q, want %q as from v11.1.1", name, got, want)
		}
		if len(got["a"]) == 0 != slices.Contains(silent, name) {
			t.Errorf("%s: got %q, want some frames unless the scenario is silent", name, got)
		}
	}
}

// received holds the received frames of each peer, by its name.
type received = map[string][]string

// difference is a scenario with different frames from our server and from the server
// of Iris v11.1.1.
type difference struct {
	scenario  []step
	then, now received
}

// ended returns a difference: in v11.1.1, the event ended the connection of a.
func ended(message string, now received) difference {
	return difference{
		scenario: []step{emits("a", message), emits("a", "nothing;0;x"), emits("b", "nothing;0;x")},
		then:     received{"a": {connectionEnd}, "b": {prefix + "gone;0;a", event("got;0;nothing")}},
		now:      now,
	}
}

// stillOpen returns the frames of such a scenario if no connection ends.
func stillOpen(a, b []string) received {
	return received{"a": append(a, event("got;0;nothing")), "b": append(b, event("got;0;nothing"))}
}

// reported returns a difference: in v11.1.1, the event ended the connection of a. Our
// server reports an error.
func reported(message, report string) difference {
	failed := []string{prefix + "failed;0;a: " + report}
	return ended(message, stillOpen(failed, failed))
}

// mismatch returns such a difference for a handler with another type.
func mismatch(message string) difference {
	name, _, _ := strings.Cut(message, ";")
	return reported(message, `event "`+name+`"`)
}

// handled returns a difference: the old server dropped the event. Our server calls the
// handler.
func handled(message, got string) difference {
	return difference{[]step{emits("a", message)}, received{"a": nil}, received{"a": {event("got;0;" + got)}}}
}

// rejected returns a difference: the old server dropped the event. Our server reports
// an error.
func rejected(message, report string) difference {
	now := received{"a": {prefix + "failed;0;a: " + report}}
	return difference{[]step{emits("a", message)}, received{"a": nil}, now}
}

// handledBytes returns a difference: in v11.1.1, the event ended the connection of a.
// Our server passes the payload to the handler of bytes.
func handledBytes(message, got string) difference {
	return ended(message, stillOpen([]string{event("got;0;bytes " + got)}, nil))
}

// tooLong returns a difference: in v11.1.1, the size of the message ended the connection
// of a.
func tooLong(message string, now received) difference {
	return difference{
		scenario: []step{sends("a", frame(0x81, message)), emits("b", "nothing;0;x")},
		then: received{
			"a": {closeFrame(1009, ""), connectionEnd},
			"b": {prefix + "gone;0;a", event("got;0;nothing")},
		},
		now: now,
	}
}

// closeFrame returns the server's close frame.
func closeFrame(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16([]byte{0x88, byte(2 + len(reason))}, code)) + reason
}

const tooLarge = "the client sent a message larger than Config.MaxMessageSize"

// differences are all known differences, by their causes: bugs of the old server. A
// cause with "no bug" is not a bug: the difference is on purpose.
var differences = map[string][]difference{
	"an event without a ';' after its name panicked the reader": {
		reported("x", "malformed event"), reported("", "malformed event"),
	},
	"a payload of another type than the parameter of the handler panicked the reader": {
		mismatch("int;0;x"), mismatch("int;2;true"), mismatch("int;3;x"), mismatch(`int;4;"x"`),
		mismatch("bool;0;true"), mismatch("bool;1;42"), mismatch("bool;1;0"), mismatch("bool;3;x"),
		mismatch("bool;4;{}"),
		ended("int;4;42", stillOpen([]string{event("got;0;int 42")}, nil)),
	},
	"a panic in a handler ended the connection": {
		reported("panic;0;x", `panic in the handler of "panic"`),
	},
	"an event without data, or with an invalid int of the old script, was dropped": {
		handled("string;1;true", `string "true"`), handled("string;1;1.5", `string "1.5"`),
		handled("string;2;true", `string "true"`),
		handled("string;0;", `string ""`), handled("string;1;", `string ""`),
		handled("int;0;", "int 0"),
		handled("bool;1;true", "bool true"), handled("bool;1;false", "bool false"), handled("bool;0;", "bool false"),
		handled("bytes;1;true", `bytes "true"`), handled("bytes;1;1.5", `bytes "1.5"`),
		handled("bytes;0;", `bytes ""`), handled("bytes;1;", `bytes ""`),
		handled("any;1;true", "any bool true"), handled("any;1;1.5", "any float64 1.5"),
		handled("any;0;", "any string "), handled("any;1;", "any []interface {} []"),
		handled("nothing;1;true", "nothing"), handled("nothing;1;1.5", "nothing"),
		handled("nothing;0;", "nothing"), handled("nothing;1;", "nothing"),
	},
	"an int from the server arrived empty": {
		{[]step{emits("a", "send;0;int")}, received{"a": {event("sent;1;")}}, received{"a": {event("sent;1;42")}}},
	},
	"a message over 1024 bytes ended the connection without a call of OnError": {
		tooLong(long(1025, prefix+"bytes;3;"), received{
			"a": {event(long(1025-len(prefix+"bytes;3;")+len(`got;0;bytes "`), `got;0;bytes "`) + `"`)},
			"b": {event("got;0;nothing")},
		}),
		tooLong(long(1025, ""), received{"a": {native("native " + long(1025, ""))}, "b": {event("got;0;nothing")}}),
		tooLong(long(64<<10, ""), received{"a": {native("native " + long(64<<10, ""))}, "b": {event("got;0;nothing")}}),
		{
			scenario: []step{sends("a", frame(0x81, long(64<<10+1, ""))), {who: "b", awaits: "gone;0;a"}},
			then:     received{"a": {closeFrame(1009, ""), connectionEnd}, "b": {prefix + "gone;0;a"}},
			now: received{
				"a": {closeFrame(1009, tooLarge), connectionEnd},
				"b": {prefix + "failed;0;a: " + tooLarge, prefix + "gone;0;a"},
			},
		},
	},
	"after two joins, a connection got each message twice and had to leave twice": {
		{
			scenario: []step{
				emits("a", "join;0;red"), emits("a", "join;0;red"), emits("b", "say;0;red"),
				emits("a", "leave;0;red"), emits("b", "say;0;red"), emits("a", "leave;0;red"), emits("b", "say;0;red"),
			},
			then: received{"a": {
				event("joined;0;red"), event("joined;0;red"), event("said;0;red"), event("said;0;red"),
				event("left;0;true"), event("said;0;red"), event("left;0;true"),
			}, "b": nil},
			now: received{"a": {
				event("joined;0;red"), event("joined;0;red"), event("said;0;red"),
				event("left;0;true"), event("left;0;false"),
			}, "b": nil},
		},
	},
	"OnDisconnect was called twice": {
		{
			scenario: []step{emits("a", "kick twice;0;x"), {who: "b", awaits: "calls;0;"}},
			then: received{
				"a": {connectionEnd},
				"b": {prefix + "gone;0;a", prefix + "gone;0;a", event("calls;0;2")},
			},
			now: received{
				"a": {closeFrame(1000, ""), connectionEnd},
				"b": {prefix + "gone;0;a", event("calls;0;1")},
			},
		},
	},
	"no bug: a disconnect by the server begins with a close frame": {
		{
			scenario: []step{emits("a", "kick;0;x"), {who: "b", awaits: "gone;0;a"}, emits("b", "say to others;0;x")},
			then:     received{"a": {connectionEnd}, "b": {prefix + "gone;0;a"}},
			now:      received{"a": {closeFrame(1000, ""), connectionEnd}, "b": {prefix + "gone;0;a"}},
		},
	},
	"no bug: an orderly end calls no OnError": {
		{
			scenario: []step{
				emits("a", "join;0;red"), emits("b", "join;0;red"), sends("a", frame(0x88, "\x03\xe8")),
				{who: "b", awaits: "gone;0;a"}, emits("b", "say;0;red"),
			},
			then: received{
				"a": {event("joined;0;red"), closeFrame(1000, ""), connectionEnd},
				"b": {
					event("joined;0;red"), prefix + "failed;0;a: close 1000 (normal)",
					prefix + "gone;0;a", event("said;0;red"),
				},
			},
			now: received{
				"a": {event("joined;0;red"), closeFrame(1000, ""), connectionEnd},
				"b": {event("joined;0;red"), prefix + "gone;0;a", event("said;0;red")},
			},
		},
	},
	"no bug: a handler of bytes takes any payload, because the old script can't send bytes": {
		handledBytes("bytes;0;x", `"x"`), handledBytes("bytes;1;42", `"42"`),
		handledBytes("bytes;2;false", `"false"`), handledBytes("bytes;4;{}", `"{}"`),
	},
	"no bug: a handler of a string takes bytes": {
		handled("string;3;x", `string "x"`),
	},
	"no bug: a string handler gets the text unchanged if the old script sends it as an int": {
		{
			[]step{emits("a", "string;1;007")},
			received{"a": {event(`got;0;string "7"`)}},
			received{"a": {event(`got;0;string "007"`)}},
		},
	},
	"no bug: JSON's null is a payload": {
		handled("any;4;null", "any <nil> <nil>"), handled("string;4;null", `string ""`),
		handled("nothing;4;null", "nothing"),
	},
	"no bug: OnError gets the errors of dropped events": {
		rejected("int;1;true", `event "int"`), rejected("int;1;1.5", `event "int"`), rejected("int;1;", `event "int"`),
		rejected("int;1;9223372036854775808", `event "int"`),
		rejected("bool;1;1.5", `event "bool"`), rejected("bool;1;", `event "bool"`),
		rejected("string;4;{}", `event "string"`), rejected("any;4;{", `event "any"`),
		rejected("string;5;x", `event "string"`), rejected("string;x;y", `event "string"`),
		rejected("string;", `event "string"`), rejected("string;0", `event "string"`),
		rejected(";0;x", "malformed event"),
	},
	"no bug: a bool is true or false": {
		{
			[]step{emits("a", "bool;2;yes")},
			received{"a": {event("got;0;bool false")}},
			received{"a": {prefix + `failed;0;a: event "bool"`}},
		},
	},
	"no bug: a ';' follows the type": {
		{
			[]step{emits("a", "string;0xy")},
			received{"a": {event(`got;0;string "y"`)}},
			received{"a": {prefix + `failed;0;a: event "string"`}},
		},
	},
}

// TestDifferences checks the frames of both servers in each scenario of the list. The
// old server must show each bug.
func TestDifferences(t *testing.T) {
	ours, theirs := startOurs(t), startClassic(t)
	for bug, list := range differences {
		t.Run(bug, func(t *testing.T) {
			for _, d := range list {
				if got := run(t, theirs, d.scenario); !maps.EqualFunc(got, d.then, slices.Equal) {
					t.Errorf("from v11.1.1: got %q, want %q", got, d.then)
				}
				if got := run(t, ours, d.scenario); !maps.EqualFunc(got, d.now, slices.Equal) {
					t.Errorf("got %q, want %q", got, d.now)
				}
			}
		})
	}
}

// TestForeignOrigin checks: our server refuses a page of another origin. v11.1.1
// accepted every origin.
func TestForeignOrigin(t *testing.T) {
	const header = "Origin: http://elsewhere.example\r\n"
	if _, response := handshake(t, startClassic(t), header); response.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("from v11.1.1: got %s, want 101", response.Status)
	}
	_, response := handshake(t, startOurs(t), header)
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusForbidden || !strings.Contains(string(body), "Origins") {
		t.Errorf("got %s, %q, %v, want 403 and a text about Origins", response.Status, body, err)
	}
}
