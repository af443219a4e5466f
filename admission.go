package websocket

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/kataras/iris/v12"
)

// Errors of handshakes that a limit refuses.
var (
	errTooMany       = errors.New("websocket: the server has as many connections as Config.MaxConnections allows; try again later")
	errTooManyFromIt = errors.New("websocket: there are as many connections from this address as Config.MaxConnectionsPerAddress allows")
)

// admission counts connections, from before their handshake until they have
// ended, against Config.MaxConnections and MaxConnectionsPerAddress.
type admission struct {
	mu        sync.Mutex // guards what follows
	total     int
	byAddress map[netip.Prefix]int
}

// place is what an admitted connection occupies; nil without limits.
type place struct {
	admission *admission
	address   netip.Prefix
}

// take admits a connection, or says why not.
func (a *admission) take(ctx iris.Context, cfg *Config) (*place, *refusal) {
	if cfg.MaxConnections <= 0 && cfg.MaxConnectionsPerAddress <= 0 {
		return nil, nil
	}
	p := &place{admission: a}
	if cfg.MaxConnectionsPerAddress > 0 {
		p.address = clientPrefix(ctx.RemoteAddr())
		if !p.address.IsValid() { // a header that says anything must not lift the limit
			p.address = clientPrefix(ctx.Request().RemoteAddr)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if cfg.MaxConnections > 0 && a.total >= cfg.MaxConnections {
		return nil, &refusal{http.StatusServiceUnavailable, errTooMany}
	}
	if p.address.IsValid() {
		if a.byAddress[p.address] >= cfg.MaxConnectionsPerAddress {
			return nil, &refusal{http.StatusTooManyRequests, errTooManyFromIt}
		}
		if a.byAddress == nil {
			a.byAddress = make(map[netip.Prefix]int)
		}
		a.byAddress[p.address]++
	}
	a.total++
	return p, nil
}

// give gives a place up, once.
func (p *place) give() {
	if p == nil {
		return
	}
	a := p.admission
	a.mu.Lock()
	defer a.mu.Unlock()
	a.total--
	if !p.address.IsValid() {
		return
	}
	if a.byAddress[p.address]--; a.byAddress[p.address] == 0 {
		delete(a.byAddress, p.address)
	}
}

// clientPrefix returns what counts as one address: of IPv6 the half that names a
// network, since a client has all of the other half to itself. It is invalid if
// the address is none.
func clientPrefix(address string) netip.Prefix {
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
