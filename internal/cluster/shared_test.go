package cluster

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestShared: those who ask while a question is asked share the next answer. None gets an
// answer that is older than the own question.
func TestShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Shared[int64]
		var turns atomic.Int64
		release := make(chan struct{})
		answers := make(chan int64, 20)
		ask := func(callers int) {
			for range callers {
				go func() {
					answers <- s.Do("red", func() int64 {
						turn := turns.Add(1)
						<-release
						return turn
					})
				}()
			}
			synctest.Wait()
		}
		got := func() (list []int64) {
			synctest.Wait()
			for len(answers) > 0 {
				list = append(list, <-answers)
			}
			slices.Sort(list)
			return list
		}
		ask(1)
		ask(5)
		if n := s.Do("blue", func() int64 { return 9 }); n != 9 {
			t.Errorf("another question: got %d", n)
		}
		release <- struct{}{}
		wantList(t, "the first turn", got(), 1)
		ask(2) // during the second turn
		release <- struct{}{}
		wantList(t, "the second turn", got(), 2, 2, 2, 2, 2)
		release <- struct{}{}
		wantList(t, "the third turn", got(), 3, 3)
		if len(s.next) > 0 {
			t.Errorf("%d questions are left", len(s.next))
		}
	})
}
