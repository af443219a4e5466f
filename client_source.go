package websocket

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed" // for the client
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/kataras/iris/v12"
	iriscontext "github.com/kataras/iris/v12/context"
)

// ClientSource is the source of the browser client for servers with the default
// prefix. Don't change it.
//
//go:embed iris-ws.js
var ClientSource []byte

// A server fills in these lines of the client.
const (
	prefixLine   = `var PREFIX = "` + DefaultEvtMessageKey + `";`
	endpointLine = `var ENDPOINT = "";`
	pathLine     = `var SCRIPT_PATH = "";`
)

// clientSource returns the client for a prefix, an endpoint, and the path of the
// client itself. The endpoint and the path may be empty.
func clientSource(prefix, endpoint, path string) []byte {
	source := ClientSource
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
func ClientHandler() iris.Handler { return serveClient(ClientSource) }

// serveClient returns a handler to serve the source as JavaScript.
func serveClient(source []byte) iris.Handler {
	packed := gzipped(source)
	etag, packedETag := etagOf(source), etagOf(packed)
	return func(ctx iris.Context) {
		if w, ok := ctx.ResponseWriter().(*iriscontext.CompressResponseWriter); ok {
			w.Disabled = true // the body is compressed already
		}
		header := ctx.ResponseWriter().Header()
		header.Set("Content-Type", "text/javascript; charset=utf-8")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-cache") // browsers may store it, but must revalidate it each time
		body := source
		header.Set("ETag", etag)
		if coding, err := iriscontext.GetEncoding(ctx.Request(), []string{iriscontext.GZIP}); err == nil && coding == iriscontext.GZIP {
			body = packed
			header.Set("ETag", packedETag)
			header.Set("Content-Encoding", "gzip")
		}
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
