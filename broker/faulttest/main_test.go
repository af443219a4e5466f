package faulttest

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// These variables of the environment make a process of the test binary a node, or a NATS
// server. The value is its configuration.
const (
	nodeProgram = "FAULTTEST_NODE"
	natsProgram = "FAULTTEST_NATS"
)

// watcher waits for an interrupt. Iris starts it once, with the first server.
const watcher = "github.com/kataras/iris/v12/core/host.(*interruptListener).notifyAndFire"

// input waits for the end of the input of a node.
const input = "github.com/kataras/iris/websocket/broker/faulttest.endWithInput"

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(nodeProgram) != "":
		runNode(os.Getenv(nodeProgram))
		return
	case os.Getenv(natsProgram) != "":
		runNATS(os.Getenv(natsProgram))
		return
	}
	flag.Parse()
	if !given("test.parallel") {
		// The tests mostly wait. But each starts three nodes and a broker: with many more at
		// once, a healthy node may seem dead.
		_ = flag.Set("test.parallel", "8")
	}
	code := m.Run()
	if err := findLeaks(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// given reports whether a flag is on the command line.
func given(name string) (found bool) {
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// findLeaks returns an error if goroutines are left. rueidis has one that ends by itself, a
// second after a failed attempt to connect.
func findLeaks() (err error) {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		if err = goleak.Find(goleak.IgnoreTopFunction(watcher), goleak.IgnoreAnyFunction(input)); err == nil {
			return nil
		}
	}
	return err
}

// patience is the longest time for an expected event. After it, the test fails. No test passes
// by waiting.
const patience = 60 * time.Second

// eventually waits until a condition is true. It polls, because nothing signals the condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	eventuallyNil(t, what, func() error {
		if condition() {
			return nil
		}
		return errNotYet
	})
}

var errNotYet = fmt.Errorf("not yet")

// eventuallyNil waits until a check returns nil.
func eventuallyNil(t testing.TB, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for err := check(); err != nil; err = check() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for: %s: %v", patience, what, err)
		}
		time.Sleep(200 * time.Millisecond) // the condition decides, not the time
	}
}
