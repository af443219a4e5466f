package websocket_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// TestEachLockHasAPlaceInTheOrder: the comment of package node lists all mutexes in
// the order of their use. One that isn't there has no order.
func TestEachLockHasAPlaceInTheOrder(t *testing.T) {
	page, err := os.ReadFile("internal/node/node.go")
	if err != nil {
		t.Fatal(err)
	}
	listed, _, _ := strings.Cut(string(page), "\npackage node")
	locks := 0
	for _, file := range goFiles(t) {
		if strings.HasSuffix(file, "_test.go") || strings.Contains(file, "/") && !strings.HasPrefix(file, "internal/") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, lock := range mutexFields(parsed) {
			locks++
			if !strings.Contains(listed, lock) {
				t.Errorf("%s: the comment of package node lacks %s", file, lock)
			}
		}
	}
	if locks < 10 {
		t.Errorf("found only %d locks", locks)
	}
}

// mutexFields returns the fields of structs that are mutexes, each as Type.field.
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
