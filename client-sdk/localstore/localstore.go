// Package localstore is where a device keeps its data: a small ordered
// key-value interface and the memory engine. The engine for a real disk is
// badgerstore below it; a browser brings its own.
//
// The interface is as narrow as a browser's storage allows: read one key, walk
// a range, apply a batch atomically and durably. Everything a device promises
// (nothing acknowledged is lost, a page is applied whole or not at all) rests
// on Apply; the suite in storetest says what that means for an engine.
package localstore

import "errors"

var (
	// ErrFull is returned by Apply when the disk has no room for the batch.
	// Nothing of the batch was written, everything older is there.
	ErrFull = errors.New("the disk is full: nothing was saved, nothing saved before is lost; free some space and try again")
	// ErrLocked is returned when a store is opened that another process, or
	// another part of this one, has open.
	ErrLocked = errors.New("the store is already open, in another window or another program: close that one first")
	// ErrClosed is returned by every call after Close.
	ErrClosed = errors.New("the store is closed")
	// ErrNewer is returned when a newer version of the program wrote the store.
	ErrNewer = errors.New("a newer version of the program wrote this store: update the program")
	// ErrDamaged is returned when files of the store are missing or cannot be
	// read. Nothing was changed: the sealed outbox beside it still can be sent.
	ErrDamaged = errors.New("the store is damaged")
	// ErrKey is returned when a store is opened with another key than the one
	// it was made with, or with none, or a plain store with one.
	ErrKey = errors.New("the key does not fit the store")
)

// Limits of one key and one value.
const (
	MaxKeyBytes   = 200
	MaxValueBytes = 16 << 20
)

// Store is an ordered map from byte strings to byte strings. All methods are
// safe for concurrent use.
type Store interface {
	// Get returns the value of a key, nil when it is absent. The slice belongs
	// to the caller.
	Get(key []byte) ([]byte, error)
	// Scan calls fn for the keys k with from <= k < to in ascending order; a nil
	// to means up to the last. Both slices are valid only during the call. An
	// error of fn ends the scan and is returned. fn must not call the store.
	Scan(from, to []byte, fn func(key, value []byte) error) error
	// Apply writes the batch whole or not at all and returns when it would
	// survive a crash. Readers see all of it or nothing.
	Apply(b *Batch) error
	// Close releases the store. Calls under way finish first.
	Close() error
}

// Batch is a list of writes; of two on one key the later counts. The zero
// value is an empty batch. It keeps the slices it is given, and an engine may keep
// them after Apply: they must not change any more.
type Batch struct {
	ops   []Write
	bytes int
}

// Write is one write of a batch: a nil Value deletes the key.
type Write struct{ Key, Value []byte }

// Put sets a key. A nil value is stored as an empty one.
func (b *Batch) Put(key, value []byte) {
	if value == nil {
		value = []byte{}
	}
	b.add(Write{key, value})
}

// Delete removes a key, present or not.
func (b *Batch) Delete(key []byte) { b.add(Write{Key: key}) }

func (b *Batch) add(w Write) {
	b.ops = append(b.ops, w)
	b.bytes += len(w.Key) + len(w.Value)
}

// Writes lists the writes in order, for engines.
func (b *Batch) Writes() []Write { return b.ops }

// Bytes is the sum of the lengths of keys and values.
func (b *Batch) Bytes() int { return b.bytes }

// Check reports why an engine must refuse the batch: a key or value out of
// bounds. Engines call it first.
func (b *Batch) Check() error {
	for _, w := range b.ops {
		if len(w.Key) == 0 || len(w.Key) > MaxKeyBytes {
			return errors.New("key is empty or over the limit")
		}
		if len(w.Value) > MaxValueBytes {
			return errors.New("value is over the limit")
		}
	}
	return nil
}

// PrefixEnd is the first key after all that begin with prefix, nil when there is none.
func PrefixEnd(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// ScanPrefix walks the keys that begin with prefix.
func ScanPrefix(s Store, prefix []byte, fn func(key, value []byte) error) error {
	return s.Scan(prefix, PrefixEnd(prefix), fn)
}
