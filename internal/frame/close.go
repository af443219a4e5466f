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
