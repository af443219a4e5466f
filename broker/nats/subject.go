package nats

import (
	"errors"
	"strings"
)

const hexDigits = "0123456789ABCDEF"

// plain reports whether a byte stands for itself in a subject.
func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// appendToken appends a channel as one token of a subject. A letter, a digit, "-" or "_"
// stands for itself. Another byte becomes "=" and two hexadecimal digits. So a subject has at
// most 3,072 bytes, and fits into the 4,096 bytes of NATS's max_control_line.
func appendToken(subject []byte, channel string) []byte {
	for i := range len(channel) {
		if c := channel[i]; plain(c) {
			subject = append(subject, c)
		} else {
			subject = append(subject, '=', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return subject
}

var errNoToken = errors.New("nats: the subject is not one of a channel")

// channelOf returns the channel of a token.
func channelOf(token string) (string, error) {
	if token == "" {
		return "", errNoToken
	}
	if strings.IndexByte(token, '=') < 0 {
		return token, nil
	}
	channel := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		if token[i] != '=' {
			channel = append(channel, token[i])
			continue
		}
		if i+2 >= len(token) {
			return "", errNoToken
		}
		high, low := strings.IndexByte(hexDigits, token[i+1]), strings.IndexByte(hexDigits, token[i+2])
		if high < 0 || low < 0 {
			return "", errNoToken
		}
		channel = append(channel, byte(high<<4|low))
		i += 2
	}
	return string(channel), nil
}
