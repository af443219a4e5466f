package cluster

import (
	"fmt"
	"testing"
	"time"
)

// next publishes a message and returns its position.
func (p *publications) take(channel string, now time.Duration) (at position) {
	p.next(channel, now, func(got position) { at = got })
	return at
}

// marks returns the times at which marks follow, in steps of 250 ms.
func (p *publications) marks(from, to time.Duration) (times []time.Duration, last position) {
	for now := from; now < to; now += tickEvery {
		p.tick(now, func(_ string, at position) { times, last = append(times, now), at })
	}
	return times, last
}

// TestSeries: the messages on one channel have consecutive numbers. Marks repeat the last one.
func TestSeries(t *testing.T) {
	p := newPublications()
	first := p.take("ra", time.Second)
	if first.before != 0 || first.age != 0 || first.number == 0 {
		t.Fatalf("the first message has the position %+v", first)
	}
	p.take("rb", time.Second)
	want := position{first.number + 1, 1, 2 * time.Second}
	if got := p.take("ra", 3*time.Second); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	p = newPublications()
	at := p.take("ra", time.Minute)
	times, mark := p.marks(time.Minute, time.Minute+5*time.Minute)
	wantList(t, "marks", times, time.Minute+time.Second, time.Minute+5*time.Second, time.Minute+25*time.Second)
	if mark.number != at.number || mark.before != 0 || mark.age != 25*time.Second {
		t.Errorf("got the mark %+v, want that of %+v after 25 s", mark, at)
	}
}

// TestMarksWait: a message puts the marks off. They come after the last message of a burst.
func TestMarksWait(t *testing.T) {
	p := newPublications()
	for i := range 20 { // one each half second
		now := time.Duration(i) * 500 * time.Millisecond
		p.take("ra", now)
		if times, _ := p.marks(now, now+500*time.Millisecond); len(times) > 0 {
			t.Fatalf("got marks at %v", times)
		}
	}
	times, mark := p.marks(9500*time.Millisecond, time.Minute)
	wantList(t, "marks", times, 10500*time.Millisecond, 14500*time.Millisecond, 34500*time.Millisecond)
	if mark.before != 19 {
		t.Errorf("got the mark %+v, want that of 20 messages", mark)
	}
}

// TestMarksAgain: each message after the marks has its own marks.
func TestMarksAgain(t *testing.T) {
	for _, pause := range []time.Duration{2 * time.Second, 10 * time.Second, time.Minute} {
		p := newPublications()
		p.take("ra", 0)
		p.marks(0, pause)
		last := p.take("ra", pause)
		times, mark := p.marks(pause, pause+time.Minute)
		wantList(t, "marks", times, pause+time.Second, pause+5*time.Second, pause+25*time.Second)
		if mark.number != last.number {
			t.Errorf("got the mark %+v, want that of %+v", mark, last)
		}
	}
}

// TestSeriesEnds: a series is forgotten after its time. The next one has larger numbers, even
// after many messages.
func TestSeriesEnds(t *testing.T) {
	p := newPublications()
	var last position
	for range 10_000 {
		last = p.take("ra", time.Second)
	}
	if p.marks(time.Second, seriesEnd); len(p.shard("ra").byChannel) != 1 {
		t.Fatal("the series was forgotten too early")
	}
	p.marks(seriesEnd, seriesEnd+2*time.Second)
	if shard := p.shard("ra"); len(shard.byChannel) != 0 || len(shard.queue) != 0 {
		t.Fatalf("the shard still has %d series, and %d in its queue", len(shard.byChannel), len(shard.queue))
	}
	if next := p.take("ra", seriesEnd+2*time.Second); next.number <= last.number || next.before != 0 {
		t.Errorf("got %+v after %+v", next, last)
	}
}

// TestManySeries: each of many series has its own marks and end.
func TestManySeries(t *testing.T) {
	p := newPublications()
	marks := make(map[string]int)
	for i := range 1000 {
		p.take(fmt.Sprint("r", i), time.Duration(i*7919%1000)*10*time.Millisecond)
	}
	for now := time.Duration(0); now < seriesEnd+15*time.Second; now += tickEvery {
		p.tick(now, func(channel string, at position) { marks[channel]++ })
	}
	for i := range 1000 {
		if channel := fmt.Sprint("r", i); marks[channel] != 3 || p.shard(channel).byChannel[channel] != nil {
			t.Fatalf("%s: got %d marks, want 3 and the end", channel, marks[channel])
		}
	}
}

// TestMarkAgain: after an outage, each series used meanwhile gets one more mark.
func TestMarkAgain(t *testing.T) {
	p := newPublications()
	p.take("old", time.Second)
	p.take("used", time.Minute)
	p.marks(time.Second, 5*time.Minute)
	p.take("new", 5*time.Minute) // its own marks are still to come
	p.markAgain(time.Minute-settle, 5*time.Minute)
	marks := make(map[string]int)
	for now := 5 * time.Minute; now < 6*time.Minute; now += tickEvery {
		p.tick(now, func(channel string, at position) { marks[channel]++ })
	}
	if marks["old"] != 0 || marks["used"] != 1 || marks["new"] != 3 {
		t.Errorf("got the marks %v, want 1 of used and 3 of new", marks)
	}
}

// TestNumbers: after an outage, a node tells the series that were used meanwhile.
func TestNumbers(t *testing.T) {
	p := newPublications()
	p.take("old", time.Second)
	used := p.take("used", time.Minute)
	got := make(map[string]position)
	p.numbers(30*time.Second, 2*time.Minute, func(channel string, at position) { got[channel] = at })
	if len(got) != 1 || got["used"] != (position{used.number, 0, time.Minute}) {
		t.Errorf("got %v, want that of used", got)
	}
}
