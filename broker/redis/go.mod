module github.com/kataras/iris/websocket/broker/redis

go 1.26.0

require (
	github.com/kataras/iris/websocket v0.0.0
	github.com/redis/rueidis v1.0.79
	go.uber.org/goleak v1.3.0
)

require golang.org/x/sys v0.47.0 // indirect

replace github.com/kataras/iris/websocket => ../..
