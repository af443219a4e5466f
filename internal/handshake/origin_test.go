package handshake

import (
	"net/http"
	"strings"
	"testing"
)

// arrival returns the request of a page to a server on another machine.
func arrival(origins ...string) Arrival {
	r := &http.Request{Host: "server.example", RemoteAddr: "203.0.113.1:5000", Header: http.Header{"Origin": origins}}
	return Arrival{Request: r, Host: r.Host}
}

func parse(t *testing.T, list ...string) *Origins {
	t.Helper()
	o, err := ParseOrigins(list)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestCheck(t *testing.T) {
	for name, test := range map[string]struct {
		list []string
		sent []string
		ok   bool
	}{
		"no origin":                {nil, nil, true},
		"an empty origin":          {nil, []string{""}, true},
		"the server's own":         {nil, []string{"http://server.example"}, true},
		"another":                  {nil, []string{"http://other.example"}, false},
		"every":                    {[]string{"https://a.example", "*"}, []string{"http://other.example"}, true},
		"two headers":              {nil, []string{"http://server.example", "http://server.example"}, false},
		"two headers, every":       {[]string{"*"}, []string{"http://a.example", "http://b.example"}, true},
		"the second of a list":     {[]string{"null", "https://*.a.example"}, []string{"https://b.a.example"}, true},
		"a host, not a subdomain":  {[]string{"https://*.a.example"}, []string{"https://a.example"}, false},
		"an empty subdomain":       {[]string{"https://*.a.example"}, []string{"https://.a.example"}, false},
		"a subdomain, any port":    {[]string{"https://*.a.example:*"}, []string{"https://b.a.example:8443"}, true},
		"a subdomain, its port":    {[]string{"https://*.a.example:8443"}, []string{"https://b.a.example"}, false},
		"any port, another scheme": {[]string{"https://a.example:*"}, []string{"http://a.example"}, false},
		"of an app":                {[]string{"app://a"}, []string{"app://a"}, true},
		"of an app, in capitals":   {[]string{"app://a"}, []string{"APP://a"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := parse(t, test.list...).Check(arrival(test.sent...)); (err == nil) != test.ok {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestParseOrigins: the error quotes the first malformed entry.
func TestParseOrigins(t *testing.T) {
	for name, test := range map[string]struct {
		list []string
		says string
	}{
		"a host":      {[]string{"https://a.example", "a.example", "wss://a.example"}, `"a.example" has no scheme`},
		"an endpoint": {[]string{"wss://a.example", "a.example"}, `"wss://a.example" is an endpoint`},
		"two stars":   {[]string{"https://*.*.example"}, `"https://*.*.example" has a '*'`},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := ParseOrigins(test.list)
			if o != nil || err == nil || !strings.HasPrefix(err.Error(), test.says) {
				t.Errorf("%v, %v; want %s", o, err, test.says)
			}
		})
	}
}

// TestCheckAllocates: Check allocates nothing for an allowed page.
func TestCheckAllocates(t *testing.T) {
	o := parse(t, "https://a.example", "https://*.b.example:*")
	for _, sent := range []string{"http://server.example", "https://a.example", "https://c.b.example:8443"} {
		t.Run(sent, func(t *testing.T) {
			a := arrival(sent)
			if n := testing.AllocsPerRun(100, func() {
				if err := o.Check(a); err != nil {
					t.Error(err)
				}
			}); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}
