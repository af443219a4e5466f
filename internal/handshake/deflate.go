package handshake

import "strings"

// extension is an offer of the client's (RFC 6455, section 9.1).
type extension struct {
	name       string
	parameters []parameter
}

type parameter struct {
	name, value string
	hasValue    bool
}

// negotiate returns the answer to the first offer of permessage-deflate that can be
// met, and declines the others (RFC 7692, sections 5.1 and 7.1). Messages are
// compressed each by itself, with a window of 32 KiB.
func negotiate(offers []extension) string {
	for _, offer := range offers {
		if offer.name != "permessage-deflate" {
			continue
		}
		if answer, ok := answer(offer.parameters); ok {
			return answer
		}
	}
	return ""
}

func answer(parameters []parameter) (string, bool) {
	text := "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	for i, p := range parameters {
		for _, before := range parameters[:i] {
			if before.name == p.name {
				return "", false
			}
		}
		bits := windowBits(p.value)
		switch p.name {
		case "server_no_context_takeover", "client_no_context_takeover":
			if p.hasValue {
				return "", false
			}
		case "client_max_window_bits": // a hint: any window of the client's will do
			if p.hasValue && bits == 0 {
				return "", false
			}
		case "server_max_window_bits":
			if bits != 15 {
				return "", false
			}
			text += "; server_max_window_bits=15" // must be told that it is kept: section 7.1.2.1
		default:
			return "", false
		}
	}
	return text, true
}

// windowBits reads the size of a window, 8 to 15 in decimal without leading zeros;
// 0 is none.
func windowBits(value string) int {
	switch value {
	case "8", "9":
		return int(value[0] - '0')
	case "10", "11", "12", "13", "14", "15":
		return 10 + int(value[1]-'0')
	}
	return 0
}

// parseExtensions reads what may be spread over several lines, which are one list.
// It reports false if they are malformed, which the handshake must fail for (RFC
// 6455, section 9.1).
func parseExtensions(lines []string) (extensions []extension, ok bool) {
	for _, line := range lines {
		s := scanner{rest: line}
		for {
			for s.takes(',') { // elements of a list may be empty: RFC 9110, section 5.6.1
			}
			if s.end() {
				break
			}
			e, ok := s.extension()
			if !ok || !s.end() && s.rest[0] != ',' {
				return nil, false
			}
			extensions = append(extensions, e)
		}
	}
	return extensions, true
}

// scanner reads the parts of a header.
type scanner struct{ rest string }

func (s *scanner) skipSpace() { s.rest = strings.TrimLeft(s.rest, " \t") }

func (s *scanner) end() bool {
	s.skipSpace()
	return s.rest == ""
}

// takes takes a character, if it is the next one.
func (s *scanner) takes(c byte) bool {
	if s.end() || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *scanner) extension() (e extension, ok bool) {
	if e.name = s.token(); e.name == "" {
		return e, false
	}
	for s.takes(';') {
		p, ok := s.parameter()
		if !ok {
			return e, false
		}
		e.parameters = append(e.parameters, p)
	}
	return e, true
}

func (s *scanner) parameter() (p parameter, ok bool) {
	if p.name = s.token(); p.name == "" {
		return p, false
	}
	if !s.takes('=') {
		return p, true
	}
	p.hasValue = true
	if s.takes('"') {
		p.value, ok = s.quoted()
	} else {
		p.value = s.token()
		ok = true
	}
	return p, ok && isToken(p.value)
}

// token takes a token (RFC 9110, section 5.6.2); empty if there is none.
func (s *scanner) token() string {
	s.skipSpace()
	n := 0
	for n < len(s.rest) && isTokenChar(s.rest[n]) {
		n++
	}
	token := s.rest[:n]
	s.rest = s.rest[n:]
	return token
}

// quoted takes the rest of a quoted string.
func (s *scanner) quoted() (text string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; c {
		case '"':
			s.rest = s.rest[i+1:]
			return b.String(), true
		case '\\':
			if i++; i == len(s.rest) {
				return "", false
			}
			b.WriteByte(s.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenChar(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenChar(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
