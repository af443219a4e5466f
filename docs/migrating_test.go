// Package docs_test checks the documents in this folder.
package docs_test

import (
	"cmp"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The sections of MIGRATING.md with tables of changes.
const (
	fromV3     = "From v3 to v6.1: iris.Websocket"
	fromV62    = "From v6.2: adaptors"
	fromV7     = "From v7"
	fromV8     = "From v8 to v11"
	fromNeffos = "From neffos"
	fromMelody = "From melody"
	fromServer = "From a Socket.IO server"
	fromChat   = "From gorilla's chat example"
)

// TestMigratedPrograms migrates a program of each era, and the examples of v11, by
// the rows of the tables and by nothing else. Then it runs and uses each program.
// At least one program needs each row.
func TestMigratedPrograms(t *testing.T) {
	changes, document := readChanges(t)
	made, sources := make(map[edit]bool), make(map[string]string)
	add := func(name, section, source string) {
		sources[name] = wellFormed(t, migrate(wellFormed(t, source), section, changes, made))
	}
	programs, err := filepath.Glob("testdata/eras/*.txt")
	if err != nil || len(programs) != len(eras) {
		t.Fatalf("testdata/eras has the programs %q, want %d", programs, len(eras))
	}
	for name, era := range eras {
		add("from-"+name+"/main.go", era.section, read(t, filepath.Join("testdata", "eras", name+".txt")))
	}
	v11 := filepath.Join(v11Folder(t), "_examples")
	for main, example := range examples {
		for name, source := range sourcesIn(t, v11, cmp.Or(example.folder, main)) {
			// The packages of an example have another path now.
			const examples = `"github.com/kataras/iris/_examples/`
			source = strings.ReplaceAll(source, examples, `"github.com/kataras/iris/websocket/`+migrated+`/`)
			add(name, fromV8, source)
		}
	}
	_, becomes, _ := strings.Cut(document, "becomes:\n\n```go\n")
	becomes, _, _ = strings.Cut(becomes, "```")
	add("from-neffos/main.go", "", becomes)
	_, whole, _ := strings.Cut(document, "The whole server is now:\n\n```go\n")
	whole, _, _ = strings.Cut(whole, "```")
	add("from-gorilla/main.go", "", whole)

	for _, section := range []string{fromV3, fromV62, fromV7, fromV8} {
		for _, e := range editsOf(changes, section) {
			if !made[e] {
				t.Errorf("%s: no program needs the row of %s", section, e.then)
			}
		}
	}
	executables := build(t, sources)
	for name, era := range eras {
		t.Run(name, func(t *testing.T) {
			era.use(t, start(t, executables["from-"+name], pageFolder(t)))
		})
	}
	for main, example := range examples {
		t.Run("v11/"+main, func(t *testing.T) {
			example.use(t, start(t, executables[main], filepath.Join(v11, main), example.arguments...))
		})
	}
	t.Run("neffos", func(t *testing.T) {
		server := start(t, executables["from-neffos"], pageFolder(t))
		one, other := server.dial(t, "/my_endpoint"), server.dial(t, "/my_endpoint")
		one.send(t, "chat;0;hello")
		other.want(t, `chat;0;hello$`)
	})
	t.Run("gorilla", func(t *testing.T) {
		folder := t.TempDir()
		write(t, filepath.Join(folder, "home.html"), "<html></html>")
		server := start(t, executables["from-gorilla"], folder)
		server.wantPages(t, "/")
		one, other := server.dial(t, "/ws"), server.dial(t, "/ws")
		one.sendNative(t, "hello")
		one.wantNative(t, `^hello$`)
		other.wantNative(t, `^hello$`)
	})
}

// wellFormed returns a source. The source must be valid Go.
func wellFormed(t *testing.T, source string) string {
	t.Helper()
	if _, err := parser.ParseFile(token.NewFileSet(), "", source, parser.SkipObjectResolution); err != nil {
		t.Fatalf("%v\n%s", err, source)
	}
	return source
}

// sourcesIn returns the Go files in a folder of root, by their paths from root.
func sourcesIn(t *testing.T, root, folder string) map[string]string {
	t.Helper()
	sources := make(map[string]string)
	err := fs.WalkDir(os.DirFS(root), folder, func(name string, _ fs.DirEntry, err error) error {
		if path.Ext(name) == ".go" {
			sources[name] = read(t, filepath.Join(root, name))
		}
		return err
	})
	if err != nil || len(sources) == 0 {
		t.Fatalf("%d sources in %s: %v", len(sources), folder, err)
	}
	return sources
}

// v11Folder returns the folder with the sources of Iris v11.1.1.
func v11Folder(t *testing.T) string {
	t.Helper()
	const iris11 = "github.com/kataras/iris@v11.1.1+incompatible"
	output, err := exec.Command("go", "mod", "download", "-json", iris11).Output()
	if err != nil {
		t.Fatal(err)
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal(output, &downloaded); err != nil {
		t.Fatal(err)
	}
	return downloaded.Dir
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestOptionalRows compiles both sides of the optional rows, and the right side of
// the rows of neffos, Socket.IO, melody and gorilla's chat.
func TestOptionalRows(t *testing.T) {
	changes, _ := readChanges(t)
	var texts []string
	for _, c := range changes {
		if c.optional {
			texts = append(texts, c.then...)
		}
		if c.optional || slices.Contains([]string{fromNeffos, fromServer, fromMelody, fromChat}, c.section) {
			texts = append(texts, strings.Join(c.now, "\n"))
		}
	}
	compile(t, texts, `package compiled

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

var (
	_    = context.Background
	_    = json.Unmarshal
	_    http.Handler
	_    time.Duration
	app  *iris.Application
	ws   *websocket.Server
	c    websocket.Connection
	m    websocket.Message
	ctx  iris.Context
	id   string
	data []byte
	item struct{ Text string }
)
`)
}

// TestNeffosRows compiles the left side of the rows of neffos, with the version of
// neffos required by Iris.
func TestNeffosRows(t *testing.T) {
	changes, _ := readChanges(t)
	var texts []string
	for _, c := range changes {
		if c.section == fromNeffos {
			texts = append(texts, c.then...)
		}
	}
	compile(t, texts, `package compiled

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
`)
}

var neffosEvent = regexp.MustCompile(`^(websocket\.On\w+|"\w+"): func`)

// compile compiles each text in a function of its own, after the declarations. A
// text has one or more lines.
func compile(t *testing.T, texts []string, declarations string) {
	t.Helper()
	var source strings.Builder
	source.WriteString(declarations)
	for _, text := range texts {
		source.WriteString("\nfunc _() {\n")
		for line := range strings.SplitSeq(text, "\n") {
			switch {
			case importPath.MatchString(line):
				if !strings.Contains(declarations, "\t"+line+"\n") {
					t.Errorf("%s is not imported", line)
				}
				continue
			case neffosEvent.MatchString(line):
				line = "websocket.Events{" + line + "}"
			}
			source.WriteString(statement(line) + "\n")
		}
		source.WriteString("}\n")
	}
	build(t, map[string]string{"compiled/compiled.go": source.String()})
}

// statement turns a line into a statement.
func statement(line string) string {
	if expression, err := parser.ParseExpr(line); err == nil {
		if _, called := expression.(*ast.CallExpr); !called {
			return "_ = " + line
		}
	}
	if name, _, declares := strings.Cut(line, " := "); declares && !strings.HasPrefix(line, "for ") {
		return line + "\n_ = " + name
	}
	return line
}
