package memstore

import "github.com/chuantou/chuantou/server/store"

// reader reads one tree, which nobody changes.
type reader struct {
	tree *tree
	mark store.Mark
	held store.Guards
	done bool
}

func (d *disk) snapshot(held store.Guards) *reader {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &reader{tree: d.tree, mark: d.mark, held: held}
}

func (r *reader) end() { r.done = true }

func (r *reader) Holds(guard store.Key) bool { return r.held.Has(guard) }

func (r *reader) Get(key store.Key) ([]byte, error) {
	if r.done {
		return nil, store.ErrReaderDone
	}
	return r.tree.get(key), nil
}

func (r *reader) Scan(from, to store.Key, reverse bool, fn func(k store.Key, v []byte) (bool, error)) (err error) {
	if r.done {
		return store.ErrReaderDone
	}
	r.tree.walk(from, to, reverse, func(t *tree) bool {
		var more bool
		more, err = fn(t.key, t.value)
		return more && err == nil
	})
	return err
}
