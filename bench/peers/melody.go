package peers

import (
	"net"
	"net/http"

	"github.com/olahol/melody"
)

// serveMelody is olahol/melody with its broadcast and filter.
func serveMelody(listener net.Listener, options Options) error {
	m := melody.New()
	m.Config.MaxMessageSize = 64 << 10
	m.Upgrader.EnableCompression = options.Deflate
	m.HandleMessage(func(s *melody.Session, message []byte) {
		if s.Request.URL.Path == "/echo" {
			_ = s.Write(message)
			return
		}
		room := s.Request.URL.RawQuery
		_ = m.BroadcastFilter(message, func(other *melody.Session) bool { return other.Request.URL.RawQuery == room })
	})
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = m.HandleRequest(w, r)
	}))
}
