// Package memstore is the reference engine of package store: everything in
// memory, nothing durable, short enough to be read in one sitting. Tests and
// simulations run on it; FailNext makes it fail as a disk does.
//
// It runs updates that share no guard side by side, as an engine of several
// machines does, so a missing guard shows here that a one-by-one engine hides.
package memstore

import (
	"context"
	"crypto/rand"
	"sync"

	"github.com/chuantou/chuantou/server/store"
)

// Store is a store.Store in memory.
type Store struct {
	disk *disk

	mu      sync.Mutex // closed is set, and running grows, under it
	closed  bool
	running sync.WaitGroup // calls that Close waits for
}

// disk is what outlives Close, for Reopen.
type disk struct {
	mu    sync.Mutex
	freed *sync.Cond // some guard was let go
	held  map[string]bool
	tree  *tree
	mark  store.Mark
	epoch string
	fails []failure
}

type failure struct {
	err     error
	applied bool
}

var _ store.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store {
	d := &disk{epoch: rand.Text(), held: make(map[string]bool)}
	d.freed = sync.NewCond(&d.mu)
	return &Store{disk: d}
}

// Reopen closes s and returns a new store on the same content.
func (s *Store) Reopen() *Store {
	s.Close()
	return &Store{disk: s.disk}
}

// Clone returns an independent store with the same content, mark and epoch:
// what a copied folder would be.
func (s *Store) Clone() *Store {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	d := &disk{epoch: s.disk.epoch, held: make(map[string]bool), tree: s.disk.tree, mark: s.disk.mark}
	d.freed = sync.NewCond(&d.mu)
	return &Store{disk: d}
}

// FailNext makes the next update that writes anything return err; applied says
// whether it is applied nevertheless, the bad half of ErrMaybe. Calls queue up.
func (s *Store) FailNext(err error, applied bool) {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	s.disk.fails = append(s.disk.fails, failure{err, applied})
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, guards []store.Key, fn func(store.Reader) (store.Batch, error)) (mark store.Mark, err error) {
	held, err := store.NewGuards(guards)
	if err != nil {
		return 0, err
	}
	err = s.run(ctx, func(d *disk) error {
		for {
			mark, err = d.try(ctx, held, fn)
			more, again := store.IsNeedGuards(err)
			if !again {
				return err
			}
			if held, err = held.More(more); err != nil {
				return err
			}
		}
	})
	return mark, err
}

// try runs fn once under the guards held.
func (d *disk) try(ctx context.Context, held store.Guards, fn func(store.Reader) (store.Batch, error)) (store.Mark, error) {
	if err := d.lock(ctx, held); err != nil {
		return 0, err
	}
	defer d.unlock(held)
	r := d.snapshot(held)
	defer r.end()
	batch, err := fn(r)
	if err == nil {
		err = batch.Check()
	}
	if err != nil {
		return 0, err
	}
	return d.apply(&batch)
}

func (d *disk) apply(b *store.Batch) (store.Mark, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if b.Len() == 0 {
		return d.mark, nil
	}
	var f failure
	if len(d.fails) > 0 {
		f, d.fails = d.fails[0], d.fails[1:]
	}
	if f.err != nil && !f.applied {
		return 0, f.err
	}
	for key, value := range b.All() {
		if value == nil {
			d.tree = d.tree.del(key)
		} else {
			d.tree = d.tree.put(key, value)
		}
	}
	d.mark++
	if f.err != nil {
		return 0, f.err
	}
	return d.mark, nil
}

// lock takes all of the guards at once, when none is held by another.
func (d *disk) lock(ctx context.Context, guards store.Guards) error {
	wake := context.AfterFunc(ctx, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.freed.Broadcast()
	})
	defer wake()
	d.mu.Lock()
	defer d.mu.Unlock()
	for ctx.Err() == nil && d.taken(guards) {
		d.freed.Wait()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, g := range guards {
		d.held[string(g)] = true
	}
	return nil
}

func (d *disk) taken(guards store.Guards) bool {
	for _, g := range guards {
		if d.held[string(g)] {
			return true
		}
	}
	return false
}

func (d *disk) unlock(guards store.Guards) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, g := range guards {
		delete(d.held, string(g))
	}
	d.freed.Broadcast()
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, atLeast store.Mark, fn func(store.Reader) error) error {
	return s.run(ctx, func(d *disk) error {
		r := d.snapshot(nil)
		defer r.end()
		if r.mark < atLeast {
			return store.ErrAhead
		}
		return fn(r)
	})
}

// Epoch implements store.Store.
func (s *Store) Epoch(ctx context.Context) (epoch string, err error) {
	err = s.run(ctx, func(d *disk) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		epoch = d.epoch
		return nil
	})
	return epoch, err
}

// RaiseEpoch implements store.Store.
func (s *Store) RaiseEpoch(ctx context.Context) (epoch string, err error) {
	err = s.run(ctx, func(d *disk) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.epoch = rand.Text()
		epoch = d.epoch
		return nil
	})
	return epoch, err
}

// run calls fn unless the store is closed or ctx has ended; Close waits for it.
func (s *Store) run(ctx context.Context, fn func(*disk) error) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrClosed
	}
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()
	if err := ctx.Err(); err != nil {
		return err
	}
	return fn(s.disk)
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
	return nil
}
