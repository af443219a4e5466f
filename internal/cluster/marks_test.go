package cluster

import (
	"slices"
	"testing"
	"time"
)

// TestMarksFollowEachSilence: marks follow the last message before each silence, also if the
// series has been silent before. A busy series has none.
func TestMarksFollowEachSilence(t *testing.T) {
	const channel = "rroom"
	for _, test := range []struct {
		name  string
		emits []time.Duration
		want  []time.Duration // the marks
	}{
		{"one message", []time.Duration{0}, []time.Duration{1, 5, 25}},
		{"busy", []time.Duration{0, 0, 1, 1, 2}, []time.Duration{3, 7, 27}},
		{"between two marks", []time.Duration{0, 3}, []time.Duration{1, 4, 8, 28}},
		{"after the last mark", []time.Duration{0, 60}, []time.Duration{1, 5, 25, 61, 65, 85}},
		{"twice after it", []time.Duration{0, 60, 120}, []time.Duration{1, 5, 25, 61, 65, 85, 121, 125, 145}},
		{"after the end", []time.Duration{0, 700}, []time.Duration{1, 5, 25, 701, 705, 725}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPublications()
			var got []time.Duration
			emits := test.emits
			for now := time.Duration(0); now < 800; now++ {
				for len(emits) > 0 && emits[0] == now {
					p.next(channel, now*time.Second, func(position) {})
					emits = emits[1:]
				}
				p.tick(now*time.Second, func(string, position) { got = append(got, now) })
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got marks at seconds %d, want %d", got, test.want)
			}
		})
	}
}
