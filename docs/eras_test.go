package docs_test

import (
	"path/filepath"
	"testing"
)

// eras are the programs of testdata/eras. They come from the documentation of their
// era. Some have a few lines more: at least one program needs each row of the tables.
var eras = map[string]struct {
	section string
	use     func(*testing.T, running)
}{
	"first":         {fromV3, all(has("/iris-ws.js"), chats)},
	"first-default": {fromV3, all(has("/iris-ws.js", "/js/chat.js"), chats)},
	"v3.0":          {fromV3, all(pages, chats)},
	"v4":            {fromV3, all(pages, chatsInRoom)},
	"v4-native":     {fromV3, all(pages, talksNatively)},
	"v6.0":          {fromV3, all(pages, chats)},
	"v6.1":          {fromV3, all(pages, chatsInRoom, reportsErrors)},
	"v6.2":          {fromV62, all(pages, chatsInRoom)},
	"v6.2-visitors": {fromV62, all(has("/iris-ws.js"), countsVisitors, reportsErrors)},
	"v7":            {fromV7, all(pages, has("/echo.html"), chatsInRoom)},
	"v8":            {fromV8, all(has("/", "/iris-ws.js"), chats, reportsErrors)},
	"v11":           {fromV8, all(pages, chatsInRoom)},
}

// examples are the examples of Iris v11.1.1 with this package. The keys are the
// folders of their main functions within the folder _examples.
var examples = map[string]struct {
	use       func(*testing.T, running)
	arguments []string
	folder    string // the folder with all packages of the example; empty for the key
}{
	"websocket/chat": {use: func(t *testing.T, r running) {
		r.wantPages(t, "/", "/iris-ws.js")
		one, other := r.dial(t, "/echo"), r.dial(t, "/echo")
		one.prefix, other.prefix = "my-custom-prefix:", "my-custom-prefix:"
		one.send(t, "chat;0;hello")
		other.want(t, `chat;0;hello$`)
	}},
	"websocket/connectionlist": {use: func(t *testing.T, r running) {
		pages(t, r)
		r.dial(t, "/my_endpoint").want(t, `chat;0;aaaa2? \d+\n$`)
	}},
	"websocket/custom-go-client": {arguments: []string{"server"}, use: func(t *testing.T, r running) {
		one := r.dial(t, "/socket")
		one.send(t, "join;0;2;all;me")
		one.send(t, "objectupdate;0;2;all;it")
		one.want(t, `objectupdate;0;it$`)
	}},
	"websocket/native-messages": {use: func(t *testing.T, r running) {
		r.wantPages(t, "/", "/js/chat.js")
		talksNatively(t, r)
	}},
	"websocket/secure": {use: func(t *testing.T, r running) {
		r.secure = true
		pages(t, r)
		one := r.dial(t, "/my_endpoint")
		one.send(t, "chat;0;hello")
		one.want(t, `chat;0;From: \w+: hello$`)
	}},
	"mvc/websocket": {use: func(t *testing.T, r running) {
		r.wantPages(t, "/", "/websocket/iris-ws.js")
		one := r.dial(t, "/websocket")
		one.send(t, "visit;0;")
		one.want(t, `visit;4;1$`)
	}},
	"tutorial/online-visitors": {use: func(t *testing.T, r running) {
		r.wantPages(t, "/", "/other", "/iris-ws.js", "/js/visitors.js")
		one := r.dial(t, "/my_endpoint")
		one.send(t, "watch;0;index")
		one.want(t, `watch;4;1$`)
	}},
	"tutorial/vuejs-todo-mvc/src/web": {folder: "tutorial/vuejs-todo-mvc", use: func(t *testing.T, r running) {
		r.wantPages(t, "/", "/todos/iris-ws.js")
		one := r.dial(t, "/todos/sync")
		one.send(t, "save;0;")
		one.want(t, `saved;4;null$`)
	}},
}

// pageFolder returns a folder with the files for the programs of the eras.
func pageFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "templates", "client.html"), `<html>{{.Title}} {{.Host}}</html>`)
	write(t, filepath.Join(folder, "websockets.html"), `<html><script src="/iris-ws.js"></script></html>`)
	write(t, filepath.Join(folder, "static", "js", "chat.js"), `ws = new Ws("ws://" + HOST + "/my_endpoint");`)
	return folder
}

// all returns a function for several uses, one after the other.
func all(uses ...func(*testing.T, running)) func(*testing.T, running) {
	return func(t *testing.T, r running) {
		t.Helper()
		for _, use := range uses {
			use(t, r)
		}
	}
}

// pages checks the page of most programs, its script, and the client script.
var pages = has("/", "/js/chat.js", "/iris-ws.js")

func has(paths ...string) func(*testing.T, running) {
	return func(t *testing.T, r running) {
		t.Helper()
		r.wantPages(t, paths...)
	}
}

func chats(t *testing.T, r running) {
	t.Helper()
	one, other := r.dial(t, "/my_endpoint"), r.dial(t, "/my_endpoint")
	one.send(t, "chat;0;hello")
	one.want(t, `chat;0;Message from myself: hello$`)
	other.want(t, `chat;0;Message from: \w+-> hello$`)
}

func chatsInRoom(t *testing.T, r running) {
	t.Helper()
	one, other := r.dial(t, "/my_endpoint"), r.dial(t, "/my_endpoint")
	one.send(t, "chat;0;hello")
	one.want(t, `chat;0;Message from myself: hello$`)
	one.want(t, `chat;0;From: \w+: hello$`)
	other.want(t, `chat;0;Message from: \w+-> hello$`)
	other.want(t, `chat;0;From: \w+: hello$`)
}

func talksNatively(t *testing.T, r running) {
	t.Helper()
	one, other := r.dial(t, "/my_endpoint"), r.dial(t, "/my_endpoint")
	one.sendNative(t, "hello")
	one.wantNative(t, `^Me: hello$`)
	other.wantNative(t, `^Message from: \w+-> hello$`)
}

func reportsErrors(t *testing.T, r running) {
	t.Helper()
	one := r.dial(t, "/my_endpoint")
	one.send(t, "fail;0;")
	one.want(t, `failed;0;chat is closed$`)
}

func countsVisitors(t *testing.T, r running) {
	t.Helper()
	one, other := r.dial(t, "/my_endpoint"), r.dial(t, "/my_endpoint")
	one.send(t, "watch;0;index")
	one.want(t, `watch;0;1$`)
	other.send(t, "watch;0;index")
	one.want(t, `watch;0;2$`)
	other.want(t, `watch;0;2$`)
	_ = one.conn.Close()
	other.want(t, `watch;0;1$`)
}
