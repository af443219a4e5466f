package redis_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"os/exec"
	"strconv"
	"time"

	"github.com/kataras/iris/websocket/broker/redis"
	"github.com/redis/rueidis"
)

// printer is a receiver. In an application, the server is one.
type printer chan struct{}

func (p printer) Message(channel string, message []byte) {
	fmt.Printf("%s: %s\n", channel, message)
	close(p)
}
func (printer) Down(err error) { log.Print("Redis is away: ", err) }
func (printer) Up()            { log.Print("Redis is back") }

// Two nodes meet at a Redis server.
func Example() {
	address, stop := startServer()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	config := redis.Config{
		Client: rueidis.ClientOption{InitAddress: []string{address}},
		Prefix: "my-application",
	}
	one, err := redis.New(config)
	if err != nil {
		log.Fatal(err)
	}
	two, err := redis.New(config)
	if err != nil {
		log.Fatal(err)
	}
	received := make(printer)
	if err := one.Start(ctx, make(printer)); err != nil { // it waits for the server
		log.Fatal(err)
	}
	defer one.Close(ctx)
	if err := two.Start(ctx, received); err != nil {
		log.Fatal(err)
	}
	defer two.Close(ctx)

	_ = two.Subscribe("lobby")
	_ = two.Flush(ctx) // the subscription stands
	_ = one.Publish("lobby", []byte("hello"))
	<-received
	// Output: lobby: hello
}

// startServer starts a Redis server on a free port. An application has one already.
func startServer() (address string, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	server := exec.Command("redis-server", "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "")
	if err := server.Start(); err != nil {
		log.Fatal(err)
	}
	return l.Addr().String(), func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}
}
