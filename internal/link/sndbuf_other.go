//go:build unix && !portable && (!linux || 386 || s390x)

package link

// knowsRoom reports that hasRoom can't tell.
func knowsRoom(int) bool { return false }

// hasRoom reports that the system doesn't say: a goroutine of the connection's own
// writes then, which may wait.
func hasRoom(int, int) bool { return false }
