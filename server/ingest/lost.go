package ingest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// A change that nobody has any more keeps what was built on it waiting for ever.
// An administrator declares it lost (SPEC.md §1.10): in each record where
// something waits for it a stand-in takes its place, and what waits is joined.
// That it is lost is noted with its replica, so that what comes later and had
// seen it need not wait either. Should the change come after all, it takes its
// place in the record's history, and the stand-in goes (putback.go).

// LostRun are changes of a replica that never came.
type LostRun struct {
	Replica  syncproto.ReplicaID
	From, To syncproto.Seq
}

// Origin says what the lost changes had said of a record of which nothing is
// here: the administrator's word.
type Origin struct{ Kind, Place string }

// Declared says what was, or would be, declared lost, and what came of it.
type Declared struct {
	Lost    []LostRun
	Nothing bool // of the record is here: its Origin is needed
	Settled
}

var (
	// ErrNothingLost is returned when held work waits for nothing that never came.
	ErrNothingLost = syncproto.Errorf(syncproto.KindConflict, "这些改动等的不是没有到的前文，声明丢失不能解决").Coded("nothing-lost")
	errNoOrigin    = syncproto.Errorf(syncproto.KindBadRequest, "这条记录的开头也没有到：请写明它的类别和地点（kind、place）").Coded("lost-beginning")
)

// maxLostRuns bounds what one declaration says.
const maxLostRuns = 64

// Missing tells what a replica's held work in a record waits for that never
// came: what DeclareLost would declare.
func (in *Ingest) Missing(ctx context.Context, of Work) (out Declared, err error) {
	err = in.Store.View(ctx, 0, func(r store.Reader) error {
		t := newTxn(ctx, in, r)
		w, err := t.record(of.Record)
		if err != nil {
			return err
		}
		out.Nothing = len(w.rec.Version) == 0
		out.Lost, out.Left, err = t.missing(w, of)
		return err
	})
	return out, err
}

// DeclareLost declares, in by's name, that what Missing tells will never come.
// What waits for it is joined, by the rights of its authors; the record says
// in its log what is lost and who said so. Of a record of which nothing is here it
// needs the origin, and gives the record to the author of what waits. Rights are
// the caller's business.
func (in *Ingest) DeclareLost(ctx context.Context, by syncproto.PersonID, of Work, origin Origin) (out Declared, err error) {
	if err := in.unfold(ctx, of.Record); err != nil {
		return out, err
	}
	in.authoring.Lock()
	defer in.authoring.Unlock()
	guards := []store.Key{records.LogKey(of.Replica), records.RecordKey(of.Record)}
	_, err = in.updateWith(ctx, guards, nil, func(t *txn) (store.Batch, error) {
		if out, err = t.declareLost(by, of, origin); err != nil {
			return store.Batch{}, err
		}
		return t.finish()
	})
	return out, err
}

// unfold makes the unfolded state of a record the resident one: a stand-in is
// made anew whenever the log is replayed, and must be the same here and there.
func (in *Ingest) unfold(ctx context.Context, id syncproto.RecordID) error {
	_, err := in.rebuild(ctx, id, true)
	return err
}

func (t *txn) declareLost(by syncproto.PersonID, of Work, origin Origin) (out Declared, err error) {
	w, err := t.record(of.Record)
	if err != nil {
		return out, err
	}
	if out.Lost, out.Left, err = t.missing(w, of); err != nil {
		return out, err
	}
	if out.Nothing = len(w.rec.Version) == 0; out.Nothing {
		if _, ok := t.schema.Kind(origin.Kind); !ok || origin.Place == "" {
			return out, errNoOrigin
		}
	}
	for _, run := range out.Lost {
		log, err := t.log(run.Replica)
		if err != nil {
			return out, err
		}
		log.Lost = log.Lost.Add(run.From, run.To)
	}
	before := w.Waiting
	pen := t.in.pen(t.epoch, cmp.Or(w.facts.Place, origin.Place))
	err = t.standIn(w, origin.Kind, func(author syncproto.PersonID) error {
		return t.begin(w, pen, by, author, origin)
	})
	if err != nil || len(w.rec.Version) == 0 {
		return out, err
	}
	out.Parts = int(before - w.Waiting)
	if out.Left, err = t.heldBy(w, of); err != nil {
		return out, err
	}
	return out, t.sayLost(w, pen, by, out.Lost)
}

func (t *txn) heldBy(w *work, of Work) (n int, err error) {
	held, err := t.heldOf(w)
	for _, x := range held {
		if x.Replica == of.Replica && x.Part&records.ForkedPart == 0 {
			n++
		}
	}
	return n, err
}

// waitingPart is a held part that waits for a cause, opened.
type waitingPart struct {
	waiter
	*heldPart
}

// opened lists the parts of a record that wait for a cause.
func (t *txn) opened(w *work) (out []waitingPart, err error) {
	held, err := t.waitingFor(w)
	if err != nil {
		return nil, err
	}
	for _, x := range held {
		p, err := t.openHeld(x)
		if err != nil {
			return nil, err
		}
		if p != nil {
			out = append(out, waitingPart{x, p})
		}
	}
	return out, nil
}

// causes are the changes that a waiting part needs before it and that are not joined.
func (x *waitingPart) causes(w *work) (out []syncproto.ChangeID) {
	if prev := x.part.Prev; !w.rec.Version.Covers(x.Replica, prev) {
		out = append(out, syncproto.ChangeID{Replica: x.Replica, Seq: prev})
	}
	for _, s := range x.part.Seen {
		if !w.rec.Version.Covers(s.Replica, s.Seq) {
			out = append(out, syncproto.ChangeID{Replica: s.Replica, Seq: s.Seq})
		}
	}
	return out
}

// missing lists the changes that never came and that the work waits for, itself
// or through others that wait; and how many of its parts are held.
func (t *txn) missing(w *work, of Work) (runs []LostRun, held int, err error) {
	if held, err = t.heldBy(w, of); err != nil {
		return nil, 0, err
	}
	if held == 0 {
		return nil, 0, ErrNothingHeld
	}
	waiting, err := t.opened(w)
	if err != nil {
		return nil, 0, err
	}
	lost := map[syncproto.ReplicaID]syncproto.Ranges{}
	needed, done := map[syncproto.ChangeID]bool{}, map[int]bool{}
	for again := true; again; {
		again = false
		for i := range waiting {
			x := &waiting[i]
			if done[i] || x.Replica != of.Replica && !needed[syncproto.ChangeID{Replica: x.Replica, Seq: x.Seq}] {
				continue
			}
			done[i], again = true, true
			for _, c := range x.causes(w) {
				needed[c] = true
				if err := t.addLost(lost, w, c); err != nil {
					return nil, 0, err
				}
			}
		}
	}
	for r, ranges := range lost {
		for _, run := range ranges {
			runs = append(runs, LostRun{r, run.From, run.To})
		}
	}
	slices.SortFunc(runs, func(a, b LostRun) int {
		return cmp.Or(bytes.Compare(a.Replica[:], b.Replica[:]), cmp.Compare(a.From, b.From))
	})
	if len(runs) == 0 {
		return nil, 0, ErrNothingLost
	}
	if len(runs) > maxLostRuns {
		return nil, 0, syncproto.Errorf(syncproto.KindTooLarge, "缺的前文有 %d 段，一次最多声明 %d 段", len(runs), maxLostRuns).Coded("lost-too-many")
	}
	return runs, held, nil
}

// addLost adds a change that never came, with those before it that never did
// either and may have touched the record.
func (t *txn) addLost(lost map[syncproto.ReplicaID]syncproto.Ranges, w *work, c syncproto.ChangeID) error {
	log, err := t.log(c.Replica)
	if err != nil || c.Seq == 0 || log.Received.Contains(c.Seq) {
		return err
	}
	from := w.rec.Version.Of(c.Replica) + 1
	for _, r := range log.Received {
		if r.To < c.Seq {
			from = max(from, r.To+1)
		}
	}
	lost[c.Replica] = lost[c.Replica].Add(from, c.Seq)
	return nil
}

// standIn joins what waits in a record for changes that are declared lost: a
// stand-in for each, and after it what is free then. begin is called once the
// record is there, if nothing of it was, with the author of what waits.
func (t *txn) standIn(w *work, kind string, begin func(author syncproto.PersonID) error) error {
	for {
		waiting, err := t.opened(w)
		if err != nil {
			return err
		}
		c, author, ok, err := t.nextLost(w, waiting)
		if err != nil || !ok {
			return err
		}
		parts := make([]crdt.WaitingPart, len(waiting))
		for i := range waiting {
			parts[i] = crdt.WaitingPart{Header: waiting[i].header, Part: &waiting[i].part}
		}
		nothing := len(w.rec.Version) == 0
		s := w.rec.StandIn(c.Replica, c.Seq, kind, parts)
		if nothing && s.Kind == "" {
			return nil // nobody has said what it is
		}
		if err := t.joinStandIn(w, s); err != nil {
			t.in.Log.Warn("no stand-in", "record", w.rec.ID, "err", err)
			return nil
		}
		if nothing && begin != nil {
			if err := begin(author); err != nil {
				return err
			}
		}
		if err := t.release(w); err != nil {
			return err
		}
	}
}

// nextLost finds the first lost change of a replica that something waits for and
// that no held part of the same replica comes before; who waits is its author.
func (t *txn) nextLost(w *work, waiting []waitingPart) (first syncproto.ChangeID, author syncproto.PersonID, ok bool, err error) {
	held, err := t.heldOf(w)
	if err != nil {
		return first, author, false, err
	}
	for i := range waiting {
		for _, c := range waiting[i].causes(w) {
			log, err := t.log(c.Replica)
			if err != nil {
				return first, author, false, err
			}
			lost := log.Lost.Contains(c.Seq) && !log.Received.Contains(c.Seq)
			if !lost || ok && (c.Replica != first.Replica || c.Seq >= first.Seq) {
				continue
			}
			behind := slices.ContainsFunc(held, func(x waiter) bool {
				return x.Replica == c.Replica && x.Seq < c.Seq && x.Part&records.ForkedPart == 0 && x.Seq > w.rec.Version.Of(c.Replica)
			})
			if !behind {
				first, author, ok = c, waiting[i].header.Author, true
			}
		}
	}
	return first, author, ok, nil
}

// joinStandIn joins and stores a stand-in.
func (t *txn) joinStandIn(w *work, s *crdt.StandIn) error {
	if w.rec.Folded() {
		return errors.New("the record is folded")
	}
	after := w.rec.Clone()
	if _, err := after.JoinStandIn(records.StandInHeader(t.now), s); err != nil {
		return err
	}
	facts, err := t.factsOf(w, after)
	if err != nil {
		return err
	}
	w.rec, w.facts = after, facts
	w.dirty, w.touch = true, true
	w.steps = append(w.steps, records.Step{Replica: s.Replica, Seq: s.Seq, Part: records.StandInPart, Received: t.now})
	return t.put(records.StandInKey(w.rec.ID, s.Replica, s.Seq), records.AppendStandIn(t.scratch[:0], s), 0)
}

// begin says of a record whose beginning is lost what the administrator knows:
// where it lies, whose it is, and that it was submitted.
func (t *txn) begin(w *work, pen syncproto.ReplicaID, by, author syncproto.PersonID, origin Origin) error {
	e := w.rec.Clone().Edit(pen, nil)
	err := t.assign(e, Assignment{origin.Place, author})
	if k, _ := t.schema.Kind(origin.Kind); err == nil {
		if f, ok := k.Field("status"); ok {
			submitted := wire.Must(wire.EncodeValue(view.Submitted))
			if f.MergeClass() == schema.ClassLog {
				err = e.Log("status", submitted)
			} else {
				err = e.Set("status", submitted)
			}
		}
	}
	if err != nil {
		return err
	}
	return t.write1(pen, by, e)
}

// sayLost names in the record what is lost and who said so.
func (t *txn) sayLost(w *work, pen syncproto.ReplicaID, by syncproto.PersonID, runs []LostRun) error {
	e := w.rec.Clone().Edit(pen, nil)
	for _, run := range runs {
		entry := map[string]any{"replica": run.Replica.String(), "from": int64(run.From), "to": int64(run.To), "by": by.String()}
		if err := e.Log(crdt.LostField, wire.Must(wire.EncodeValue(entry))); err != nil {
			return err
		}
	}
	return t.write1(pen, by, e)
}

// knowsLost reports whether a part that waits knows a change that was declared
// lost: then it need not.
func (t *txn) knowsLost(w *work, h *syncproto.Header, p *syncproto.Part) (bool, error) {
	x := waitingPart{waiter{HeldPart: records.HeldPart{Replica: h.Replica}}, &heldPart{part: *p}}
	for _, c := range x.causes(w) {
		log := t.logs[c.Replica]
		if log == nil {
			l, err := records.LoadLog(t.r, c.Replica)
			if err != nil {
				return false, err
			}
			log = &l
		}
		if log.Lost.Contains(c.Seq) && !log.Received.Contains(c.Seq) {
			return true, nil
		}
	}
	return false, nil
}

// standInLater joins what waits for changes that were declared lost before it came.
func (in *Ingest) standInLater(ctx context.Context, id syncproto.RecordID) error {
	any := false
	err := in.Store.View(ctx, 0, func(r store.Reader) error {
		t := newTxn(ctx, in, r)
		w, err := t.record(id)
		if err != nil || w.Waiting == 0 {
			return err
		}
		waiting, err := t.opened(w)
		if err == nil {
			_, _, any, err = t.nextLost(w, waiting)
		}
		return err
	})
	if err != nil || !any {
		return err
	}
	if err := in.unfold(ctx, id); err != nil {
		return err
	}
	_, err = in.updateWith(ctx, []store.Key{records.RecordKey(id)}, nil, func(t *txn) (store.Batch, error) {
		w, err := t.record(id)
		if err == nil && w.Waiting > 0 {
			err = t.standIn(w, "", nil)
		}
		if err != nil {
			return store.Batch{}, fmt.Errorf("record %s: %w", id, err)
		}
		return t.finish()
	})
	return err
}
