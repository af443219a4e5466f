package websocket_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

// fromAddress makes a client connect from an address.
func fromAddress(ip string) dialOption {
	return func(d *gorilla.Dialer, _ http.Header) {
		d.NetDialContext = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}).DialContext
	}
}

// wantNoSlot dials and fails unless the server refuses with this status. The body of
// the response must name the option, and the header must have Retry-After.
func wantNoSlot(t *testing.T, url string, status int, option string, options ...dialOption) {
	t.Helper()
	response := wantRefused(t, url, status, options...)
	body := make([]byte, 1000)
	n, _ := response.Body.Read(body)
	if !strings.Contains(string(body[:n]), option) || response.Header.Get("Retry-After") == "" {
		t.Errorf("got body %q and header %v, want %s and Retry-After", body[:n], response.Header, option)
	}
}

func TestMaxConnections(t *testing.T) {
	s, url := onConnection(t, websocket.Config{MaxConnections: 2}, echo)
	one, two := dial(t, url), dial(t, url)
	wantNoSlot(t, url, http.StatusServiceUnavailable, "MaxConnections")
	one.vanish()
	eventually(t, "the slot is free", func() bool { return s.GetTotalConnections() == 1 })
	var three *testClient
	eventually(t, "a new client can connect", func() bool { // OnDisconnect may still be running
		client, _, err := gorilla.DefaultDialer.Dial(url, nil)
		if err == nil {
			three = &testClient{client, t}
		}
		return err == nil
	})
	defer func() { _ = three.Close() }()
	wantNoSlot(t, url, http.StatusServiceUnavailable, "MaxConnections")
	two.send("chat;0;x")
	two.want("chat;0;x")
}

func TestMaxConnectionsPerAddress(t *testing.T) {
	s, url := onConnection(t, websocket.Config{MaxConnectionsPerAddress: 2}, echo)
	one := dial(t, url, fromAddress("127.0.0.1"))
	dial(t, url, fromAddress("127.0.0.1"))
	wantNoSlot(t, url, http.StatusTooManyRequests, "MaxConnectionsPerAddress", fromAddress("127.0.0.1"))
	dial(t, url, fromAddress("127.0.0.2"))
	for _, c := range s.GetConnections() {
		if c.Context().RemoteAddr() == "127.0.0.1" {
			_ = c.Disconnect()
		}
	}
	_ = one.Close()
	var dialer gorilla.Dialer
	fromAddress("127.0.0.1")(&dialer, nil)
	eventually(t, "a slot is free again", func() bool {
		client, _, err := dialer.Dial(url, nil)
		if err == nil {
			t.Cleanup(func() { _ = client.Close() })
		}
		return err == nil
	})
}

// TestRefusedHandshakeTakesNoSlot: a refused handshake takes no slot, whatever the reason.
func TestRefusedHandshakeTakesNoSlot(t *testing.T) {
	_, url := onConnection(t, websocket.Config{MaxConnections: 1, IDGenerator: idFromURL}, echo)
	for range 3 {
		if _, _, err := gorilla.DefaultDialer.Dial(url, nil); err == nil { // no ID
			t.Fatal("connected without an ID")
		}
		response, err := http.Get("http" + strings.TrimPrefix(url, "ws") + "?id=1") // no upgrade
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		header := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"12"}}
		request, err := http.NewRequest(http.MethodGet, response.Request.URL.String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = header
		if response, err = http.DefaultClient.Do(request); err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusUpgradeRequired {
			t.Errorf("got status %s, want 426", response.Status)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	client := dial(t, url+"?id=1")
	client.send("chat;0;x")
	client.want("chat;0;x")
}

func TestClientPrefix(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1":            "192.0.2.1/32",
		"192.0.2.1:80":         "192.0.2.1/32",
		"::ffff:192.0.2.1":     "192.0.2.1/32",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"[2001:db8:1:2::1]:80": "2001:db8:1:2::/64",
		"fe80::1%eth0":         "fe80::/64",
		"":                     "invalid Prefix",
		"pipe":                 "invalid Prefix",
	} {
		t.Run(address, func(t *testing.T) {
			if got := websocket.ClientPrefix(address).String(); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// TestSlotIsTakenUntilSocketCloses: a client ends its connection by a violation, but
// keeps its socket open. The socket still takes a descriptor, so the slot stays taken.
func TestSlotIsTakenUntilSocketCloses(t *testing.T) {
	s, url := serve(t, websocket.Config{MaxConnections: 1, CloseTimeout: time.Hour}, nil)
	client := dial(t, url)
	if _, err := client.NetConn().Write(frame(0x81, "\xff")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the connection has ended", func() bool { return s.GetTotalConnections() == 0 })
	wantRefused(t, url, http.StatusServiceUnavailable)
	client.vanish()
	eventually(t, "there is a slot again", func() bool {
		next, _, err := gorilla.DefaultDialer.Dial(url, nil)
		if err != nil {
			return false
		}
		_ = next.Close()
		return true
	})
}

// TestSlotAfterViolation: after a violation, the slot is free as soon as the client has
// read the close frame and closed its socket. This is long before CloseTimeout. The
// server doesn't wait for the client's answer and doesn't parse it.
func TestSlotAfterViolation(t *testing.T) {
	s, url := serve(t, websocket.Config{MaxConnections: 1, CloseTimeout: time.Hour}, nil)
	for range 3 {
		var client *testClient
		eventually(t, "there is a slot", func() bool {
			conn, _, err := gorilla.DefaultDialer.Dial(url, nil)
			client = &testClient{conn, t}
			return err == nil
		})
		conn := client.NetConn()
		if _, err := conn.Write([]byte("\x81\x01x")); err != nil { // not masked
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if data, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(data), "\x88") {
			t.Fatalf("got %q, %v, want a close frame and the end", data, err)
		}
		if _, err := conn.Write(frame(0x88, "\x03\xea")); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	eventually(t, "nobody is left", func() bool { return s.GetTotalConnections() == 0 })
}

// TestInvalidAddressCounts: a client counts against MaxConnectionsPerAddress also when
// the header holds no valid address.
func TestInvalidAddressCounts(t *testing.T) {
	app := newApp()
	app.Configure(iris.WithRemoteAddrHeader("X-Real-Ip"), func(app *iris.Application) {
		app.ConfigurationReadOnly().(*iris.Configuration).RemoteAddrHeadersForce = true // for any client
	})
	s := websocket.New(app, "/ws", websocket.Config{MaxConnectionsPerAddress: 2})
	url := address(listen(t, app, s)) + "/ws"
	claim := func(text string) dialOption {
		return withHeader("X-Real-Ip", text)
	}
	dial(t, url, claim("garbage:1"))
	dial(t, url, claim("garbage too:1"))
	wantNoSlot(t, url, http.StatusTooManyRequests, "MaxConnectionsPerAddress", claim("more garbage:1"))
	wantNoSlot(t, url, http.StatusTooManyRequests, "MaxConnectionsPerAddress")
	dial(t, url, claim("203.0.113.1"))
}

// TestAddressesAreForgotten: an address is forgotten when its last connection has ended.
func TestAddressesAreForgotten(t *testing.T) {
	s, url := onConnection(t, websocket.Config{
		MaxConnectionsPerAddress: 2, CloseTimeout: 100 * time.Millisecond,
	}, echo)
	for _, ip := range []string{"127.0.0.1", "127.0.0.1", "127.0.0.2"} {
		wantEcho(t, dial(t, url, fromAddress(ip)))
	}
	if n := websocket.Addresses(s); n != 2 {
		t.Errorf("got %d remembered addresses, want 2", n)
	}
	for _, c := range s.GetConnections() {
		_ = c.Disconnect()
	}
	eventually(t, "all addresses are forgotten", func() bool { return websocket.Addresses(s) == 0 })
}
