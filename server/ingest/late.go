package ingest

import (
	"slices"
	"time"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// An edit that comes after its record's window (SPEC.md §1.9) is joined without
// removing or setting anything, and in the same update a change of the server's takes back
// what it added and says so in the record's corrections. So there is no moment,
// and no crash, between an edit that counts and the verdict that it does not,
// and what is stored is one verdict whatever is delivered, or built, again.

// verdict is what there is to say of a part that came too late.
type verdict struct {
	header  syncproto.Header
	part    syncproto.Part // the ops that count for nothing
	before  *crdt.Record   // the record without the part
	entries []map[string]any
}

// lateness is which fields of a part came too late, by which times.
type lateness struct {
	fields            []string
	submitted, edited int64 // judged, Unix milliseconds
}

// late judges a part before it is joined to w.
func (t *txn) late(w *work, h *syncproto.Header, p *syncproto.Part, received int64) (l lateness, err error) {
	s, ok := view.Submission(w.rec)
	window := view.EditWindow.Milliseconds()
	// Most edits are done with here, without a look at the store.
	if !ok || s.Wall <= received && received-s.Wall <= window {
		return l, nil
	}
	k, _ := t.schema.Kind(w.rec.Kind)
	fields := view.Settled(k, w.rec, p)
	if len(fields) == 0 {
		return l, nil
	}
	came, ok, err := t.receivedAt(w, s.Dot)
	if err != nil || !ok {
		w.odd = true // it comes with this very slice: the update will know when it came
		return l, err
	}
	l.submitted, l.edited = t.submittedAt(&s, came), min(h.Wall, received)
	if l.edited-l.submitted > window {
		l.fields = fields
	}
	return l, nil
}

// receivedAt is when a change of the record was received; false if it is not
// stored yet. Mostly it is among the record's first, which cost less to look at
// than the bundle it came with.
func (t *txn) receivedAt(w *work, d syncproto.Dot) (int64, bool, error) {
	if w.existed {
		steps, err := records.Steps(t.r, w.rec.ID, 0, 8)
		if err != nil {
			return 0, false, err
		}
		for i := range steps {
			if steps[i].Change() == (syncproto.ChangeID{Replica: d.Replica, Seq: d.Seq}) {
				return steps[i].Received, true, nil
			}
		}
	}
	u, _, ok, err := t.find(d.Replica, d.Seq)
	return u.Received, ok, err
}

// submittedAt is the judged time of a 提交: the claimed one, unless the server
// knows that it cannot be right, since it lies after the change was received or
// before its device was enrolled. Then it is when it was received: whose clock
// went wrong shall not lose his day.
func (t *txn) submittedAt(s *crdt.Stamp, received int64) int64 {
	dev, err := t.in.Devices.Device(t.ctx, s.Dot.Replica)
	if s.Wall > received || err == nil && s.Wall < dev.Enrolled {
		return received
	}
	return s.Wall
}

// verdict is what there is to say of the part that made after out of before:
// nil when it came in time or changed nothing.
func (l *lateness) verdict(after, before *crdt.Record, h *syncproto.Header, p *syncproto.Part) *verdict {
	v := &verdict{header: *h, before: before, part: *p}
	for _, name := range l.fields {
		was, is, same := view.Edited(before, after, h.Replica, p, name)
		if !same {
			v.entries = append(v.entries, map[string]any{"field": name, "kind": view.Suggests, "old": was, "new": is,
				"reason": view.LateReason(l.submitted, l.edited), "who": h.Author.String(),
				"when":   time.UnixMilli(l.edited).In(view.Zone).Format(time.RFC3339),
				"change": syncproto.ChangeID{Replica: h.Replica, Seq: h.Seq}.String()})
		}
	}
	if v.entries == nil {
		return nil
	}
	v.part.Ops = slices.DeleteFunc(slices.Clone(p.Ops), func(op syncproto.Op) bool { return !v.covers(op.Field) })
	return v
}

func (v *verdict) covers(field string) bool {
	return slices.ContainsFunc(v.entries, func(e map[string]any) bool { return e["field"] == field })
}

// blindness makes the part remove and set nothing where it counts for nothing.
func (v *verdict) blindness(w *work, opt crdt.Options) crdt.Options {
	w.blind = nil
	for i := range v.part.Ops {
		if f := v.part.Ops[i].Field; !slices.Contains(w.void, f) {
			w.void = append(w.void, f)
		}
	}
	return crdt.Options{Void: v.covers, Blind: func(field, sub string) bool {
		if v.covers(field) {
			w.note(field, sub)
			return true
		}
		return opt.Blind != nil && opt.Blind(field, sub)
	}}
}

// judge gives the verdict on the part joined last, if there is one.
func (t *txn) judge(w *work) error {
	v := w.verdict
	if w.verdict = nil; v == nil {
		return nil
	}
	return t.give(w, v)
}

// give writes the verdict on a part that was joined to w.
func (t *txn) give(w *work, v *verdict) error {
	pen := t.in.judgesPen(t.epoch, w.facts.Place)
	added := v.part
	added.Ops = slices.DeleteFunc(slices.Clone(added.Ops), func(op syncproto.Op) bool { return op.Kind == syncproto.OpSet }) // they left nothing
	e, _, err := w.rec.Clone().Undo(pen, &v.header, &added, v.before)
	if err == nil {
		err = v.strikeOut(e)
	}
	if err != nil {
		return err
	}
	for _, entry := range v.entries {
		value, err := wire.EncodeValue(entry)
		if err == nil && len(value) > maxEntryBytes {
			// Both stand in the history, which the change leads to.
			delete(entry, "old")
			delete(entry, "new")
			value, err = wire.EncodeValue(entry)
		}
		if err == nil {
			err = e.Log(view.CorrectionsOf(entry["field"].(string)), value)
		}
		if err != nil {
			return err
		}
	}
	return t.write1(pen, view.System, e)
}

// strikeOut takes items away again that a set, which left nothing else, brought
// back: Undo sees to those of all other ops.
func (v *verdict) strikeOut(e *crdt.Edit) error {
	for i := range v.part.Ops {
		op := &v.part.Ops[i]
		if op.Kind != syncproto.OpSet || op.Item.IsNone() {
			continue
		}
		was, now := v.before.Item(op.Field, op.Item), e.Record().Item(op.Field, op.Item)
		if was == nil || !was.Removed || now == nil || now.Removed {
			continue
		}
		if err := e.RemoveItem(op.Field, op.Item); err != nil {
			return err
		}
	}
	return nil
}

// maxEntryBytes bounds what a verdict repeats of an edit.
const maxEntryBytes = syncproto.MaxValueBytes / 2

// judgesPen is the pen of verdicts in a township and epoch. It is none that people
// write with: those are numbered outside of updates, this one within them,
// under the guard of its chain.
func (in *Ingest) judgesPen(epoch, place string) syncproto.ReplicaID {
	return in.penOf("chuantou/judge/1", epoch, place)
}
