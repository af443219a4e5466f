package docs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// brokerModules are the modules that snippets about several nodes import, by their folders.
var brokerModules = []string{".", "broker/nats", "broker/redis"}

// usesBroker reports whether a snippet imports the module of a broker. The root module can't.
func usesBroker(b block) bool {
	return b.language == "go" && strings.Contains(b.text, `"github.com/kataras/iris/websocket/broker/`)
}

// TestBrokerSnippets compiles the snippets that import the module of a broker, in a module as
// an application has it.
func TestBrokerSnippets(t *testing.T) {
	folder := t.TempDir()
	writeModule(t, folder)
	var found []string
	for _, document := range []string{"SCALING.md", "../broker/nats/README.md", "../broker/redis/README.md"} {
		for i, b := range blocksOf(t, document) {
			if usesBroker(b) {
				checkFormat(t, b)
				found = append(found, b.String())
				name := fmt.Sprintf("snippet%d-%d", len(found), i)
				write(t, filepath.Join(folder, name, "snippet.go"), withImports(t, b))
			}
		}
	}
	if len(found) != 4 {
		t.Errorf("found the snippets %q, want two of SCALING.md and one of each broker", found)
	}
	build := exec.Command("go", "build", "./...")
	build.Dir = folder
	build.Env = append(os.Environ(), "GOFLAGS=-mod=mod") // it adds what the modules require
	if output, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}

// writeModule writes the go.mod and go.sum of a module that uses those of this repository.
func writeModule(t *testing.T, folder string) {
	t.Helper()
	var require, replace, sums strings.Builder
	for _, module := range brokerModules {
		here, err := filepath.Abs(filepath.Join("..", module))
		if err != nil {
			t.Fatal(err)
		}
		path := strings.TrimSuffix("github.com/kataras/iris/websocket/"+module, "/.")
		fmt.Fprintf(&require, "require %s v0.0.0\n", path)
		fmt.Fprintf(&replace, "replace %s => %s\n", path, here)
		sums.WriteString(read(t, filepath.Join(here, "go.sum")))
	}
	write(t, filepath.Join(folder, "go.mod"), "module snippets\n\ngo 1.26\n\n"+require.String()+replace.String())
	write(t, filepath.Join(folder, "go.sum"), sums.String())
}
