package websocket_test

import (
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// row is a row of the table: its paths or patterns of paths, and their content.
type row struct {
	paths []string
	holds string
}

var (
	tableRow   = regexp.MustCompile("(?m)^\\| (`.*`) \\| (.*) \\|$")
	quotedPath = regexp.MustCompile("`([^`]+)`")
)

// readTable returns the rows of CONTRIBUTING.md.
func readTable(t *testing.T) []row {
	t.Helper()
	document, err := os.ReadFile("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for _, cells := range tableRow.FindAllStringSubmatch(string(document), -1) {
		r := row{holds: cells[2]}
		for _, quoted := range quotedPath.FindAllStringSubmatch(cells[1], -1) {
			r.paths = append(r.paths, quoted[1])
		}
		rows = append(rows, r)
	}
	if len(rows) == 0 {
		t.Fatal("CONTRIBUTING.md has no table of folders")
	}
	return rows
}

// goFiles returns the Go files of the repository, by their paths in it.
func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != "." && skipped(entry.Name()) {
			return fs.SkipDir
		}
		if path.Ext(name) == ".go" {
			files = append(files, name)
		}
		return nil
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d Go files: %v", len(files), err)
	}
	return files
}

// skipped reports whether goFiles skips the folder.
func skipped(folder string) bool {
	return folder == "testdata" || folder == "node_modules" || strings.HasPrefix(folder, ".")
}

// matchesFile reports whether a pattern of the table matches a Go file or its folder.
func matchesFile(t *testing.T, pattern, file string) bool {
	t.Helper()
	for _, name := range []string{file, path.Dir(file)} {
		matches, err := path.Match(pattern, name)
		if err != nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		if matches {
			return true
		}
	}
	return false
}

// TestLayoutListsFolders checks: CONTRIBUTING.md has a row for each folder with Go files.
func TestLayoutListsFolders(t *testing.T) {
	var paths, missing []string
	for _, r := range readTable(t) {
		paths = append(paths, r.paths...)
	}
	for _, file := range goFiles(t) {
		found := slices.ContainsFunc(paths, func(pattern string) bool { return matchesFile(t, pattern, file) })
		if folder := path.Dir(file); !found && !slices.Contains(missing, folder) {
			missing = append(missing, folder)
		}
	}
	if len(missing) > 0 {
		t.Errorf("CONTRIBUTING.md has no row for %q", missing)
	}
}

// TestLayoutPathsExist checks: each path in CONTRIBUTING.md exists and has one row.
func TestLayoutPathsExist(t *testing.T) {
	seen := make(map[string]bool)
	for _, r := range readTable(t) {
		for _, pattern := range r.paths {
			found, err := filepath.Glob(filepath.FromSlash(pattern))
			if err != nil || len(found) == 0 {
				t.Errorf("CONTRIBUTING.md names %s, but no such path exists (%v)", pattern, err)
			}
			if seen[pattern] {
				t.Errorf("CONTRIBUTING.md names %s twice", pattern)
			}
			seen[pattern] = true
		}
	}
}

// TestLayoutMatchesPackageComments checks: the row of an internal package repeats words
// from the first sentence of its package comment.
func TestLayoutMatchesPackageComments(t *testing.T) {
	tested := 0
	for _, r := range readTable(t) {
		for _, folder := range r.paths {
			if path.Dir(folder) != "internal" {
				continue
			}
			tested++
			if sentence := firstSentence(t, folder); !strings.Contains(sentence, r.holds) {
				const format = "CONTRIBUTING.md describes %s:\n%s\nwant words of its package comment:\n%s"
				t.Errorf(format, folder, r.holds, sentence)
			}
		}
	}
	if tested == 0 {
		t.Error("CONTRIBUTING.md has no row of an internal package")
	}
}

// firstSentence returns the first sentence of a package's comment.
func firstSentence(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.FromSlash(folder), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if parsed.Doc != nil {
			return new(doc.Package).Synopsis(parsed.Doc.Text())
		}
	}
	t.Errorf("%s has no package comment", folder)
	return ""
}

// TestLineLengthOfTests checks: no line of a test has more than 120 columns, so a case
// fits on a screen.
func TestLineLengthOfTests(t *testing.T) {
	const most = 120 // columns; a tab takes four
	for _, file := range goFiles(t) {
		if !strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			t.Fatal(err)
		}
		number := 0
		for line := range strings.Lines(string(text)) {
			number++
			line = strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\t", "    ")
			if n := utf8.RuneCountInString(line); n > most {
				t.Errorf("%s:%d has %d columns, want %d at most", file, number, n, most)
			}
		}
	}
}
