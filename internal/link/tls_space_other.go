//go:build unix && !portable && (!linux || 386 || s390x)

package link

// canAskForSpace reports false: hasSpace can't ask this system.
func canAskForSpace(int) bool { return false }

// hasSpace reports false. A goroutine of the connection writes instead, and may
// block.
func hasSpace(int, int) bool { return false }
