package clientsdk

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// wholeAtoms are the atoms that the server gives whole again, with the records
// it has named so far and the bases they had before: they are made anew.
type wholeAtoms map[syncproto.Atom]map[syncproto.RecordID]*crdt.Record

// pageApply is one page being applied: everything is worked out in memory and
// written in one batch, or nothing is.
type pageApply struct {
	c     *Client
	work  map[syncproto.RecordID]*held // touched by this page
	order []syncproto.RecordID
	was   map[syncproto.RecordID]baseRow      // atoms and sums before the page
	bases map[syncproto.RecordID]*crdt.Record // before the page
	sums  map[syncproto.Atom]*atomSums        // touched by this page
	batch localstore.Batch
	state []byte           // for one state at a time
	room  wire.PartRoom    // for one part at a time
	atoms []syncproto.Atom // the atom last joined, for records that lie in it alone

	newSchema *schema.Schema // nil when the page brings none

	pulled  int                  // records whose base was given or advanced
	refused int                  // parts that could not be joined
	late    []syncproto.RecordID // with a new verdict on an edit of one's own
	wrong   map[syncproto.Atom]bool
	whole   wholeAtoms
}

// applyPage applies a page in one transaction of the store. On an error the
// store and what is shown are as they were. The caller holds c.mu.
func (c *Client) applyPage(p *syncproto.Page, whole wholeAtoms) (*pageApply, error) {
	n := parts(p)
	a := &pageApply{c: c, work: make(map[syncproto.RecordID]*held, n), was: make(map[syncproto.RecordID]baseRow, n), order: make([]syncproto.RecordID, 0, n),
		bases: map[syncproto.RecordID]*crdt.Record{}, sums: map[syncproto.Atom]*atomSums{}, wrong: map[syncproto.Atom]bool{}, whole: whole}
	next := place{Cursor: p.Cursor, Epoch: p.Epoch, Offset: c.place.Offset}
	err := a.schema(p.Schema)
	if err == nil {
		err = a.entries(p)
	}
	if err == nil && !p.More {
		err = a.dropUnmentioned()
	}
	if err == nil {
		err = a.left(p.Left)
	}
	if err == nil {
		err = a.settle()
	}
	if err == nil {
		a.batch.Put(keyPlace, next.append())
		a.keys(p.Keys)
		if p.Receipt != nil {
			c.putReceipt(&a.batch, p.Receipt)
		}
		if p.Standing != nil {
			a.batch.Put(keyStanding, wire.AppendStanding(nil, p.Standing))
		}
		err = c.store.Apply(&a.batch)
	}
	if err != nil {
		a.forget()
		return nil, err
	}
	c.place = next
	for _, k := range p.Keys {
		c.keys.add(sealingKey(k))
	}
	a.commit()
	if p.Standing != nil {
		c.standing = *p.Standing
	}
	if p.Receipt != nil {
		c.takeReceipt(p.Receipt)
	}
	return a, nil
}

// parts is how many records a page is about, at most and about.
func parts(p *syncproto.Page) (n int) {
	for i := range p.Entries {
		n += p.Entries[i].Count
	}
	return max(0, min(n, 4096))
}

// forget drops everything that may have been changed in memory.
func (a *pageApply) forget() {
	for id := range a.work {
		delete(a.c.cache, id)
	}
}

func (a *pageApply) commit() {
	c := a.c
	a.commitSums()
	for id, h := range a.work {
		switch _, known := c.cache[id]; {
		case h.shown == nil:
			delete(c.cache, id)
		case known || len(a.work) <= maxKeptOfPage:
			c.remember(id, h)
		}
	}
	if a.newSchema != nil {
		c.useSchema(a.newSchema)
		c.cache = map[syncproto.RecordID]*held{}
	}
	c.notify(a.order...)
}

// maxKeptOfPage is how many records a page may bring for all of them to be kept
// decoded: who catches up on thousands will look at few.
const maxKeptOfPage = 32

// schema takes a new schema. Digests were made with the old one: they are
// dropped and made anew when they are next compared.
func (a *pageApply) schema(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	a.batch.Put(keySchema, append([]byte(nil), b...))
	if bytes.Equal(b, a.c.schema.Marshal()) {
		return nil
	}
	s, err := schema.Parse(b)
	if err != nil {
		return fmt.Errorf("schema of the server (is this program too old?): %w", err)
	}
	if s.Hash() == a.c.schema.Hash() {
		return nil
	}
	a.newSchema = s
	for atom, sums := range a.c.sums {
		a.sums[atom] = &atomSums{Records: sums.Records}
	}
	return nil
}

func (a *pageApply) keys(keys []syncproto.HeldKey) {
	for _, k := range keys {
		a.batch.Put(sealKey(k.Key), appendKey(sealingKey(k)))
	}
}

func (a *pageApply) entries(p *syncproto.Page) error {
	for i := range p.Entries {
		e := &p.Entries[i]
		var err error
		switch e.Kind {
		case syncproto.EntryChanges:
			err = a.changes(e)
		case syncproto.EntryStates:
			err = a.states(e)
		case syncproto.EntryLeave:
			err = a.leave(e.Atom, e.Records)
		case syncproto.EntryOwn:
			err = a.ownDone(e, p.Receipt)
		}
		if err != nil {
			return fmt.Errorf("entry %d of atom %s: %w", i, e.Atom, err)
		}
	}
	return nil
}

// touch returns the record to be worked on, a new one if nothing is held.
func (a *pageApply) touch(id syncproto.RecordID) (*held, error) {
	if h, ok := a.work[id]; ok {
		return h, nil
	}
	h, err := a.c.record(id)
	if err != nil {
		return nil, err
	}
	if h == nil {
		h = &held{}
	}
	a.work[id] = h
	a.order = append(a.order, id)
	a.was[id] = baseRow{Atoms: h.atoms, Sums: h.sums}
	if h.shown != h.base {
		a.bases[id] = h.base
	}
	return h, nil
}

// changes joins the parts of a slice onto their bases.
func (a *pageApply) changes(e *syncproto.Entry) error {
	return a.room.ReadSlice(e, func(h syncproto.Header, p *syncproto.Part) error { return a.joinBase(e.Atom, h, p) })
}

// joinBase joins one part onto the base of its record. What cannot be joined
// makes the atom differ from the server's: it will be asked for again.
func (a *pageApply) joinBase(atom syncproto.Atom, header syncproto.Header, part *syncproto.Part) error {
	h, err := a.touch(part.Record)
	if err != nil {
		return err
	}
	a.joinAtom(h, atom)
	a.begin(atom, part.Record, h)
	if h.base != nil && h.base.Version.Covers(header.Replica, header.Seq) {
		return nil
	}
	if h.base == nil {
		h.base = crdt.New(part.Record)
	}
	switch err := h.base.Join(header, part, crdt.Options{Read: true}); {
	case err == nil:
		a.pulled++
	case !errors.Is(err, crdt.ErrKnown):
		if !a.mayWait(&header, err) {
			a.refused++
			a.wrong[atom] = true
		}
		if old := a.whole[atom][part.Record]; old != nil {
			h.base = old // better than a part of it
		} else if len(h.base.Version) == 0 {
			h.base = nil // nothing but the failed part
		}
	}
	return nil
}

// mayWait reports whether a part that does not join is one's own and waits for
// an earlier one. An entry tells which own changes are in, not which of their
// parts: one that a record's state covers is told with its change, and the
// state comes by itself. Should it not, the digests show it.
func (a *pageApply) mayWait(header *syncproto.Header, err error) bool {
	var missing *crdt.MissingError
	return header.Replica == a.c.id.Replica && errors.As(err, &missing)
}

// begin makes a base anew when its atom is given whole and this is the first
// that is told of the record.
func (a *pageApply) begin(atom syncproto.Atom, id syncproto.RecordID, h *held) {
	named := a.whole[atom]
	if named == nil {
		return
	}
	if _, ok := named[id]; !ok {
		named[id] = h.base
		h.base = nil
	}
}

// states replaces bases.
func (a *pageApply) states(e *syncproto.Entry) error {
	raw, err := wire.Decompress(e.Frame, e.RawBytes)
	if err != nil {
		return err
	}
	states, err := wire.DecodeStates(raw, e.Count)
	if err != nil {
		return err
	}
	for _, s := range states {
		rec, err := crdt.Decode(s.Bytes)
		if err == nil && rec.ID != s.Record {
			err = fmt.Errorf("it is of record %s", rec.ID)
		}
		if err != nil {
			return fmt.Errorf("state of record %s: %w", s.Record, err)
		}
		h, err := a.touch(s.Record)
		if err != nil {
			return err
		}
		if len(a.c.own.parts[s.Record]) > 0 && a.c.judgedLate(h.base, rec) {
			a.late = append(a.late, s.Record)
		}
		rec.KeepCounters(a.c.id.Replica, h.base)
		rec.KeepCounters(a.c.id.Replica, h.shown)
		a.begin(e.Atom, s.Record, h)
		h.base = rec
		a.joinAtom(h, e.Atom)
		a.pulled++
	}
	return nil
}

func (a *pageApply) leave(atom syncproto.Atom, ids []syncproto.RecordID) error {
	for _, id := range ids {
		h, err := a.touch(id)
		if err != nil {
			return err
		}
		h.leaveAtom(atom)
	}
	return nil
}

// ownDone moves own changes from the overlay into the base: those of their
// parts that lie in the atom, as far as the device can tell, and are not held
// by the server.
func (a *pageApply) ownDone(e *syncproto.Entry, receipt *syncproto.Receipt) error {
	replica := a.c.id.Replica
	if receipt == nil {
		receipt = a.c.receipt
	}
	for seq := e.From; seq <= min(e.To, a.c.head.Seq); seq++ {
		for _, id := range a.c.own.records[ownChange{replica, seq}] {
			if isHeld(receipt, seq, id) {
				continue
			}
			if here, err := a.liesIn(id, e.Atom); err != nil {
				return err
			} else if !here {
				continue
			}
			if err := a.ownPart(e.Atom, id, ownChange{replica, seq}); err != nil {
				return err
			}
		}
	}
	return nil
}

// liesIn reports whether a record is fed from the atom, as far as the device
// can tell.
func (a *pageApply) liesIn(id syncproto.RecordID, atom syncproto.Atom) (bool, error) {
	h, ok := a.work[id]
	if !ok {
		var err error
		if h, err = a.c.record(id); err != nil || h == nil {
			return false, err
		}
	}
	return slices.Contains(h.atoms, atom) || h.shown != nil && slices.Contains(a.c.atomsOf(h.shown), atom), nil
}

func (a *pageApply) ownPart(atom syncproto.Atom, id syncproto.RecordID, at ownChange) error {
	for _, p := range a.c.own.parts[id] {
		if p.replica == at.replica && p.seq == at.seq {
			header, part, err := a.c.readPart(p)
			if err != nil {
				return err
			}
			return a.joinBase(atom, header, part)
		}
	}
	return nil
}

func isHeld(r *syncproto.Receipt, seq syncproto.Seq, id syncproto.RecordID) bool {
	return r != nil && slices.ContainsFunc(r.Held, func(h syncproto.Held) bool { return h.Seq == seq && h.Record == id })
}

// settle works out what is shown, the sums and the writes.
func (a *pageApply) settle() error {
	for _, id := range a.order {
		h := a.work[id]
		if h.kept == nil {
			h.kept = a.bases[id]
		}
		if err := a.c.overlay(id, h); err != nil {
			return err
		}
		a.digest(h)
		a.moveSums(a.was[id], h)
		a.putBase(id, h)
	}
	a.putSums(&a.batch)
	return nil
}
