//go:build amd64

package websocket

import (
	"testing"
	"unsafe"

	"github.com/kataras/iris/websocket/internal/link"
	"github.com/kataras/iris/websocket/internal/request"
)

// TestSizes checks: the sizes of the three objects of a connection. Each fills its size class
// of Go's allocator. One more field costs at least 32 bytes per connection.
func TestSizes(t *testing.T) {
	for name, size := range map[string]struct{ got, class uintptr }{
		"connection":      {unsafe.Sizeof(connection{}), 448},
		"link.Link":       {unsafe.Sizeof(link.Link{}), 256},
		"request.Request": {unsafe.Sizeof(request.Request{}), 112},
	} {
		if size.got > size.class {
			t.Errorf("%s has %d bytes, want at most %d", name, size.got, size.class)
		}
	}
}
