package docs_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
)

// patience is the longest time a test waits for something before it fails.
const patience = 20 * time.Second

// migrated is the folder of the sources in this module. It isn't on the disk: only
// the compiler sees it.
const migrated = "docs/migrated"

// build builds sources within this module. The keys of sources are names of files.
// The keys of executables are the folders of the files called main.go.
//
// The programs listen on the address in ADDRESS_OF_THE_TEST instead of their own
// port. The tests change nothing else by themselves.
func build(t *testing.T, sources map[string]string) (executables map[string]string) {
	t.Helper()
	executables = make(map[string]string)
	bin := filepath.Join(t.TempDir(), "bin")
	for name, source := range maps.Clone(sources) {
		if folder, file := path.Split(name); file == "main.go" {
			if !address.MatchString(source) {
				t.Fatalf("the program listens on an unknown address:\n%s", source)
			}
			sources[name] = address.ReplaceAllString(source, "addressOfTheTest()")
			sources[path.Join(folder, "address.go")] = addressFile
			executables[path.Clean(folder)] = filepath.Join(bin, path.Base(folder))
		}
	}
	arguments := []string{"build"}
	if len(executables) > 0 {
		arguments = append(arguments, "-o", bin+string(filepath.Separator))
	}
	compileBy(t, sources, arguments...)
	return executables
}

// compileBy runs a go command on sources, as if they were in this module. The keys
// of sources are names of files.
func compileBy(t *testing.T, sources map[string]string, arguments ...string) {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	temporary := t.TempDir()
	replaced, packages := make(map[string]string), make(map[string]bool)
	for name, source := range sources {
		file := filepath.Join(temporary, strings.ReplaceAll(name, "/", "_"))
		write(t, file, source)
		replaced[filepath.Join(root, migrated, filepath.FromSlash(name))] = file
		packages["./"+path.Join(migrated, path.Dir(name))] = true
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(temporary, "overlay.json"), string(overlay))

	arguments = append(arguments, "-ldflags=-s -w", "-overlay", filepath.Join(temporary, "overlay.json"))
	run := exec.Command("go", append(arguments, slices.Sorted(maps.Keys(packages))...)...)
	run.Dir = root
	if output, err := run.CombinedOutput(); err != nil {
		for name, source := range sources {
			if strings.Contains(string(output), name) {
				t.Logf("%s:\n%s", name, source)
			}
		}
		t.Fatalf("%v: %s", err, output)
	}
}

var address = regexp.MustCompile(`"(localhost:443|localhost:8080|:8080)"`)

const addressFile = `package main

import "os"

func addressOfTheTest() string { return os.Getenv("ADDRESS_OF_THE_TEST") }
`

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// running is a running program.
type running struct {
	host   string
	secure bool
}

// start runs a program in a folder until the test ends. It returns when the program
// listens.
func start(t *testing.T, program, folder string, arguments ...string) running {
	t.Helper()
	host := freeAddress(t)
	command := exec.Command(program, arguments...)
	command.Dir = folder
	command.Env = append(os.Environ(), "ADDRESS_OF_THE_TEST="+host, "TMPDIR="+t.TempDir())
	var output strings.Builder
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		<-ended
		if t.Failed() {
			t.Log(output.String())
		}
	})
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", host)
		if err == nil {
			_ = conn.Close()
			return running{host: host}
		}
		select {
		case <-ended:
			t.Fatal("the program has ended")
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("the program doesn't listen: %v", err)
		}
		time.Sleep(10 * time.Millisecond) // the connection decides, not the time
	}
}

// freeAddress returns an address without a listener.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	return listener.Addr().String()
}

// anyCertificate accepts the self-signed certificate of an example.
var anyCertificate = &tls.Config{InsecureSkipVerify: true}

// wantPages checks: the server has these pages and files.
func (r running) wantPages(t *testing.T, paths ...string) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: anyCertificate, DisableKeepAlives: true}
	client := http.Client{Transport: transport, Timeout: patience}
	scheme := "http"
	if r.secure {
		scheme = "https"
	}
	for _, page := range paths {
		response, err := client.Get(scheme + "://" + r.host + page)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || len(body) == 0 {
			t.Errorf("%s: status %d, %q, %v", page, response.StatusCode, body, err)
		}
	}
}

// client is a WebSocket client. It sends and receives events as plain text.
type client struct {
	conn     *gorilla.Conn
	prefix   string
	messages chan string // closed when the connection has ended
	pongs    chan struct{}
}

func (r running) dial(t *testing.T, endpoint string) client {
	t.Helper()
	dialer := gorilla.Dialer{TLSClientConfig: anyCertificate, HandshakeTimeout: patience}
	scheme := "ws"
	if r.secure {
		scheme = "wss"
	}
	conn, _, err := dialer.Dial(scheme+"://"+r.host+endpoint, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := client{conn, "iris-websocket-message:", make(chan string, 100), make(chan struct{}, 1)}
	conn.SetPongHandler(func(string) error { c.pongs <- struct{}{}; return nil })
	go c.read()
	c.synchronise(t)
	return c
}

func (c client) read() {
	defer close(c.messages)
	for {
		_, message, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		c.messages <- string(message)
	}
}

// synchronise waits until the server has set the connection up and has handled all
// messages so far. The server answers a ping only after them.
func (c client) synchronise(t *testing.T) {
	t.Helper()
	if err := c.conn.WriteControl(gorilla.PingMessage, nil, time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.pongs:
	case <-time.After(patience):
		t.Fatal("the server doesn't answer a ping")
	}
}

// send sends an event, want waits for one.
func (c client) send(t *testing.T, event string) { t.Helper(); c.sendNative(t, c.prefix+event) }

func (c client) want(t *testing.T, pattern string) {
	t.Helper()
	c.wantNative(t, "^"+regexp.QuoteMeta(c.prefix)+pattern)
}

func (c client) sendNative(t *testing.T, message string) {
	t.Helper()
	if err := c.conn.WriteMessage(gorilla.TextMessage, []byte(message)); err != nil {
		t.Fatal(err)
	}
}

func (c client) wantNative(t *testing.T, pattern string) {
	t.Helper()
	select {
	case message, open := <-c.messages:
		if !open {
			t.Fatalf("the connection has ended, want %s", pattern)
		}
		if !regexp.MustCompile(pattern).MatchString(message) {
			t.Errorf("received %q, want %s", message, pattern)
		}
	case <-time.After(patience):
		t.Fatalf("received nothing, want %s", pattern)
	}
}
