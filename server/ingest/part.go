package ingest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/text/fold"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// maxRetries bounds how many waiting parts of a record one join looks at.
const maxRetries = 4096

// part joins or holds one part of a newly stored bundle.
func (t *txn) part(dev Device, s *stored, log *records.Log, change, index int, read *readPart) error {
	c := &s.changes[change]
	if c.Parts[index].Withheld() {
		return nil
	}
	p := read.Part
	switch {
	case errors.Is(read.err, syncproto.ErrUnknownOp):
		return t.hold(s, c, index, &p, syncproto.HoldUnknownOp, "", log)
	case read.err != nil:
		return t.hold(s, c, index, &syncproto.Part{}, syncproto.HoldInvalid, read.err.Error(), log)
	}
	w, err := t.record(p.Record)
	if err != nil {
		return err
	}
	if !w.ready {
		reason, detail, err := t.join(dev, w, &c.Header, &p, t.now)
		if err != nil {
			return err
		}
		if reason != 0 {
			return t.hold(s, c, index, &p, reason, detail, log)
		}
	}
	s.joined = append(s.joined, joinedPart{change, index, p.Record})
	keys, err := t.takeKeys(&p)
	if err != nil {
		return err
	}
	s.keys = append(s.keys, keys...)
	w.steps = append(w.steps, records.Step{Replica: c.Replica, Seq: c.Seq, Part: index, Bundle: s.from, Received: t.now, Blind: w.blind, Void: w.void})
	if err := t.judge(w); err != nil {
		return err
	}
	if w.Waiting > 0 {
		return t.release(w)
	}
	return nil
}

// join checks rights and joins p, which was received then, onto w; a zero
// reason means it is joined.
func (t *txn) join(dev Device, w *work, h *syncproto.Header, p *syncproto.Part, received int64) (syncproto.HoldReason, string, error) {
	switch {
	case dev.Revoked && !t.let.any():
		return syncproto.HoldRevoked, "", nil
	case h.Author != dev.Person && !dev.Server:
		return syncproto.HoldScope, "the author is not the person this device is enrolled for", nil
	}
	v := t.viewer(h.Author)
	creates := len(w.rec.Version) == 0 // parts of it may be held, none is joined
	free := dev.Server || t.let.any()
	if !free && !creates && (!v.Writes(&w.facts) || letsIn(w.facts.Kind, p) && !v.LetsIn(&w.facts)) && !joinsMeeting(v, w, h, p) {
		return syncproto.HoldScope, "", nil
	}
	l, err := lateness{}, error(nil)
	if !free && !creates {
		if l, err = t.late(w, h, p, received); err != nil {
			return 0, "", err
		}
	}
	var before *crdt.Record
	if creates || len(l.fields) > 0 || p.Kind == "person" || w.facts.Kind == "person" || forSomebody(p) {
		before = w.rec.Clone()
	}
	opt := t.blindness(dev, w, v, creates)
	if err := t.joinPart(w, h, p, opt); err != nil {
		if errors.Is(err, crdt.ErrKnown) {
			if s, err := records.StandInFor(t.r, w.rec.ID, syncproto.ChangeID{Replica: h.Replica, Seq: h.Seq}); err != nil || s != nil {
				decides := !free && (len(l.fields) > 0 || w.facts.Kind == "person" || forSomebody(p))
				return w.foundReason(decides), "what stands for it gives way", err
			}
		}
		reason, detail := holdReason(err)
		return reason, detail, nil
	}
	if w.verdict = l.verdict(w.rec, before, h, p); w.verdict != nil {
		w.rec = before.Clone()
		if err := t.joinPart(w, h, p, w.verdict.blindness(w, opt)); err != nil {
			return 0, "", fmt.Errorf("a part that came too late: %w", err)
		}
	}
	facts, err := t.factsOf(w, w.rec)
	if err != nil {
		return 0, "", err
	}
	if before != nil && !free {
		reason := t.permitted(v, &facts, w.rec, creates)
		if reason == 0 && forSomebody(p) && facts.Behalf != h.Author && !v.WritesFor(facts.Behalf, facts.Kind, h.Wall, dev.Heard) {
			reason = syncproto.HoldDelegation
		}
		if reason != 0 {
			w.rec, w.verdict = before, nil
			return reason, "", nil
		}
	}
	if !creates && (len(w.blind) > 0 || narrowing(p)) {
		w.touch = true
	}
	if w.dirty && narrowing(p) {
		w.passed = append(w.passed, AtomsOf(&w.facts)...)
	}
	w.facts, w.dirty, w.by = facts, true, h.Author
	for i := range p.Ops {
		w.classes |= view.ClassOf(t.schema, w.rec, p.Ops[i].Field, p.Ops[i].Item, p.Ops[i].Sub)
	}
	return 0, "", nil
}

// blindness is what the author could not read; joining notes it in w.
func (t *txn) blindness(dev Device, w *work, v *authz.Viewer, creates bool) (opt crdt.Options) {
	w.blind, w.void = nil, nil
	if (creates || dev.Server) && t.let != letUndone {
		return opt
	}
	reads := v.Reads(&w.facts)
	if reads == syncproto.ForAll && t.let != letUndone {
		return opt
	}
	opt.Blind = func(field, sub string) bool {
		if t.let != letUndone && (field == "" || reads.Has(view.ClassOf(t.schema, w.rec, field, syncproto.ElemID{}, sub))) {
			return false
		}
		w.note(field, sub)
		return true
	}
	return opt
}

// note notes that the part joined now is blind for a field.
func (w *work) note(field, sub string) {
	if at := (records.BlindField{Field: field, Sub: sub}); !slices.Contains(w.blind, at) {
		w.blind = append(w.blind, at)
	}
}

// joinPart joins p, if need be told in the ids of the log: then its bytes are
// of no use to readers.
func (t *txn) joinPart(w *work, h *syncproto.Header, p *syncproto.Part, opt crdt.Options) error {
	err := w.rec.Join(*h, p, opt)
	var missing *crdt.MissingError
	if !errors.As(err, &missing) || !missing.Late {
		return err
	}
	told, changed, tableErr := crdt.UnfoldPart(h.Replica, p, t.tables(w))
	if tableErr != nil {
		return &crdt.MissingError{Err: tableErr}
	}
	if changed {
		err = w.rec.Join(*h, told, opt)
		w.touch = w.touch || err == nil
	}
	w.late = w.late || errors.As(err, &missing) && missing.Late && w.rec.Folded()
	return err
}

// tables finds the tables of a record's folds: in the store, or, of a fold that
// was made before the store was put back to an older copy, by making it again,
// which takes that the record is at the same version.
func (t *txn) tables(w *work) fold.Tables {
	stored := records.Tables(t.r, w.rec.ID)
	return func(of syncproto.ReplicaID) (*fold.Table, error) {
		if table, err := stored(of); table != nil || err != nil {
			return table, err
		}
		if table := w.refound[of]; table != nil || w.rec.Folded() {
			return table, nil
		}
		_, made := w.rec.Fold(func(int, int) bool { return true })
		for _, m := range made {
			if m.Fold != of {
				continue
			}
			if w.refound == nil {
				w.refound = map[syncproto.ReplicaID]*fold.Table{}
			}
			w.refound[of], w.odd = m.Table, true
			return m.Table, records.PutBlocks(&t.b, records.FoldKey(w.rec.ID, of), m.Table.AppendBinary(nil), 0)
		}
		return nil, nil
	}
}

func holdReason(err error) (syncproto.HoldReason, string) {
	var missing *crdt.MissingError
	switch {
	case errors.As(err, &missing):
		return syncproto.HoldMissing, missing.Error()
	case errors.Is(err, crdt.ErrKnown):
		return syncproto.HoldInvalid, "a later change of this device is already joined"
	}
	return syncproto.HoldInvalid, err.Error()
}

// takeKeys unwraps the sealing keys that come with a joined part, and returns
// the ids of those that were not known.
func (t *txn) takeKeys(p *syncproto.Part) (taken []syncproto.KeyID, err error) {
	for i := range p.Ops {
		op := &p.Ops[i]
		if op.Field != seal.KeysField || op.Kind != syncproto.OpAdd {
			continue
		}
		k, err := seal.Unwrap(t.in.SealKey, op.Value)
		if err != nil {
			t.in.Log.Warn("wrapped key does not open", "record", p.Record, "err", err)
			continue
		}
		if known, err := t.r.Get(records.SealKey(k.ID)); err != nil || known != nil {
			if err != nil {
				return taken, err
			}
			continue // the first key under an id stays: another may not replace it
		}
		t.b.Put(records.SealKey(k.ID), records.AppendKey(nil, &k))
		if t.keys == nil {
			t.keys = map[syncproto.KeyID]*seal.Key{}
		}
		t.keys[k.ID] = &k
		taken = append(taken, k.ID)
	}
	return taken, nil
}

func (t *txn) holdOf(c *sign.SealedChange, p *syncproto.Part, reason syncproto.HoldReason, detail string) records.Hold {
	return records.Hold{Record: p.Record, Kind: p.Kind, Author: c.Author, Reason: reason, Detail: detail, Wall: c.Wall, Received: t.now}
}

// hold keeps a part unapplied and lists it under its replica and its record.
func (t *txn) hold(s *stored, c *sign.SealedChange, index int, p *syncproto.Part, reason syncproto.HoldReason, detail string, log *records.Log) error {
	h := t.holdOf(c, p, reason, detail)
	h.Bundle = s.from
	t.b.Put(records.HoldKey(c.Replica, c.Seq, index), h.Append(nil))
	log.Held++
	if p.Record.IsZero() {
		return nil
	}
	w, err := t.record(p.Record)
	if err != nil {
		return err
	}
	if reason == syncproto.HoldMissing && !w.lost {
		if w.lost, err = t.knowsLost(w, &c.Header, p); err != nil {
			return err
		}
	}
	w.Waiting++
	t.waiting[p.Record] = append(t.waiting[p.Record], waiter{records.HeldPart{Replica: c.Replica, Seq: c.Seq, Part: index}, h})
	t.b.Put(records.WaitKey(p.Record, c.Replica, c.Seq, index), []byte{1})
	return nil
}

// waiter is a part held by this very update.
type waiter struct {
	records.HeldPart
	hold records.Hold
}

// release joins the held parts of a record for which the way is now free, in
// as many rounds as it takes.
func (t *txn) release(w *work) error {
	for {
		waiting, err := t.waitingFor(w)
		if err != nil {
			return err
		}
		progress := false
		for _, held := range waiting {
			ok, err := t.retry(w, held)
			if err != nil {
				return err
			}
			progress = progress || ok
		}
		if !progress || w.Waiting == 0 {
			return nil
		}
	}
}

// waitingFor lists the held parts of a record that time alone may free.
func (t *txn) waitingFor(w *work) ([]waiter, error) {
	all, err := t.heldOf(w)
	return slices.DeleteFunc(all, func(x waiter) bool { return x.hold.Reason != syncproto.HoldMissing }), err
}

// heldOf lists the held parts of a record, stored ones and new ones.
func (t *txn) heldOf(w *work) ([]waiter, error) {
	parts, err := records.Waiting(t.r, w.rec.ID, maxRetries)
	if err != nil {
		return nil, err
	}
	out := append([]waiter(nil), t.waiting[w.rec.ID]...)
	for _, p := range parts {
		v, err := t.r.Get(records.HoldKey(p.Replica, p.Seq, p.Part))
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		h, err := records.DecodeHold(v)
		if err != nil {
			return nil, err
		}
		out = append(out, waiter{p, h})
	}
	return slices.DeleteFunc(out, func(x waiter) bool { return t.released[x.HeldPart] }), nil
}

// retry joins a held part if it can be joined now.
func (t *txn) retry(w *work, x waiter) (bool, error) {
	p, err := t.openHeld(x)
	if err != nil || p == nil {
		return false, err
	}
	reason, detail, err := t.join(p.device, w, &p.header, &p.part, p.received)
	if err != nil {
		return false, err
	}
	if reason != 0 {
		if w.found && t.let == letJoin {
			return true, t.letBack(x)
		}
		if h := x.hold; h.Reason != reason || h.Detail != detail {
			h.Reason, h.Detail = reason, detail // what it waited for is here, and something else is not
			t.b.Put(records.HoldKey(x.Replica, x.Seq, x.Part), h.Append(nil))
		}
		return false, nil
	}
	if err := t.settled(w, x, p); err != nil {
		return false, err
	}
	return true, t.judge(w)
}

// heldPart is a held part read back from its bundle.
type heldPart struct {
	device   Device
	header   syncproto.Header
	part     syncproto.Part
	bundle   syncproto.Seq
	received int64
}

// openHeld reads a held part, nil when it cannot be read by this version or
// its device is not known any more: it stays held.
func (t *txn) openHeld(x waiter) (*heldPart, error) {
	u, from, ok, err := t.find(x.Replica, x.Seq)
	if err != nil || !ok {
		return nil, err
	}
	raw, err := wire.Decompress(u.Frame, u.RawBytes)
	if err != nil {
		return nil, err
	}
	changes, err := wire.DecodeFrame(raw, x.Replica, from, u.Count)
	if err != nil {
		return nil, err
	}
	c := &changes[x.Seq-from]
	if c.Parts[x.Part].Withheld() {
		return nil, nil
	}
	p, err := wire.DecodePart(x.Replica, c.Parts[x.Part].Bytes)
	if err != nil {
		return nil, nil
	}
	dev, err := t.in.Devices.Device(t.ctx, x.Replica)
	if err != nil {
		return nil, nil
	}
	return &heldPart{device: dev, header: c.Header, part: p, bundle: from, received: u.Received}, nil
}

// settled takes a part that was joined after all off the lists of held ones.
func (t *txn) settled(w *work, x waiter, p *heldPart) error {
	if err := t.unlist(w, x, p); err != nil {
		return err
	}
	w.steps = append(w.steps, records.Step{Replica: x.Replica, Seq: x.Seq, Part: x.Part, Bundle: p.bundle, Received: p.received, Blind: w.blind, Void: w.void})
	return nil
}

// unlist takes a part off the lists of held ones.
func (t *txn) unlist(w *work, x waiter, p *heldPart) error {
	if _, err := t.takeKeys(&p.part); err != nil {
		return err
	}
	log, err := t.log(x.Replica)
	if err != nil {
		return err
	}
	log.Held--
	w.Waiting--
	w.touch = true
	t.released[x.HeldPart] = true
	t.b.Delete(records.HoldKey(x.Replica, x.Seq, x.Part))
	t.b.Delete(records.WaitKey(w.rec.ID, x.Replica, x.Seq, x.Part))
	return nil
}
