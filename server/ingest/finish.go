package ingest

import (
	"cmp"
	"slices"
	"time"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/directory"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// localOffset is Asia/Shanghai: a place without daylight saving since 1991,
// so a fixed offset holds for every date of this system.
const localOffset = 8 * time.Hour

// AtomsOf lists the audience atoms a record is fed to.
func AtomsOf(f *authz.Facts) []syncproto.Atom {
	return view.Feeding{Reference: authz.Reference(f.Kind), Villager: f.Villager, Private: f.Draft || f.Visibility == authz.VisibleSelf,
		Place: f.Place, Household: f.Household, Writers: f.Writers}.Atoms()
}

// finish turns what was joined into feed entries, rows, sums and the writes of
// the update.
func (t *txn) finish() (store.Batch, error) {
	for _, id := range t.order {
		if w := t.recs[id]; w.dirty {
			if err := t.settle(w); err != nil {
				return store.Batch{}, err
			}
		}
	}
	for _, s := range t.bundles {
		if err := t.feed(s); err != nil {
			return store.Batch{}, err
		}
	}
	if err := t.feedTouched(); err != nil {
		return store.Batch{}, err
	}
	for _, id := range t.order {
		if err := t.write(t.recs[id]); err != nil {
			return store.Batch{}, err
		}
	}
	if err := t.noteGrants(); err != nil {
		return store.Batch{}, err
	}
	for a, h := range t.atoms {
		t.b.Put(records.AtomKey(a), h.Append(t.scratch[:0]))
	}
	for id, l := range t.logs {
		if err := t.put(records.LogKey(id), l.Append(t.scratch[:0]), 0); err != nil {
			return store.Batch{}, err
		}
	}
	return t.b, nil
}

// settle recomputes what depends on the record's final state of this update.
func (t *txn) settle(w *work) error {
	if w.Received == 0 {
		w.Received = t.now
	}
	if !w.quiet {
		w.Changed = t.now
	}
	if err := t.exclude(w); err != nil {
		return err
	}
	if n := len(w.Fed) - maxFed; w.touch || n > 0 {
		n = max(n, 0)
		if w.touch {
			n = len(w.Fed)
		}
		if err := t.unpass(w.Fed[:n]); err != nil {
			return err
		}
		w.Fed = w.Fed[n:]
	}
	if !w.ready {
		t.in.derive(w)
	}
	if lists := directory.Lists(w.rec); len(lists) > 0 {
		t.directory = append(t.directory, w.rec)
		for _, list := range lists {
			t.b.Put(records.KindKey(list, w.rec.ID), []byte{1})
		}
	}
	if directory.PlaceOpen(w.rec) {
		t.stays = append(t.stays, w)
		t.b.Put(directory.StaysKey(w.rec.ID), []byte(w.facts.Place))
	}
	if err := t.number(w); err != nil {
		return err
	}
	row, err := t.in.Indexer.Index(&t.b, w.was.Row, w.rec, &w.Head, &w.facts)
	if err != nil {
		return err
	}
	w.Row = row
	return t.settleAtoms(w)
}

// exclude notes whom the record names in 回避, now that the sealing keys which
// came with its parts are here.
func (t *txn) exclude(w *work) (err error) {
	if w.Excluding = len(w.rec.Set(records.ExcludedField)) > 0; !w.Excluding {
		return nil
	}
	if w.facts, err = t.factsOf(w, w.rec); err != nil {
		return err
	}
	if w.ready {
		w.Atoms = AtomsOf(&w.facts)
	}
	if t.avoid == nil {
		t.avoid = map[syncproto.RecordID]directory.Avoidance{}
	}
	t.avoid[w.rec.ID], err = directory.AvoidanceOf(t.r, t.keys, w.rec)
	return err
}

// settleAtoms moves the record's digest between and within its atoms' sums.
func (t *txn) settleAtoms(w *work) error {
	for _, a := range w.was.Atoms {
		h, err := t.atom(a)
		if err != nil {
			return err
		}
		h.Records--
		h.Excluding -= count(w.was.Excluding)
		for i := range h.Sums {
			h.Sums[i] = h.Sums[i].Sub(w.was.Sums[i])
		}
	}
	for _, a := range w.Atoms {
		h, err := t.atom(a)
		if err != nil {
			return err
		}
		h.Records++
		h.Excluding += count(w.Excluding)
		for i := range h.Sums {
			h.Sums[i] = h.Sums[i].Add(w.Sums[i])
		}
	}
	return nil
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// maxFed bounds how many feed entries a record remembers; older ones are made
// to be looked at, which for a record edited that often is cheaper anyway.
const maxFed = 64

// unpass marks feed entries so that their bytes are no longer passed on: each
// reader gets the states of their records as he may see them.
func (t *txn) unpass(fed []records.Fed) error {
	for _, f := range fed {
		e, ok, err := records.LoadEntry(t.r, f.Atom, f.N)
		if err != nil {
			return err
		}
		if !ok || e.Needs&records.NeedsLook != 0 {
			continue
		}
		was := len(e.Append(nil))
		e.Needs |= records.NeedsLook
		if err := t.put(records.FeedKey(f.Atom, f.N), e.Append(t.scratch[:0]), was); err != nil {
			return err
		}
	}
	return nil
}

// counter is where the ledger numbers of a record's unit, kind and year of
// receipt are counted; ok is false when it is due none.
func (w *work) counter(now int64) (k store.Key, ok bool) {
	if w.Number != 0 || w.facts.Draft || authz.Reference(w.facts.Kind) || w.facts.Unit.IsZero() {
		return nil, false
	}
	return records.NumberKey(w.facts.Unit, w.facts.Kind, yearOf(now)), true
}

func yearOf(now int64) int { return time.UnixMilli(now).UTC().Add(localOffset).Year() }

// number gives the record its ledger number at its first accepted 提交.
func (t *txn) number(w *work) error {
	at, ok := w.counter(t.now)
	if !ok {
		return nil
	}
	n, ok := t.numbers[string(at)]
	if !ok {
		v, err := t.r.Get(at)
		if err != nil {
			return err
		}
		n = records.DecodeNumber(v)
	}
	n++
	t.numbers[string(at)] = n
	t.b.Put(at, records.AppendNumber(nil, n))
	w.Number, w.Year = n, uint32(yearOf(t.now))
	return nil
}

// feed numbers a stored bundle's joined parts into the atoms of their records:
// as the stored bytes when they all go the same way, else as slices.
func (t *txn) feed(s *stored) error {
	byAtom := map[syncproto.Atom][]joinedPart{}
	var atoms []syncproto.Atom
	plain := s.whole && len(s.joined) == s.parts
	for _, j := range s.joined {
		w := t.recs[j.record]
		if w.touch || w.existed && !slices.Equal(w.was.Atoms, w.Atoms) {
			w.touch, plain = true, false
			continue
		}
		for _, a := range w.Atoms {
			if byAtom[a] == nil {
				atoms = append(atoms, a)
			}
			byAtom[a] = append(byAtom[a], j)
		}
	}
	slices.Sort(atoms)
	for _, a := range atoms {
		e := t.entry(s, byAtom[a])
		if plain && len(byAtom[a]) == s.parts {
			e.Kind, e.Count, e.RawBytes, e.Bytes = records.FeedBundle, s.Count, s.RawBytes, len(s.Frame)
		} else {
			t.slice(&e, s, byAtom[a])
		}
		if err := t.append(a, &e); err != nil {
			return err
		}
		for _, id := range e.Records {
			w := t.recs[id]
			w.Fed = append(w.Fed, records.Fed{Atom: a, N: t.atoms[a].N})
		}
	}
	return nil
}

func (t *txn) entry(s *stored, parts []joinedPart) records.Entry {
	e := records.Entry{Replica: s.replica, From: s.from, Keys: s.keys}
	seen := map[syncproto.RecordID]bool{}
	for _, j := range parts {
		w := t.recs[j.record]
		e.Needs |= records.Needs(w.classes)
		if len(w.facts.Excluded) > 0 {
			e.Needs |= records.NeedsLook // 回避: not every cleared reader may see it
		}
		if !seen[j.record] {
			seen[j.record] = true
			e.Records = append(e.Records, j.record)
		}
	}
	return e
}

// slice frames the given parts of a bundle by themselves; the other parts of
// their changes stand as digests.
func (t *txn) slice(e *records.Entry, s *stored, parts []joinedPart) {
	e.Kind = records.FeedSlice
	var raw []byte
	slices.SortFunc(parts, func(a, b joinedPart) int {
		return cmp.Or(cmp.Compare(a.change, b.change), cmp.Compare(a.part, b.part))
	})
	for len(parts) > 0 {
		i := parts[0].change
		c := s.changes[i].RawChange
		c.Parts = slices.Clone(c.Parts)
		keep := map[int]bool{}
		for len(parts) > 0 && parts[0].change == i {
			keep[parts[0].part], parts = true, parts[1:]
		}
		for p := range c.Parts {
			if !keep[p] {
				c.Parts[p] = wire.RawPart{Digest: s.changes[i].Digest(p)}
			}
		}
		if e.Count == 0 {
			e.From = c.Seq
		}
		e.Offsets = append(e.Offsets, uint64(c.Seq-e.From))
		e.Count++
		raw = wire.AppendRawChange(raw, &c)
	}
	if int(e.Offsets[e.Count-1]) == e.Count-1 {
		e.Offsets = nil
	}
	e.RawBytes, e.Frame = len(raw), wire.Compress(raw, wire.EffortFast)
	e.Bytes = len(e.Frame)
}

// feedTouched writes the entries of records whose state readers take anew, and
// of those that left an atom.
func (t *txn) feedTouched() error {
	touched, left := map[syncproto.Atom][]syncproto.RecordID{}, map[syncproto.Atom][]syncproto.RecordID{}
	for _, id := range t.order {
		w := t.recs[id]
		if !w.dirty || !w.touch {
			continue
		}
		for _, a := range w.Atoms {
			touched[a] = append(touched[a], id)
		}
		for _, a := range w.was.Atoms {
			if !slices.Contains(w.Atoms, a) {
				left[a] = append(left[a], id)
			}
		}
	}
	t.passed(left)
	for kind, by := range map[records.EntryKind]map[syncproto.Atom][]syncproto.RecordID{records.FeedTouch: touched, records.FeedLeave: left} {
		for a, ids := range by {
			size := 0
			for _, id := range ids {
				size += len(t.recs[id].State)/2 + 64
			}
			if err := t.append(a, &records.Entry{Kind: kind, Records: ids, Bytes: size}); err != nil {
				return err
			}
		}
	}
	return nil
}

// passed adds the records that would have been fed to an atom had the parts of
// this update come one by one: somebody may have had them from there, before an
// older copy of this store was put back.
func (t *txn) passed(left map[syncproto.Atom][]syncproto.RecordID) {
	for _, id := range t.order {
		w := t.recs[id]
		for _, a := range w.passed {
			if w.dirty && !slices.Contains(w.Atoms, a) && !slices.Contains(left[a], id) {
				left[a] = append(left[a], id)
			}
		}
	}
}

// append gives an entry the next number of the atom.
func (t *txn) append(a syncproto.Atom, e *records.Entry) error {
	h, err := t.atom(a)
	if err != nil {
		return err
	}
	h.N++
	h.Mark, e.Mark = t.mark, t.mark
	h.Bytes += uint64(e.Bytes)
	return t.put(records.FeedKey(a, h.N), e.Append(t.scratch[:0]), 0)
}

// write stores a record and its new history.
func (t *txn) write(w *work) error {
	if !w.dirty && w.Waiting == w.was.Waiting {
		return nil
	}
	for i := range w.steps {
		t.b.Put(records.StepKey(w.rec.ID, w.Steps), w.steps[i].Append(t.scratch[:0]))
		w.Steps++
	}
	stored := w.Record
	switch {
	case w.dirty && t.bare(w):
		stored.State = nil
	case w.dirty && len(w.State) == 0:
		stored.State = w.rec.AppendBinary(nil)
	}
	return t.put(records.RecordKey(w.rec.ID), stored.Append(t.scratch[:0]), w.Size)
}

// bare reports whether a record's state is left out of the store: all there is
// of it came with one bundle of this update, from which it is worked out again
// (records.Frames). What the directory reads at every start has its state.
func (t *txn) bare(w *work) bool {
	if w.existed || w.Waiting > 0 || len(w.steps) == 0 || len(w.steps) > records.MaxBareSteps || len(directory.Lists(w.rec)) > 0 {
		return false
	}
	first := &w.steps[0]
	for i := range w.steps {
		if w.steps[i].Replica != first.Replica || w.steps[i].Bundle != first.Bundle {
			return false
		}
	}
	return slices.ContainsFunc(t.bundles, func(s *stored) bool {
		return s.replica == first.Replica && s.from == first.Bundle && s.RawBytes <= records.MaxBareBytes
	})
}

// put writes a value that was encoded into scratch, which may have grown by it.
func (t *txn) put(k store.Key, value []byte, was int) error {
	t.scratch = value
	return records.PutBlocks(&t.b, k, value, was)
}
