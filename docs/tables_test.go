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
	then     []string // each of these, which may have several lines,
	unless   string   // in a program that doesn't say this
	only     string   // and does say this
	now      []string // becomes these lines, if any,
	imports  []string // and the program imports these
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
		t.Fatalf("%d changes found: the tables aren't read any more", len(changes))
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

// way is one of the things that the left side of a row names.
type way struct {
	*change
	then string
}

// waysOf returns what the tables of a section that aren't optional name on the
// left, the longest first, so that none is taken for a part of it.
func waysOf(changes []change, section string) (ways []way) {
	for i, c := range changes {
		if c.section != section || c.optional {
			continue
		}
		for _, then := range c.then {
			ways = append(ways, way{&changes[i], then})
		}
	}
	slices.SortStableFunc(ways, func(a, b way) int { return cmp.Compare(len(b.then), len(a.then)) })
	return ways
}

// migrate makes the changes of a section in a program, and remembers which of
// them it made.
func migrate(program, section string, changes []change, made map[way]bool) string {
	original, application := program, "app"
	if own := ownApplication.FindStringSubmatch(program); own != nil {
		application = own[1]
	}
	for _, w := range waysOf(changes, section) {
		if w.unless != "" && strings.Contains(original, w.unless) || !strings.Contains(original, w.only) {
			continue
		}
		if changed := w.of(application).applyTo(program); changed != program {
			program, made[w] = changed, true
		}
	}
	return program
}

var (
	ownApplication = regexp.MustCompile(`(\w+) :?= iris\.New\(\)`)
	ofDefault      = regexp.MustCompile(`\biris\.(Config|Get|Listen|Static|StaticWeb|Websocket)\b`)
	ofApp          = regexp.MustCompile(`\bapp\b`)
)

// of is the way for a program that has an application by that name.
func (w way) of(application string) way {
	if application == "app" {
		return w
	}
	c := *w.change
	c.now = []string{ofApp.ReplaceAllString(strings.Join(w.now, "\n"), application)}
	return way{&c, ofDefault.ReplaceAllString(w.then, application+".$1")}
}

var word = regexp.MustCompile(`\w`)

// lexeme is a string, some space, any text, or other text.
var lexeme = regexp.MustCompile(`"[^"]*"|\s+|…|[^"\s…]+`)

// applyTo makes the change wherever the program says what is on the left. A
// string on both sides stands for any, and so does … for any text.
func (w way) applyTo(program string) string {
	now := strings.Join(w.now, "\n")
	var pattern strings.Builder
	var examples []string
	for _, part := range lexeme.FindAllString(w.then, -1) {
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
	said := regexp.MustCompile(pattern.String())
	if !said.MatchString(program) {
		return program
	}
	program = said.ReplaceAllStringFunc(program, func(match string) string {
		result := now
		for i, mine := range said.FindStringSubmatch(match)[1:] {
			result = strings.ReplaceAll(result, examples[i], mine)
		}
		return result
	})
	for _, path := range w.imports {
		if !strings.Contains(program, "\t"+path+"\n") {
			program = strings.Replace(program, "import (\n", fmt.Sprintf("import (\n\t%s\n", path), 1)
		}
	}
	return program
}

// wholeWords matches a text, but not a part of a longer word.
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
