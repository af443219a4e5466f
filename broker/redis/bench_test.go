package redis

import (
	"context"
	"testing"

	"github.com/kataras/iris/websocket/broker"
	"github.com/kataras/iris/websocket/broker/internal/redistest"
)

type nobody struct{}

func (nobody) Message(string, []byte) {}
func (nobody) Down(error)             {}
func (nobody) Up()                    {}

// BenchmarkPublish publishes messages, each after the one before has left the node.
func BenchmarkPublish(b *testing.B) {
	server := redistest.Start(b)
	n, err := New(at(server))
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	if err := n.Start(ctx, broker.Receiver(nobody{})); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = n.Close(ctx) }()
	message := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		if err := n.Publish("room", message); err != nil {
			b.Fatal(err)
		}
		if err := n.Flush(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
