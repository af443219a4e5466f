package websocket

// For tests.
var CheckOrigin = checkOrigin
