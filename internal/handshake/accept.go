package handshake

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"
)

// guid is hashed together with the key of the client (RFC 6455, section 1.3).
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// ownHeaders lists the headers of the handshake and of a body. Response ignores them
// in the headers of the application.
var ownHeaders = map[string]bool{
	"Connection": true, "Content-Encoding": true, "Content-Length": true, "Content-Type": true,
	"Sec-Websocket-Accept": true, "Sec-Websocket-Extensions": true, "Sec-Websocket-Protocol": true,
	"Transfer-Encoding": true, "Upgrade": true, "Vary": true,
}

// Response returns the response to an accepted request (RFC 6455, section 4.2.2),
// with the headers of the application. An empty subprotocol selects none.
func Response(r Request, subprotocol string, header http.Header) []byte {
	sum := sha1.Sum([]byte(r.key + guid))
	p := make([]byte, 0, 512)
	p = append(p, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	p = base64.StdEncoding.AppendEncode(p, sum[:])
	p = append(p, "\r\n"...)
	if subprotocol != "" {
		p = appendHeader(p, "Sec-WebSocket-Protocol", subprotocol)
	}
	if r.Deflate != "" {
		p = appendHeader(p, "Sec-WebSocket-Extensions", r.Deflate)
	}
	for name, values := range header {
		if ownHeaders[http.CanonicalHeaderKey(name)] || !isToken(name) {
			continue
		}
		for _, value := range values {
			p = appendHeader(p, name, value)
		}
	}
	return append(p, "\r\n"...)
}

// appendHeader appends one header line. Control characters become spaces, so a value
// can't end the line or the header.
func appendHeader(p []byte, name, value string) []byte {
	p = append(append(p, name...), ": "...)
	for i := range len(value) {
		c := value[i]
		if c < ' ' && c != '\t' || c == 0x7F {
			c = ' '
		}
		p = append(p, c)
	}
	return append(p, "\r\n"...)
}
