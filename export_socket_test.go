//go:build unix && !portable

package websocket

// TryWrite writes to a connection's socket as a flusher does, and returns how much
// was taken; reading is whether somebody is reading from it.
func TryWrite(c Connection, p []byte, reading bool) (int, error) {
	s := &c.(*connection).socket
	if reading {
		s.reading.Lock()
		defer s.reading.Unlock()
	}
	return s.tryWrite(p)
}
