package nats_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/kataras/iris/websocket/broker/nats"
	"github.com/nats-io/nats-server/v2/server"
)

// printer is a receiver. In an application, the server is one.
type printer chan struct{}

func (p printer) Message(channel string, message []byte) {
	fmt.Printf("%s: %s\n", channel, message)
	close(p)
}
func (printer) Down(err error) { log.Print("NATS is away: ", err) }
func (printer) Up()            { log.Print("NATS is back") }

// Two nodes meet at a NATS server, which runs in this process.
func Example() {
	natsServer, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true})
	if err != nil {
		log.Fatal(err)
	}
	natsServer.Start()
	defer natsServer.WaitForShutdown()
	defer natsServer.Shutdown()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	config := nats.Config{URL: natsServer.ClientURL(), Prefix: "my-application"}
	one, err := nats.New(config)
	if err != nil {
		log.Fatal(err)
	}
	two, err := nats.New(config)
	if err != nil {
		log.Fatal(err)
	}
	received := make(printer)
	if err := one.Start(ctx, make(printer)); err != nil {
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
