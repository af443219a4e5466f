package peers

import (
	"net"
	"net/http"

	"github.com/lxzan/gws"
)

type gwsHandler struct {
	gws.BuiltinEventHandler
	all rooms[*gws.Conn]
}

func room(socket *gws.Conn) string {
	name, _ := socket.Session().Load("room")
	s, _ := name.(string)
	return s
}

func (h *gwsHandler) OnOpen(socket *gws.Conn)           { h.all.join(room(socket), socket) }
func (h *gwsHandler) OnClose(socket *gws.Conn, _ error) { h.all.leave(room(socket), socket) }
func (h *gwsHandler) OnMessage(socket *gws.Conn, message *gws.Message) {
	defer func() { _ = message.Close() }()
	if _, echo := socket.Session().Load("echo"); echo {
		_ = socket.WriteMessage(message.Opcode, message.Bytes())
		return
	}
	broadcaster := gws.NewBroadcaster(message.Opcode, append([]byte(nil), message.Bytes()...))
	defer func() { _ = broadcaster.Close() }()
	h.all.visit(room(socket), func(c *gws.Conn) { _ = broadcaster.Broadcast(c) })
}

// serveGWS is lxzan/gws with its broadcaster.
func serveGWS(listener net.Listener, options Options) error {
	upgrader := gws.NewUpgrader(new(gwsHandler), &gws.ServerOption{
		PermessageDeflate: gws.PermessageDeflate{Enabled: options.Deflate, Threshold: 128},
		Authorize: func(r *http.Request, session gws.SessionStorage) bool {
			session.Store("room", r.URL.Query().Get("room"))
			if r.URL.Path == "/echo" {
				session.Store("echo", true)
			}
			return true
		},
	})
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		socket, err := upgrader.Upgrade(w, r)
		if err == nil {
			go socket.ReadLoop()
		}
	}))
}
