package docs_test

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket"
)

// block is a fenced block of a document.
type block struct {
	document string // its file, from this folder
	line     int    // of its first line
	language string
	text     string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", filepath.Base(b.document), b.line) }

// folder is a name for a package.
func (b block) folder() string {
	return strings.ToLower(strings.NewReplacer(".", "-", ":", "-").Replace(b.String()))
}

// blocksOf returns the fenced blocks of a document.
func blocksOf(t *testing.T, document string) (blocks []block) {
	t.Helper()
	var open *block
	for i, line := range strings.Split(read(t, document), "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case open == nil && isFence:
			open = &block{document: document, line: i + 2, language: fence}
		case isFence:
			blocks, open = append(blocks, *open), nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	if open != nil || len(blocks) == 0 {
		t.Fatalf("%s: %d blocks, and one that has no end: %v", document, len(blocks), open)
	}
	return blocks
}

// checks says how the blocks of each language are checked.
var checks = map[string]func(*testing.T, []block){
	"go":      checkGo,
	"js":      each(checkJavaScript),
	"nginx":   each(checkNginx),
	"sh":      each(checkShell),
	"sysctl":  each(checkSettings),
	"systemd": each(checkUnit),
	"text":    each(checkWire),

	// js/test/proxies.browser.test.mjs runs those of PROXIES.md.
	"caddyfile": each(isOfProxies),
	"haproxy":   each(isOfProxies),

	"dockerfile": unchecked, // Only a running Docker tells whether it is right.
}

func unchecked(*testing.T, []block) {}

func each(check func(*testing.T, block)) func(*testing.T, []block) {
	return func(t *testing.T, blocks []block) {
		for _, b := range blocks {
			t.Run(b.String(), func(t *testing.T) { check(t, b) })
		}
	}
}

// TestSnippets checks each fenced block of the documents. MIGRATING.md has a test of
// its own.
func TestSnippets(t *testing.T) {
	byLanguage := make(map[string][]block)
	for _, document := range []string{"../README.md", "GUIDE.md", "DEPLOYING.md", "PROXIES.md"} {
		for _, b := range blocksOf(t, document) {
			if checks[b.language] == nil {
				t.Errorf("%v: nothing checks blocks of %q", b, b.language)
			}
			byLanguage[b.language] = append(byLanguage[b.language], b)
		}
	}
	for language, check := range checks {
		if len(byLanguage[language]) == 0 {
			t.Errorf("no block is of %s", language)
		}
		t.Run(language, func(t *testing.T) { check(t, byLanguage[language]) })
	}
}

func isOfProxies(t *testing.T, b block) {
	if b.document != "PROXIES.md" {
		t.Error("nothing runs it: only those of PROXIES.md are run")
	}
}

// uses says how the whole programs are used, by their documents, in the order of
// their appearance.
var uses = map[string][]func(*testing.T, running){
	"../README.md": {usesTheProgramOfTheReadme},
	"GUIDE.md":     {usesTheFirstProgram, logsInAndOut},
}

// checkGo runs whole programs and tests, and compiles everything else.
func checkGo(t *testing.T, blocks []block) {
	// Apart from each other: go build -o passes over packages that are no programs.
	mains, compiled := map[string]string{}, map[string]string{}
	fragments := declarations
	type program struct {
		block
		use func(*testing.T, running)
	}
	var programs []program
	used := make(map[string]int)
	for _, b := range blocks {
		checkFormat(t, b)
		switch {
		case strings.Contains(b.text, "\nfunc Test"):
			t.Run(b.String(), func(t *testing.T) { runTest(t, b) })
		case strings.HasPrefix(b.text, "package main\n"):
			n := used[b.document]
			if n == len(uses[b.document]) {
				t.Errorf("%v: no test uses this program", b)
				continue
			}
			used[b.document]++
			programs = append(programs, program{b, uses[b.document][n]})
			mains[b.folder()+"/main.go"] = b.text
		case strings.HasPrefix(b.text, "import (\n"):
			imports, body, _ := strings.Cut(b.text, "\n)\n")
			head := "package compiled\n\n" + imports + "\n)\n\n" + ownDeclarations
			compiled[b.folder()+"/snippet.go"] = head + function(t, b, body)
		default:
			fragments += function(t, b, b.text)
		}
	}
	compiled["snippets/snippets.go"] = fragments
	build(t, compiled)
	for document := range uses {
		if used[document] != len(uses[document]) {
			t.Errorf("%s: %d whole programs, want %d", document, used[document], len(uses[document]))
		}
	}
	executables := build(t, mains)
	for _, p := range programs {
		t.Run(p.String(), func(t *testing.T) { p.use(t, start(t, executables[p.folder()], t.TempDir())) })
	}
}

// checkFormat wants a snippet as gofmt would have it.
func checkFormat(t *testing.T, b block) {
	t.Helper()
	text := b.text
	if imports, body, ok := strings.Cut(text, "\n)\n"); ok && strings.HasPrefix(imports, "import (\n") {
		text = body // gofmt takes no statements behind imports
	}
	formatted, err := format.Source([]byte(text))
	if err != nil {
		t.Errorf("%v: %v", b, err)
	} else if string(formatted) != text {
		t.Errorf("%v: gofmt would have:\n%s", b, formatted)
	}
}

// ownDeclarations are what snippets with imports of their own need.
const ownDeclarations = `
var app *iris.Application
`

// declarations are what the other snippets need.
const declarations = `package compiled

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/sessions"

	"github.com/kataras/iris/websocket"
)

var (
	_ sync.Mutex
	_ = errors.New
	_ = fmt.Errorf
	_ = log.Print
	_ = http.Error
	_ = httptest.NewServer
	_ = strings.Replace
	_ = time.Now
	_ = gorilla.DefaultDialer
	_ = sessions.Get

	app *iris.Application
	w   *websocket.Server
	c   websocket.Connection
	ctx context.Context

	id   string
	item struct{ Text string }

	mayRead      func(user, room string) bool
	isAdmin      func(user string) bool
	requireLogin iris.Handler
	onlyInside   iris.Handler
	subscribe    func(topic string) <-chan string // of a message queue
)

type Point struct{ X, Y int }
`

// function makes a function of statements, whose errors the compiler reports where
// the document has them. A variable that only shows what a call returns is used.
func function(t *testing.T, b block, body string) string {
	t.Helper()
	head := "package compiled\nfunc _() {\n"
	file, err := parser.ParseFile(token.NewFileSet(), "", head+body+"}\n", parser.SkipObjectResolution)
	if err != nil {
		t.Errorf("%v: %v", b, err)
		return ""
	}
	var uses strings.Builder
	for _, statement := range file.Decls[0].(*ast.FuncDecl).Body.List {
		assignment, ok := statement.(*ast.AssignStmt)
		if !ok || assignment.Tok != token.DEFINE {
			continue
		}
		for _, left := range assignment.Lhs {
			if name := left.(*ast.Ident).Name; name != "_" {
				fmt.Fprintf(&uses, "\t_ = %s\n", name)
			}
		}
	}
	line := b.line + strings.Count(b.text, "\n") - strings.Count(body, "\n")
	return fmt.Sprintf("\nfunc _() {\n//line %s:%d\n%s%s}\n", filepath.Base(b.document), line, body, uses.String())
}

// runTest runs a file of tests.
func runTest(t *testing.T, b block) {
	executable := filepath.Join(t.TempDir(), "test")
	compileBy(t, map[string]string{b.folder() + "/main_test.go": b.text}, "test", "-vet=off", "-c", "-o", executable)
	output, err := exec.Command(executable, "-test.v").CombinedOutput()
	if err != nil || !strings.Contains(string(output), "--- PASS: TestChat") {
		t.Errorf("%v: %s", err, output)
	}
}

func usesTheProgramOfTheReadme(t *testing.T, r running) {
	r.wantPages(t, "/", "/iris-ws.js")
	script := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindStringSubmatch(read(t, "../README.md"))
	if script == nil {
		t.Fatal("the page of the README has no script")
	}
	checkSyntax(t, script[1])

	one, other := r.dial(t, "/my_endpoint"), r.dial(t, "/my_endpoint")
	one.send(t, "chat;0;hello")
	one.want(t, `chat;0;me: hello$`)
	other.want(t, `chat;0;\w+: hello$`)
	_ = one.conn.Close()
	other.want(t, `chat;0;\w+ has left$`)
}

func usesTheFirstProgram(t *testing.T, r running) {
	r.wantPages(t, "/iris-ws.js")
	one := r.dial(t, "/my_endpoint")
	one.send(t, "chat;0;hello")
	one.want(t, `chat;0;\w+: hello$`)
}

// logsInAndOut connects as nobody, logs in, connects, and logs out.
func logsInAndOut(t *testing.T, r running) {
	header := http.Header{} // with the cookie, as a browser sends it
	dial := func() (*gorilla.Conn, *http.Response, error) {
		return gorilla.DefaultDialer.Dial("ws://"+r.host+"/ws", header)
	}
	post := func(path, form string) {
		t.Helper()
		request, err := http.NewRequest(http.MethodPost, "http://"+r.host+path, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		request.Header = header.Clone()
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d", path, response.StatusCode)
		}
		for _, cookie := range response.Cookies() {
			header.Set("Cookie", cookie.Name+"="+cookie.Value)
		}
	}
	wantRefusal := func() {
		t.Helper()
		if _, response, err := dial(); err == nil || response == nil || response.StatusCode != http.StatusUnauthorized {
			t.Fatalf("a client without a user: %v, %v, want 401", response, err)
		}
	}

	wantRefusal()
	post("/login", "name=ann")
	conn, _, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	const welcome = websocket.DefaultEvtMessageKey + "welcome;0;ann"
	if _, message, err := conn.ReadMessage(); err != nil || string(message) != welcome {
		t.Errorf("received %q, %v", message, err)
	}
	post("/logout", "")
	if _, message, err := conn.ReadMessage(); !gorilla.IsCloseError(err, gorilla.CloseNormalClosure) {
		t.Errorf("received %q, %v after the logout, want close code 1000", message, err)
	}
	wantRefusal()
}

// tool returns where a program is. Without it, the test is skipped; in CI, it fails.
func tool(t *testing.T, name string) string {
	t.Helper()
	for _, folder := range append([]string{""}, "/usr/local/sbin", "/usr/sbin", "/sbin") {
		if file, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return file
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// quiet runs a command, which must succeed. It returns what the command says.
func quiet(t *testing.T, program string, arguments ...string) string {
	t.Helper()
	output, err := exec.Command(program, arguments...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v: %s", filepath.Base(program), err, output)
	}
	return string(output)
}

// checkJavaScript runs a snippet with the client, in a place where no connection
// can be made.
func checkJavaScript(t *testing.T, b block) {
	client, err := filepath.Abs("../iris-ws.js")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "snippet.cjs")
	write(t, file, fmt.Sprintf(`delete globalThis.WebSocket;
var Ws = require(%q);
function show() {}
function connect() {}
(function () {
%s
})();
process.exit(0);
`, client, b.text))
	quiet(t, tool(t, "node"), file)
}

// checkSyntax checks JavaScript without running it.
func checkSyntax(t *testing.T, script string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "script.cjs")
	write(t, file, script)
	quiet(t, tool(t, "node"), "--check", file)
}

func checkShell(t *testing.T, b block) {
	file := filepath.Join(t.TempDir(), "snippet.sh")
	write(t, file, b.text)
	quiet(t, tool(t, "bash"), "-n", file)
}

// checkUnit has systemd read a unit, with a program that is there.
func checkUnit(t *testing.T, b block) {
	unit := filepath.Join(t.TempDir(), "chat.service")
	write(t, unit, strings.Replace(b.text, "ExecStart=/usr/local/bin/chat\n", "ExecStart="+tool(t, "true")+"\n", 1))
	if output := quiet(t, tool(t, "systemd-analyze"), "verify", unit); output != "" {
		t.Error(output)
	}
}

// checkSettings compares settings of the kernel with those of this one.
func checkSettings(t *testing.T, b block) {
	if runtime.GOOS != "linux" {
		t.Skip("these are settings of Linux")
	}
	for line := range strings.Lines(b.text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " = ")
		if !ok || !regexp.MustCompile(`^\d+( \d+)*$`).MatchString(value) {
			t.Errorf("%q is no setting", line)
			continue
		}
		current, err := os.ReadFile(filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/")))
		if os.IsNotExist(err) && strings.HasPrefix(name, "net.netfilter.") {
			continue // its module isn't loaded here
		}
		if err != nil || len(strings.Fields(string(current))) != len(strings.Fields(value)) {
			t.Errorf("%s = %s, but this machine has %q, %v", name, value, current, err)
		}
	}
}

// checkNginx has nginx read a whole configuration. Those of PROXIES.md are run by
// js/test/proxies.browser.test.mjs.
func checkNginx(t *testing.T, b block) {
	if b.document == "PROXIES.md" {
		return
	}
	folder := t.TempDir()
	var mine strings.Builder // what may be written
	for _, what := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&mine, "%s_temp_path %s/%s;\n", what, folder, what)
	}
	fmt.Fprintf(&mine, "access_log off;\n")
	text := strings.Replace(b.text, "http {\n", "http {\n"+mine.String(), 1)
	text = strings.Replace(text, "listen 80;", "listen "+freeAddress(t)+";", 1)
	file := filepath.Join(folder, "nginx.conf")
	write(t, file, text)
	output := quiet(t, tool(t, "nginx"), "-t", "-e", "stderr", "-p", folder, "-g", "pid "+folder+"/pid;", "-c", file)
	if strings.Contains(output, "[warn]") {
		t.Error(output)
	}
}

// checkWire compares an event on the wire with that of the package.
func checkWire(t *testing.T, b block) {
	if want := websocket.DefaultEvtMessageKey + "chat;0;hello\n"; b.text != want {
		t.Errorf("%q, want %q", b.text, want)
	}
}

// TestLinks follows all links within the repository.
func TestLinks(t *testing.T) {
	var documents []string
	for _, pattern := range []string{"../*.md", "*.md", "../bench/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, found...)
	}
	links := 0
	for _, document := range documents {
		for _, link := range linkPattern.FindAllStringSubmatch(prose(t, document), -1) {
			target, anchor, _ := strings.Cut(link[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			links++
			file := document
			if target != "" {
				file = filepath.Join(filepath.Dir(document), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: %s: %v", document, link[0], err)
			} else if anchor != "" && !slices.Contains(anchorsOf(t, file), anchor) {
				t.Errorf("%s: %s: there is no such heading", document, link[0])
			}
		}
	}
	if links < 50 {
		t.Errorf("%d links found: the documents aren't read any more", links)
	}
}

var (
	linkPattern = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fenced      = regexp.MustCompile("(?ms)^```.*?^```$")
	spanned     = regexp.MustCompile("`[^`\n]*`")
	heading     = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notInAnchor = regexp.MustCompile(`[^\p{L}\p{N}\s_-]`)
)

// prose is a document without its code.
func prose(t *testing.T, document string) string {
	t.Helper()
	return spanned.ReplaceAllString(fenced.ReplaceAllString(read(t, document), ""), "")
}

// anchorsOf returns the anchors that GitHub makes of a document's headings.
func anchorsOf(t *testing.T, document string) (anchors []string) {
	t.Helper()
	for _, found := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(read(t, document), ""), -1) {
		anchor := notInAnchor.ReplaceAllString(strings.ToLower(found[1]), "")
		anchors = append(anchors, strings.ReplaceAll(anchor, " ", "-"))
	}
	return anchors
}

// TestReadmeIsShort keeps the first document one that is read to its end.
func TestReadmeIsShort(t *testing.T) {
	if lines := strings.Count(read(t, "../README.md"), "\n"); lines > 200 {
		t.Errorf("README.md has %d lines, want 200 at most: what doesn't fit belongs into docs", lines)
	}
}
