package docs_test

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// change is a row of a table of MIGRATING.md.
type change struct {
	section  string
	optional bool
	then     []string // the old texts, each of one or more lines
	unless   string   // not for programs with this text
	only     string   // only for programs with this text
	now      []string // the lines of the new text, if any
	imports  []string // the imports for the new text
}

var (
	codeSpan   = regexp.MustCompile("`([^`]+)`")
	tableRow   = regexp.MustCompile(`^\| (.+) \| (.+) \|$`)
	importPath = regexp.MustCompile(`^"[\w./-]+"$`)
)

// readChanges returns the tables of MIGRATING.md with two columns.
func readChanges(t *testing.T) (changes []change, document string) {
	t.Helper()
	data, err := os.ReadFile("MIGRATING.md")
	if err != nil {
		t.Fatal(err)
	}
	section, optional := "", false
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = title
			continue
		}
		row := tableRow.FindStringSubmatch(line)
		switch {
		case row == nil || strings.Contains(section, "behaves"):
		case row[1] == "then" && row[2] == "now":
			optional = false
		case row[1] == "works" && row[2] == "is better":
			optional = true
		default:
			changes = append(changes, newChange(section, optional, row[1], row[2]))
		}
	}
	if len(changes) < 90 {
		t.Fatalf("got %d changes, want at least 90", len(changes))
	}
	return changes, string(data)
}

func newChange(section string, optional bool, then, now string) change {
	c := change{section: section, optional: optional}
	then, unless, _ := strings.Cut(then, ", unless the program says ")
	then, only, _ := strings.Cut(then, ", if the program says ")
	c.unless, c.only = strings.Trim(unless, "`"), strings.Trim(only, "`")
	for part := range strings.SplitSeq(then, "` or `") {
		c.then = append(c.then, strings.Join(code("`"+strings.Trim(part, "`")+"`"), "\n"))
	}
	now, imports, _ := strings.Cut(now, ", with the import ")
	c.now, c.imports = code(now), code(imports)
	return c
}

func code(cell string) (lines []string) {
	for _, span := range codeSpan.FindAllStringSubmatch(cell, -1) {
		lines = append(lines, span[1])
	}
	return lines
}

// edit is a change of one of the old texts in a row.
type edit struct {
	*change
	then string
}

// editsOf returns the required edits of a section. The longest old text comes first,
// so no edit changes a part of a longer text.
func editsOf(changes []change, section string) (edits []edit) {
	for i, c := range changes {
		if c.section != section || c.optional {
			continue
		}
		for _, then := range c.then {
			edits = append(edits, edit{&changes[i], then})
		}
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(len(b.then), len(a.then)) })
	return edits
}

// migrate makes the edits of a section in a program, and records them in made.
func migrate(program, section string, changes []change, made map[edit]bool) string {
	original, application := program, "app"
	if own := ownApplication.FindStringSubmatch(program); own != nil {
		application = own[1]
	}
	for _, e := range editsOf(changes, section) {
		if e.unless != "" && strings.Contains(original, e.unless) || !strings.Contains(original, e.only) {
			continue
		}
		if changed := e.forApplication(application).applyTo(program); changed != program {
			program, made[e] = changed, true
		}
	}
	return program
}

var (
	ownApplication = regexp.MustCompile(`(\w+) :?= iris\.New\(\)`)
	defaultCall    = regexp.MustCompile(`\biris\.(Config|Get|Listen|Static|StaticWeb|Websocket)\b`)
	appWord        = regexp.MustCompile(`\bapp\b`)
)

// forApplication returns the edit for a program with this name of its application.
func (e edit) forApplication(application string) edit {
	if application == "app" {
		return e
	}
	c := *e.change
	c.now = []string{appWord.ReplaceAllString(strings.Join(e.now, "\n"), application)}
	return edit{&c, defaultCall.ReplaceAllString(e.then, application+".$1")}
}

var word = regexp.MustCompile(`\w`)

// lexeme matches a string, some space, the sign … for any text, or other text.
var lexeme = regexp.MustCompile(`"[^"]*"|\s+|…|[^"\s…]+`)

// applyTo replaces the old text everywhere in a program. A string in both the old
// and the new text stands for any string. The sign … stands for any text.
func (e edit) applyTo(program string) string {
	now := strings.Join(e.now, "\n")
	var pattern strings.Builder
	var examples []string
	for _, part := range lexeme.FindAllString(e.then, -1) {
		switch {
		case part[0] == '"' && strings.Contains(now, part):
			examples = append(examples, part)
			pattern.WriteString(`("[^"]*")`)
		case strings.TrimSpace(part) == "":
			pattern.WriteString(`\s+`)
		case part == "…":
			pattern.WriteString(`[^{}]*`)
		default:
			pattern.WriteString(wholeWords(part))
		}
	}
	old := regexp.MustCompile(pattern.String())
	if !old.MatchString(program) {
		return program
	}
	program = old.ReplaceAllStringFunc(program, func(match string) string {
		result := now
		for i, found := range old.FindStringSubmatch(match)[1:] {
			result = strings.ReplaceAll(result, examples[i], found)
		}
		return result
	})
	for _, path := range e.imports {
		if !strings.Contains(program, "\t"+path+"\n") {
			program = strings.Replace(program, "import (\n", fmt.Sprintf("import (\n\t%s\n", path), 1)
		}
	}
	return program
}

// wholeWords returns a pattern for a text, but not for a part of a longer word.
func wholeWords(text string) string {
	pattern := regexp.QuoteMeta(text)
	if word.MatchString(text[:1]) {
		pattern = `\b` + pattern
	}
	if word.MatchString(text[len(text)-1:]) {
		pattern += `\b`
	}
	return pattern
}
