package websocket_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// locking are the folders whose mutexes have an order.
var locking = []string{".", "client", "internal"}

// TestLockOrderIsComplete checks: the comment of package node lists all mutexes in the
// order of their use. A missing mutex would have no order.
func TestLockOrderIsComplete(t *testing.T) {
	page, err := os.ReadFile("internal/node/node.go")
	if err != nil {
		t.Fatal(err)
	}
	listed, _, _ := strings.Cut(string(page), "\npackage node")
	locks := 0
	for _, file := range goFiles(t) {
		if strings.HasSuffix(file, "_test.go") || !slices.Contains(locking, strings.Split(path.Dir(file), "/")[0]) {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, lock := range mutexFields(parsed) {
			locks++
			if !strings.Contains(listed, lock) {
				t.Errorf("%s: the comment of package node doesn't list %s", file, lock)
			}
		}
	}
	if locks < 10 {
		t.Errorf("found %d mutexes, want 10 or more", locks)
	}
}

// mutexFields returns the mutexes among the fields of structs, each as Type.field.
func mutexFields(file *ast.File) (fields []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		ast.Inspect(spec.Type, func(n ast.Node) bool {
			field, ok := n.(*ast.Field)
			if !ok {
				return true
			}
			selector, ok := field.Type.(*ast.SelectorExpr)
			if ok && (selector.Sel.Name == "Mutex" || selector.Sel.Name == "RWMutex") {
				for _, name := range field.Names {
					fields = append(fields, spec.Name.Name+"."+name.Name)
				}
			}
			return true
		})
		return true
	})
	return fields
}
