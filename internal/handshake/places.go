package handshake

import (
	"errors"
	"net"
	"net/netip"
	"sync"
)

// Errors of [Places.Take].
var (
	ErrNoPlace          = errors.New("websocket: the server has as many connections as Config.MaxConnections allows; try again later")
	ErrNoPlaceInNetwork = errors.New("websocket: there are as many connections from this address as Config.MaxConnectionsPerAddress allows")
)

// Places limits the connections of a server. Each connection takes a place before
// the response to its handshake, and frees it after its end. Without limits, nothing
// is counted. Set the limits before the first use. Safe for concurrent use.
type Places struct {
	Most           int // limit of all places; 0 means no limit
	MostPerNetwork int // limit for each network; 0 means no limit

	mu        sync.Mutex // guards the fields below
	taken     int
	byNetwork map[netip.Prefix]int // only networks with places
}

// Place is the place of one connection. A nil Place is valid; its Free does nothing.
type Place struct {
	places  *Places
	network netip.Prefix
}

// Take takes a place for a client of the network. It returns [ErrNoPlace] or
// [ErrNoPlaceInNetwork] if a limit is reached. Clients of an invalid network count
// against Most only. The place is nil if there are no limits.
func (p *Places) Take(network netip.Prefix) (*Place, error) {
	if p.Most <= 0 && p.MostPerNetwork <= 0 {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Most > 0 && p.taken >= p.Most {
		return nil, ErrNoPlace
	}
	if p.MostPerNetwork > 0 && network.IsValid() {
		if p.byNetwork[network] >= p.MostPerNetwork {
			return nil, ErrNoPlaceInNetwork
		}
		if p.byNetwork == nil {
			p.byNetwork = make(map[netip.Prefix]int)
		}
		p.byNetwork[network]++
	} else {
		network = netip.Prefix{}
	}
	p.taken++
	return &Place{places: p, network: network}, nil
}

// Free frees the place. Call it once.
func (p *Place) Free() {
	if p == nil {
		return
	}
	all := p.places
	all.mu.Lock()
	defer all.mu.Unlock()
	all.taken--
	if !p.network.IsValid() {
		return
	}
	if all.byNetwork[p.network]--; all.byNetwork[p.network] == 0 {
		delete(all.byNetwork, p.network)
	}
}

// Networks returns the number of networks with places, if MostPerNetwork is set.
func (p *Places) Networks() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.byNetwork)
}

// Network returns the network of the first valid address; ports are optional. For
// IPv4 the network is the address alone. For IPv6 it is the upper 64 bits, since one
// client usually has all addresses of the lower half. The network is invalid if no
// address is valid.
func Network(addresses ...string) netip.Prefix {
	for _, address := range addresses {
		if network := networkOf(address); network.IsValid() {
			return network
		}
	}
	return netip.Prefix{}
}

func networkOf(address string) netip.Prefix {
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap() // Prefix drops the zone
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	network, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}
