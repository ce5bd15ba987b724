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
var ErrNothingHeld = syncproto.Errorf(syncproto.KindConflict, "这条记录没有这台设备待处理的改动，可能已经处理过了")

// Release joins held work although its author had no right to write it, in
// causal order; whatever waited for it follows by itself. by is who decides:
// rights are the caller's business.
func (in *Ingest) Release(ctx context.Context, w Work) (out Settled, err error) {
	return in.settleWork(ctx, w, func(t *txn, rec *work, x waiter) (bool, error) {
		t.let = letJoin
		defer func() { t.let = letNone }()
		return t.retry(rec, x)
	})
}

// Reject takes held work for known without letting it count: each part is
// joined, so that what follows it need not wait, removes nothing of others,
// and a change of the server's in by's name takes back what it added. The
// author is told the reason with his next receipt and keeps what he wrote.
func (in *Ingest) Reject(ctx context.Context, by syncproto.PersonID, w Work, reason string) (out Settled, err error) {
	if reason == "" || len(reason) > syncproto.MaxNoteBytes {
		return out, syncproto.Errorf(syncproto.KindBadRequest, "退回要写明理由，不超过 %d 个字", syncproto.MaxNoteBytes/3)
	}
	in.authoring.Lock()
	defer in.authoring.Unlock()
	epoch, err := in.Store.Epoch(ctx)
	if err != nil {
		return out, err
	}
	return in.settleWork(ctx, w, func(t *txn, rec *work, x waiter) (bool, error) {
		return t.reject(rec, x, epoch, by, reason)
	})
}

// settleWork settles the held parts of one replica in one record in the order
// they were written, in one update.
func (in *Ingest) settleWork(ctx context.Context, of Work, one func(t *txn, w *work, x waiter) (bool, error)) (out Settled, err error) {
	guards := []store.Key{records.LogKey(of.Replica), records.RecordKey(of.Record)}
	late := false
	settle := func(t *txn) (store.Batch, error) {
		if out, err = t.settleWork(of, one); err != nil {
			return store.Batch{}, err
		}
		late = out.Left > 0 && t.recs[of.Record].late
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
	if err != nil || why != 0 {
		return false, err
	}
	if err := t.settled(w, x, p); err != nil {
		return false, err
	}
	h := x.hold
	h.Reason, h.Detail = syncproto.HoldRejected, reason
	t.b.Put(records.HoldKey(x.Replica, x.Seq, x.Part), h.Append(nil))
	log, err := t.log(x.Replica)
	if err != nil {
		return false, err
	}
	log.Rejected++
	pen := t.in.pen(epoch, w.facts.Place)
	e, err := takeBack(w.rec.Clone(), pen, x, p, before, by, reason)
	if err != nil {
		return false, err
	}
	return true, t.write1(pen, by, e)
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
