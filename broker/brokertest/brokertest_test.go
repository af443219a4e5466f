package brokertest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/broker"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long the tests wait for a broken broker. A sound one has longer.
const patience = 500 * time.Millisecond

// breaker makes the broken brokers of one test.
type breaker struct {
	memory  *broker.Memory
	release chan struct{} // closed at the end: what hangs may end
}

// cluster returns a Cluster whose nodes are wrapped.
func (k *breaker) cluster(wrap func(k *breaker, n *broker.MemoryNode) broker.Broker) Cluster {
	inner := make(map[broker.Broker]*broker.MemoryNode)
	return Cluster{
		Node: func() broker.Broker {
			n := k.memory.Node()
			wrapped := wrap(k, n)
			inner[wrapped] = n
			return wrapped
		},
		MaxPending:  1 << 20,
		Cut:         func(b broker.Broker) { inner[b].Cut() },
		Heal:        func(b broker.Broker) { inner[b].Heal() },
		Stall:       func(b broker.Broker) { inner[b].Stall() },
		Resume:      func(b broker.Broker) { inner[b].Resume() },
		StopServer:  k.memory.Cut,
		StartServer: k.memory.Heal,
		Patience:    patience,
	}
}

func newBreaker() *breaker {
	return &breaker{
		memory:  &broker.Memory{MaxPending: 1 << 20, MaxMessageSize: 128 << 10},
		release: make(chan struct{}),
	}
}

// TestBrokenBrokers checks: each test of the suite fails for brokers that break its promise,
// and says why.
func TestBrokenBrokers(t *testing.T) {
	named := make(map[string]bool)
	for _, broken := range brokenBrokers {
		for name, want := range broken.fails {
			named[name] = true
			t.Run(broken.name+"/"+name, func(t *testing.T) {
				failures := ""
				for wait := patience; wait < time.Minute; wait *= 5 { // on a busy machine, all takes longer
					k := newBreaker()
					failures = record(testNamed(t, name), func(testing.TB) Cluster {
						cluster := k.cluster(broken.wrap)
						cluster.Patience = wait
						return cluster
					})
					close(k.release)
					if strings.Contains(failures, want) {
						return
					}
					t.Logf("after %v, %s says:\n%s", wait, name, failures)
				}
				t.Errorf("want a failure with %q", want)
			})
		}
	}
	for _, test := range tests {
		if !named[test.name] {
			t.Errorf("no broken broker fails %s", test.name)
		}
	}
}

// TestLateReports checks: a call that doesn't return in time fails the test. What it reports
// after the end of the test is dropped.
func TestLateReports(t *testing.T) {
	const late = "this comes too late"
	for name, test := range map[string]struct {
		report func(e *env)
		goesOn bool // report returns
	}{
		"Error":   {func(e *env) { e.Error(late) }, true},
		"Errorf":  {func(e *env) { e.Errorf(late) }, true},
		"Fatal":   {func(e *env) { e.Fatal(late) }, false},
		"Fatalf":  {func(e *env) { e.Fatalf(late) }, false},
		"FailNow": {func(e *env) { e.FailNow() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			k, r := newBreaker(), new(recording)
			over, returned, goesOn := make(chan struct{}), make(chan struct{}), false
			r.run(suiteTest{run: func(e *env) {
				e.within("the call", func() {
					defer close(returned)
					<-over
					test.report(e)
					goesOn = true
				})
			}}, func(testing.TB) Cluster {
				cluster := k.cluster(func(_ *breaker, n *broker.MemoryNode) broker.Broker { return n })
				cluster.Patience = time.Millisecond
				return cluster
			})
			ends := r.ends
			close(over)
			<-returned
			if got := strings.Join(r.failures, "\n"); !strings.HasPrefix(got, "the call doesn't return") ||
				strings.Contains(got, late) {
				t.Errorf("got %q", got)
			}
			if r.ends != ends || goesOn != test.goesOn {
				t.Errorf("FailNow of the T was called %d times, the call goes on: %t", r.ends-ends, goesOn)
			}
		})
	}
}

// TestSoundBroker checks: the recording T finds no failure in a broker that keeps its
// promises.
func TestSoundBroker(t *testing.T) {
	for _, test := range tests {
		k := newBreaker()
		failures := record(test, func(testing.TB) Cluster {
			cluster := k.cluster(func(_ *breaker, n *broker.MemoryNode) broker.Broker { return n })
			cluster.Patience = 30 * time.Second
			return cluster
		})
		if failures != "" {
			t.Errorf("%s: %s", test.name, failures)
		}
	}
}

// TestLeaveOut checks: a test without its faults fails, unless LeaveOut names it. LeaveOut
// names no test that doesn't exist.
func TestLeaveOut(t *testing.T) {
	for _, test := range tests {
		if test.faults == 0 {
			continue
		}
		k := newBreaker()
		cluster := k.cluster(func(_ *breaker, n *broker.MemoryNode) broker.Broker { return n })
		cluster.Cut, cluster.StopServer, cluster.Stall = nil, nil, nil
		newCluster := func(testing.TB) Cluster { return cluster }
		if failures := record(test, newCluster); !strings.Contains(failures, "LeaveOut has to name "+test.name) {
			t.Errorf("%s without faults: %q", test.name, failures)
		}
		cluster.LeaveOut = []string{test.name}
		if failures := record(test, newCluster); failures != "" {
			t.Errorf("%s is left out: %q", test.name, failures)
		}
		cluster.LeaveOut = slices.Concat(cluster.LeaveOut, []string{"Nothing"})
		if failures := record(test, newCluster); !strings.Contains(failures, `LeaveOut names "Nothing"`) {
			t.Errorf("LeaveOut of an unknown test: %q", failures)
		}
	}
}
