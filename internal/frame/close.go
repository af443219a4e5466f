package frame

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// Status codes of a close frame (RFC 6455, section 7.4.1).
const (
	CloseNormal        = 1000
	CloseGoingAway     = 1001
	CloseProtocolError = 1002
	CloseNoStatus      = 1005 // means a close frame without a code; never sent
	CloseAbnormal      = 1006 // means no close frame; never sent
	CloseInvalidData   = 1007
	ClosePolicy        = 1008
	CloseTooBig        = 1009
	CloseInternalError = 1011
)

// Status codes of protocol 2. After 4001 to 4099, a client stays away. After 4100
// to 4199, it comes back after a pause. After 4200 to 4299, it comes back at once.
const (
	CloseUnauthorized       = 4001 // the token is missing, invalid or expired
	CloseViolation          = 4002 // the client violated protocol 2
	CloseForbidden          = 4003 // another session's token, another user, or refused
	CloseOverloaded         = 4100 // the server can't serve the client now
	CloseTooManyConnections = 4101
	CloseNoHello            = 4108 // no hello in time
	CloseRestart            = 4200 // the server restarts
	CloseMoved              = 4201 // the client's session belongs to another server
)

// NewCloseFrame makes a close frame (RFC 6455, section 5.5.1). Code 0 means a close
// frame without a code. NewCloseFrame cuts a long reason between two runes.
func NewCloseFrame(code int, reason string) *Frame {
	if code == 0 {
		return NewFrame(OpClose, nil)
	}
	reason = strings.ToValidUTF8(reason, "")
	for len(reason) > MaxControlPayload-2 {
		_, size := utf8.DecodeLastRuneInString(reason)
		reason = reason[:len(reason)-size]
	}
	payload := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(reason)), uint16(code))
	return NewFrame(OpClose, append(payload, reason...))
}

// ValidCloseCode reports whether a close frame may carry a code (RFC 6455, section
// 7.4, and its registry). 1004 has no meaning. 1005, 1006 and 1015 are never sent:
// programs use them for an end without a code, without a close frame, or without
// TLS.
func ValidCloseCode(code int) bool {
	switch code {
	case 1004, 1005, 1006:
		return false
	}
	return 1000 <= code && code <= 1014 || 3000 <= code && code <= 4999
}
