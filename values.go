package websocket

import (
	"strconv"
	"sync"
)

// ConnectionValues is a store of values by their keys. The zero value is empty
// and ready for use. It is safe for concurrent use and must not be copied.
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

// store returns the connection's values, which most have none of.
func (c *connection) store() *ConnectionValues {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values == nil {
		c.values = new(ConnectionValues)
	}
	return c.values
}

// SetValue implements Connection.
func (c *connection) SetValue(key string, value any) { c.store().Set(key, value) }

// GetValue implements Connection.
func (c *connection) GetValue(key string) any { return c.store().Get(key) }

// GetValueString implements Connection.
func (c *connection) GetValueString(key string) string {
	s, _ := c.GetValue(key).(string)
	return s
}

// GetValueArrString implements Connection.
func (c *connection) GetValueArrString(key string) []string {
	list, _ := c.GetValue(key).([]string)
	return list
}

// GetValueInt implements Connection.
func (c *connection) GetValueInt(key string) int {
	switch value := c.GetValue(key).(type) {
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
