package peers

import (
	"net"
	"net/http"

	"github.com/gorilla/websocket"
)

// gorillaClient is the client of gorilla's chat example: two goroutines and a
// channel of 256 messages.
type gorillaClient struct {
	conn *websocket.Conn
	send chan []byte
}

func (c *gorillaClient) write() {
	for message := range c.send {
		if c.conn.WriteMessage(websocket.TextMessage, message) != nil {
			return
		}
	}
}

// serveGorilla is gorilla/websocket in the manner of its chat example.
func serveGorilla(listener net.Listener, options Options) error {
	upgrader := websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024, EnableCompression: options.Deflate}
	var all rooms[*gorillaClient]
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		c := &gorillaClient{conn, make(chan []byte, 256)}
		go c.write()
		room, echo := r.URL.Query().Get("room"), r.URL.Path == "/echo"
		all.join(room, c)
		defer func() { all.leave(room, c); close(c.send) }()
		for {
			_, message, err := conn.ReadMessage()
			if err != nil {
				return
			}
			if echo {
				c.send <- message
				continue
			}
			all.visit(room, func(c *gorillaClient) {
				select {
				case c.send <- message:
				default:
				}
			})
		}
	}))
}
