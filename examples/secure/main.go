// Command secure is a chat room over TLS: the page comes over https, so its
// script connects by wss. The program makes its certificate at the start, and
// nobody has signed it: the browser asks you to trust it.
//
//	go run ./examples/secure
//
// Then open https://localhost:8443 in two tabs. The address to listen on is the
// first argument; it defaults to localhost:8443.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/kataras/iris/v12"

	"github.com/kataras/iris/websocket"
)

//go:embed index.html
var page string

const room = "room1"

func main() {
	address := "localhost:8443"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	certificate, key, err := selfSigned()
	if err != nil {
		fmt.Fprintln(os.Stderr, "secure:", err)
		os.Exit(1)
	}
	// Without TLSNoRedirect, Iris also listens on port 80, to redirect from there.
	newApp().Run(iris.TLS(address, certificate, key, iris.TLSNoRedirect))
}

func newApp() *iris.Application {
	app := iris.New()
	app.Get("/", func(ctx iris.Context) { ctx.HTML("%s", page) })

	w := websocket.New(app, "/my_endpoint")
	w.OnConnection(func(c websocket.Connection) {
		c.Join(room)
		c.On("chat", func(message string) {
			if message == "leave" {
				c.Leave(room)
				c.ToRoom(room).Emit("chat", c.ID()+" has left the room.")
				c.Emit("chat", "You have left the room.")
				return
			}
			if c.IsJoined(room) {
				c.ToRoom(room).Emit("chat", "From: "+c.ID()+": "+message)
			}
		})
	})
	return app
}

// selfSigned makes a certificate for localhost and its key, both as PEM.
func selfSigned() (certificate, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "localhost"},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(30 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return "", "", err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
	return certificate, key, nil
}
