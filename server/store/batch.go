package store

import (
	"fmt"
	"iter"
	"slices"
)

// Batch collects what an update writes. The zero value is an empty batch. A
// later Put or Delete of a key replaces an earlier one. It copies what it is
// given. Breaking a law of size is remembered and returned by Check, which
// Update calls: there is no need to look at each Put.
type Batch struct {
	buf []byte // keys and values, one after the other
	ops []op
	err error
}

type op struct {
	key, value int // lengths; value is -1 for a delete
}

// Grow makes room for n more bytes of keys and values: for who knows that the
// batch will be large.
func (b *Batch) Grow(n int) { b.buf = slices.Grow(b.buf, min(n, max(MaxBatchBytes-len(b.buf), 0))) }

// Put sets the value of key. value may be empty.
func (b *Batch) Put(key Key, value []byte) {
	if b.err == nil && len(value) > MaxValueBytes {
		b.err = fmt.Errorf("%w: value of %d bytes for key %q, at most %d", ErrTooLarge, len(value), clip(key), MaxValueBytes)
	}
	b.add(key, value, len(value))
}

// Delete removes key, if it is there.
func (b *Batch) Delete(key Key) { b.add(key, nil, -1) }

func (b *Batch) add(key Key, value []byte, n int) {
	if b.err == nil {
		b.err = CheckKey(key)
	}
	if b.err == nil && len(b.ops) == MaxBatchKeys {
		b.err = fmt.Errorf("%w: more than %d keys in one batch", ErrTooLarge, MaxBatchKeys)
	}
	if b.err == nil && len(b.buf)+len(key)+len(value) > MaxBatchBytes {
		b.err = fmt.Errorf("%w: more than %d bytes in one batch", ErrTooLarge, MaxBatchBytes)
	}
	if b.err != nil {
		return
	}
	b.buf = append(append(b.buf, key...), value...)
	b.ops = append(b.ops, op{len(key), n})
}

// Len returns the number of puts and deletes.
func (b *Batch) Len() int { return len(b.ops) }

// Bytes returns the bytes of all keys and values.
func (b *Batch) Bytes() int { return len(b.buf) }

// Check returns the first law that the batch broke, as an error that is
// ErrTooLarge or ErrBadKey, or nil.
func (b *Batch) Check() error { return b.err }

// All yields the keys and values in the order of the calls; the value of a
// delete is nil, an empty one is not. The slices are the batch's own.
func (b *Batch) All() iter.Seq2[Key, []byte] {
	return func(yield func(Key, []byte) bool) {
		rest := b.buf
		for _, o := range b.ops {
			key := Key(rest[:o.key:o.key])
			var value []byte
			end := o.key
			if o.value >= 0 {
				end += o.value
				value = rest[o.key:end:end]
			}
			rest = rest[end:]
			if !yield(key, value) {
				return
			}
		}
	}
}

// CheckKey returns an error when key breaks a law of keys.
func CheckKey(key Key) error {
	if len(key) > MaxKeyBytes {
		return fmt.Errorf("%w: key of %d bytes (%q…), at most %d", ErrTooLarge, len(key), clip(key), MaxKeyBytes)
	}
	if len(key) == 0 || key[0] < FirstKey[0] {
		return fmt.Errorf("%w: %q", ErrBadKey, key)
	}
	return nil
}

// clip shortens a key for an error text: kinds and ids stand at its start,
// and a text must not grow with its input.
func clip(key Key) Key { return key[:min(len(key), 32)] }
