package ingest

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// leave is what an administrator allows for held parts.
type leave uint8

const (
	letNone   leave = iota
	letJoin         // joined although its author had no right to write it
	letUndone       // the same, and without removing anything of others: it is taken back at once
)

func (l leave) any() bool { return l != letNone }

// Work is what one replica has held in one record: the unit that an
// administrator settles. One by one its parts would only hold each other.
type Work struct {
	Replica syncproto.ReplicaID
	Record  syncproto.RecordID
}

// Settled says what became of held work: parts settled now, and parts of it
// that stay held because something they need is not here.
type Settled struct{ Parts, Left int }

// ErrNothingHeld is returned when a replica has nothing held in the record:
// perhaps somebody else settled it just now.
var ErrNothingHeld = syncproto.Errorf(syncproto.KindConflict, "这条记录没有这台设备待处理的改动，可能已经处理过了").Coded("nothing-held")

// Release joins held work although its author had no right to write it, in
// causal order; whatever waited for it follows by itself. by is who decides:
// rights are the caller's business.
func (in *Ingest) Release(ctx context.Context, w Work) (out Settled, err error) {
	return in.settleWork(ctx, w, release1, nil)
}

// release1 joins one held part although its author had no right to write it.
func release1(t *txn, rec *work, x waiter) (bool, error) {
	t.let = letJoin
	defer func() { t.let = letNone }()
	return t.retry(rec, x)
}

// Assignment is where held work belongs: to a place, to a person, or both.
type Assignment struct {
	Place  string
	Person syncproto.PersonID
}

// ErrThere is returned when work is to be given to another place or person and
// its record is there already: that has its own.
var ErrThere = syncproto.Errorf(syncproto.KindConflict, "这条记录本身已经在了，不能改派；可以放行或退回").Coded("record-there")

// Reassign releases a record that is held whole, and in the same update a change of
// the server's in by's name gives it to another place or person: it is never fed
// to where it was written for. Its author's device learns it with the record.
func (in *Ingest) Reassign(ctx context.Context, by syncproto.PersonID, w Work, to Assignment) (out Settled, err error) {
	if to.Place == "" && to.Person.IsZero() {
		return out, syncproto.Errorf(syncproto.KindBadRequest, "改派要写明地点或人（place、person）").Coded("reassign-where")
	}
	in.authoring.Lock()
	defer in.authoring.Unlock()
	return in.settleWork(ctx, w, func(t *txn, rec *work, x waiter) (bool, error) {
		if len(rec.steps) == 0 && len(rec.rec.Version) > 0 {
			return false, ErrThere
		}
		return release1(t, rec, x)
	}, func(t *txn, rec *work) error {
		pen := t.in.pen(t.epoch, cmp.Or(to.Place, rec.facts.Place))
		e := rec.rec.Clone().Edit(pen, nil)
		if err := t.assign(e, to); err != nil {
			return err
		}
		return t.write1(pen, by, e)
	})
}

// assign says where a record lies and whose it is.
func (t *txn) assign(e *crdt.Edit, to Assignment) error {
	k, ok := t.schema.Kind(e.Record().Kind)
	if !ok {
		return syncproto.Errorf(syncproto.KindConflict, "服务器不认识这类记录，不能改派").Coded("kind-unknown")
	}
	if to.Place != "" {
		if err := e.Set("place_code", wire.Must(wire.EncodeValue(to.Place))); err != nil {
			return err
		}
	}
	if to.Person.IsZero() {
		return nil
	}
	who := wire.Must(wire.EncodeValue(to.Person[:]))
	if _, ok := k.Field("recorder_id"); ok {
		return e.Set("recorder_id", who)
	}
	if _, ok := k.Field("recorder_ids"); ok {
		return e.Add("recorder_ids", who)
	}
	return syncproto.Errorf(syncproto.KindConflict, "这类记录没有记录人，只能改地点").Coded("no-recorder")
}

// Reject takes held work for known without letting it count: each part is
// joined, so that what follows it need not wait, removes nothing of others,
// and a change of the server's in by's name takes back what it added. The
// author is told the reason with his next receipt and keeps what he wrote.
func (in *Ingest) Reject(ctx context.Context, by syncproto.PersonID, w Work, reason string) (out Settled, err error) {
	if reason == "" || len(reason) > syncproto.MaxNoteBytes {
		return out, syncproto.Errorf(syncproto.KindBadRequest, "退回要写明理由，不超过 %d 个字", syncproto.MaxNoteBytes/3).Coded("reject-reason")
	}
	in.authoring.Lock()
	defer in.authoring.Unlock()
	epoch, err := in.Store.Epoch(ctx)
	if err != nil {
		return out, err
	}
	return in.settleWork(ctx, w, func(t *txn, rec *work, x waiter) (bool, error) {
		return t.reject(rec, x, epoch, by, reason)
	}, nil)
}

// settleWork settles the held parts of one replica in one record in the order
// they were written, in one update, and does what follows from it, if any was.
func (in *Ingest) settleWork(ctx context.Context, of Work, one func(t *txn, w *work, x waiter) (bool, error), then func(t *txn, w *work) error) (out Settled, err error) {
	guards := []store.Key{records.LogKey(of.Replica), records.RecordKey(of.Record)}
	late := false
	settle := func(t *txn) (store.Batch, error) {
		if out, err = t.settleWork(of, one); err != nil {
			return store.Batch{}, err
		}
		late = out.Left > 0 && t.recs[of.Record].late
		if out.Parts > 0 && then != nil {
			if err := then(t, t.recs[of.Record]); err != nil {
				return store.Batch{}, err
			}
		}
		return t.finish()
	}
	if _, err = in.updateWith(ctx, guards, nil, settle); err != nil || !late {
		return out, err
	}
	// The work was written before the record was folded: once more on its
	// unfolded state.
	before := out.Parts
	if _, err = in.rebuild(ctx, of.Record, true); err == nil {
		_, err = in.updateWith(ctx, guards, nil, settle)
	}
	out.Parts += before
	return out, err
}

func (t *txn) settleWork(of Work, one func(t *txn, w *work, x waiter) (bool, error)) (out Settled, err error) {
	w, err := t.record(of.Record)
	if err != nil {
		return out, err
	}
	held, err := t.heldOf(w)
	if err != nil {
		return out, err
	}
	held = slices.DeleteFunc(held, func(x waiter) bool { return x.Replica != of.Replica || x.Part&records.ForkedPart != 0 })
	slices.SortFunc(held, func(a, b waiter) int { return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Part, b.Part)) })
	if len(held) == 0 {
		return out, ErrNothingHeld
	}
	for _, x := range held {
		ok, err := one(t, w, x)
		if err != nil {
			return out, err
		}
		if ok {
			out.Parts++
		} else {
			out.Left++
		}
	}
	if w.Waiting > 0 && out.Parts > 0 {
		err = t.release(w)
	}
	return out, err
}

// reject joins one held part and takes it back.
func (t *txn) reject(w *work, x waiter, epoch string, by syncproto.PersonID, reason string) (bool, error) {
	p, err := t.openHeld(x)
	if err != nil || p == nil {
		return false, err
	}
	before := w.rec.Clone()
	t.let = letUndone
	why, _, err := t.join(p.device, w, &p.header, &p.part, p.received)
	t.let = letNone
	if err == nil && w.found {
		// Something stands for it already: there is nothing to take back.
		w.found = false
		if err = t.unlist(w, x, p); err == nil {
			err = t.sayRejected(x, reason)
		}
		return err == nil, err
	}
	if err != nil || why != 0 {
		return false, err
	}
	if err := t.settled(w, x, p); err != nil {
		return false, err
	}
	if err := t.sayRejected(x, reason); err != nil {
		return false, err
	}
	pen := t.in.pen(epoch, w.facts.Place)
	e, err := takeBack(w.rec.Clone(), pen, x, p, before, by, reason)
	if err != nil {
		return false, err
	}
	return true, t.write1(pen, by, e)
}

// sayRejected lists a settled part again, for its author to be told.
func (t *txn) sayRejected(x waiter, reason string) error {
	h := x.hold
	h.Reason, h.Detail = syncproto.HoldRejected, reason
	t.b.Put(records.HoldKey(x.Replica, x.Seq, x.Part), h.Append(nil))
	log, err := t.log(x.Replica)
	if err != nil {
		return err
	}
	log.Rejected++
	return nil
}

// takeBack is the edit that makes a joined part count for nothing. A record
// that was void without it, or not there, is voided (again) as it is: it stays
// listed as void, with its place and what it says, and can be restored.
func takeBack(rec *crdt.Record, pen syncproto.ReplicaID, x waiter, p *heldPart, before *crdt.Record, by syncproto.PersonID, reason string) (*crdt.Edit, error) {
	if before.Deleted() || len(before.Version) == 0 {
		e := rec.Edit(pen, nil)
		return e, e.Delete(wire.Must(wire.EncodeValue(reason)))
	}
	e, logged, err := rec.Undo(pen, &p.header, &p.part, before)
	if err != nil || !logged {
		return e, err
	}
	return e, e.Log(view.RefusedField, refusal(x, by))
}

// refusal names a change whose log entries do not count. The reason is for its
// author, who is told by his receipt; this is for all who read the record.
func refusal(x waiter, by syncproto.PersonID) syncproto.Value {
	return wire.Must(wire.EncodeValue(map[string]any{
		view.RefusedSub: syncproto.ChangeID{Replica: x.Replica, Seq: x.Seq}.String(), "by": by.String()}))
}

// write1 cuts an edit into a change of the server's own and takes it within
// this update, like a bundle that was pushed.
func (t *txn) write1(pen syncproto.ReplicaID, author syncproto.PersonID, e *crdt.Edit) error {
	part, changed := e.Part()
	if !changed {
		return nil
	}
	log, err := t.log(pen)
	if err != nil {
		return err
	}
	o := t.in.own(pen, author, log, &part)
	if err := t.bundle(&o); err != nil {
		return err
	}
	if s := t.bundles[len(t.bundles)-1]; len(s.joined) != 1 {
		return fmt.Errorf("server's own change %d of replica %s was not joined", s.from, pen)
	}
	return nil
}
