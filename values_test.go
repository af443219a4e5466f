package websocket_test

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/kataras/iris/websocket"
)

// TestValues checks: the values of a connection are safe for concurrent use. The typed getters
// return a zero value for other types.
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
			t.Error("GetValueString: want s for string, and nothing for the others")
		}
		c.SetValue("int", 7)
		if c.GetValueInt("int") != 7 || c.GetValueInt("number") != 12 ||
			c.GetValueInt("string") != 0 || c.GetValueInt("none") != 0 {
			t.Error("GetValueInt: want 7 for int, 12 for number, and 0 for the others")
		}
		if list := c.GetValueArrString("list"); len(list) != 1 || c.GetValueArrString("string") != nil {
			t.Error("GetValueArrString: want one text for list, and nil for string")
		}
		if c.GetValue("none") != nil {
			t.Error("GetValue: want nil for an unknown key")
		}
		_ = c.Emit("done", "")
	})
	dial(t, url).want("done;0;")

	var values websocket.ConnectionValues
	values.Set("a", 1)
	values.Set("a", 2)
	if values.Get("a") != 2 || values.Get("b") != nil {
		t.Error("ConnectionValues: want 2 for a, and nil for b")
	}
	if values.Reset(); values.Get("a") != nil {
		t.Error("Reset: want nil for a")
	}
}

// TestGetValueInt checks: GetValueInt returns numbers and texts of numbers as int, and 0 for
// any other value.
func TestGetValueInt(t *testing.T) {
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
					t.Errorf("GetValueInt returned %d, want %d", got, want)
				}
			})
		}
	})
	dial(t, url)
	receive(t, done)
}
