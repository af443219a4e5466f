package faulttest

import (
	"fmt"
	"strconv"
	"strings"
)

// account is what a client has got in one session. A session belongs to one node.
type account struct {
	id      string                  // of the connection; its beginning is the name of the node
	streams map[string]*streamCount // by publisher and target
	told    map[string]int          // the missed messages that the client was told of: see gapKey
	faults  []string                // doubles and messages out of order
	ended   bool                    // the session is over
}

// streamCount is what has come of the messages of one publisher to one target.
type streamCount struct {
	first, last, received int
	early                 bool // it began before the fault: each missing message counts
}

// missing returns how many messages between the first one and the last one are missing.
func (s *streamCount) missing() int { return s.last - s.first + 1 - s.received }

func newAccount() *account {
	return &account{streams: make(map[string]*streamCount), told: make(map[string]int)}
}

// node returns the name of the node of the session.
func (a *account) node() string {
	node, _, _ := strings.Cut(a.id, "-")
	return node
}

// receive notes a message: "publisher target number".
func (a *account) receive(message string) {
	message = strings.TrimRight(message, " ") // the padding
	at := strings.LastIndexByte(message, ' ')
	stream := message[:max(at, 0)]
	number, err := strconv.Atoi(message[at+1:])
	if err != nil {
		a.faults = append(a.faults, fmt.Sprintf("a strange message %q", message))
		return
	}
	s := a.streams[stream]
	if s == nil {
		a.streams[stream] = &streamCount{first: number, last: number, received: 1}
		return
	}
	if number <= s.last {
		a.faults = append(a.faults, fmt.Sprintf("%s: %d comes after %d", stream, number, s.last))
		return
	}
	s.last = number
	s.received++
}

// last returns the last number of a publisher to a target.
func (a *account) last(publisher string, to target) int {
	if s := a.streams[publisher+" "+to.String()]; s != nil {
		return s.last
	}
	return 0
}

// result sums up accounts.
type result struct{ received, missed, reported int }

// check compares an account with what the nodes say after the end of all messages. It returns
// an error if a message is missing and not reported. modern says that the client is told of
// gaps.
func (a *account) check(states map[string]state, modern bool, sum *result) error {
	if len(a.faults) > 0 {
		return fmt.Errorf("doubles, or a wrong order: %.1000q", a.faults)
	}
	node, alive := states[a.node()]
	for stream, s := range a.streams {
		publisher, to, _ := strings.Cut(stream, " ")
		missing := s.missing()
		if from, ok := states[publisher]; ok && !a.ended {
			missing += from.Sent - s.last
		}
		any := publisher + " any"
		reported, told := node.Gaps[stream]+node.Gaps[any], a.told[stream]+a.told[any]
		if !alive {
			reported = told
		}
		sum.received += s.received
		sum.missed += missing
		sum.reported += min(missing, reported)
		switch {
		case publisher == a.node() && missing > 0:
			return fmt.Errorf("%s: %d messages of the own node are missing", stream, missing)
		case missing > reported:
			return fmt.Errorf("%s: %d messages are missing, and %d reported (%+v)", stream, missing, reported, *s)
		case modern && missing > told:
			return fmt.Errorf("%s: %d messages are missing, and the client was told of %d", stream, missing, told)
		}
		_, living := states[publisher]
		if s.early && !a.ended && living && !strings.HasPrefix(to, "id/") && node.Gaps[stream] > missing {
			return fmt.Errorf("%s: %d messages are missing, but %d reported", stream, missing, node.Gaps[stream])
		}
	}
	return nil
}
