// Package handshake implements the steps of the opening handshake (RFC 6455,
// section 4.2). [Check] validates the request and negotiates its extensions,
// [Origins] checks the origin of the page, and [Places] limits the connections.
// [Response] formats the response, [TakeOver] hijacks the network connection, and
// [Answer] writes the response to it. The package depends neither on Iris nor on the
// server.
package handshake

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"
)

// Request holds the options of a valid handshake request.
type Request struct {
	key string // Sec-WebSocket-Key
	// Subprotocols are the offers of the client, in its order.
	Subprotocols []string
	// Deflate answers an offer of permessage-deflate; it is empty if the server
	// accepts none.
	Deflate string
}

// Check validates a handshake request (RFC 6455, section 4.2.1). If the request is
// invalid, Check returns an error and the status of the response. Check calls no
// function of the application, so it runs before authentication.
func Check(r *http.Request) (asked Request, status int, err error) {
	if !websocket.IsWebSocketUpgrade(r) {
		if r.Header.Get("Sec-WebSocket-Key") != "" {
			return Request{}, http.StatusUpgradeRequired, ErrNotPassedOn
		}
		return Request{}, http.StatusUpgradeRequired, errNoUpgrade
	}
	refuse := func(status int, reason string) (Request, int, error) {
		return Request{}, status, errors.New("websocket: bad handshake: " + reason)
	}
	versions, keys := r.Header["Sec-Websocket-Version"], r.Header["Sec-Websocket-Key"]
	switch {
	case r.Method != http.MethodGet:
		return refuse(http.StatusMethodNotAllowed, "the method is not GET")
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return refuse(http.StatusBadRequest, "WebSocket needs HTTP/1.1")
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return refuse(http.StatusBadRequest, "the request has a body")
	case len(versions) > 1:
		return refuse(http.StatusBadRequest, "there is more than one Sec-WebSocket-Version")
	case len(versions) == 0 || versions[0] != "13":
		return refuse(http.StatusUpgradeRequired, "the version of the protocol is not 13")
	case len(keys) != 1:
		return refuse(http.StatusBadRequest, "there must be one Sec-WebSocket-Key")
	case !validKey(keys[0]):
		return refuse(http.StatusBadRequest, "Sec-WebSocket-Key is not 16 bytes in base64")
	case length(r.Header["Sec-Websocket-Extensions"])+length(r.Header["Sec-Websocket-Protocol"]) > mostOffers:
		return refuse(http.StatusRequestHeaderFieldsTooLarge, "the extensions and subprotocols take more than 4 KiB")
	}
	offers, ok := parseExtensions(r.Header["Sec-Websocket-Extensions"])
	if !ok {
		return refuse(http.StatusBadRequest, "Sec-WebSocket-Extensions is malformed")
	}
	return Request{key: keys[0], Subprotocols: list(r.Header["Sec-Websocket-Protocol"]), Deflate: negotiate(offers)}, 0, nil
}

// ErrNotPassedOn refuses the handshake of a client behind a proxy. Such a proxy drops the
// headers that are between itself and the client, and passes on the others.
var ErrNotPassedOn = errors.New("websocket: a handshake without the headers Upgrade and Connection: a proxy in front does not pass them on; docs/PROXIES.md shows how it should")

var errNoUpgrade = errors.New(`websocket: this is a WebSocket endpoint: connect with a WebSocket client, such as new WebSocket("ws://…") in a browser; if you did, a proxy in front does not pass on the headers Upgrade and Connection`)

// mostOffers limits the lists of extensions and subprotocols, in bytes. The parsed
// lists need many times as much memory, and the client isn't authenticated yet.
const mostOffers = 4 << 10

func length(lines []string) (n int) {
	for _, line := range lines {
		n += len(line) + 1
	}
	return n
}

func validKey(key string) bool {
	nonce, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(nonce) == 16 && len(key) == 24
}

// list returns the elements of a comma-separated header. Several lines of the header
// form one list (RFC 6455, section 11.3.4).
func list(lines []string) []string {
	var elements []string
	for _, line := range lines {
		for element := range strings.SplitSeq(line, ",") {
			if element = strings.Trim(element, " \t"); element != "" {
				elements = append(elements, element)
			}
		}
	}
	return elements
}
