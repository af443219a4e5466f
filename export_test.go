package websocket

// For tests.
var (
	CheckOrigin  = checkOrigin
	ClientPrefix = clientPrefix
)
