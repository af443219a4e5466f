//go:build unix && (!linux || race || 386 || s390x) && !portable

package link

import "syscall"

// writeNow writes without TLS. It calls write(2) on a non-blocking descriptor. Builds
// with the race detector use this version on every system. The detector learns the order
// of events from syscall.Write: everything before the sending of a message happened
// before its receipt. Tests of applications rely on this order.
func writeNow(fd int, p []byte) (int, error) { return syscall.Write(fd, p) }

// readNow reads without TLS. It calls read(2) in the same manner.
func readNow(fd int, p []byte) (int, error) { return syscall.Read(fd, p) }
