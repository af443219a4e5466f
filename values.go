package websocket

import (
	"strconv"
	"sync"
)

// ConnectionValues is a store of values by key. The zero value is empty and ready
// for use. It is safe for concurrent use. Don't copy it.
type ConnectionValues struct {
	mu    sync.RWMutex // guards byKey
	byKey map[string]any
}

// Set stores a value.
func (v *ConnectionValues) Set(key string, value any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.byKey == nil {
		v.byKey = make(map[string]any)
	}
	v.byKey[key] = value
}

// Get returns a value; nil if there is none.
func (v *ConnectionValues) Get(key string) any {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.byKey[key]
}

// Reset removes all values.
func (v *ConnectionValues) Reset() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.byKey = nil
}

// getString returns a value if it is a string; else it is empty.
func (v *ConnectionValues) getString(key string) string {
	s, _ := v.Get(key).(string)
	return s
}

// getStrings returns a value if it is a []string; else it is nil.
func (v *ConnectionValues) getStrings(key string) []string {
	list, _ := v.Get(key).([]string)
	return list
}

// getInt returns a value if it is an int, or a string that is one; else it is 0.
func (v *ConnectionValues) getInt(key string) int {
	switch value := v.Get(key).(type) {
	case int:
		return value
	case string:
		n, err := strconv.Atoi(value)
		if err != nil {
			return 0
		}
		return n
	}
	return 0
}
