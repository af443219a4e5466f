package frame_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kataras/iris/websocket/internal/frame"
)

// notes are what a server's Reader reads.
type notes []string

func (n *notes) Message(text bool, payload []byte) {
	*n = append(*n, fmt.Sprintf("message %t %s", text, payload))
}
func (n *notes) Ping(payload []byte) { *n = append(*n, "ping "+string(payload)) }
func (n *notes) Pong()               { *n = append(*n, "pong") }
func (n *notes) Close(code int, reason string) {
	*n = append(*n, fmt.Sprint("close ", code, " ", reason))
}
func (n *notes) Reject(err error) { *n = append(*n, "rejected: "+err.Error()) }

// readMasked reads frames of a client as a server does.
func readMasked(t *testing.T, deflate bool, frames ...[]byte) (read notes) {
	t.Helper()
	var r frame.Reader
	r.Init(1<<21, deflate)
	for _, f := range frames {
		if err := r.Feed(bytes.Clone(f), &read); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	return read
}

func seal(payload []byte, binary bool) *frame.Frame {
	return frame.SealMaskedMessage(append(frame.ReserveMasked(len(payload)), payload...), binary)
}

func TestAServerReadsMaskedFramesOfAllLengths(t *testing.T) {
	for _, n := range []int{0, 1, 3, 4, 125, 126, 127, 0xFFFF, 0x10000, 1 << 20} {
		payload := make([]byte, n)
		for i := range payload {
			payload[i] = 'a' + byte(i%26)
		}
		f := seal(payload, n%2 == 1)
		if f.Len() != len(f.Bytes()) || !bytes.Equal(f.Message(), payload) {
			t.Errorf("%d bytes: Len %d of %d, or another Message", n, f.Len(), len(f.Bytes()))
		}
		want := fmt.Sprintf("message %t %s", n%2 == 0, payload)
		if read := readMasked(t, false, f.Bytes()); len(read) != 1 || read[0] != want {
			t.Errorf("%d bytes: read %d messages, or another one", n, len(read))
		}
	}
}

func TestAMaskedTextIsValid(t *testing.T) {
	if f := seal([]byte("a\xff"), false); f.Opcode() != frame.OpBinary {
		t.Errorf("an invalid text has the opcode %d", f.Opcode())
	}
}

func TestEachFrameHasAMaskOfItsOwn(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		seen[string(seal([]byte("the same payload"), false).Bytes())] = true
	}
	if len(seen) < 999 {
		t.Errorf("1,000 frames have %d masks", len(seen))
	}
	f := seal([]byte("the same payload"), false)
	if again := f.Masked(); bytes.Equal(f.Bytes(), again.Bytes()) || !bytes.Equal(f.Message(), again.Message()) {
		t.Error("Masked returned the same mask, or another payload")
	}
	if !bytes.Equal(f.Bytes(), f.Bytes()) {
		t.Error("a frame changed its mask")
	}
}

func TestMaskedFramesAreCompressed(t *testing.T) {
	text := strings.Repeat("compress me ", 100)
	f := seal([]byte(text), false)
	if n := len(f.Deflated()); n > 100 {
		t.Errorf("%d compressed bytes", n)
	}
	noise := make([]byte, 1000)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	g := seal(noise, true)
	read := readMasked(t, true, f.Deflated(), g.Deflated(), f.Bytes())
	want := []string{"message true " + text, "message false " + string(noise), "message true " + text}
	if fmt.Sprint(read) != fmt.Sprint(want) {
		t.Errorf("read %.100q", read)
	}
	if !bytes.Equal(f.Message(), []byte(text)) {
		t.Error("compression changed the frame")
	}
}

func TestMaskedControlFrames(t *testing.T) {
	hello := frame.NewControl(frame.OpText, []byte("hello")).Masked()
	if !hello.Automatic() {
		t.Error("a masked copy of a control frame counts as the application's")
	}
	f := frame.AppendMaskedControl(hello, frame.OpPong, []byte("one"))
	f = frame.AppendMaskedControl(f, frame.OpText, []byte(strings.Repeat("x", 200)))
	f = frame.AppendMaskedControl(f, frame.OpPing, []byte(strings.Repeat("y", 200)))
	bye := frame.NewCloseFrame(1000, "bye").Masked()
	read := readMasked(t, false, f.Bytes(), bye.Bytes())
	want := []string{"message true hello", "pong", "message true " + strings.Repeat("x", 200),
		"ping " + strings.Repeat("y", 125), "close 1000 bye"}
	if fmt.Sprint(read) != fmt.Sprint(want) || f.Opcode() != frame.OpText || bye.Opcode() != frame.OpClose {
		t.Errorf("read %q", read)
	}
}
