package handshake

import (
	"errors"
	"testing"
)

// TestPlaces: each step takes a place for a client of an address, or frees the first
// place of this address.
func TestPlaces(t *testing.T) {
	type step struct {
		address string
		free    bool
		err     error
	}
	for name, test := range map[string]struct {
		most, mostPerNetwork int
		steps                []step
		networks             int
	}{
		"no limit": {0, 0, []step{{"192.0.2.1", false, nil}, {"192.0.2.1", true, nil}}, 0},
		"of all": {2, 0, []step{
			{"192.0.2.1", false, nil}, {"", false, nil}, {"192.0.2.1", false, ErrNoPlace},
			{"192.0.2.1", true, nil}, {"192.0.2.2", false, nil}, {"192.0.2.3", false, ErrNoPlace},
		}, 0},
		"of one network": {0, 1, []step{
			{"192.0.2.1", false, nil}, {"192.0.2.1", false, ErrNoPlaceInNetwork}, {"192.0.2.2", false, nil},
			{"192.0.2.1", true, nil}, {"192.0.2.1", false, nil},
		}, 2},
		"an address that is none": {0, 1, []step{{"pipe", false, nil}, {"pipe", false, nil}}, 0},
		"a refusal takes nothing": {2, 1, []step{
			{"192.0.2.1", false, nil}, {"192.0.2.1", false, ErrNoPlaceInNetwork}, {"192.0.2.2", false, nil},
			{"192.0.2.3", false, ErrNoPlace}, {"192.0.2.2", true, nil}, {"192.0.2.3", false, nil},
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			places := &Places{Most: test.most, MostPerNetwork: test.mostPerNetwork}
			taken := make(map[string][]*Place)
			for i, s := range test.steps {
				if s.free {
					taken[s.address][0].Free()
					taken[s.address] = taken[s.address][1:]
					continue
				}
				place, err := places.Take(Network(s.address))
				if !errors.Is(err, s.err) {
					t.Fatalf("step %d: %v, want %v", i, err, s.err)
				}
				if err == nil {
					taken[s.address] = append(taken[s.address], place)
				}
			}
			if n := places.Networks(); n != test.networks {
				t.Errorf("%d networks, want %d", n, test.networks)
			}
		})
	}
}

// TestNetwork: the first valid address counts.
func TestNetwork(t *testing.T) {
	for name, test := range map[string]struct {
		addresses []string
		want      string
	}{
		"IPv4":           {[]string{"192.0.2.1:80", "192.0.2.2"}, "192.0.2.1/32"},
		"IPv6":           {[]string{"[2001:db8:1:2:3::4]:80"}, "2001:db8:1:2::/64"},
		"one that isn't": {[]string{"garbage:1", "192.0.2.2"}, "192.0.2.2/32"},
		"none":           {[]string{"garbage", ""}, "invalid Prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Network(test.addresses...).String(); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}
