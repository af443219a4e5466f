package websocket_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kataras/iris/websocket"

// imports lists the packages of this module, and the folders of this module that each
// may import. Those further down never import those further up.
var imports = map[string]string{
	".": "internal/node internal/handler internal/handshake internal/request " +
		"internal/frame internal/wire internal/quote",
	"internal/node":      "internal/hub internal/link internal/outbox internal/frame internal/wire",
	"internal/link":      "internal/poller internal/frame",
	"internal/session":   "internal/outbox internal/frame internal/wire",
	"internal/outbox":    "internal/frame",
	"internal/handshake": "internal/quote",
	"internal/request":   "",
	"internal/handler":   "internal/wire",
	"internal/wire":      "internal/quote",
	"internal/frame":     "",
	"internal/hub":       "",
	"internal/poller":    "",
	"internal/quote":     "",
}

// foreign lists the modules of others, and the folders that may import them.
var foreign = map[string]string{
	"github.com/kataras/iris/v12":  ". internal/request",
	"github.com/gorilla/websocket": ". internal/handshake",
}

// TestImportsPointDown: nothing below the root knows what is above it, and each
// module of others has few doors.
func TestImportsPointDown(t *testing.T) {
	found := make(map[string]bool)
	for folder, imported := range importsOf(t) {
		allowed, known := imports[folder]
		if !known {
			t.Errorf("%s is a new package: say in this test what it may import", folder)
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
				continue // of Go's own
			}
			if by := importersOf(path); !slices.Contains(by, folder) {
				t.Errorf("%s must not import %s, only %q may", folder, path, by)
			}
		}
	}
	if want := slices.Sorted(maps.Keys(imports)); !slices.Equal(slices.Sorted(maps.Keys(found)), want) {
		t.Errorf("found the packages %q, want %q", slices.Sorted(maps.Keys(found)), want)
	}
}

// importersOf returns the folders that may import a package of somebody else.
func importersOf(path string) []string {
	for name, folders := range foreign {
		if path == name || strings.HasPrefix(path, name+"/") {
			return strings.Fields(folders)
		}
	}
	return nil
}

// importsOf returns the imports of the root and of the internal packages, by folder,
// those of tests left out.
func importsOf(t *testing.T) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir("internal", func(path string, entry fs.DirEntry, err error) error {
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
