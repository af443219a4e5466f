package handshake

import "strings"

// extension is one offer of the client (RFC 6455, section 9.1).
type extension struct {
	name       string
	parameters []parameter
}

type parameter struct {
	name, value string
	hasValue    bool
}

// negotiate accepts the first acceptable offer of permessage-deflate, declines the
// others, and returns the answer (RFC 7692, sections 5.1 and 7.1). The server
// compresses each message by itself, with a window of 32 KiB.
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
		case "client_max_window_bits": // a hint: the server accepts any window of the client
			if p.hasValue && bits == 0 {
				return "", false
			}
		case "server_max_window_bits":
			if bits != 15 {
				return "", false
			}
			text += "; server_max_window_bits=15" // the answer must repeat it: RFC 7692, section 7.1.2.1
		default:
			return "", false
		}
	}
	return text, true
}

// windowBits parses the size of a window: 8 to 15 in decimal, without leading zeros.
// It returns 0 for any other text.
func windowBits(value string) int {
	switch value {
	case "8", "9":
		return int(value[0] - '0')
	case "10", "11", "12", "13", "14", "15":
		return 10 + int(value[1]-'0')
	}
	return 0
}

// parseExtensions parses the lines of Sec-WebSocket-Extensions, as one list. It
// reports false if the list is malformed; then the handshake must fail (RFC 6455,
// section 9.1).
func parseExtensions(lines []string) (extensions []extension, ok bool) {
	for _, line := range lines {
		s := scanner{rest: line}
		for {
			for s.skip(',') { // skips empty elements: RFC 9110, section 5.6.1
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

// scanner splits a header into tokens.
type scanner struct{ rest string }

func (s *scanner) skipSpace() { s.rest = strings.TrimLeft(s.rest, " \t") }

func (s *scanner) end() bool {
	s.skipSpace()
	return s.rest == ""
}

// skip skips the next character if it is c, and reports whether it did.
func (s *scanner) skip(c byte) bool {
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
	for s.skip(';') {
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
	if !s.skip('=') {
		return p, true
	}
	p.hasValue = true
	if s.skip('"') {
		p.value, ok = s.quoted()
	} else {
		p.value = s.token()
		ok = true
	}
	return p, ok && isToken(p.value)
}

// token reads a token (RFC 9110, section 5.6.2); it returns "" if there is none.
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

// quoted reads the rest of a quoted string, after the opening quote.
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
