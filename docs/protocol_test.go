package docs_test

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/internal/frame"
	"github.com/kataras/iris/websocket/internal/session"
	"github.com/kataras/iris/websocket/internal/wire"
)

const protocol = "PROTOCOL.md"

// protocolChecks says how the blocks of PROTOCOL.md are checked, by their languages.
var protocolChecks = map[string]func(*testing.T, block){
	"abnf":      func(*testing.T, block) {}, // TestGrammars
	"classic":   eachLine(wantClassic),
	"messages":  eachLine(wantMessage),
	"malformed": eachLine(wantMalformed),
	"http":      checkOffer,
	"session":   checkSession,
	"frames":    eachLine(wantFrame),
}

func TestProtocolBlocks(t *testing.T) {
	found := make(map[string]bool)
	for _, b := range blocksOf(t, protocol) {
		found[b.language] = true
		check := protocolChecks[b.language]
		if check == nil {
			t.Errorf("%v: nothing checks blocks of %q", b, b.language)
			continue
		}
		t.Run(b.language, func(t *testing.T) { check(t, b) })
	}
	if len(found) != len(protocolChecks) {
		t.Errorf("found blocks of %q", slices.Sorted(maps.Keys(found)))
	}
}

func eachLine(check func(*testing.T, string)) func(*testing.T, block) {
	return func(t *testing.T, b block) {
		for line := range strings.Lines(b.text) {
			check(t, strings.TrimSuffix(line, "\n"))
		}
	}
}

func wantClassic(t *testing.T, line string) {
	t.Helper()
	if !wire.IsEvent(wire.DefaultPrefix, []byte(line)) {
		if !strings.Contains(line, "native") {
			t.Errorf("%q has no prefix", line)
		}
	} else if _, err := wire.Decode(wire.DefaultPrefix, []byte(line)); err != nil {
		t.Errorf("%q: %v", line, err)
	}
}

func wantMessage(t *testing.T, line string) {
	t.Helper()
	if err := validMessage(line); err != nil {
		t.Errorf("%q: %v", line, err)
	}
}

func wantMalformed(t *testing.T, line string) {
	t.Helper()
	if validMessage(line) == nil {
		t.Errorf("%q is a valid message", line)
	}
}

// validMessage reports what is wrong with a message of protocol 2.
func validMessage(line string) error {
	m, err := wire.DecodeMessage([]byte(line))
	if err != nil {
		return err
	}
	var into any
	switch m.Kind {
	case wire.EventKind, wire.ReplyKind:
		return validPayload(m)
	case wire.HelloKind:
		into = new(session.Hello)
	case wire.WelcomeKind:
		into = new(session.Welcome)
	case wire.FailureKind:
		into = new(struct {
			Code, Message string
			Data          any
		})
	case wire.DrainKind:
		into = new(struct{ Within int })
	case wire.CountKind:
		_, err = m.Count()
		return err
	default:
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(string(m.Payload)))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// validPayload checks a payload by its type, strictly.
func validPayload(m wire.Message) error {
	event := wire.Event{Type: m.Type, Payload: m.Payload}
	var err error
	switch m.Type {
	case wire.Int:
		_, err = event.AsInt64(64)
	case wire.Bool:
		_, err = event.AsBool()
	case wire.JSON:
		if !json.Valid(m.Payload) {
			err = fmt.Errorf("%q is not JSON", m.Payload)
		}
	}
	return err
}

// TestProtocolSpans decodes each message in the text and the tables.
func TestProtocolSpans(t *testing.T) {
	found := 0
	for _, span := range codeSpan.FindAllStringSubmatch(fenced.ReplaceAllString(read(t, protocol), ""), -1) {
		if text := span[1]; strings.Count(text, ";") > 1 {
			found++
			wantMessage(t, text)
		}
	}
	if found < 10 {
		t.Errorf("found %d messages", found)
	}
}

func checkOffer(t *testing.T, b block) {
	request := strings.ReplaceAll(b.text, "\n", "\r\n")
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Header.Get("Sec-WebSocket-Protocol"); got != wire.Subprotocol {
		t.Errorf("the request offers %q", got)
	}
}

// traceLine is a line of a session: the direction, x for a lost message, its number
// or -, and the message.
var traceLine = regexp.MustCompile(`^([<>])([x ]) *(\d+|-)  (.+)$`)

// direction is one of the two directions of a session.
type direction struct {
	sent     []string // counted messages, by their numbers
	received int
	next     int // the number of the next message on this socket
}

// checkSession checks the numbers, the counts and the replay of a session.
func checkSession(t *testing.T, b block) {
	directions := map[string]*direction{">": {}, "<": {}}
	var hello session.Hello
	var welcome session.Welcome
	seen := make(map[wire.Kind]bool)
	resumes := 0
	for line := range strings.Lines(b.text) {
		if line[0] == '#' {
			continue
		}
		parts := traceLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if parts == nil {
			t.Fatalf("unreadable: %q", line)
		}
		wantMessage(t, parts[4])
		m, err := wire.DecodeMessage([]byte(parts[4]))
		if err != nil {
			t.Fatal(err)
		}
		seen[m.Kind] = true
		if m.Kind.Counted() != (parts[3] != "-") {
			t.Errorf("%q: counted is %v", line, m.Kind.Counted())
		}
		up, down := directions[">"], directions["<"]
		mine, other := directions[parts[1]], down
		if mine == down {
			other = up
		}
		switch m.Kind {
		case wire.HelloKind:
			last := hello
			hello = session.Hello{}
			decode(t, m.Payload, &hello)
			if hello.Number <= last.Number || hello.Session != welcome.Session || hello.Token != welcome.Token {
				t.Errorf("%q follows the hello %+v and the welcome %+v", line, last, welcome)
			}
			if hello.Received != uint64(down.received) {
				t.Errorf("%q: the client has received %d", line, down.received)
			}
		case wire.WelcomeKind:
			welcome = session.Welcome{}
			decode(t, m.Payload, &welcome)
			if again, _ := json.Marshal(welcome); string(again) != string(m.Payload) {
				t.Errorf("%q: a server sends %s", line, again)
			}
			if welcome.Received != uint64(up.received) || welcome.Resumed != (hello.Session != "") {
				t.Errorf("%q: the server has received %d", line, up.received)
			}
			if welcome.Resumed {
				resumes++
			}
			up.next, down.next = up.received+1, down.received+1
		case wire.CountKind:
			if n, _ := m.Count(); n != uint64(other.received) {
				t.Errorf("%q: %d were received", line, other.received)
			}
		}
		if m.Kind.Counted() {
			mine.send(t, line, parts)
		}
	}
	for name, d := range directions {
		if d.received != len(d.sent) || d.received < 3 {
			t.Errorf("%s: %d of %d arrived", name, d.received, len(d.sent))
		}
	}
	kinds := []wire.Kind{wire.HelloKind, wire.WelcomeKind, wire.CountKind, wire.PingKind, wire.ReplyKind}
	for _, kind := range kinds {
		if !seen[kind] {
			t.Errorf("no message is of kind %d", kind)
		}
	}
	if resumes == 0 {
		t.Error("nothing is resumed")
	}
}

// send counts a message of a session.
func (d *direction) send(t *testing.T, line string, parts []string) {
	t.Helper()
	n, err := strconv.Atoi(parts[3])
	if err != nil || n != d.next {
		t.Errorf("%q: want the number %d", line, d.next)
	}
	d.next++
	switch {
	case n == len(d.sent)+1:
		d.sent = append(d.sent, parts[4])
	case n > len(d.sent) || d.sent[n-1] != parts[4]:
		t.Errorf("%q is not what was sent before", line)
	}
	if parts[2] != "x" {
		d.received = n
	}
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

var frameLine = regexp.MustCompile(`^([<>]) ((?:[0-9a-f]{2} )+) +(;.*)$`)

// wantFrame compares the bytes of a frame with its message.
func wantFrame(t *testing.T, line string) {
	t.Helper()
	parts := frameLine.FindStringSubmatch(line)
	if parts == nil {
		t.Fatalf("unreadable: %q", line)
	}
	wantMessage(t, parts[3])
	got, err := hex.DecodeString(strings.ReplaceAll(parts[2], " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	want := frame.NewFrame(frame.OpText, []byte(parts[3])).Bytes()
	if parts[1] == ">" {
		key := []byte{1, 2, 3, 4}
		masked := append([]byte{want[0], want[1] | 0x80}, key...)
		for i, b := range want[2:] {
			masked = append(masked, b^key[i%4])
		}
		want = masked
	}
	if string(got) != string(want) {
		t.Errorf("%q: want % x", line, want)
	}
}

// TestGrammars reads the golden vectors by the grammars.
func TestGrammars(t *testing.T) {
	var grammars []map[string]string
	for _, b := range blocksOf(t, protocol) {
		if b.language == "abnf" {
			grammars = append(grammars, rulesOf(t, b.text))
		}
	}
	if len(grammars) != 2 {
		t.Fatalf("%d grammars", len(grammars))
	}
	var v1 struct {
		Events    []struct{ Prefix, Message string }
		Native    []string
		Malformed []struct{ Message string }
	}
	decode(t, []byte(read(t, "../internal/wire/testdata/vectors.json")), &v1)
	event := pattern(t, grammars[0], "event")
	for _, e := range v1.Events {
		if e.Prefix == "" && !event.MatchString(latin1(e.Message)) {
			t.Errorf("the grammar refuses %q", e.Message)
		}
	}
	for _, m := range v1.Malformed {
		v1.Native = append(v1.Native, m.Message)
	}
	for _, text := range v1.Native {
		if event.MatchString(latin1(text)) {
			t.Errorf("by the grammar %q is an event", text)
		}
	}
	var v2 struct {
		Messages, Malformed []struct{ Message, Kind string }
	}
	decode(t, []byte(read(t, "../internal/wire/testdata/vectors2.json")), &v2)
	for _, name := range []string{"name", "type", "payload"} {
		grammars[1][name] = grammars[0][name]
	}
	message := pattern(t, grammars[1], "message")
	for _, m := range v2.Messages {
		found := message.FindStringSubmatch(latin1(m.Message))
		if found == nil || found[message.SubexpIndex(kindNames[m.Kind])] == "" {
			t.Errorf("by the grammar %q is no %s", m.Message, kindNames[m.Kind])
		}
	}
	const tooLarge = "18446744073709551616" // no grammar says so
	for _, m := range v2.Malformed {
		if !strings.Contains(m.Message, tooLarge) && message.MatchString(latin1(m.Message)) {
			t.Errorf("the grammar takes %q", m.Message)
		}
	}
	if len(v1.Events) < 20 || len(v1.Native) < 10 || len(v2.Messages) < 20 || len(v2.Malformed) < 20 {
		t.Error("the vectors are incomplete")
	}
}

// latin1 returns a text with a rune for each byte: regexp matches runes.
func latin1(text string) string {
	runes := make([]rune, len(text))
	for i := range len(text) {
		runes[i] = rune(text[i])
	}
	return string(runes)
}

var rule = regexp.MustCompile(`^(\w+) += (.+?)( ; [\w ]+)?$`)

// rulesOf returns the rules of a grammar by their names.
func rulesOf(t *testing.T, text string) map[string]string {
	t.Helper()
	rules := map[string]string{"OCTET": "%x00-FF", "DIGIT": "%x30-39"}
	for line := range strings.Lines(text) {
		parts := rule.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if parts == nil || rules[parts[1]] != "" {
			t.Fatalf("no rule, or a second one: %q", line)
		}
		rules[parts[1]] = parts[2]
	}
	return rules
}

var anyByte = regexp.MustCompile(`%x(..)-(..)`)

// element is a part of a rule.
var element = regexp.MustCompile(`"[^"]*"|%x[0-9A-F]{2}-[0-9A-F]{2}|\w*\*|\w+|[()\[\]/]| +|.`)

// pattern makes a regular expression of a rule. Each alternative of the rule itself
// is a group with its name. A recursive rule would never end.
func pattern(t *testing.T, rules map[string]string, name string) *regexp.Regexp {
	t.Helper()
	return regexp.MustCompile(`(?s)^(?:` + expression(t, rules, name, true) + `)$`)
}

func expression(t *testing.T, rules map[string]string, name string, named bool) string {
	t.Helper()
	if rules[name] == "" {
		t.Fatalf("the grammar has no rule %q", name)
	}
	var made strings.Builder
	repeat := ""           // of the next element
	var repeatsOf []string // of the open groups
	add := func(part string) {
		made.WriteString(part + repeat)
		repeat = ""
	}
	for _, part := range element.FindAllString(rules[name], -1) {
		switch {
		case strings.TrimSpace(part) == "":
			continue
		case part[0] == '"':
			add("(?:" + regexp.QuoteMeta(strings.Trim(part, `"`)) + ")")
		case part[0] == '%':
			add(anyByte.ReplaceAllString(part, `[\x{$1}-\x{$2}]`))
		case part == "*" || part == "1*":
			repeat = strings.Replace(part, "1*", "+", 1)
		case part == "(" || part == "[":
			repeatsOf = append(repeatsOf, map[string]string{"(": repeat, "[": "?"}[part])
			repeat = ""
			made.WriteString("(?:")
		case part == ")" || part == "]":
			repeat, repeatsOf = repeatsOf[len(repeatsOf)-1], repeatsOf[:len(repeatsOf)-1]
			add(")")
		case part == "/":
			made.WriteString("|")
		case named && strings.Contains(rules[name], "/"):
			add("(?P<" + part + ">" + expression(t, rules, part, false) + ")")
		default:
			add("(?:" + expression(t, rules, part, false) + ")")
		}
	}
	return made.String()
}

// kindNames are the names of the kinds in the document, by their letters.
var kindNames = map[string]string{
	"": "event", "n": "native", "r": "reply", "e": "failure", "h": "hello", "w": "welcome", "a": "count",
	"p": "ping", "g": "drain", "t": "auth", "c": "cancel",
}

// tableOf returns the cells of the table whose header begins with some cell.
func tableOf(t *testing.T, first string) (rows [][]string) {
	t.Helper()
	inside := false
	for line := range strings.Lines(read(t, protocol)) {
		line, isRow := strings.CutPrefix(strings.TrimSuffix(line, " |\n"), "| ")
		switch {
		case !inside && isRow && strings.HasPrefix(line, first+" | "):
			inside = true
		case inside && isRow:
			rows = append(rows, strings.Split(line, " | "))
		case inside && !strings.HasPrefix(line, "|---"):
			return rows
		}
	}
	t.Fatalf("no table begins with %q", first)
	return nil
}

func TestProtocolKinds(t *testing.T) {
	rows := tableOf(t, "kind")
	if len(rows) != len(kindNames) {
		t.Errorf("%d kinds", len(rows))
	}
	for _, row := range rows {
		m, err := wire.DecodeMessage([]byte(code(row[1])[0]))
		letter := ""
		if m.Kind != wire.EventKind {
			letter = row[1][2:3]
		}
		if err != nil || kindNames[letter] != row[0] || m.Kind.Counted() != (row[2] == "yes") {
			t.Errorf("%q is %+v, %v", row, m, err)
		}
	}
}

var jsonKinds = map[reflect.Kind]string{
	reflect.String: "string", reflect.Bool: "bool", reflect.Uint64: "integer, unsigned, 64 bits",
	reflect.Int: "integer", reflect.Int64: "integer",
}

// TestProtocolFields compares the fields of the hello and the welcome with ours.
func TestProtocolFields(t *testing.T) {
	for first, fields := range map[string]reflect.Type{
		"field of the hello":   reflect.TypeFor[session.Hello](),
		"field of the welcome": reflect.TypeFor[session.Welcome](),
	} {
		rows := tableOf(t, first)
		if len(rows) != fields.NumField() {
			t.Fatalf("%s: %d rows, want %d", first, len(rows), fields.NumField())
		}
		for i, row := range rows {
			name, option, _ := strings.Cut(fields.Field(i).Tag.Get("json"), ",")
			kind := jsonKinds[fields.Field(i).Type.Kind()]
			optional := row[2] == "none" || row[2] == "0" || row[2] == "left out"
			// A unit or a limit may follow the type.
			same := row[0] == "`"+name+"`" && strings.HasPrefix(row[1]+",", kind+",")
			if !same || optional != (option == "omitempty") {
				t.Errorf("%q: want %s, %s, %s", row, name, kind, option)
			}
		}
	}
	for size, valid := range map[int]bool{256: true, 257: false} {
		for _, field := range []string{"s", "k"} {
			hello := fmt.Sprintf(`{%q:%q,"n":1}`, field, strings.Repeat("x", size))
			if _, err := session.ParseHello([]byte(hello)); (err == nil) != valid {
				t.Errorf("%s of %d bytes: %v", field, size, err)
			}
		}
	}
	if _, err := session.ParseHello([]byte(`{"n":0}`)); err == nil {
		t.Error("n may be 0")
	}
}

// TestProtocolDefaults compares the numbers of the document with our defaults.
func TestProtocolDefaults(t *testing.T) {
	config := websocket.Config{}.Validate()
	defaults := make(map[string]string)
	for _, first := range []string{"field of the welcome", "what, besides the 256 bytes of `s` and `k`"} {
		for _, row := range tableOf(t, first) {
			defaults[row[0]] = strings.Join(row[1:], " ")
		}
	}
	silence := "the silence of a client"
	queued := "bytes that a server queues for a session, with those kept for a count"
	hello := "the time from the handshake to the hello"
	for row, want := range map[string]int64{
		hello:                     int64(config.HandshakeTimeout.Seconds()),
		queued:                    int64(config.MaxQueuedBytes),
		silence:                   int64(config.PongTimeout.Seconds()),
		"`window`":                int64(config.SessionWindow.Seconds()),
		"`ping`":                  int64(config.PingPeriod.Seconds()),
		"`max`":                   config.MaxMessageSize,
		"a message to the server": config.MaxMessageSize,
	} {
		if !slices.Contains(strings.FieldsFunc(defaults[row], func(r rune) bool { return r == ' ' || r == ',' }),
			strconv.FormatInt(want, 10)) {
			t.Errorf("%s: %q doesn't say %d", row, defaults[row], want)
		}
	}
}

// closeConstants returns the close codes of internal/frame, by their values.
func closeConstants(t *testing.T) map[int]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../internal/frame/close.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[int]string)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && len(spec.Values) == 1 && strings.HasPrefix(spec.Names[0].Name, "Close") {
			value, err := strconv.Atoi(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			names[value] = spec.Names[0].Name
		}
		return true
	})
	return names
}

// TestProtocolCloseCodes compares the close codes with the constants, and what a
// client does with the ranges.
func TestProtocolCloseCodes(t *testing.T) {
	constants := closeConstants(t)
	delete(constants, frame.ClosePolicy) // an application's
	for _, row := range tableOf(t, "code | name") {
		number, err := strconv.Atoi(row[0])
		if err != nil || constants[number] == "" {
			t.Errorf("%q: no such constant, or twice", row)
			continue
		}
		delete(constants, number)
		want := "stays away"
		switch {
		case number >= 4200:
			want = "comes back at once"
		case number >= 4100:
			want = "comes back after a pause"
		case number < 4000:
			if !frame.ValidCloseCode(number) != (row[2] == "nobody") {
				t.Errorf("%q: sent by", row)
			}
			continue
		}
		if !strings.HasPrefix(row[4], want) {
			t.Errorf("%q: a client %s", row, want)
		}
	}
	if len(constants) > 0 {
		t.Errorf("the table lacks %v", constants)
	}
	for _, named := range regexp.MustCompile(`\b(1[01]\d\d|4\d\d\d)\b`).FindAllString(prose(t, protocol), -1) {
		if n, _ := strconv.Atoi(named); closeConstants(t)[n] == "" && n%100 != 0 && n%100 != 99 {
			t.Errorf("the text names %s", named)
		}
	}
}

// TestProtocolStates checks that the tables of states have no dead end and no
// state without a way to it, and that each event of a state is there once.
func TestProtocolStates(t *testing.T) {
	document := read(t, protocol)
	const head = "| state | event | action | next |\n|---|---|---|---|\n"
	tables := strings.Split(document, head)[1:]
	if len(tables) != 3 {
		t.Fatalf("%d tables of states", len(tables))
	}
	for i, table := range tables {
		last := []string{"classic", "closed", ""}[i]
		table, _, _ = strings.Cut(table, "\n\n")
		events, from, to := make(map[string]bool), make(map[string]bool), make(map[string]bool)
		for line := range strings.Lines(table + "\n") {
			cells := strings.Split(strings.Trim(line, "| \n"), " | ")
			if len(cells) != 4 || events[cells[0]+cells[1]] {
				t.Errorf("not four cells, or a second row: %q", line)
				continue
			}
			events[cells[0]+cells[1]], from[cells[0]], to[cells[3]] = true, true, true
		}
		delete(to, last)
		first := strings.Split(strings.Trim(table, "| "), " ")[0]
		delete(to, first)
		delete(from, first)
		if !maps.Equal(from, to) {
			t.Errorf("table %d: events in the states %v, ways to %v", i, from, to)
		}
	}
}

// TestProtocolCounts compares the rule for sending counts with the code.
func TestProtocolCounts(t *testing.T) {
	said := regexp.MustCompile(`after (\d+) counted messages, or ([\d,]+) bytes`).FindStringSubmatch(read(t, protocol))
	done := regexp.MustCompile(`countMessages += (\d+)\n\s+countBytes += (\d+) << 10\n`).
		FindStringSubmatch(read(t, "../internal/session/session.go"))
	if said == nil || done == nil {
		t.Fatalf("said %q, done %q", said, done)
	}
	kilobytes, err := strconv.Atoi(done[2])
	if err != nil {
		t.Fatal(err)
	}
	if bytes := strings.ReplaceAll(said[2], ",", ""); said[1] != done[1] || bytes != strconv.Itoa(kilobytes<<10) {
		t.Errorf("said %q, done %q", said, done)
	}
}

func TestProtocolIsShort(t *testing.T) {
	if lines := strings.Count(read(t, protocol), "\n"); lines > 460 {
		t.Errorf("%d lines, want 460 at most", lines)
	}
}
