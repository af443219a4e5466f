package websocket

import (
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kataras/iris/websocket/internal/handler"
)

type (
	// DisconnectFunc is called after the end of a connection.
	DisconnectFunc func()
	// JoinRoomFunc is called with the name of a room when a connection has joined it.
	JoinRoomFunc func(roomName string)
	// LeaveRoomFunc is called with the name of a room when a connection leaves it.
	LeaveRoomFunc func(roomName string)
	// ErrorFunc is called with an error of a connection.
	ErrorFunc func(error)
	// NativeMessageFunc is called with a native message. It may keep the bytes.
	NativeMessageFunc func([]byte)
	// MessageFunc is a handler of an event: see [Connection.On].
	MessageFunc any
	// PingFunc is called after a ping was sent.
	PingFunc func()
	// PongFunc is called after a pong was received.
	PongFunc func()
)

// listener is a function registered on a connection. The type of the function
// decides when it runs.
type listener struct {
	name     string // of the event, or of the registering method
	function any    // a handlerFunc, an ErrorFunc, …
}

// The types of functions without an exported type.
type (
	// handlerFunc is a handler, compiled for the type of its parameter.
	handlerFunc = handler.Func[Connection]
	// anyFunc is for all events.
	anyFunc func(Message)
	// nativeFunc is for native messages. The message is only valid during the call.
	nativeFunc func(text bool, message []byte)
	// suspendFunc is for the loss of a socket, resumeFunc for the next one.
	suspendFunc func()
	resumeFunc  func()
)

// handler returns the function if it is a handler of the event.
func (l listener) handler(event []byte) (handlerFunc, bool) {
	if l.name != string(event) {
		return nil, false
	}
	h, ok := l.function.(handlerFunc)
	return h, ok
}

// functionsOf returns the functions of one type, each with its listener's name, in
// the order of their registration.
func functionsOf[F any](all []listener) iter.Seq2[string, F] {
	return func(yield func(string, F) bool) {
		for _, l := range all {
			if f, ok := l.function.(F); ok && !yield(l.name, f) {
				return
			}
		}
	}
}

// has reports whether there are functions of one type.
func has[F any](all []listener) bool {
	for range functionsOf[F](all) {
		return true
	}
	return false
}

// listeners are the functions registered on a connection. A change makes a new
// list, so callers need no lock while they go through one.
type listeners struct {
	mu      sync.Mutex                   // held during a change
	current atomic.Pointer[listenerList] // nil until something is registered
}

// listenerList is immutable.
type listenerList struct {
	all   []listener
	ended bool // the DisconnectFuncs have been called, or are being called
}

// list returns the listeners in the order of their registration.
func (l *listeners) list() []listener {
	if current := l.current.Load(); current != nil {
		return current.all
	}
	return nil
}

// change replaces the list by a changed copy. f changes the copy.
func (l *listeners) change(f func(*listenerList)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := new(listenerList)
	if old := l.current.Load(); old != nil {
		*next = *old
	}
	f(next)
	l.current.Store(next)
}

// add registers a function.
func (l *listeners) add(name string, function any) {
	l.change(func(next *listenerList) { next.append(listener{name, function}) })
}

// append adds a listener. Most lists are short and grow by one: they take no more memory
// than they need. Long ones grow by doubling. The lists before share the memory and end
// before the new listener.
func (list *listenerList) append(l listener) {
	const short = 16
	if len(list.all) < short {
		list.all = slices.Concat(list.all, []listener{l})
		return
	}
	list.all = append(list.all, l)
}

// addUntilEnd is add for a DisconnectFunc. It reports false if it comes too late:
// the caller must call the function then.
func (l *listeners) addUntilEnd(name string, f DisconnectFunc) (added bool) {
	l.change(func(next *listenerList) {
		if added = !next.ended; added {
			next.append(listener{name, f})
		}
	})
	return added
}

// end returns the listeners for the last time a DisconnectFunc is among them.
func (l *listeners) end() []listener {
	l.change(func(next *listenerList) { next.ended = true })
	return l.list()
}

// removeHandlers removes the handlers of an event.
func (l *listeners) removeHandlers(event string) {
	l.change(func(next *listenerList) {
		next.all = slices.DeleteFunc(slices.Clone(next.all), func(l listener) bool {
			_, ok := l.handler([]byte(event))
			return ok
		})
	})
}

// mustBeFunc panics for a nil function: its call would panic much later.
func mustBeFunc(method string, isNil bool) {
	if isNil {
		panic("websocket: " + method + ": the function is nil")
	}
}
