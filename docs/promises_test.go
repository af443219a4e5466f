package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	promiseRow  = regexp.MustCompile("(?m)^\\| [^|]+ \\| (`Test[^|]+) \\|$")
	namedTest   = regexp.MustCompile("`(Test\\w+)`(?: \\(([^)]*)\\))?")
	namedOfTest = regexp.MustCompile("`([^`]+)`")
)

// TestPromisesHaveTests checks: the tests that SCALING.md names exist, and their subtests.
func TestPromisesHaveTests(t *testing.T) {
	tests := allTests(t)
	rows := promiseRow.FindAllStringSubmatch(read(t, "SCALING.md"), -1)
	if len(rows) < 15 {
		t.Errorf("found %d rows of promises, want at least 15", len(rows))
	}
	for _, row := range rows {
		for _, named := range namedTest.FindAllStringSubmatch(row[1], -1) {
			if !strings.Contains(tests, "\nfunc "+named[1]+"(") {
				t.Errorf("there is no test %s", named[1])
			}
			for _, sub := range namedOfTest.FindAllStringSubmatch(named[2], -1) {
				if !strings.Contains(tests, `{"`+sub[1]+`", `) && !strings.Contains(tests, `{name: "`+sub[1]+`", `) {
					t.Errorf("%s: there is no subtest %q", named[1], sub[1])
				}
			}
		}
	}
}

// allTests returns the Go files with tests of the whole repository. Package brokertest has
// tests that are called from others.
func allTests(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := fs.WalkDir(os.DirFS(".."), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "node_modules":
			return fs.SkipDir
		case strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "broker/brokertest/") && !entry.IsDir():
			all.WriteString(read(t, filepath.Join("..", name)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
