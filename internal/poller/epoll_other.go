//go:build !linux || portable

package poller

import "errors"

// queue watches nothing: on these systems goroutines wait.
type queue struct{}

func (*queue) open() error         { return errors.ErrUnsupported }
func (*queue) arm(int, bool) error { return errors.ErrUnsupported }
func (*queue) run(func(int))       {}
func (*queue) close()              {}
