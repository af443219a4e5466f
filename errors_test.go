package websocket_test

import (
	"encoding/json"
	"errors"
	"net"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"

	"github.com/kataras/iris/websocket"
)

// TestTextsOfErrors: the text of an error is one line of printable characters, whatever
// its fields hold. The fields stay unchanged.
func TestTextsOfErrors(t *testing.T) {
	cause := errors.New(hostile)
	panicked := &websocket.PanicError{Event: hostile, Value: cause}
	for name, err := range map[string]error{
		"CloseError, text":           &websocket.CloseError{Code: 1000, Text: hostile},
		"CloseError, cause":          &websocket.CloseError{Code: 1006, Err: cause},
		"MessageError":               &websocket.MessageError{Event: hostile, Err: cause},
		"MessageError without event": &websocket.MessageError{Err: cause},
		"HandlerError":               &websocket.HandlerError{Event: hostile, Err: cause},
		"PanicError":                 panicked,
		"within one another":         &websocket.HandlerError{Event: hostile, Err: panicked},
	} {
		t.Run(name, func(t *testing.T) {
			text := err.Error()
			if !strings.HasPrefix(text, "websocket: ") || !strings.Contains(text, "forged") ||
				len(text) > 2000 || strings.ContainsFunc(text, isNotGraphic) {
				t.Errorf("got %d bytes %.500q, want one short line", len(text), text)
			}
			if name != "CloseError, text" && !errors.Is(err, cause) {
				t.Error("errors.Is doesn't find the cause")
			}
		})
	}
}

func TestTextsOfCloseErrors(t *testing.T) {
	const closedWith = "websocket: the client closed the connection with code "
	for _, test := range []struct {
		err  websocket.CloseError
		want string
	}{
		{websocket.CloseError{Code: 1000}, closedWith + "1000 (normal)"},
		{websocket.CloseError{Code: 1001, Text: "bye"}, closedWith + `1001 (going away): "bye"`},
		{websocket.CloseError{Code: 4000, Text: "a\n"}, closedWith + `4000: "a\n"`},
		{websocket.CloseError{Code: 1005}, "websocket: the client closed the connection without a code"},
		{websocket.CloseError{Code: 1006, Err: net.ErrClosed}, "websocket: connection lost: " + net.ErrClosed.Error()},
	} {
		t.Run(test.want, func(t *testing.T) {
			if got := test.err.Error(); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// TestCloseTextInError: the text of the client's close frame stands in the text of
// DisconnectReason.
func TestCloseTextInError(t *testing.T) {
	ended := make(chan error, 1)
	_, url := onConnection(t, websocket.Config{}, func(c websocket.Connection) {
		c.OnDisconnect(func() { ended <- c.DisconnectReason() })
	})
	client := dial(t, url)
	if err := client.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(4001, "the reason")); err != nil {
		t.Fatal(err)
	}
	var closed *websocket.CloseError
	err := receive(t, ended)
	if !errors.As(err, &closed) || closed.Code != 4001 || closed.Text != "the reason" {
		t.Fatalf("got reason %v, want code 4001 with the text", err)
	}
	wantParts(t, "the reason", err.Error(), `"the reason"`)
}

// TestErrorsOfPayloads: the text of an error cuts a long payload, so the cause is still
// readable. The error still wraps the error of the decoder.
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
		{"json;4;{\"N\":" + nines + "}", []string{
			"can't be read as struct", "cannot unmarshal number 999", "bytes in all)",
		}, func(err error) bool {
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
			wantParts(t, "the error", text, test.want...)
			if len(text) > 700 || strings.Contains(text, "\n") {
				t.Errorf("got %d bytes %.900q, want one short line", len(text), text)
			}
			if test.is != nil && !test.is(err) {
				t.Errorf("got %v, want the wrapped error in it", err)
			}
			var message *websocket.MessageError
			if !errors.As(err, &message) || len(message.Err.Error()) > 600 {
				t.Errorf("got Err %.900q, want at most 600 bytes", message.Err)
			}
		})
	}
}

// TestErrorsOfEmit: the errors of Emit wrap their causes, and their texts are one line.
func TestErrorsOfEmit(t *testing.T) {
	s := websocket.NewServer(websocket.Config{Marshal: func(v any) ([]byte, error) {
		if err, ok := v.(error); ok {
			return nil, err
		}
		return nil, errHandler
	}})
	text := s.Emit(hostile[len(forged):], errors.New(hostile)).Error()
	if len(text) > 2000 || strings.Contains(text, "\n") {
		t.Errorf("got %d bytes %.900q, want one short line", len(text), text)
	}
	if err := s.Emit("a;b", 1); !errors.Is(err, websocket.ErrInvalidEvent) || !strings.Contains(err.Error(), `"a;b"`) {
		t.Errorf("got %v, want ErrInvalidEvent with a;b", err)
	}
	if err := s.Emit("", 1); !errors.Is(err, websocket.ErrInvalidEvent) {
		t.Errorf("got %v, want ErrInvalidEvent", err)
	}
	want := `websocket: event "e": ` + errHandler.Error()
	if err := s.Emit("e", struct{}{}); !errors.Is(err, errHandler) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
