package ingest

import (
	"bytes"
	"cmp"
	"context"

	"github.com/chuantou/chuantou/server/directory"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/view"
)

// prepared is what the parts of a slice make of their records, worked out
// before the update and beside other slices. The update takes a record over
// when it still lies in the store as it was read; so joins, digests and
// encodings, nearly all of the work, are done outside it and only once.
//
// Only what is plain is prepared: records of which every part of the slice
// joins and none waits. The rest is left to the update.
type prepared struct {
	works map[syncproto.RecordID]*work
	date  string // rights were judged as of it,
	era   uint64 // and by the directory as it was
}

// prepare joins a slice's parts to the records as they lie in the store now.
func (in *Ingest) prepare(ctx context.Context, slice []opened) (*prepared, error) {
	pre := &prepared{era: in.Directory.Era()}
	err := in.Store.View(ctx, 0, func(r store.Reader) error {
		t := newTxn(ctx, in, r)
		pre.works, pre.date = t.recs, t.date
		for i := range slice {
			if err := t.foresee(&slice[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for id, w := range pre.works {
		if w.odd || !w.dirty {
			delete(pre.works, id)
			continue
		}
		in.derive(w)
		w.ready = true
	}
	return pre, nil
}

// foresee joins the parts of one bundle as if nothing of it were known yet.
func (t *txn) foresee(u *opened) error {
	for i := range u.changes {
		for p := range u.parts[i] {
			read := &u.parts[i][p]
			if u.changes[i].Parts[p].Withheld() || read.Record.IsZero() {
				continue
			}
			w, err := t.record(read.Record)
			if err != nil {
				return err
			}
			if w.odd = w.odd || w.Waiting > 0 || read.err != nil; w.odd {
				continue
			}
			reason, _, err := t.join(u.device, w, &u.changes[i].Header, &read.Part, t.now)
			if err != nil {
				return err
			}
			w.odd = w.odd || reason != 0 || len(w.blind) > 0 // each step keeps its own
		}
	}
	return nil
}

// derive computes what is stored of a record beside the record itself. The state
// of a new one is mostly left out: it is encoded when it turns out not to be.
func (in *Ingest) derive(w *work) {
	const shared = syncproto.ForScope | syncproto.ForTeam
	includes, whole := view.Includes(in.Schema(), w.rec, shared), true
	w.Sums[0] = w.rec.Digest(func(field string, item syncproto.ElemID, sub string) bool {
		in := includes(field, item, sub)
		whole = whole && in
		return in
	})
	if w.Sums[1] = w.Sums[0]; !whole {
		w.Sums[1] = w.rec.Digest(nil)
	}
	if w.existed {
		w.State = w.rec.AppendBinary(make([]byte, 0, len(w.State)+1024))
	}
	w.Atoms = AtomsOf(&w.facts)
}

// take returns the prepared work on a record, a copy that may be changed, if
// the record lies in the store as it did then; nil otherwise.
func (pre *prepared) take(t *txn, id syncproto.RecordID, stored []byte) *work {
	if pre == nil || pre.date != t.date || pre.era != t.in.Directory.Era() {
		return nil
	}
	w := pre.works[id]
	if w == nil || !bytes.Equal(w.stored, stored) {
		return nil
	}
	c := *w
	return &c
}

// guards names what a slice will probably decide about: its replicas, its
// records, and the atoms and counters of these. What else it turns out to
// touch it asks for and runs again.
func (pre *prepared) guards(t int64, slice []opened) []store.Key {
	var out []store.Key
	for i := range slice {
		out = append(out, records.LogKey(slice[i].bundle.Replica))
		for _, parts := range slice[i].parts {
			for j := range parts {
				if !parts[j].Record.IsZero() {
					out = append(out, records.RecordKey(parts[j].Record))
				}
			}
		}
	}
	for _, w := range pre.works {
		for _, a := range w.was.Atoms {
			out = append(out, records.AtomKey(a))
		}
		for _, a := range w.Atoms {
			out = append(out, records.AtomKey(a))
		}
		if k, ok := w.counter(t); ok {
			out = append(out, k)
		}
	}
	return out
}

// batchBytes is about what the update of a prepared slice writes: to make room
// for it once.
func (pre *prepared) batchBytes(slice []opened) (n int) {
	if pre == nil {
		return 0
	}
	for i := range slice {
		n += len(slice[i].bundle.Frame) + (512 + 64*len(slice[i].changes))
	}
	for _, w := range pre.works {
		n += len(w.State) + 896 // head, step, two rows, keys
	}
	return n
}

// load reads a record for changing; one not in the store starts empty.
func (t *txn) load(id syncproto.RecordID, stored []byte) (*work, error) {
	w := &work{rec: crdt.New(id), stored: stored}
	if stored == nil {
		return w, nil
	}
	c, err := records.DecodeRecord(stored)
	if err != nil {
		return nil, err
	}
	w.Record, w.existed, w.was = c, true, c.Head
	rec, err := t.in.Frames.State(t.r, id, &c)
	if err != nil || rec == nil {
		return w, err
	}
	w.rec = rec
	if w.facts, err = t.factsOf(w, w.rec); err != nil {
		return nil, err
	}
	if directory.PlaceOpen(w.rec) {
		// From the store: the directory is told after the update.
		stays, err := t.r.Get(directory.StaysKey(id))
		if err != nil {
			return nil, err
		}
		w.facts.Place = cmp.Or(string(stays), w.facts.Place)
	}
	return w, nil
}
