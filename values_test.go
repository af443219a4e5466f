package websocket_test

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/kataras/iris/websocket"
)

// TestValues: safe for concurrent use, and by type.
func TestValues(t *testing.T) {
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				c.SetValue("shared", i)
				_ = c.GetValue("shared")
			})
		}
		all.Wait()
		c.SetValue("string", "s")
		c.SetValue("number", "12")
		c.SetValue("list", []string{"a"})
		if c.GetValueString("string") != "s" || c.GetValueString("shared") != "" || c.GetValueString("none") != "" {
			t.Error("GetValueString")
		}
		c.SetValue("int", 7)
		if c.GetValueInt("int") != 7 || c.GetValueInt("number") != 12 ||
			c.GetValueInt("string") != 0 || c.GetValueInt("none") != 0 {
			t.Error("GetValueInt")
		}
		if list := c.GetValueArrString("list"); len(list) != 1 || c.GetValueArrString("string") != nil {
			t.Error("GetValueArrString")
		}
		if c.GetValue("none") != nil {
			t.Error("GetValue")
		}
		_ = c.Emit("done", "")
	})
	dial(t, url).want("done;0;")

	var values websocket.ConnectionValues
	values.Set("a", 1)
	values.Set("a", 2)
	if values.Get("a") != 2 || values.Get("b") != nil {
		t.Error("ConnectionValues")
	}
	if values.Reset(); values.Get("a") != nil {
		t.Error("Reset")
	}
}

// TestValuesThatAreNoNumbers are 0 for GetValueInt.
func TestValuesThatAreNoNumbers(t *testing.T) {
	done := make(chan struct{})
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		defer close(done)
		tooLarge := strconv.Itoa(1<<30) + "0000000000"
		for value, want := range map[any]int{
			7: 7, "8": 8, "-9": -9, "x": 0, "7x": 0, "": 0, tooLarge: 0, 1.5: 0, nil: 0,
		} {
			t.Run(fmt.Sprintf("%#v", value), func(t *testing.T) {
				c.SetValue("key", value)
				if got := c.GetValueInt("key"); got != want {
					t.Errorf("%d, want %d", got, want)
				}
			})
		}
	})
	dial(t, url)
	receive(t, done)
}
