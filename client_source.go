package websocket

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	_ "embed" // for the client
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/kataras/iris/v12"
	iriscontext "github.com/kataras/iris/v12/context"
)

// ClientSource is the browser client for servers with the default prefix, minified. It
// defines Ws. Don't change it. js/build.mjs makes it.
//
//go:embed iris-ws.js
var ClientSource []byte

// moduleSource is the modern client as a module. readableSource is the client in readable
// form.
var (
	//go:embed iris-ws.mjs
	moduleSource []byte
	//go:embed iris-ws.source.js
	readableSource []byte
)

// A server fills in these lines of a client. The module has only an endpoint, relative to
// its own address.
const (
	prefixLine   = `var PREFIX = "` + DefaultEvtMessageKey + `";`
	endpointLine = `var ENDPOINT = "";`
	pathLine     = `var SCRIPT_PATH = "";`
)

// browserClient has the forms of the browser client for one server.
type browserClient struct{ script, module, readable []byte }

// newBrowserClient fills in a prefix, an endpoint, and the path of the script. The endpoint
// and the path may be empty.
func newBrowserClient(prefix, endpoint, path string) browserClient {
	return browserClient{
		script:   fillIn(ClientSource, prefix, endpoint, path),
		module:   fillIn(moduleSource, prefix, relative(endpoint, modulePath(path)), ""),
		readable: fillIn(readableSource, prefix, endpoint, path),
	}
}

// modulePath returns the path of the module beside a script: "/iris-ws.mjs" for
// "/iris-ws.js".
func modulePath(script string) string {
	if script == "" {
		return ""
	}
	return strings.TrimSuffix(script, ".js") + ".mjs"
}

// relative returns the relative address of an endpoint for a module at a path, such as
// "../ws" for "/ws" and "/js/iris-ws.mjs". A proxy may then add a prefix to both.
func relative(endpoint, module string) string {
	if endpoint == "" || module == "" {
		return ""
	}
	up := "./"
	if depth := strings.Count(module, "/") - 1; depth > 0 {
		up = strings.Repeat("../", depth)
	}
	return up + strings.TrimPrefix(endpoint, "/")
}

func fillIn(source []byte, prefix, endpoint, path string) []byte {
	for _, line := range []struct{ old, value string }{
		{prefixLine, prefix}, {endpointLine, endpoint}, {pathLine, path},
	} {
		name := line.old[:strings.IndexByte(line.old, '=')]
		value, err := json.Marshal(line.value)
		if err != nil {
			panic(err) // impossible for a string
		}
		source = bytes.Replace(source, []byte(line.old), []byte(name+"= "+string(value)+";"), 1)
	}
	return source
}

// ClientHandler returns a handler for the browser client of servers with the default
// prefix. Mount it by hand. See [Server.ClientHandler].
func ClientHandler() iris.Handler {
	return browserClient{ClientSource, moduleSource, readableSource}.handler()
}

// ClientIntegrity returns the integrity of the server's browser client, such as
// "sha384-oqVuAfXRKap7fdgc…", for a script element on a page of another origin:
//
//	<script src="https://chat.example/iris-ws.js" integrity="sha384-…" crossorigin></script>
//
// It changes with the configuration of the server and with the version of the library: a
// page should get it from here. The handler of the script allows other origins to read it.
// If several servers of one application share a script, all of them return its integrity.
// It is empty if the application has a script of its own at this path.
func (s *Server) ClientIntegrity() string { return s.integrity }

// setClient sets the browser client, before the server is used.
func (s *Server) setClient(c browserClient) {
	sum := sha512.Sum384(c.script)
	s.client, s.ClientSource = c, c.script
	s.integrity = "sha384-" + base64.StdEncoding.EncodeToString(sum[:])
}

// handler returns a handler for all forms: the module if the path ends in ".mjs", the
// readable form if the query is "source".
func (c browserClient) handler() iris.Handler {
	script, module, readable := serveClient(c.script), serveClient(c.module), serveClient(c.readable)
	return func(ctx iris.Context) {
		switch u := ctx.Request().URL; {
		case strings.HasSuffix(u.Path, ".mjs"):
			module(ctx)
		case u.RawQuery == "source":
			readable(ctx)
		default:
			script(ctx)
		}
	}
}

// serveClient returns a handler to serve the source as JavaScript. The first request that
// accepts gzip compresses it, for all others: that would take longer than the rest of New.
func serveClient(source []byte) iris.Handler {
	plainETag := etagOf(source)
	compressed := sync.OnceValues(func() (body []byte, etag string) {
		body = gzipped(source)
		return body, etagOf(body)
	})
	return func(ctx iris.Context) {
		if w, ok := ctx.ResponseWriter().(*iriscontext.CompressResponseWriter); ok {
			w.Disabled = true // the body is compressed already
		}
		header := ctx.ResponseWriter().Header()
		header.Set("Content-Type", "text/javascript; charset=utf-8")
		header.Set("X-Content-Type-Options", "nosniff")
		if header.Get("Access-Control-Allow-Origin") == "" { // else the application has decided
			header.Set("Access-Control-Allow-Origin", "*") // for modules, and for scripts with an integrity
		}
		header.Set("Cache-Control", "no-cache") // browsers may store it, but must revalidate it each time
		body, etag := source, plainETag
		if coding, err := iriscontext.GetEncoding(ctx.Request(), []string{iriscontext.GZIP}); err == nil && coding == iriscontext.GZIP {
			body, etag = compressed()
			header.Set("Content-Encoding", "gzip")
		}
		header.Set("ETag", etag)
		header.Set("Vary", "Accept-Encoding")
		http.ServeContent(ctx.ResponseWriter(), ctx.Request(), "", time.Time{}, bytes.NewReader(body))
	}
}

func gzipped(source []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // impossible: the level is valid
	}
	_, _ = w.Write(source) // a bytes.Buffer never fails
	_ = w.Close()
	return b.Bytes()
}

func etagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}
