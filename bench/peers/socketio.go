package peers

import (
	"fmt"

	"github.com/kataras/iris/websocket/bench/load"
)

// The protocol of Socket.IO 4 over WebSocket alone; the server is node/socketio.js.

func pathSocketIO(int, bool) string { return "/socket.io/?EIO=4&transport=websocket" }

func helloSocketIO(room int, echo bool) []load.Step {
	hello := []load.Step{{Send: "40", Await: "40{"}}
	if !echo {
		hello = append(hello, load.Step{Send: fmt.Sprintf(`420["join",%q]`, roomName(room)), Await: "430"})
	}
	return hello
}

func encodeSocketIO(room int, echo bool, payload []byte) []byte {
	if echo {
		return fmt.Appendf(nil, `42["echo",%q]`, payload)
	}
	return fmt.Appendf(nil, `42["room",%q,%q]`, roomName(room), payload)
}
