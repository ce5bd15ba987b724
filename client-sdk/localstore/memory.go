package localstore

import (
	"bytes"
	"slices"
	"sort"
	"sync"
)

// chunkKeys is how many keys a chunk holds before it is cut in two: inserting
// moves at most that many.
const chunkKeys = 128

// Memory is a Store that forgets everything when the process ends: for tests,
// and for apps that persist elsewhere. The zero value is not usable, see NewMemory.
type Memory struct {
	mu     sync.RWMutex
	chunks [][]Write // ascending, none empty; every key once
	closed bool
	fail   func(*Batch) error // see FailWith
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{} }

// FailWith makes Apply ask fn first and refuse the batch with its error; nil
// ends that. It stands for a full or broken disk in tests.
func (m *Memory) FailWith(fn func(*Batch) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = fn
}

// Clone returns an independent copy of what the store holds, open even if the
// store is closed: what a copied folder would be.
func (m *Memory) Clone() *Memory {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c := NewMemory()
	for _, chunk := range m.chunks {
		c.chunks = append(c.chunks, slices.Clone(chunk)) // keys and values never change in place
	}
	return c
}

// find returns the chunk and the place in it where key is or belongs.
func (m *Memory) find(key []byte) (chunk, at int, found bool) {
	chunk = max(0, sort.Search(len(m.chunks), func(i int) bool { return bytes.Compare(m.chunks[i][0].Key, key) > 0 })-1)
	if chunk == len(m.chunks) {
		return chunk, 0, false
	}
	at, found = slices.BinarySearchFunc(m.chunks[chunk], key, func(w Write, k []byte) int { return bytes.Compare(w.Key, k) })
	return chunk, at, found
}

// Get returns a copy of the value of a key, nil when absent.
func (m *Memory) Get(key []byte) ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return nil, ErrClosed
	}
	c, at, found := m.find(key)
	if !found {
		return nil, nil
	}
	return append([]byte{}, m.chunks[c][at].Value...), nil
}

// Scan walks a range in order. It holds the store's lock meanwhile.
func (m *Memory) Scan(from, to []byte, fn func(key, value []byte) error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return ErrClosed
	}
	c, at, _ := m.find(from)
	for ; c < len(m.chunks); c, at = c+1, 0 {
		for ; at < len(m.chunks[c]); at++ {
			w := m.chunks[c][at]
			if to != nil && bytes.Compare(w.Key, to) >= 0 {
				return nil
			}
			if err := fn(w.Key, w.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// Apply writes the batch.
func (m *Memory) Apply(b *Batch) error {
	if err := b.Check(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	if m.fail != nil {
		if err := m.fail(b); err != nil {
			return err
		}
	}
	for _, w := range b.ops {
		m.write(w)
	}
	return nil
}

// write takes a write over: keys and values of a batch never change.
func (m *Memory) write(w Write) {
	c, at, found := m.find(w.Key)
	switch {
	case w.Value == nil && found:
		m.chunks[c] = slices.Delete(m.chunks[c], at, at+1)
		if len(m.chunks[c]) == 0 {
			m.chunks = slices.Delete(m.chunks, c, c+1)
		}
	case w.Value == nil:
	case found:
		m.chunks[c][at].Value = w.Value
	case c == len(m.chunks):
		m.chunks = append(m.chunks, []Write{w})
	default:
		m.chunks[c] = slices.Insert(m.chunks[c], at, w)
		if n := len(m.chunks[c]); n > chunkKeys {
			rest := slices.Clone(m.chunks[c][n/2:])
			m.chunks[c] = slices.Delete(m.chunks[c], n/2, n)
			m.chunks = slices.Insert(m.chunks, c+1, rest)
		}
	}
}

// Close makes every later call return ErrClosed.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}
