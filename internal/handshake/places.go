package handshake

import (
	"errors"
	"net"
	"net/netip"
	"sync"
)

// Errors of Places.Take.
var (
	ErrNoPlace          = errors.New("websocket: the server has as many connections as Config.MaxConnections allows; try again later")
	ErrNoPlaceInNetwork = errors.New("websocket: there are as many connections from this address as Config.MaxConnectionsPerAddress allows")
)

// Places are what a server has for connections: each takes one before its
// handshake and frees it when it has ended. Without limits there are no places to
// take. Set the limits before the first use. Safe for concurrent use.
type Places struct {
	Most           int // of all; 0 is no limit
	MostPerNetwork int // of one network; 0 is no limit

	mu        sync.Mutex // guards what follows
	taken     int
	byNetwork map[netip.Prefix]int // without those that have none
}

// Place is a connection's. It may be nil.
type Place struct {
	places  *Places
	network netip.Prefix
}

// Take takes a place for a client of a network. Of clients whose network is
// invalid, only MostPerNetwork doesn't count. The place is nil if nothing has a
// limit.
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

// Free frees the place. It must be called once.
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

// Networks returns how many networks have taken places, if MostPerNetwork is set.
func (p *Places) Networks() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.byNetwork)
}

// Network returns the network that counts as one client's: of IPv6 the half that
// names a network, since a client has all of the other half to itself; of IPv4
// the address alone. It takes the first of the addresses, with or without a port,
// that is one; the network is invalid if none is.
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
	ip = ip.Unmap().WithZone("")
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
