package ingest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/text/fold"
)

// A change that was declared lost and comes after all is put where its stand-in
// is: the record's history is joined again with it, and comes to the state it
// would have had. Readers take that anew.

// maxPutBack bounds how long a history is joined again, and written anew, in one update.
const maxPutBack = 2_000

// foundReason is why a change is held that something stands for: until putBack,
// right after the update that took it. One that came too late for its record
// (SPEC.md §1.9), gives roles or speaks for somebody waits for an administrator:
// that is judged on what the record came to, and in its place it would count.
func (w *work) foundReason(decides bool) syncproto.HoldReason {
	if decides {
		return syncproto.HoldScope
	}
	w.found = true
	return syncproto.HoldMissing
}

// letBack has putBack take a part that an administrator releases.
func (t *txn) letBack(x waiter) error {
	h := x.hold
	h.Reason = syncproto.HoldMissing
	t.b.Put(records.HoldKey(x.Replica, x.Seq, x.Part), h.Append(nil))
	return nil
}

// anew is one step of a history that is joined again.
type anew struct {
	records.Step
	standIn *crdt.StandIn // made by this very rewrite
	found   *waitingPart
}

// rewritten is a record's history with found changes in their places.
type rewritten struct {
	was     records.Record
	rec     *crdt.Record
	steps   []anew
	same    int // steps at the beginning that stay as they are
	dropped []syncproto.ChangeID
}

// putBack puts the changes of a record that were declared lost and have come
// into their places. Where a cause of theirs, or another change in between, is not
// here either they wait on.
func (in *Ingest) putBack(ctx context.Context, id syncproto.RecordID) error {
	in.folding.Lock()
	defer in.folding.Unlock()
	var n *rewritten
	err := in.Store.View(ctx, 0, func(r store.Reader) (err error) {
		n, err = newTxn(ctx, in, r).rewriteWithFound(id)
		return err
	})
	if err != nil || n == nil {
		return err
	}
	_, err = in.rewrite(ctx, id, func(t *txn, w *work) (bool, error) {
		if w.Steps != n.was.Steps || !bytes.Equal(w.State, n.was.State) {
			return false, nil // something was joined meanwhile: the next sweep tries again
		}
		return true, t.carryOut(w, n)
	})
	return err
}

// rewriteWithFound joins a record's history again with what was found of it; nil
// when nothing was, or it cannot be.
func (t *txn) rewriteWithFound(id syncproto.RecordID) (*rewritten, error) {
	c, ok, err := records.LoadRecord(t.r, id)
	if err != nil || !ok || c.Waiting == 0 || c.Steps > maxPutBack {
		return nil, err
	}
	n := &rewritten{was: c}
	todo, any, err := t.placed(id, c.Steps)
	if err != nil || !any {
		return nil, err
	}
	w := &work{rec: crdt.New(id)}
	frames, tables := records.NewFrames(), records.Tables(t.r, id)
	for len(todo) > 0 {
		var wait []anew
		for i := range todo {
			err := t.joinAnew(n, w, &todo[i], frames, tables)
			var missing *crdt.MissingError
			switch {
			case errors.As(err, &missing):
				wait = append(wait, todo[i])
			case err != nil:
				return nil, err
			}
		}
		if len(wait) == len(todo) {
			return nil, nil
		}
		todo = wait
	}
	n.rec = w.rec
	return n, nil
}

// placed lists a record's steps with each found change before, or in place of,
// what stands for it. any is false when nothing was found.
func (t *txn) placed(id syncproto.RecordID, count uint32) (todo []anew, any bool, err error) {
	steps, err := records.Steps(t.r, id, 0, int(count))
	if err != nil {
		return nil, false, err
	}
	waiting, err := t.opened(&work{rec: crdt.New(id)})
	if err != nil {
		return nil, false, err
	}
	slices.SortFunc(waiting, func(a, b waitingPart) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, s := range steps {
		if s.Part != records.StandInPart {
			todo = append(todo, anew{Step: s})
			continue
		}
		standIn, err := records.StandInFor(t.r, id, s.Change())
		if err != nil || standIn == nil {
			return nil, false, err
		}
		for i := range waiting {
			if x := &waiting[i]; x.Replica == s.Replica && x.Seq > standIn.After && x.Seq <= s.Seq {
				todo = append(todo, anew{Step: records.Step{Replica: x.Replica, Seq: x.Seq, Part: x.Part, Bundle: x.bundle, Received: x.received}, found: x, standIn: standIn})
				any = true
			}
		}
		todo = append(todo, anew{Step: s})
	}
	return todo, any, nil
}

// joinAnew joins one step. A found change of which another before it is still
// lost gets a stand-in for that before it.
func (t *txn) joinAnew(n *rewritten, w *work, a *anew, frames *records.Frames, tables fold.Tables) error {
	if a.found == nil {
		err := frames.JoinStep(t.r, w.rec, &a.Step, tables)
		if errors.Is(err, crdt.ErrKnown) && a.Part == records.StandInPart {
			n.dropped = append(n.dropped, a.Change())
			return nil
		}
		return n.took(w, *a, err)
	}
	x := a.found
	p := crdt.WaitingPart{Header: x.header, Part: &x.part}
	if w.rec.Version.Of(x.Replica) < x.part.Prev {
		s := a.standIn.Before(w.rec, p)
		if _, err := w.rec.JoinStandIn(records.StandInHeader(t.now), s); err != nil {
			return err
		}
		n.steps = append(n.steps, anew{Step: records.Step{Replica: s.Replica, Seq: s.Seq, Part: records.StandInPart, Received: t.now}, standIn: s})
	}
	facts, err := t.factsOf(w, w.rec)
	if err != nil {
		return err
	}
	w.facts = facts
	opt := t.blindness(x.device, w, t.viewer(x.header.Author), len(w.rec.Version) == 0)
	_, err = records.JoinTold(w.rec, x.header, &x.part, opt, tables)
	a.Blind = w.blind
	return n.took(w, *a, err)
}

func (n *rewritten) took(w *work, a anew, err error) error {
	if err != nil {
		return err
	}
	if a.found == nil && n.same == len(n.steps) {
		n.same++
	}
	n.steps = append(n.steps, a)
	return nil
}

// carryOut puts the rewritten history in place of the record's.
func (t *txn) carryOut(w *work, n *rewritten) error {
	id := w.rec.ID
	w.rec = n.rec.Clone()
	facts, err := t.factsOf(w, w.rec)
	if err != nil {
		return err
	}
	w.facts = facts
	for _, c := range n.dropped {
		if err := records.DeleteBlocks(t.r, &t.b, records.StandInKey(id, c.Replica, c.Seq)); err != nil {
			return err
		}
	}
	for i := range n.steps {
		a := &n.steps[i]
		if i >= n.same {
			t.b.Put(records.StepKey(id, uint32(i)), a.Append(nil))
		}
		switch {
		case a.found != nil:
			if err := t.unlist(w, a.found.waiter, a.found.heldPart); err != nil {
				return err
			}
		case a.standIn != nil:
			if err := t.put(records.StandInKey(id, a.Replica, a.Seq), records.AppendStandIn(t.scratch[:0], a.standIn), 0); err != nil {
				return err
			}
		}
	}
	for i := uint32(len(n.steps)); i < w.Steps; i++ {
		t.b.Delete(records.StepKey(id, i))
	}
	w.Steps = uint32(len(n.steps))
	if w.Unfolded != 0 {
		if err := records.DeleteBlocks(t.r, &t.b, records.UnfoldedKey(id, w.Unfolded)); err != nil {
			return err
		}
		w.Unfolded, w.Weighed = 0, 0
	}
	return nil
}
