// Package brokertest tests whether a [broker.Broker] keeps its promises. An implementation
// calls [Run] from a test of its own.
package brokertest

import (
	"slices"
	"testing"
	"time"

	"github.com/kataras/iris/websocket/broker"
	"go.uber.org/goleak"
)

// Cluster is a broker that is being tested: its nodes, and the faults that it can have.
type Cluster struct {
	// Node returns a new node that is not started. The test closes it.
	Node func() broker.Broker

	// MaxPending is how many bytes a node keeps during an outage, at most. A small bound,
	// such as 1 MiB, makes the tests fast.
	MaxPending int

	// Cut begins an outage of one node, and Heal ends it. Cut may come before Start.
	Cut, Heal func(broker.Broker)

	// StopServer begins an outage of all nodes, and StartServer ends it.
	StopServer, StartServer func()

	// Stall lets the server neither read nor write the connections of a node, and Resume
	// ends that. It is no outage.
	Stall, Resume func(broker.Broker)

	// Connections is how many connections a node has: how many times it calls Down in an
	// outage. Default 1.
	Connections int

	// Eventual says: a subscription may stand a moment later than Flush returns, because
	// several servers have to learn of it. The tests then try until a message arrives.
	Eventual bool

	// LeaveOut names the tests that can't run, such as those of a fault that the
	// implementation can't make. No other test is left out.
	LeaveOut []string

	// Patience is how long a test waits for what must happen. Default 30 seconds.
	Patience time.Duration
}

// suiteTest is one test of the suite.
type suiteTest struct {
	name   string
	run    func(e *env)
	faults fault
}

// fault says which functions of a Cluster a test needs.
type fault int

const (
	cut    fault = 1 << iota // Cut and Heal
	server                   // StopServer and StartServer
	stall                    // Stall and Resume
)

var tests = []suiteTest{
	{"Deliver", testDeliver, 0},
	{"Order", testOrder, 0},
	{"OneCallAtATime", testOneCallAtATime, 0},
	{"ChannelNames", testChannelNames, 0},
	{"InvalidChannels", testInvalidChannels, 0},
	{"MessageSizes", testMessageSizes, 0},
	{"KeepNoMessage", testKeepNoMessage, 0},
	{"NoSubscribers", testNoSubscribers, 0},
	{"SubscribeTwice", testSubscribeTwice, 0},
	{"Unsubscribe", testUnsubscribe, 0},
	{"SubscribeRaces", testSubscribeRaces, 0},
	{"ManyChannels", testManyChannels, 0},
	{"CallsFromReceiver", testCallsFromReceiver, 0},
	{"ConcurrentCalls", testConcurrentCalls, 0},
	{"OutagePublish", testOutagePublish, cut},
	{"OutageBound", testOutageBound, cut},
	{"OutageSubscriptions", testOutageSubscriptions, cut},
	{"OutageFlush", testOutageFlush, cut},
	{"OutageOfServer", testOutageOfServer, server},
	{"StallBound", testStallBound, stall},
	{"StallReceiver", testStallReceiver, stall},
	{"StallClose", testStallClose, stall},
	{"StartWaits", testStartWaits, cut},
	{"StartEnds", testStartEnds, cut},
	{"CloseSends", testCloseSends, 0},
	{"CloseTwice", testCloseTwice, 0},
	{"CloseBeforeStart", testCloseBeforeStart, 0},
	{"CloseDuringOutage", testCloseDuringOutage, cut},
	{"CloseLosesMessages", testCloseLosesMessages, cut},
	{"CloseEndsFlush", testCloseEndsFlush, cut},
	{"CloseUnderLoad", testCloseUnderLoad, 0},
	{"AfterClose", testAfterClose, 0},
}

// Run tests a broker. It calls newCluster for each test.
func Run(t *testing.T, newCluster func(t testing.TB) Cluster) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { runTest(t, test, newCluster) })
	}
}

// leak returns an error about goroutines that don't end within a few seconds. A client of a
// server may have some that only wait for a timer.
func leak(before goleak.Option, patience time.Duration) error {
	deadline := time.Now().Add(min(patience, 5*time.Second))
	for {
		err := goleak.Find(before) // waits for about half a second
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// runTest runs one test, and checks that it leaves no goroutine.
func runTest(t testing.TB, test suiteTest, newCluster func(t testing.TB) Cluster) {
	e := &env{reporter: &reporter{TB: t}}
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { // after those of the cluster and of its nodes
		if err := leak(before, e.Patience); err != nil {
			t.Errorf("goroutines are left: %v", err)
		}
		for _, n := range e.all {
			n.checkEnd()
		}
		e.end()
	})
	e.Cluster = newCluster(t)
	if e.Patience == 0 {
		e.Patience = 30 * time.Second
	}
	e.Connections = max(e.Connections, 1)
	for _, name := range e.LeaveOut {
		if !slices.ContainsFunc(tests, func(known suiteTest) bool { return known.name == name }) {
			t.Fatalf("LeaveOut names %q, but there is no such test", name)
		}
	}
	if slices.Contains(e.LeaveOut, test.name) {
		t.Logf("the implementation leaves %s out", test.name)
		return
	}
	if test.faults&cut != 0 && (e.Cut == nil || e.Heal == nil) {
		t.Fatalf("the Cluster has no Cut or Heal: LeaveOut has to name %s", test.name)
	}
	if test.faults&server != 0 && (e.StopServer == nil || e.StartServer == nil) {
		t.Fatalf("the Cluster has no StopServer or StartServer: LeaveOut has to name %s", test.name)
	}
	if test.faults&stall != 0 && (e.Stall == nil || e.Resume == nil) {
		t.Fatalf("the Cluster has no Stall or Resume: LeaveOut has to name %s", test.name)
	}
	test.run(e)
}
