package websocket_test

import (
	"encoding/json"
	"errors"
	"net"
	"strings"
	"testing"
	"unicode"

	gorilla "github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket"
)

// TestTextsOfErrors are one line, whatever is in their fields, which stay as they
// are.
func TestTextsOfErrors(t *testing.T) {
	cause := errors.New(hostile)
	for name, err := range map[string]error{
		"CloseError, text":           &websocket.CloseError{Code: 1000, Text: hostile},
		"CloseError, cause":          &websocket.CloseError{Code: 1006, Err: cause},
		"MessageError":               &websocket.MessageError{Event: hostile, Err: cause},
		"MessageError without event": &websocket.MessageError{Err: cause},
		"HandlerError":               &websocket.HandlerError{Event: hostile, Err: cause},
		"PanicError":                 &websocket.PanicError{Event: hostile, Value: cause},
		"within one another":         &websocket.HandlerError{Event: hostile, Err: &websocket.PanicError{Event: hostile, Value: cause}},
	} {
		t.Run(name, func(t *testing.T) {
			text := err.Error()
			if !strings.HasPrefix(text, "websocket: ") || !strings.Contains(text, "forged") || len(text) > 2000 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) }) {
				t.Errorf("%d bytes: %.500q", len(text), text)
			}
			if name != "CloseError, text" && !errors.Is(err, cause) {
				t.Error("the cause is lost")
			}
		})
	}
}

func TestTextsOfCloseErrors(t *testing.T) {
	for _, test := range []struct {
		err  websocket.CloseError
		want string
	}{
		{websocket.CloseError{Code: 1000}, "websocket: the client closed the connection with code 1000 (normal)"},
		{websocket.CloseError{Code: 1001, Text: "bye"}, `websocket: the client closed the connection with code 1001 (going away): "bye"`},
		{websocket.CloseError{Code: 4000, Text: "a\n"}, `websocket: the client closed the connection with code 4000: "a\n"`},
		{websocket.CloseError{Code: 1005}, "websocket: the client closed the connection without a code"},
		{websocket.CloseError{Code: 1006, Err: net.ErrClosed}, "websocket: connection lost: " + net.ErrClosed.Error()},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got  %q\nwant %q", got, test.want)
		}
	}
}

// TestTheTextOfAClose: what the client said in its close frame is in the reason.
func TestTheTextOfAClose(t *testing.T) {
	ended := make(chan error, 1)
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnDisconnect(func() { ended <- c.DisconnectReason() })
	})
	client := dial(t, url)
	if err := client.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(4001, "the reason")); err != nil {
		t.Fatal(err)
	}
	var closed *websocket.CloseError
	if err := receive(t, ended); !errors.As(err, &closed) || closed.Code != 4001 || closed.Text != "the reason" || !strings.Contains(err.Error(), `"the reason"`) {
		t.Errorf("ended with %v", err)
	}
}

// TestErrorsOfPayloads: long ones leave room for what is wrong, and what reading
// them returned is still there.
func TestErrorsOfPayloads(t *testing.T) {
	errs := make(chan error, 1)
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnError(func(err error) { errs <- err })
		c.On("int", func(int) {})
		c.On("number", func(int8) {})
		c.On("json", func(struct{ N int }) {})
		c.On("itself", func(hostileText) {})
	})
	client := dial(t, url)
	nines := strings.Repeat("9", 60000)
	for _, test := range []struct {
		send string
		want []string
		is   func(error) bool
	}{
		{"int;0;" + nines, []string{"can't be read as int", "(60000 bytes in all), sent as string"}, nil},
		{"number;1;" + nines, []string{"can't be read as int8", "out of range"}, nil},
		{"json;4;{\"N\":" + nines + "}", []string{"can't be read as struct", "cannot unmarshal number 999", "bytes in all)"}, func(err error) bool {
			var wrong *json.UnmarshalTypeError
			return errors.As(err, &wrong) && wrong.Field == "N" && len(wrong.Value) > 60000
		}},
		{"itself;0;a\nb" + nines, []string{`"a\nb999`, `no good: a\nb999`}, nil},
		{strings.Repeat("n", 127) + "ö;9;x", []string{`"` + strings.Repeat("n", 127) + `"`}, func(err error) bool {
			var wrong *websocket.MessageError
			return errors.As(err, &wrong) && len(wrong.Event) == 127
		}},
	} {
		t.Run(test.send[:10], func(t *testing.T) {
			client.send(test.send)
			err := receive(t, errs)
			text := err.Error()
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q, without %q", text, want)
				}
			}
			if len(text) > 700 || strings.Contains(text, "\n") {
				t.Errorf("%d bytes: %.900q", len(text), text)
			}
			if test.is != nil && !test.is(err) {
				t.Errorf("what it wraps is lost: %v", err)
			}
			var message *websocket.MessageError
			if !errors.As(err, &message) || len(message.Err.Error()) > 600 {
				t.Errorf("Err is %.900q", message.Err)
			}
		})
	}
}

// TestErrorsOfEmit keep what they wrap.
func TestErrorsOfEmit(t *testing.T) {
	s := websocket.NewServer(websocket.Config{Marshal: func(v any) ([]byte, error) {
		if err, ok := v.(error); ok {
			return nil, err
		}
		return nil, errHandler
	}})
	if err := s.Emit(hostile[len(forged):], errors.New(hostile)); len(err.Error()) > 2000 || strings.Contains(err.Error(), "\n") {
		t.Errorf("%d bytes: %.900q", len(err.Error()), err)
	}
	if err := s.Emit("a;b", 1); !errors.Is(err, websocket.ErrInvalidEvent) || !strings.Contains(err.Error(), `"a;b"`) {
		t.Errorf("%v", err)
	}
	if err := s.Emit("", 1); !errors.Is(err, websocket.ErrInvalidEvent) {
		t.Errorf("%v", err)
	}
	if err := s.Emit("e", struct{}{}); !errors.Is(err, errHandler) || err.Error() != `websocket: event "e": `+errHandler.Error() {
		t.Errorf("%v", err)
	}
}
