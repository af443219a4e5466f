package peers

import (
	"encoding/base64"
	"errors"
	"sync"

	"github.com/centrifugal/centrifuge"
	"github.com/centrifugal/protocol"
	"github.com/nats-io/nats.go"
)

// natsForCentrifuge is a broker of centrifuge over core NATS. It can no more than the
// benchmark needs: no history, no events about joins and leaves. A node gets its own
// messages through the broker, as it does with the library's broker for Redis.
type natsForCentrifuge struct {
	node   *centrifuge.Node
	conn   *nats.Conn
	events centrifuge.BrokerEventHandler // set once, before the first subscription

	mu   sync.Mutex // guards subs
	subs map[string]*nats.Subscription
}

// setNATS makes a node one of a cluster. It leaves reconnecting to nats.go.
func setNATS(node *centrifuge.Node, address string) error {
	conn, err := nats.Connect("nats://"+address, nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	node.SetBroker(&natsForCentrifuge{node: node, conn: conn, subs: make(map[string]*nats.Subscription)})
	return nil
}

// roomSubject returns the subject of a channel, whose name may have any bytes.
func roomSubject(channel string) string {
	return "room." + base64.RawURLEncoding.EncodeToString([]byte(channel))
}

// RegisterBrokerEventHandler implements centrifuge.Broker.
func (b *natsForCentrifuge) RegisterBrokerEventHandler(events centrifuge.BrokerEventHandler) error {
	b.events = events
	return nil
}

// Subscribe implements centrifuge.Broker.
func (b *natsForCentrifuge) Subscribe(channels ...string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, channel := range channels {
		sub, err := b.conn.Subscribe(roomSubject(channel), func(m *nats.Msg) { b.receive(channel, m.Data) })
		if err != nil {
			return err
		}
		b.subs[channel] = sub
	}
	return nil
}

func (b *natsForCentrifuge) receive(channel string, data []byte) {
	var p protocol.Publication
	if p.UnmarshalCF(data) != nil {
		return
	}
	publication := &centrifuge.Publication{Data: p.Data}
	if p.Info != nil {
		publication.Info = &centrifuge.ClientInfo{ClientID: p.Info.Client, UserID: p.Info.User, ConnInfo: p.Info.ConnInfo, ChanInfo: p.Info.ChanInfo}
	}
	_ = b.events.HandlePublication(channel, publication, centrifuge.StreamPosition{}, false, nil)
}

// Unsubscribe implements centrifuge.Broker.
func (b *natsForCentrifuge) Unsubscribe(channels ...string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, channel := range channels {
		if sub := b.subs[channel]; sub != nil {
			delete(b.subs, channel)
			if err := sub.Unsubscribe(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Publish implements centrifuge.Broker.
func (b *natsForCentrifuge) Publish(channel string, data []byte, options centrifuge.PublishOptions) (centrifuge.PublishResult, error) {
	p := &protocol.Publication{Data: data}
	if info := options.ClientInfo; info != nil {
		p.Info = &protocol.ClientInfo{Client: info.ClientID, User: info.UserID, ConnInfo: info.ConnInfo, ChanInfo: info.ChanInfo}
	}
	message, err := p.MarshalCF()
	if err != nil {
		return centrifuge.PublishResult{}, err
	}
	return centrifuge.PublishResult{}, b.conn.Publish(roomSubject(channel), message)
}

var errNotHere = errors.New("the broker of the benchmark can't do this")

// PublishJoin implements centrifuge.Broker.
func (b *natsForCentrifuge) PublishJoin(string, *centrifuge.ClientInfo) error { return errNotHere }

// PublishLeave implements centrifuge.Broker.
func (b *natsForCentrifuge) PublishLeave(string, *centrifuge.ClientInfo) error { return errNotHere }

// History implements centrifuge.Broker.
func (b *natsForCentrifuge) History(string, centrifuge.HistoryOptions) ([]*centrifuge.Publication, centrifuge.StreamPosition, error) {
	return nil, centrifuge.StreamPosition{}, errNotHere
}

// RemoveHistory implements centrifuge.Broker.
func (b *natsForCentrifuge) RemoveHistory(string) error { return errNotHere }

// RegisterControlEventHandler implements centrifuge.Controller.
func (b *natsForCentrifuge) RegisterControlEventHandler(events centrifuge.ControlEventHandler) error {
	for _, subject := range []string{controlSubject(""), controlSubject(b.node.ID())} {
		if _, err := b.conn.Subscribe(subject, func(m *nats.Msg) { _ = events.HandleControl(m.Data) }); err != nil {
			return err
		}
	}
	return nil
}

// PublishControl implements centrifuge.Controller.
func (b *natsForCentrifuge) PublishControl(data []byte, node, _ string) error {
	return b.conn.Publish(controlSubject(node), data)
}

// controlSubject returns the subject of a node, or that of all nodes.
func controlSubject(node string) string {
	if node == "" {
		return "control"
	}
	return "node." + node
}
