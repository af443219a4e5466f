package docs_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// isClient reports whether a block is a program with the Go client.
func isClient(b block) bool {
	return strings.HasPrefix(b.text, "package main\n") &&
		strings.Contains(b.text, `"github.com/kataras/iris/websocket/client"`)
}

func testClientsProgram(t *testing.T, r running) {
	r.wantPages(t, "/iris-ws.js", "/iris-ws.mjs")
	one := r.dial(t, "/ws")
	one.send(t, "say;0;hello")
	one.want(t, `said;4;{"from":"\w+","text":"hello"}$`)
}

// TestGoClient runs the client of CLIENTS.md with the server of CLIENTS.md.
func TestGoClient(t *testing.T) {
	var server, client block
	for _, b := range blocksOf(t, "CLIENTS.md") {
		switch {
		case isClient(b):
			client = b
		case strings.HasPrefix(b.text, "package main\n"):
			server = b
		}
	}
	r := start(t, build(t, map[string]string{"server/main.go": server.text})["server"], t.TempDir())

	const address = `"ws://localhost:8080/ws"`
	if strings.Count(client.text, address) != 1 {
		t.Fatalf("%v does not connect to %s", client, address)
	}
	executable := filepath.Join(t.TempDir(), "client")
	source := strings.Replace(client.text, address, `"ws://`+r.host+`/ws"`, 1)
	compileBy(t, map[string]string{"client/main.go": source}, "build", "-o", executable)
	output, err := exec.Command(executable).CombinedOutput()
	if want := "hello\n3 <nil>\nempty a name has a letter\n"; err != nil || string(output) != want {
		t.Errorf("the client printed %q, %v; want %q", output, err, want)
	}
}
