package brokertest

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recording is a testing.TB that keeps failures in place of reporting them. A call of
// another method than these panics.
type recording struct {
	testing.TB
	mu       sync.Mutex // guards all fields below
	failures []string
	ends     int // calls of FailNow
	cleanups []func()
}

// record runs a test of the suite, and returns its failures.
func record(test suiteTest, newCluster func(t testing.TB) Cluster) string {
	r := new(recording)
	r.run(test, newCluster)
	return strings.Join(r.failures, "\n")
}

func (r *recording) run(test suiteTest, newCluster func(t testing.TB) Cluster) {
	r.do(func() { runTest(r, test, newCluster) })
	for len(r.cleanups) > 0 {
		last := len(r.cleanups) - 1
		cleanup := r.cleanups[last]
		r.cleanups = r.cleanups[:last]
		r.do(cleanup)
	}
}

// do runs f in a goroutine, which FailNow may end.
func (r *recording) do(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func (r *recording) Error(args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprint(args...))
}

func (r *recording) Errorf(format string, args ...any) { r.Error(fmt.Sprintf(format, args...)) }

func (r *recording) Fatal(args ...any) {
	r.Error(args...)
	r.FailNow()
}

func (r *recording) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }

func (r *recording) FailNow() {
	r.mu.Lock()
	r.ends++
	r.mu.Unlock()
	runtime.Goexit()
}

func (r *recording) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failures) > 0
}

func (r *recording) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func (r *recording) Helper() {}

func (r *recording) Logf(string, ...any) {}

// testNamed returns a test of the suite.
func testNamed(t *testing.T, name string) suiteTest {
	t.Helper()
	i := slices.IndexFunc(tests, func(known suiteTest) bool { return known.name == name })
	if i < 0 {
		t.Fatalf("there is no test %s", name)
	}
	return tests[i]
}
