package ingest

import (
	"bytes"
	"context"
	"fmt"
	"math"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// Folding (SPEC.md §1.8) keeps the stored states of records about as large as
// what they show. All of it is done outside the updates of pushes but for the
// last step, one short update under the record's guard. A crash before that
// leaves an unfolded state and tables that nobody refers to and that the next
// try writes again.

// worthFolding reports whether a fold of a text, or of a record, saves enough.
func worthFolding(before, after int) bool { return before-after >= 64 && after <= before/4*3 }

// isHeavy reports whether a state is to be weighed for a fold ahead of its
// time: it has twice the bytes that it had when it was last.
func isHeavy(c *records.Record) bool { return len(c.State) > 2*int(c.Weighed)+heavyBytes }

const heavyBytes = 4 << 10

// Fold folds what is worth it in one record, and reports whether anything was.
// It is for a record that is quiet, or heavy. One fold or rebuild runs at a time.
func (in *Ingest) Fold(ctx context.Context, id syncproto.RecordID) (bool, error) {
	in.folding.Lock()
	defer in.folding.Unlock()
	var c records.Record
	var u *crdt.Record
	err := in.Store.View(ctx, 0, func(r store.Reader) (err error) {
		var ok bool
		if c, ok, err = records.LoadRecord(r, id); err != nil || !ok || len(c.State) == 0 {
			return err
		}
		u, err = records.Unfold(ctx, r, id, &c)
		return err
	})
	if err != nil || u == nil {
		return false, err
	}
	folded, tables := u.Fold(worthFolding)
	state := folded.AppendBinary(nil)
	if len(tables) == 0 || !worthFolding(len(c.State), len(state)) {
		return false, in.weigh(ctx, id, &c)
	}
	if sum := folded.Digest(nil); !bytes.Equal(sum[:16], c.Sums[1][:16]) {
		return false, fmt.Errorf("record %s: folded it would not read as it does: left as it is", id)
	}
	if err := in.layDown(ctx, u, c.Steps, tables); err != nil {
		return false, fmt.Errorf("record %s: %w", id, err)
	}
	return in.rewrite(ctx, id, func(t *txn, w *work) (bool, error) {
		if w.Steps != c.Steps || !bytes.Equal(w.State, c.State) {
			return false, nil // something was joined meanwhile: another time
		}
		if w.Unfolded != 0 && w.Unfolded != c.Steps {
			if err := records.DeleteBlocks(t.r, &t.b, records.UnfoldedKey(id, w.Unfolded)); err != nil {
				return false, err
			}
		}
		// The directory and the feed may keep the record: each run has its own.
		w.rec, w.quiet = folded.Clone(), true
		w.Unfolded, w.Weighed = c.Steps, weight(len(state))
		return true, nil
	})
}

func weight(n int) uint32 { return uint32(min(n, math.MaxUint32)) }

// weigh notes that a state is not worth folding at its present size.
func (in *Ingest) weigh(ctx context.Context, id syncproto.RecordID, c *records.Record) error {
	if !isHeavy(c) {
		return nil
	}
	_, err := in.Store.Update(ctx, []store.Key{records.RecordKey(id)}, func(r store.Reader) (b store.Batch, err error) {
		now, ok, err := records.LoadRecord(r, id)
		if err != nil || !ok || now.Steps != c.Steps {
			return b, err
		}
		now.Weighed = weight(len(now.State))
		return b, records.PutBlocks(&b, records.RecordKey(id), now.Append(nil), now.Size)
	})
	return err
}

// layDown stores the unfolded state after n steps, and tables, in as many
// updates as it takes: nothing refers to them yet.
func (in *Ingest) layDown(ctx context.Context, u *crdt.Record, n uint32, tables []crdt.FoldTable) error {
	state := records.Unfolded{Steps: n, State: u.AppendBinary(nil)}
	if err := in.putLarge(ctx, u.ID, records.UnfoldedKey(u.ID, n), state.Append(nil)); err != nil {
		return fmt.Errorf("unfolded state: %w", err)
	}
	for i := range tables {
		if err := in.putLarge(ctx, u.ID, records.FoldKey(u.ID, tables[i].Fold), tables[i].Table.AppendBinary(nil)); err != nil {
			return fmt.Errorf("table: %w", err)
		}
	}
	return nil
}

// putLarge stores a value of blocks that nothing refers to yet.
func (in *Ingest) putLarge(ctx context.Context, id syncproto.RecordID, key store.Key, value []byte) error {
	if len(value) > records.MaxBlocksBytes {
		return fmt.Errorf("%d bytes over the limit %d", len(value), records.MaxBlocksBytes)
	}
	var b store.Batch
	put := func() error {
		_, err := in.Store.Update(ctx, []store.Key{records.RecordKey(id)}, func(store.Reader) (store.Batch, error) { return b, nil })
		b = store.Batch{}
		return err
	}
	for k, block := range records.Blocks(key, value) {
		if b.Bytes()+len(block) > store.MaxBatchBytes/4 {
			if err := put(); err != nil {
				return err
			}
		}
		b.Put(k, block)
	}
	return put()
}

// rebuild makes the unfolded state of a record the resident one and joins the
// parts that wait for it; when none does after all, it leaves the record folded
// unless it must not.
func (in *Ingest) rebuild(ctx context.Context, id syncproto.RecordID, must bool) (bool, error) {
	in.folding.Lock()
	defer in.folding.Unlock()
	var c records.Record
	var u *crdt.Record
	err := in.Store.View(ctx, 0, func(r store.Reader) (err error) {
		var ok bool
		if c, ok, err = records.LoadRecord(r, id); err != nil || !ok || c.Unfolded == 0 || c.Waiting == 0 {
			return err
		}
		u, err = records.Unfold(ctx, r, id, &c)
		return err
	})
	if err != nil || u == nil {
		return false, err
	}
	return in.rewrite(ctx, id, func(t *txn, w *work) (bool, error) {
		w.rec = u.Clone()
		if err := records.JoinSteps(ctx, t.r, w.rec, c.Steps, w.Steps); err != nil {
			return false, err
		}
		err := t.release(w)
		w.quiet = len(w.steps) == 0
		return must || !w.quiet, err
	})
}

// rewrite changes how one record is held, in one update, and tells its readers
// to take it anew. change returns false to leave everything as it is.
func (in *Ingest) rewrite(ctx context.Context, id syncproto.RecordID, change func(t *txn, w *work) (bool, error)) (done bool, err error) {
	var t *txn
	epoch, err := in.Store.Epoch(ctx)
	if err != nil {
		return false, err
	}
	_, err = in.Store.Update(ctx, []store.Key{records.RecordKey(id)}, func(r store.Reader) (store.Batch, error) {
		t = newTxn(ctx, in, r)
		t.epoch = epoch
		w, err := t.record(id)
		if err != nil {
			return store.Batch{}, err
		}
		if done, err = change(t, w); err != nil || !done {
			t.atoms, t.directory = nil, nil
			return store.Batch{}, err
		}
		w.dirty, w.touch = true, true
		b, err := t.finish()
		if err != nil {
			return store.Batch{}, err
		}
		if missing := t.missingGuards(); len(missing) > 0 {
			return store.Batch{}, store.NeedGuards(missing...)
		}
		return b, nil
	})
	if err != nil {
		return false, storeError(err)
	}
	in.told(t)
	return done, nil
}
