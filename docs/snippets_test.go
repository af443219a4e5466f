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
	document string // the path of its file, relative to this folder
	line     int    // the number of its first line
	language string
	text     string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", filepath.Base(b.document), b.line) }

// folder returns a folder name for the package of the block.
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
		t.Fatalf("%s: got %d complete blocks and the open block %v; want some and nil", document, len(blocks), open)
	}
	return blocks
}

// checks holds the check for the blocks of each language.
var checks = map[string]func(*testing.T, []block){
	"go":      checkGo,
	"js":      each(checkJavaScript),
	"html":    unchecked, // an element with a value of the server
	"ts":      each(checkInDocs),
	"nginx":   each(checkNginx),
	"sh":      each(checkShell),
	"sysctl":  each(checkSettings),
	"systemd": each(checkUnit),
	"text":    each(checkWire),

	// js/test/proxies.browser.test.mjs runs these blocks of PROXIES.md.
	"caddyfile": each(checkInProxies),
	"haproxy":   each(checkInProxies),

	"dockerfile": unchecked, // only a running Docker could check it
}

func unchecked(*testing.T, []block) {}

func each(check func(*testing.T, block)) func(*testing.T, []block) {
	return func(t *testing.T, blocks []block) {
		for _, b := range blocks {
			t.Run(b.String(), func(t *testing.T) { check(t, b) })
		}
	}
}

// TestSnippets checks each fenced block of the documents. MIGRATING.md has its own
// tests. js/test/docs.test.mjs runs the JavaScript of CLIENTS.md, and all with Ws.connect.
// TestGoClient runs the client in Go.
func TestSnippets(t *testing.T) {
	byLanguage := make(map[string][]block)
	documents := []string{
		"../README.md", "GUIDE.md", "CLIENTS.md", "SESSIONS.md", "SCALING.md", "DEPLOYING.md", "PROXIES.md",
	}
	for _, document := range documents {
		for _, b := range blocksOf(t, document) {
			if checks[b.language] == nil {
				t.Errorf("%v: there is no check for blocks of %q", b, b.language)
			}
			byLanguage[b.language] = append(byLanguage[b.language], b)
		}
	}
	for language, check := range checks {
		if len(byLanguage[language]) == 0 {
			t.Errorf("got no block of %s, want at least one", language)
		}
		t.Run(language, func(t *testing.T) { check(t, byLanguage[language]) })
	}
}

func checkInProxies(t *testing.T, b block) {
	if b.document != "PROXIES.md" {
		t.Error("no test runs this block: such blocks are run only if they are in PROXIES.md")
	}
}

func checkInDocs(t *testing.T, b block) {
	if b.document != "CLIENTS.md" {
		t.Error("no test runs this block: such blocks are run only if they are in CLIENTS.md")
	}
}

// uses holds the tests of the whole programs in each document, in the order of the
// programs.
var uses = map[string][]func(*testing.T, running){
	"../README.md": {testReadmeProgram},
	"GUIDE.md":     {testGuideProgram, testLogin},
	"CLIENTS.md":   {testClientsProgram},
}

// checkGo runs whole programs and tests, and compiles everything else.
func checkGo(t *testing.T, blocks []block) {
	// Programs and other packages are built separately: go build -o skips the others.
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
		case isClient(b):
			continue // TestGoClient runs it
		case usesBroker(b):
			continue // TestBrokerSnippets compiles it
		case strings.HasPrefix(b.text, "package main\n"):
			n := used[b.document]
			if n == len(uses[b.document]) {
				t.Errorf("%v: there is no test for this program", b)
				continue
			}
			used[b.document]++
			programs = append(programs, program{b, uses[b.document][n]})
			mains[b.folder()+"/main.go"] = b.text
		case strings.HasPrefix(b.text, "import (\n"):
			compiled[b.folder()+"/snippet.go"] = withImports(t, b)
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

// withImports returns a file of a snippet with its own imports.
func withImports(t *testing.T, b block) string {
	t.Helper()
	imports, body, _ := strings.Cut(b.text, "\n)\n")
	return "package compiled\n\n" + imports + "\n)\n\n" + ownDeclarations + function(t, b, body)
}

// checkFormat checks: gofmt changes nothing in a snippet.
func checkFormat(t *testing.T, b block) {
	t.Helper()
	text := b.text
	if imports, body, ok := strings.Cut(text, "\n)\n"); ok && strings.HasPrefix(imports, "import (\n") {
		text = body // gofmt accepts no statements after imports
	}
	formatted, err := format.Source([]byte(text))
	if err != nil {
		t.Errorf("%v: %v", b, err)
	} else if string(formatted) != text {
		t.Errorf("%v: not formatted, want:\n%s", b, formatted)
	}
}

// ownDeclarations stand before a snippet with its own imports.
const ownDeclarations = `
var app *iris.Application
`

// declarations stand before the other snippets.
const declarations = `package compiled

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"
	"github.com/kataras/iris/v12/sessions"

	"github.com/kataras/iris/websocket"
	"github.com/kataras/iris/websocket/client"
)

var (
	_ = client.New

	_ sync.Mutex
	_ = errors.New
	_ = fmt.Errorf
	_ = log.Print
	_ = http.Error
	_ = httptest.NewServer
	_ = slices.Sort[[]string]
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
)

type Point struct{ X, Y int }
`

// function puts statements into a function. The compiler then reports errors with
// the lines of the document. Each new variable is used once, because some snippets
// only show the result of a call.
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

func testReadmeProgram(t *testing.T, r running) {
	r.wantPages(t, "/", "/iris-ws.js", "/iris-ws.mjs")
	script := regexp.MustCompile(`(?s)<script type="module">(.*?)</script>`).FindStringSubmatch(read(t, "../README.md"))
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

func testGuideProgram(t *testing.T, r running) {
	r.wantPages(t, "/iris-ws.js")
	one := r.dial(t, "/my_endpoint")
	one.send(t, "chat;0;hello")
	one.want(t, `chat;0;\w+: hello$`)
}

// testLogin connects without a login, logs in, connects, and logs out.
func testLogin(t *testing.T, r running) {
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
			t.Fatalf("a connection without a login: got %v, %v, want status 401", response, err)
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
		t.Errorf("received %q, %v, want %q", message, err, welcome)
	}
	post("/logout", "")
	if _, message, err := conn.ReadMessage(); !gorilla.IsCloseError(err, gorilla.CloseNormalClosure) {
		t.Errorf("received %q, %v after the logout, want close code 1000", message, err)
	}
	wantRefusal()
}

// tool returns the path of a program. If the program is missing, the test is
// skipped; in CI it fails.
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

// runCommand runs a command and returns its output. The command must succeed.
func runCommand(t *testing.T, program string, arguments ...string) string {
	t.Helper()
	output, err := exec.Command(program, arguments...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v: %s", filepath.Base(program), err, output)
	}
	return string(output)
}

// checkJavaScript runs a snippet with the client script. There is no WebSocket, so
// the client makes no connection.
func checkJavaScript(t *testing.T, b block) {
	if b.document == "CLIENTS.md" || strings.Contains(b.text, "Ws.connect(") {
		return // js/test/docs.test.mjs runs it, with a server
	}
	client, err := filepath.Abs("../iris-ws.js")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "snippet.cjs")
	write(t, file, fmt.Sprintf(`delete globalThis.WebSocket;
var Ws = require(%q);
var ws = { conn: new EventTarget() };
function show() {}
function connect() {}
(function () {
%s
})();
process.exit(0);
`, client, b.text))
	runCommand(t, tool(t, "node"), file)
}

// checkSyntax checks JavaScript without running it.
func checkSyntax(t *testing.T, script string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "script.mjs")
	write(t, file, script)
	runCommand(t, tool(t, "node"), "--check", file)
}

func checkShell(t *testing.T, b block) {
	file := filepath.Join(t.TempDir(), "snippet.sh")
	write(t, file, b.text)
	runCommand(t, tool(t, "bash"), "-n", file)
}

// checkUnit lets systemd check a unit, with an existing program in it.
func checkUnit(t *testing.T, b block) {
	unit := filepath.Join(t.TempDir(), "chat.service")
	write(t, unit, strings.Replace(b.text, "ExecStart=/usr/local/bin/chat\n", "ExecStart="+tool(t, "true")+"\n", 1))
	if output := runCommand(t, tool(t, "systemd-analyze"), "verify", unit); output != "" {
		t.Error(output)
	}
}

// checkSettings checks: the kernel of this machine has each setting, with as many
// numbers in it.
func checkSettings(t *testing.T, b block) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has these settings")
	}
	for line := range strings.Lines(b.text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " = ")
		if !ok || !regexp.MustCompile(`^\d+( \d+)*$`).MatchString(value) {
			t.Errorf("%q is not a setting", line)
			continue
		}
		current, err := os.ReadFile(filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/")))
		if os.IsNotExist(err) && strings.HasPrefix(name, "net.netfilter.") {
			continue // its module isn't loaded here
		}
		if err != nil || len(strings.Fields(string(current))) != len(strings.Fields(value)) {
			t.Errorf("%s: this machine has %q, %v; want as many numbers as in %s", name, current, err, value)
		}
	}
}

// checkNginx lets nginx check a whole configuration. The test
// js/test/proxies.browser.test.mjs runs the configurations of PROXIES.md.
func checkNginx(t *testing.T, b block) {
	if b.document == "PROXIES.md" {
		return
	}
	folder := t.TempDir()
	var writable strings.Builder // directives with paths in the folder of the test
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&writable, "%s_temp_path %s/%s;\n", name, folder, name)
	}
	fmt.Fprintf(&writable, "access_log off;\n")
	text := strings.Replace(b.text, "http {\n", "http {\n"+writable.String(), 1)
	text = strings.Replace(text, "listen 80;", "listen "+freeAddress(t)+";", 1)
	file := filepath.Join(folder, "nginx.conf")
	write(t, file, text)
	pid := "pid " + folder + "/pid;"
	output := runCommand(t, tool(t, "nginx"), "-t", "-e", "stderr", "-p", folder, "-g", pid, "-c", file)
	if strings.Contains(output, "[warn]") {
		t.Error(output)
	}
}

// checkWire compares an event of a document with the event as the server sends it.
func checkWire(t *testing.T, b block) {
	if want := websocket.DefaultEvtMessageKey + "chat;0;hello\n"; b.text != want {
		t.Errorf("got %q, want %q", b.text, want)
	}
}

// TestLinks checks all links within the repository: the file and the heading exist.
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
				t.Errorf("%s: %s: %s has no such heading", document, link[0], file)
			}
		}
	}
	if links < 50 {
		t.Errorf("got %d links, want at least 50", links)
	}
}

var (
	linkPattern = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fenced      = regexp.MustCompile("(?ms)^```.*?^```$")
	spanned     = regexp.MustCompile("`[^`\n]*`")
	heading     = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notInAnchor = regexp.MustCompile(`[^\p{L}\p{N}\s_-]`)
)

// prose returns a document without its code.
func prose(t *testing.T, document string) string {
	t.Helper()
	return spanned.ReplaceAllString(fenced.ReplaceAllString(read(t, document), ""), "")
}

// anchorsOf returns GitHub's anchors for the headings of a document.
func anchorsOf(t *testing.T, document string) (anchors []string) {
	t.Helper()
	for _, found := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(read(t, document), ""), -1) {
		anchor := notInAnchor.ReplaceAllString(strings.ToLower(found[1]), "")
		anchors = append(anchors, strings.ReplaceAll(anchor, " ", "-"))
	}
	return anchors
}

// TestReadmeLength checks: README.md is short enough to be read to its end.
func TestReadmeLength(t *testing.T) {
	if lines := strings.Count(read(t, "../README.md"), "\n"); lines > 200 {
		t.Errorf("README.md has %d lines, want at most 200; move the rest to docs", lines)
	}
}
