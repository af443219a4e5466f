package websocket_test

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// TestWriteTimeout checks: the server ends the connection of a client after WriteTimeout, if it
// reads nothing. Its own messages don't help.
func TestWriteTimeout(t *testing.T) {
	var ends endings
	cfg := websocket.Config{WriteTimeout: 10 * time.Second}
	inBubble(t, cfg, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		go func() {
			for range 20 { // the client sends, but never reads
				time.Sleep(5 * time.Second)
				_ = client.WriteMessage(gorilla.TextMessage, []byte("here"))
			}
		}()
		synctest.Wait()
		began := time.Now()
		_ = s.GetConnections()[0].Emit("e", "x")
		time.Sleep(200 * time.Second)
		wantEnd(t, ends.all(), websocket.ErrWriteTimeout, began, 10*time.Second, 6*time.Second)
		if n := s.Stats(); n.SlowConsumers != 1 {
			t.Errorf("Stats are %+v, want 1 slow consumer", n)
		}
		_ = client.Close()
	})
}

// TestWriteTimeoutSlowReader checks: a client may read a large message slowly. The write doesn't
// time out.
func TestWriteTimeoutSlowReader(t *testing.T) {
	var ends endings
	cfg := websocket.Config{WriteTimeout: 10 * time.Second}
	inBubble(t, cfg, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		synctest.Wait()
		const size = 512 << 10
		_ = s.GetConnections()[0].EmitMessage(make([]byte, size))
		raw := client.NetConn()
		for read := 0; read < size; {
			time.Sleep(time.Second)
			n, err := io.ReadFull(raw, make([]byte, 4<<10))
			if err != nil {
				t.Fatal(err, ends.all())
			}
			read += n
			if read%(64<<10) == 0 {
				_ = client.WriteMessage(gorilla.TextMessage, []byte("here"))
			}
		}
		_ = client.Close()
		synctest.Wait()
		if list := ends.all(); len(list) != 1 || errors.Is(list[0].reason, websocket.ErrWriteTimeout) {
			t.Errorf("ended with %v, want one end without ErrWriteTimeout", list)
		}
	})
}

// TestWriteTimeoutDisabled checks: without a WriteTimeout, a client may stop reading for ever, as
// long as it sends frames.
func TestWriteTimeoutDisabled(t *testing.T) {
	var ends endings
	cfg := websocket.Config{WriteTimeout: -1}
	inBubble(t, cfg, ends.record, func(t *testing.T, s *websocket.Server, app *iris.Application) {
		client := pipe(t, app)
		synctest.Wait()
		_ = s.Emit("e", "never read")
		for range 120 {
			if err := client.WriteMessage(gorilla.PongMessage, nil); err != nil {
				t.Fatalf("writing: %v, ended with %v", err, ends.all())
			}
			time.Sleep(30 * time.Second)
		}
		if list := ends.all(); len(list) != 0 {
			t.Errorf("ended with %v, want it open", list[0].reason)
		}
		_ = client.Close()
	})
}
