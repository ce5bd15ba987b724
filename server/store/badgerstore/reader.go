package badgerstore

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/chuantou/chuantou/server/store"
)

// reader is the store.Reader of a view, or of one update in a group: then over
// holds what the earlier updates of the group wrote.
type reader struct {
	txn  *badger.Txn
	over *overlay
	held store.Guards
	done bool
}

func (r *reader) end() { r.done = true }

// Holds implements store.Holder.
func (r *reader) Holds(guard store.Key) bool { return r.held.Has(guard) }

// Get implements store.Reader.
func (r *reader) Get(key store.Key) ([]byte, error) {
	if r.done {
		return nil, store.ErrReaderDone
	}
	if r.over != nil {
		if v, ok := r.over.values[string(key)]; ok {
			return v, nil
		}
	}
	if store.CheckKey(key) != nil {
		return nil, nil
	}
	item, err := r.txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, nil
	}
	v := []byte{}
	if err == nil {
		// A value that lies beside its key, as all do, was copied for this item.
		err = item.Value(func(b []byte) error {
			if len(b) > 0 {
				v = b[:len(b):len(b)]
			}
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("get %q: %w", key, err)
	}
	return v, nil
}

// Scan implements store.Reader.
func (r *reader) Scan(from, to store.Key, reverse bool, fn func(k store.Key, v []byte) (bool, error)) error {
	if r.done {
		return store.ErrReaderDone
	}
	if bytes.Compare(from, store.FirstKey) < 0 {
		from = store.FirstKey
	}
	if len(to) > 0 && bytes.Compare(from, to) >= 0 {
		return nil
	}
	w := newWalk(r.txn, from, to, reverse)
	defer w.it.Close()
	if r.over != nil {
		w.over, w.keys = r.over, r.over.between(from, to)
	}
	for {
		k, v, ok, err := w.next()
		if err != nil {
			return fmt.Errorf("scan from %q: %w", from, err)
		}
		if !ok {
			return nil
		}
		if more, err := fn(k, v); err != nil || !more {
			return err
		}
	}
}

// walk goes over Badger's keys and the overlay's at once. On a key that both
// have the overlay's value counts.
type walk struct {
	it       *badger.Iterator
	from, to store.Key
	reverse  bool
	used     bool     // the iterator stands on a key that was given out
	over     *overlay // nil: none
	keys     []string // what is left of the overlay's keys, in order
	buf      []byte   // value of the present key
}

func newWalk(txn *badger.Txn, from, to store.Key, reverse bool) *walk {
	o := badger.DefaultIteratorOptions
	o.PrefetchValues = false // they lie beside their keys: nothing to fetch
	o.Reverse = reverse
	o.Prefix = common(from, to) // tables without it are left out
	w := &walk{it: txn.NewIterator(o), from: from, to: to, reverse: reverse}
	if reverse {
		w.it.Seek(to) // the last key that is not above to; empty: the last of all
	} else {
		w.it.Seek(from)
	}
	if reverse && w.it.Valid() && len(to) > 0 && bytes.Compare(w.it.Item().Key(), to) >= 0 {
		w.it.Next()
	}
	return w
}

// common returns the prefix that all keys of [from, to) share.
func common(from, to store.Key) []byte {
	n := 0
	for n < min(len(from), len(to)) && from[n] == to[n] {
		n++
	}
	return from[:n]
}

// next returns the next key and value of both sides.
func (w *walk) next() (k store.Key, v []byte, ok bool, err error) {
	for {
		base := w.base()
		top, have := w.top()
		if base == nil && !have {
			return nil, nil, false, nil
		}
		if c := w.compare(base, top, have); c < 0 {
			w.used = true
			w.buf, err = w.it.Item().ValueCopy(w.buf[:0])
			return base, w.buf, true, err
		} else if c == 0 {
			w.used = true
		}
		w.drop()
		if v := w.over.values[top]; v != nil {
			return store.Key(top), v, true, nil
		}
	}
}

// base returns the key that the iterator stands on, nil past the range.
func (w *walk) base() store.Key {
	if w.used {
		w.used = false
		w.it.Next()
	}
	if !w.it.Valid() {
		return nil
	}
	k := store.Key(w.it.Item().Key())
	if w.reverse && bytes.Compare(k, w.from) < 0 || !w.reverse && len(w.to) > 0 && bytes.Compare(k, w.to) >= 0 {
		return nil
	}
	return k
}

// top returns the next key of the overlay.
func (w *walk) top() (string, bool) {
	if len(w.keys) == 0 {
		return "", false
	}
	if w.reverse {
		return w.keys[len(w.keys)-1], true
	}
	return w.keys[0], true
}

func (w *walk) drop() {
	if w.reverse {
		w.keys = w.keys[:len(w.keys)-1]
	} else {
		w.keys = w.keys[1:]
	}
}

// compare is below 0 when base comes first in the direction of the walk, 0 when
// both sides have the key.
func (w *walk) compare(base store.Key, top string, have bool) int {
	switch {
	case !have:
		return -1
	case base == nil:
		return 1
	case string(base) == top:
		return 0
	case string(base) < top != w.reverse:
		return -1
	}
	return 1
}
