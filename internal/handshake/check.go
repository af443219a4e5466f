// Package handshake has the steps of the opening handshake (RFC 6455, section 4.2):
// what a request must be, which page it may come from, whether there is a place for
// it, which extensions are agreed on, and the response. It knows nothing of Iris or
// of the server.
package handshake

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"
)

// Request is what a request asks for.
type Request struct {
	key string // of the client
	// Subprotocols are those that the client offers, in its order.
	Subprotocols []string
	// Deflate is the answer to its offers of permessage-deflate; empty if none
	// is or can be met.
	Deflate string
}

// Check reads a request, or says why it is no handshake (RFC 6455, section 4.2.1),
// and with which status it is answered then. It costs nothing but time, so it comes
// before anybody is asked who the client is.
func Check(r *http.Request) (asked Request, status int, err error) {
	if !websocket.IsWebSocketUpgrade(r) {
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

var errNoUpgrade = errors.New(`websocket: this is a WebSocket endpoint: connect with a WebSocket client, such as new WebSocket("ws://…") in a browser; if you did, a proxy in front does not pass on the headers Upgrade and Connection`)

// mostOffers is how long the lists of extensions and subprotocols may be: taken
// apart, they take many times as much, of a client that nobody knows.
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

// list returns the elements of a list that may be spread over several lines of the
// header, which are one (RFC 6455, section 11.3.4).
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
