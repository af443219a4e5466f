// Package docs_test checks what the documents in this folder promise.
package docs_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
)

// patience is how long a test waits for what must happen before it fails.
const patience = 20 * time.Second

// change is a row of a table: each of then becomes the lines of now, if any.
type change struct {
	section   string
	then, now []string
}

var (
	codeSpan = regexp.MustCompile("`([^`]+)`")
	tableRow = regexp.MustCompile(`^\| (.+) \| (.+) \|$`)
)

// readChanges returns the tables of MIGRATING.md with two columns.
func readChanges(t *testing.T) (changes []change, document string) {
	t.Helper()
	data, err := os.ReadFile("MIGRATING.md")
	if err != nil {
		t.Fatal(err)
	}
	section := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = title
			continue
		}
		row := tableRow.FindStringSubmatch(line)
		if row == nil || strings.Contains(section, "behaves") || row[1] == "then" {
			continue
		}
		changes = append(changes, change{section, alternatives(row[1]), code(row[2])})
	}
	if len(changes) < 50 {
		t.Fatalf("%d changes found: the tables aren't read any more", len(changes))
	}
	return changes, string(data)
}

// alternatives returns the texts of a cell between which it says "or".
func alternatives(cell string) (texts []string) {
	for part := range strings.SplitSeq(cell, "` or `") {
		texts = append(texts, strings.Join(code("`"+strings.Trim(part, "`")+"`"), "\n"))
	}
	return texts
}

func code(cell string) (lines []string) {
	for _, span := range codeSpan.FindAllStringSubmatch(cell, -1) {
		lines = append(lines, span[1])
	}
	return lines
}

// eras are the programs, by the section that tells how to migrate them.
var eras = map[string]string{
	"v8-v11":  "From v8 to v11",
	"v6.2-v7": "From v6.2 and v7: adaptors",
	"v3-v6.1": "From v3 to v6.1: iris.Websocket",
}

// migrate makes the changes of a section in a program, and remembers which of
// them it made.
func migrate(program, section string, changes []change, made map[int]bool) string {
	for i, c := range changes {
		if c.section != section {
			continue
		}
		for _, then := range c.then {
			if !strings.Contains(program, then) {
				continue
			}
			made[i] = true
			program = strings.ReplaceAll(program, then, strings.Join(c.now, "\n"))
		}
	}
	return program
}

// TestEachEra changes a program of each era by the tables' rows and by nothing
// else, and uses it.
func TestEachEra(t *testing.T) {
	changes, document := readChanges(t)
	made := make(map[int]bool)
	for name, section := range eras {
		then, err := os.ReadFile(filepath.Join("testdata", "eras", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		now := migrate(string(then), section, changes, made)
		t.Run(name, func(t *testing.T) {
			server := start(t, now)
			for _, path := range []string{"/", "/iris-ws.js", "/js/chat.js"} {
				if status, body := server.get(t, path); status != http.StatusOK || len(body) == 0 {
					t.Errorf("%s: status %d, %q", path, status, body)
				}
			}
			one, other := server.dial(t), server.dial(t)
			one.send(t, "chat;0;hello")
			one.want(t, `^chat;0;Message from myself: hello$`)
			one.want(t, `^chat;0;From: \w+: hello$`)
			other.want(t, `^chat;0;Message from: \w+-> hello$`)
			other.want(t, `^chat;0;From: \w+: hello$`)
		})
	}
	t.Run("neffos", func(t *testing.T) {
		_, now, found := strings.Cut(document, "becomes:\n\n```go\n")
		if !found {
			t.Fatal("the program that becomes of one of neffos is gone")
		}
		now, _, _ = strings.Cut(now, "```")
		server := start(t, now)
		one, other := server.dial(t), server.dial(t)
		one.send(t, "chat;0;hello")
		other.want(t, `^chat;0;hello$`)
	})
	t.Run("all others", func(t *testing.T) { compile(t, changes, made) })
}

// compile compiles what the rows that no program needed say on the right.
func compile(t *testing.T, changes []change, made map[int]bool) {
	var program strings.Builder
	program.WriteString(`package main

import (
	"net/http"

	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/context"

	"github.com/kataras/iris/websocket"
)

var (
	_    http.Handler
	_    context.Context
	app  *iris.Application
	ws   *websocket.Server
	c    websocket.Connection
	m    websocket.Message
	ctx  iris.Context
	id   string
	data []byte
	item struct{ Text string }
)

func main() {
`)
	imports := regexp.MustCompile(`^"[^" ]+"$`)
	for i, change := range changes {
		if made[i] || len(change.now) == 0 {
			continue
		}
		program.WriteString("{\n")
		for _, line := range change.now {
			switch {
			case imports.MatchString(line):
				if !strings.Contains(program.String(), line) {
					t.Errorf("%s is imported by no program", line)
				}
				continue
			case strings.HasSuffix(line, "(ctx *context.Context)"):
				line += " {}"
			}
			program.WriteString(statement(line) + "\n")
		}
		program.WriteString("}\n")
	}
	program.WriteString("}\n")
	build(t, program.String())
}

// TestNeffosIsWhatItWas compiles what the rows of neffos say on the left, with
// the neffos that Iris requires.
func TestNeffosIsWhatItWas(t *testing.T) {
	changes, _ := readChanges(t)
	var program strings.Builder
	program.WriteString(`package main

import (
	"errors"
	"net/http"

	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/websocket"
	"github.com/kataras/neffos"
)

var (
	_    http.Handler
	_    = errors.New
	app  *iris.Application
	ws   *neffos.Server
	ns   *websocket.NSConn
	msg  websocket.Message
	id   string
	data []byte
	item struct{ Text string }
)

func main() {
`)
	event := regexp.MustCompile(`^(websocket\.On\w+|"\w+"): func`)
	for _, c := range changes {
		if c.section != "From neffos" {
			continue
		}
		for _, then := range c.then {
			for line := range strings.Lines(then) {
				switch line = strings.TrimSpace(line); {
				case strings.HasPrefix(line, `"github.com/`):
					if !strings.Contains(program.String(), line) {
						t.Errorf("%s is not imported", line)
					}
					continue
				case event.MatchString(line):
					line = "_ = websocket.Events{" + line + "}"
				}
				program.WriteString("{\n" + statement(line) + "\n}\n")
			}
		}
	}
	program.WriteString("}\n")
	build(t, program.String())
}

// statement makes a statement of a line.
func statement(line string) string {
	if expression, err := parser.ParseExpr(line); err == nil {
		if _, called := expression.(*ast.CallExpr); !called {
			return "_ = " + line
		}
	}
	if name, _, declares := strings.Cut(line, " := "); declares {
		return line + "\n_ = " + name
	}
	return line
}

// build builds a program within this module, and returns the executable's path.
func build(t *testing.T, source string) string {
	t.Helper()
	folder := t.TempDir()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	file, overlay := filepath.Join(folder, "main.go"), filepath.Join(folder, "overlay.json")
	replaced, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, "docs", "migrated", "main.go"): file}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{file: source, overlay: string(replaced)} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(folder, "program")
	run := exec.Command("go", "build", "-overlay", overlay, "-o", program, "./docs/migrated")
	run.Dir = root
	if output, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n%s", err, output, source)
	}
	return program
}

// running is a program that runs.
type running struct{ host string }

// start builds a program and runs it where it finds its page and its script. It
// listens on a port of its own, which is the one thing that the test changes.
func start(t *testing.T, source string) running {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := listener.Addr().String()
	_ = listener.Close()
	if !strings.Contains(source, `":8080"`) {
		t.Fatal("the program listens elsewhere")
	}
	program := build(t, strings.ReplaceAll(source, `":8080"`, `"`+host+`"`))

	folder := t.TempDir()
	for name, content := range map[string]string{
		"templates/client.html": `<html>{{.Title}} {{.Host}}</html>`,
		"static/js/chat.js":     `ws = new Ws("ws://" + HOST + "/my_endpoint");`,
	} {
		name = filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(program)
	command.Dir = folder
	var output strings.Builder
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Log(output.String())
		}
	})
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", host)
		if err == nil {
			_ = conn.Close()
			return running{host}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the program doesn't listen: %v", err)
		}
		time.Sleep(10 * time.Millisecond) // the connection decides, not the time
	}
}

func (r running) get(t *testing.T, path string) (int, string) {
	t.Helper()
	response, err := http.Get("http://" + r.host + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// client is a client that speaks the wire by hand.
type client struct{ *gorilla.Conn }

const prefix = "iris-websocket-message:"

func (r running) dial(t *testing.T) client {
	t.Helper()
	conn, _, err := gorilla.DefaultDialer.Dial("ws://"+r.host+"/my_endpoint", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	// Once a ping is answered, the server has the connection in its rooms. Nobody
	// has said anything yet, so the pong is the first that comes.
	_ = conn.NetConn().SetReadDeadline(time.Now().Add(patience))
	var pong [2]byte
	if _, err := conn.NetConn().Write([]byte{0x89, 0x80, 1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn.NetConn(), pong[:]); err != nil || pong != [2]byte{0x8A, 0} {
		t.Fatalf("the answer to a ping: %x, %v", pong, err)
	}
	return client{conn}
}

func (c client) send(t *testing.T, event string) {
	t.Helper()
	if err := c.WriteMessage(gorilla.TextMessage, []byte(prefix+event)); err != nil {
		t.Fatal(err)
	}
}

func (c client) want(t *testing.T, pattern string) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, message, err := c.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	if event := strings.TrimPrefix(string(message), prefix); !regexp.MustCompile(pattern).MatchString(event) {
		t.Errorf("received %q, want %s", event, pattern)
	}
}
