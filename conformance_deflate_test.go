package websocket_test

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// deflate compresses a message by RFC 7692, section 7.2.1. It flushes after every n
// bytes.
func deflate(payload string, level, n int) string {
	deflaters.Lock()
	defer deflaters.Unlock()
	w := deflaters.byLevel[level]
	if w == nil {
		var err error
		if w, err = flate.NewWriter(nil, level); err != nil {
			panic(err) // the level is valid
		}
		deflaters.byLevel[level] = w
	}
	var b bytes.Buffer
	w.Reset(&b)
	for first := true; first || payload != ""; first = false {
		piece := payload[:min(n, len(payload))]
		payload = payload[len(piece):]
		_, _ = w.Write([]byte(piece)) // a bytes.Buffer doesn't fail
		_ = w.Flush()
	}
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// deflaters is for all tests: with the race detector, a new compressor takes 10 ms.
var deflaters = struct {
	sync.Mutex
	byLevel map[int]*flate.Writer
}{byLevel: make(map[int]*flate.Writer)}

// mixed returns text of n bytes. Compression makes it only a little smaller.
func mixed(n int) string {
	return strings.ToValidUTF8(hex.EncodeToString([]byte(noise(n/2 + 1)))[:n], "")
}

// deflateWindow is the longest distance back in a compressed message (RFC 1951).
const deflateWindow = 32 << 10

var (
	deflateSizes  = []int{0, 1, 16, 64, 127, 128, 129, 256, 1024, 4096, 8192, 16384}
	deflateLevels = []int{flate.NoCompression, flate.BestSpeed, flate.BestCompression, flate.HuffmanOnly}
)

// deflateCases returns the cases of permessage-deflate: RFC 7692, section 7.
func deflateCases() (cases []conformanceCase) {
	add := func(e conformanceCase) {
		e.name, e.compress = "deflate: "+e.name, true
		cases = append(cases, e)
	}
	for _, data := range []struct {
		name    string
		opcode  byte
		payload func(int) string
	}{
		{"text", opText, pattern},
		{"mixed text", opText, mixed},
		{"repeated binary", opBinary, func(n int) string { return strings.Repeat("\xff", n) }},
		{"noise", opBinary, noise},
	} {
		for _, n := range append(deflateSizes, deflateWindow-1, deflateWindow, deflateWindow+1, 65536, 131072) {
			payload := data.payload(n)
			want := []reply{{data.opcode, payload}}
			for _, level := range deflateLevels {
				packed := deflate(payload, level, 1<<20)
				add(sending(fmt.Sprintf("%s of %d bytes, level %d", data.name, n, level),
					clientFrame(fin|rsv1|data.opcode, packed)).gets(want...))
			}
			packed := deflate(payload, flate.DefaultCompression, 1000)
			add(sending(fmt.Sprintf("%s of %d bytes, with flushes, in fragments", data.name, n),
				fragments(rsv1|data.opcode, packed, 1+len(packed)/7)...).gets(want...))
			add(sending(fmt.Sprintf("%s of %d bytes, with flushes, in writes", data.name, n),
				chops(1+len(packed)/9, clientFrame(fin|rsv1|data.opcode, packed))...).gets(want...))
			add(sending(fmt.Sprintf("%s of %d bytes, not compressed", data.name, n),
				clientFrame(fin|data.opcode, payload)).gets(want...))
		}
	}
	packed := deflate("Hello, world", flate.BestSpeed, 100)
	hello, plain := clientFrame(fin|rsv1|opText, packed), clientFrame(fin|opText, "plain")
	firstPart := clientFrame(rsv1|opText, packed[:3])
	want := reply{opText, "Hello, world"}
	add(sending("compressed and plain in turn", hello, plain, hello, plain).
		gets(want, reply{opText, "plain"}, want, reply{opText, "plain"}))
	add(sending("a hundred messages in one write", slices.Repeat(hello, 100)).
		gets(slices.Repeat([]reply{want}, 100)...))
	add(sending("byte by byte", chops(1, hello)...).gets(want))
	add(sending("a ping between fragments",
		firstPart, clientFrame(fin|opPing, "x"), clientFrame(fin|opContinuation, packed[3:])).
		gets(reply{opPong, "x"}, want))
	add(sending("RSV1 on a continuation",
		firstPart, clientFrame(fin|rsv1|opContinuation, packed[3:])).closes(1002))
	add(sending("RSV1 on a ping", clientFrame(fin|rsv1|opPing, "")).closes(1002))
	cases = append(cases, sending("deflate: not negotiated", hello).closes(1002))

	hexed := func(s string) string {
		data, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			panic(err)
		}
		return string(data)
	}
	for _, test := range []struct{ name, payload, text string }{
		{"one block", hexed("f248cdc9c90700"), "Hello"},
		{"two blocks", hexed("f248050000 00ffff cac9c90700"), "Hello"},
		{"a stored block", hexed("000500faff48656c6c6f00"), "Hello"},
		{"a final block", hexed("f348cdc9c9070000"), "Hello"},
		{"a final block without a tail", hexed("f348cdc9c90700"), "Hello"},
		{"more blocks after a final block", hexed("f248cdc9c9d75100040000ffff2acf2fca490100"), "Hello, world"},
		{"two final blocks", hexed("f348cdc9c90700 f348cdc9c90700 00"), "HelloHello"},
		{"an empty message", hexed("00"), ""},
		{"an empty message with a fixed block", hexed("0200"), ""},
	} {
		add(sending(test.name, clientFrame(fin|rsv1|opText, test.payload)).gets(reply{opText, test.text}))
	}
	for _, test := range []struct{ name, payload string }{
		{"garbage", "\xff\xff\xff\xff\xff"},
		{"a reserved kind of block", hexed("06")},
		{"half a message", packed[:len(packed)/2]},
		{"a short stored block", hexed("000500faff4865")},
		{"a stored block with a bad length", hexed("00050000004865")},
		{"a distance beyond the beginning", hexed("4a 04 02 00")},
		{"garbage after a final block", hexed("f348cdc9c90700 ffffffff")},
		{"nothing at all", ""},
	} {
		if test.payload == "" {
			continue // the sender removed the tail; with it, this is an empty block without its first byte
		}
		add(sending("corrupt: "+test.name, clientFrame(fin|rsv1|opBinary, test.payload)).closes(1007))
	}
	add(sending("invalid UTF-8 in a text",
		clientFrame(fin|rsv1|opText, deflate("so far so good \xff", flate.BestSpeed, 100))).closes(1007))
	add(sending("half a character", clientFrame(fin|rsv1|opText, deflate("\xce", flate.BestSpeed, 100))).closes(1007))

	const limit = 64 << 10
	for _, n := range []int{limit - 1, limit, limit + 1, 100 * limit} {
		e := sending(fmt.Sprintf("%d bytes of zeros, limit %d", n, limit),
			clientFrame(fin|rsv1|opBinary, deflate(strings.Repeat("\x00", n), flate.BestCompression, 1<<30))).
			limited()
		if n <= limit {
			e.want = []reply{{opBinary, strings.Repeat("\x00", n)}}
		} else {
			e.close = 1009
		}
		add(e)
	}
	add(sending("noise of the limit, larger after compression",
		clientFrame(fin|rsv1|opBinary, deflate(noise(limit), flate.BestSpeed, 1<<20))).
		limited().gets(reply{opBinary, noise(limit)}))
	return cases
}
