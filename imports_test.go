package websocket_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kataras/iris/websocket"

// imports lists the packages of this module. Each may import the listed folders of
// this module. A package never imports one from a row above its own.
var imports = map[string]string{
	".": "internal/node internal/handler internal/handshake internal/request internal/cluster broker " +
		"internal/presence internal/session internal/frame internal/wire internal/quote",
	"client": "internal/client internal/handler internal/session internal/frame " +
		"internal/wire internal/quote",
	"internal/node":       "internal/session internal/hub internal/link internal/outbox internal/frame internal/wire",
	"internal/link":       "internal/poller internal/frame",
	"internal/client":     "internal/session internal/outbox internal/frame internal/wire",
	"internal/session":    "internal/outbox internal/frame internal/wire",
	"internal/outbox":     "internal/frame",
	"internal/handshake":  "internal/quote",
	"internal/cluster":    "broker internal/presence internal/quote",
	"internal/presence":   "",
	"internal/request":    "",
	"internal/handler":    "internal/wire",
	"internal/wire":       "internal/quote",
	"internal/frame":      "",
	"internal/faultproxy": "",
	"internal/hub":        "",
	"internal/poller":     "",
	"internal/quote":      "",
}

// foreign lists the modules of other authors, each with the folders allowed to import it.
var foreign = map[string]string{
	"github.com/kataras/iris/v12":  ". internal/request",
	"github.com/gorilla/websocket": ". internal/handshake internal/client",
}

// TestImportsPointDown checks: each package imports only the folders in its row of
// imports. Only a few folders import modules of other authors.
func TestImportsPointDown(t *testing.T) {
	found := make(map[string]bool)
	for folder, imported := range importsOf(t) {
		allowed, known := imports[folder]
		if !known {
			t.Errorf("package %s has no row in imports: add one", folder)
			continue
		}
		found[folder] = true
		for _, path := range imported {
			if inside, ok := strings.CutPrefix(path, module+"/"); ok {
				if !slices.Contains(strings.Fields(allowed), inside) {
					t.Errorf("%s must not import %s", folder, inside)
				}
				continue
			}
			if !strings.Contains(path, ".") {
				continue // the standard library
			}
			if by := importersOf(path); !slices.Contains(by, folder) {
				t.Errorf("%s must not import %s: only %q may import it", folder, path, by)
			}
		}
	}
	if want := slices.Sorted(maps.Keys(imports)); !slices.Equal(slices.Sorted(maps.Keys(found)), want) {
		t.Errorf("found the packages %q, want %q", slices.Sorted(maps.Keys(found)), want)
	}
}

// importersOf returns the folders allowed to import a package of another author.
func importersOf(path string) []string {
	for name, folders := range foreign {
		if path == name || strings.HasPrefix(path, name+"/") {
			return strings.Fields(folders)
		}
	}
	return nil
}

// TestClientWithoutIris checks: a program with the Go client builds no Iris, nor this
// package.
func TestClientWithoutIris(t *testing.T) {
	output, err := exec.Command("go", "list", "-deps", "./client").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	packages := strings.Fields(string(output))
	if !slices.Contains(packages, module+"/client") || !slices.Contains(packages, module+"/internal/client") {
		t.Fatalf("go list prints %q", packages)
	}
	for _, path := range packages {
		if path == module || strings.HasPrefix(path, "github.com/kataras/iris/v12") {
			t.Errorf("the client depends on %s", path)
		}
	}
}

// importsOf returns the imports of the root, of the client, and of the internal packages, by
// folder.
// It skips test files.
func importsOf(t *testing.T) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	var files []string
	for _, pattern := range []string{"*.go", "client/*.go"} {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, matches...)
	}
	err := filepath.WalkDir("internal", func(path string, entry fs.DirEntry, err error) error {
		if !entry.IsDir() && strings.HasSuffix(path, ".go") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.ToSlash(filepath.Dir(file))
		all[folder] = append(all[folder], "")
		for _, i := range parsed.Imports {
			all[folder] = append(all[folder], strings.Trim(i.Path.Value, `"`))
		}
	}
	return all
}
