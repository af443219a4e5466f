package client

import (
	"github.com/kataras/iris/websocket/internal/client"
	"github.com/kataras/iris/websocket/internal/wire"
)

// Fate is what became of a message whose session was lost.
type Fate byte

// The fates of messages.
const (
	// FateTaken: the server has taken the message.
	FateTaken Fate = iota
	// FateResent: the server has not taken it. The client sends it in the new session.
	FateResent
	// FateNotTaken: the server has not taken it, and the client doesn't send it again:
	// it is an ask or a reply, the server takes the client for another user now, or the
	// message is too large for the new session.
	FateNotTaken
	// FateUnknown: it was sent, and the server doesn't remember the session. The client
	// doesn't send it again, because the server could then handle it twice. See
	// [Client.Resend].
	FateUnknown
)

// String returns the fate in words: "taken", "resent", "not taken" or "unknown".
func (f Fate) String() string { return client.Fate(f).String() }

// Loss reports a lost session.
type Loss struct {
	// Reason is what the server says: "expired": the client was away for too long;
	// "evicted": the server needed the memory; "ended": the server has closed the
	// session; "user": the server takes the client for another user now; "unknown": the
	// server doesn't know the session, such as after a restart.
	Reason string
	// Messages are those that the server had not counted, as far as the client knew, in
	// the order in which they were sent. Replies to the server aren't among them.
	Messages []LostMessage
}

// LostMessage is a message of a lost session.
type LostMessage struct {
	Message
	// Fate is what became of it.
	Fate Fate
	// IsAsk: it is an ask. Its Ask returns a [*SessionLostError].
	IsAsk bool
}

// publicLoss copies a loss of the engine.
func publicLoss(loss client.Loss) Loss {
	public := Loss{Reason: loss.Why}
	for _, lost := range loss.Messages {
		m := Message{Event: string(lost.Name), Type: MessageType(lost.Type), payload: append([]byte(nil), lost.Payload...)}
		switch lost.Kind {
		case wire.EventKind:
		case wire.NativeKind:
			m.Type = nativeType(lost.Text)
		default:
			continue
		}
		public.Messages = append(public.Messages, LostMessage{m, publicFate(lost.Fate), lost.ID != 0})
	}
	return public
}

func publicFate(f client.Fate) Fate {
	switch f {
	case client.Taken:
		return FateTaken
	case client.Resent:
		return FateResent
	case client.NotTaken:
		return FateNotTaken
	}
	return FateUnknown
}

// nativeType returns the type of a native message.
func nativeType(text bool) MessageType {
	if text {
		return TypeString
	}
	return TypeBytes
}
