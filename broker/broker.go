// Package broker defines what a server needs to be one node of a cluster: a [Broker], which
// carries messages between nodes. Package nats and package redis are brokers for NATS and
// Redis, each in a module of its own. [Memory] connects nodes of one process, for tests.
// Package brokertest tests whether a Broker keeps its promises.
//
// A program makes a Broker and hands it to its server. Only the server calls its methods.
//
// # What a broker promises
//
//   - A message reaches each node that has subscribed to its channel at that time, once,
//     while the connections of both nodes stand.
//   - The messages of one node on one channel arrive in the order in which they were
//     published. Those of two nodes, or on two channels, may arrive in any order.
//   - Publish, Subscribe and Unsubscribe don't wait for the network. What waits is bounded.
//   - After an outage, the broker connects again by itself, with a growing, random pause. It
//     restores all subscriptions. It reports the outage and its end.
//   - Close leaves no goroutine, no connection and no subscription behind.
//
// # What it doesn't promise
//
// Messages may be lost: those published during an outage beyond the bound, those sent to a
// node during its outage, and those for a node that reads too slowly. A broker need not
// notice this. Servers number their messages, so that they see each gap. A node's own
// messages may come back to it; servers leave them out.
package broker

import (
	"context"
	"errors"
)

// Broker carries messages between the nodes of a cluster. Its methods are safe for
// concurrent use.
type Broker interface {
	// Start connects, and delivers to r from now on. It waits for the first connection,
	// until ctx is done. Then it returns the error of the last attempt, or of ctx. It returns
	// at once if another attempt can't help, such as after a wrong password. It is called
	// once, before all other methods but Close.
	Start(ctx context.Context, r Receiver) error

	// Publish sends a message to all nodes that have subscribed to the channel. It doesn't
	// wait for the network, and keeps no reference to the message. During an outage,
	// messages wait. Publish returns [ErrFull] if too much waits, [ErrTooLarge] for a
	// message above MaxMessageSize, and [ErrClosed] after Close. It returns no error if
	// nobody has subscribed.
	Publish(channel string, message []byte) error

	// Subscribe asks for the messages on channels. The name of a channel may have any
	// bytes, at most [MaxChannelLength]. It must not be empty. Subscribe doesn't wait for
	// the network: see Flush. A second call for a channel changes nothing. It returns
	// [ErrClosed] after Close, and an error for an invalid name; then it has subscribed to
	// none of the channels.
	Subscribe(channels ...string) error

	// Unsubscribe ends subscriptions. Messages on their way may still arrive. It returns
	// ErrClosed after Close.
	Unsubscribe(channels ...string) error

	// Flush waits until everything before it has taken effect: messages have left this
	// node, and subscriptions stand. During an outage it waits for its end. It returns the
	// error of ctx if that is done first, and [ErrClosed] after Close.
	Flush(ctx context.Context) error

	// MaxMessageSize returns the size of the largest message, in bytes. It may change with
	// the connection. It is at least 64 KiB.
	MaxMessageSize() int

	// Close sends what waits, until ctx is done, and ends all connections and goroutines.
	// Receiver is not called after its return. It returns the error of ctx if messages
	// were left. A second call waits for the first and returns nil. A Receiver must not
	// call it.
	Close(ctx context.Context) error
}

// Receiver gets what a Broker receives. The Broker calls its methods one at a time for each
// channel. They don't block for long. They may call Publish, Subscribe and Unsubscribe.
type Receiver interface {
	// Message is called for each message on a channel with a subscription. The message
	// is valid until Message returns. Message must not change it.
	Message(channel string, message []byte)

	// Down is called at the beginning of an outage, with its reason. A broker with several
	// connections calls it for each of them.
	Down(err error)

	// Up is called at the end of each outage, after the subscriptions are restored. Messages
	// may have been lost since Down.
	Up()
}

// MaxChannelLength is the length of the longest name of a channel, in bytes.
const MaxChannelLength = 1024

// Errors of a Broker.
var (
	// ErrClosed: Close was called.
	ErrClosed = errors.New("broker: closed")
	// ErrFull: too much waits to be sent. The message was dropped.
	ErrFull = errors.New("broker: too many messages wait to be sent")
	// ErrTooLarge: the message is larger than MaxMessageSize.
	ErrTooLarge = errors.New("broker: the message is too large")
	// ErrInvalidChannel: the name of a channel is empty or too long.
	ErrInvalidChannel = errors.New("broker: the name of a channel is empty or longer than 1024 bytes")
)

// ValidChannel returns ErrInvalidChannel for a name that is not allowed. It is for
// implementations.
func ValidChannel(name string) error {
	if name == "" || len(name) > MaxChannelLength {
		return ErrInvalidChannel
	}
	return nil
}
