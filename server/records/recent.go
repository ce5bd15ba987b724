package records

import "sync"

// Recent keeps what was asked for lately, up to a number of bytes. Two
// generations take the place of an order of use: what was asked for since the
// younger began is in it. nil keeps nothing. Safe for concurrent use.
type Recent[K comparable, V any] struct {
	limit      int
	mu         sync.Mutex
	young, old map[K]sized[V]
	bytes      int // of young
}

type sized[V any] struct {
	value V
	bytes int
}

// NewRecent returns one that keeps at most limit bytes, and one value more.
func NewRecent[K comparable, V any](limit int) *Recent[K, V] { return &Recent[K, V]{limit: limit} }

// Get returns what is kept under a key.
func (c *Recent[K, V]) Get(k K) (v V, ok bool) {
	if c == nil {
		return v, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if got, ok := c.young[k]; ok {
		return got.value, true
	}
	got, ok := c.old[k]
	if ok {
		c.keep(k, got)
	}
	return got.value, ok
}

// Keep puts a value of so many bytes under a key.
func (c *Recent[K, V]) Keep(k K, v V, bytes int) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(k, sized[V]{v, bytes})
}

// keep puts it among the young; with them full, they are the old.
func (c *Recent[K, V]) keep(k K, v sized[V]) {
	if _, ok := c.young[k]; ok {
		return
	}
	if c.young == nil || c.bytes+v.bytes > c.limit/2 {
		c.old, c.young, c.bytes = c.young, map[K]sized[V]{}, 0
	}
	c.young[k] = v
	c.bytes += v.bytes
}

// Bytes is how many bytes are kept.
func (c *Recent[K, V]) Bytes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.bytes
	for _, v := range c.old {
		n += v.bytes
	}
	return n
}
