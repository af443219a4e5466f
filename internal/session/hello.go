package session

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Hello is the first message of a client on each socket.
type Hello struct {
	Session  string `json:"s,omitempty"` // to resume; else empty
	Token    string `json:"k,omitempty"` // of the session
	Received uint64 `json:"r,omitempty"` // the client's count
	Number   uint64 `json:"n"`           // of the connection: 1, 2, …
	Auth     string `json:"t,omitempty"` // for Config.Authenticate
}

// Welcome is the first message of a server on each socket.
type Welcome struct {
	Session  string `json:"s"`
	Token    string `json:"k"`
	Resumed  bool   `json:"resumed"`
	Received uint64 `json:"received"`      // of the session asked for, even if it has ended
	Ping     int    `json:"ping"`          // seconds between two pings of the server
	Max      int64  `json:"max"`           // bytes of a message
	Window   int    `json:"window"`        // seconds a suspended session is kept for
	Spread   int    `json:"spread"`        // milliseconds to spread reconnects over
	Why      string `json:"why,omitempty"` // why the session isn't resumed
}

// maxName limits the identifiers in a hello, in bytes.
const maxName = 256

var (
	errHelloNumber = errors.New("the hello has no connection number")
	errHelloName   = errors.New("the session or the token in the hello is too long")
)

// ParseHello reads the payload of a hello. Unknown fields are ignored.
func ParseHello(payload []byte) (Hello, error) {
	var h Hello
	if err := json.Unmarshal(payload, &h); err != nil {
		return Hello{}, fmt.Errorf("the hello is malformed: %w", err)
	}
	switch {
	case h.Number == 0:
		return Hello{}, errHelloNumber
	case len(h.Session) > maxName || len(h.Token) > maxName:
		return Hello{}, errHelloName
	}
	return h, nil
}
