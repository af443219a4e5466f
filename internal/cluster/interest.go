package cluster

import (
	"slices"
	"sync"
	"time"
)

// interests counts why this node wants the messages on channels: connections in a room, of a
// user. A subscription follows its count with a delay, so that a room that is left and joined
// again costs nothing.
type interests struct {
	mu        sync.Mutex // guards the fields below
	byChannel map[string]*interest
	added     []*interest // to subscribe to, the oldest first
	unused    []*interest // whose count became 0, the oldest first
	last      uint64      // the number of the last interest in added
	pending   int         // the interests whose subscription doesn't stand yet
	waiting   []*settling
}

// interest is the wish for one channel. Its fields are guarded by interests.mu, except for the
// first ones, which are immutable.
type interest struct {
	channel    string
	name       string        // of the room or the user
	count      int           // negative while a remove has overtaken its add
	unusedAt   time.Duration // when count became 0
	queued     bool          // in interests.unused
	number     uint64        // in the order of interests.added; 0 if it was never there
	subscribed bool          // Broker.Subscribe was called, or will be at once
	stands     bool          // the broker has confirmed the subscription
	standsAt   time.Duration // since when
	followedAt time.Duration // of the presence of a room: when this node began to follow it
}

// settling waits for the interests up to a number: each stands, or is not wanted any more.
// Later ones don't count, or it would wait forever while clients come all the time.
type settling struct {
	upTo uint64
	left int
	done chan struct{}
}

// subscription is what others see of an interest.
type subscription struct {
	name   string
	stood  time.Duration // how long the subscription has stood; 0 if it doesn't stand
	wanted bool          // false during the delay before its end
	known  time.Duration // how long what comes on the channel has been kept; at most stood
}

// unsubscribeAfter is the delay of the end of a subscription.
const unsubscribeAfter = 10 * time.Second

// get returns the interest in a channel, under mu. It makes it if there is none.
func (i *interests) get(channel, name string) *interest {
	w := i.byChannel[channel]
	if w == nil {
		w = &interest{channel: channel, name: name}
		if i.byChannel == nil {
			i.byChannel = make(map[string]*interest)
		}
		i.byChannel[channel] = w
	}
	return w
}

// add counts one more. It reports whether there is a channel to subscribe to.
func (i *interests) add(channel, name string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	w := i.get(channel, name)
	w.count++
	if w.count > 0 && w.number == 0 {
		i.last++
		w.number = i.last
		i.pending++
		i.added = append(i.added, w)
	}
	return len(i.added) > 0
}

// follow notes that what comes on a channel is kept from now on. Call add next. The subscription
// may still stand from before.
func (i *interests) follow(channel, name string, now time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.get(channel, name).followedAt = now
}

// remove counts one less. It may overtake the add that it belongs to.
func (i *interests) remove(channel, name string, now time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	w := i.get(channel, name)
	w.count--
	w.unusedAt = now
	if w.count <= 0 && !w.queued {
		w.queued = true
		i.unused = append(i.unused, w)
	}
}

// takeAdded returns the interests to subscribe to.
func (i *interests) takeAdded() []*interest {
	i.mu.Lock()
	defer i.mu.Unlock()
	added := i.added
	i.added = nil
	for _, w := range added {
		w.subscribed = true
	}
	return added
}

// confirm notes that subscriptions stand. It returns the channels that are wanted. Another
// subscription may have taken the place of one that has ended meanwhile.
func (i *interests) confirm(list []*interest, now time.Duration) (wanted []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, w := range list {
		if i.byChannel[w.channel] == w && !w.stands {
			w.stands, w.standsAt = true, now
			i.settle(w)
			wanted = append(wanted, w.channel)
		}
	}
	return wanted
}

// settle counts one pending interest less, under mu.
func (i *interests) settle(w *interest) {
	i.pending--
	i.waiting = slices.DeleteFunc(i.waiting, func(s *settling) bool {
		if w.number <= s.upTo {
			s.left--
		}
		if s.left > 0 {
			return false
		}
		close(s.done)
		return true
	})
}

// settling returns nil if all subscriptions stand. Else done is closed as soon as those of
// now do. The caller must call giveUp if it doesn't wait any more.
func (i *interests) settling() *settling {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.pending == 0 {
		return nil
	}
	s := &settling{upTo: i.last, left: i.pending, done: make(chan struct{})}
	i.waiting = append(i.waiting, s)
	return s
}

// giveUp ends the waiting of a settling.
func (i *interests) giveUp(s *settling) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.waiting = slices.DeleteFunc(i.waiting, func(other *settling) bool { return other == s })
}

// takeUnused returns the channels whose subscriptions end. It forgets them.
func (i *interests) takeUnused(now time.Duration) (ends []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	rest, early := i.unused[:0], false
	for _, w := range i.unused {
		switch {
		case w.count > 0: // used again
			w.queued = false
		case now < w.unusedAt+unsubscribeAfter:
			rest = append(rest, w)
		default:
			delete(i.byChannel, w.channel)
			if w.number > 0 && !w.stands {
				i.settle(w)
			}
			if w.subscribed {
				ends = append(ends, w.channel)
			} else {
				early = true
			}
		}
	}
	clear(i.unused[len(rest):])
	if i.unused = rest; len(rest) == 0 {
		i.unused = nil // a burst leaves no memory behind
	}
	if early { // before the first connection, added must not grow with each client that has gone
		i.added = slices.DeleteFunc(i.added, func(w *interest) bool { return i.byChannel[w.channel] != w })
	}
	return ends
}

// find returns the subscription to a channel. It reports false if there is none.
func (i *interests) find(channel string, now time.Duration) (s subscription, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	w := i.byChannel[channel]
	if w == nil || !w.subscribed {
		return s, false
	}
	s = subscription{name: w.name, wanted: w.count > 0}
	if w.stands {
		s.stood = now - w.standsAt
		s.known = now - max(w.standsAt, w.followedAt)
	}
	return s, true
}

// stands reports whether the subscription to a channel stands.
func (i *interests) stands(channel string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	w := i.byChannel[channel]
	return w != nil && w.stands
}

// length returns the number of channels.
func (i *interests) length() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.byChannel)
}
