package crdt

import (
	"math"
	"slices"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/text/edit"
)

// Edit collects what a person does to a record, on a scratch state at the
// version that his form shows, and cuts it into one part. Its methods work on
// the scratch as the joined part will, so what the form shows is what join
// gives. A method that returns an error has changed nothing.
type Edit struct {
	r       *Record
	latest  *Record            // for counters; may be r
	wrote   map[counted]uint64 // the same, of parts that neither state has
	part    syncproto.Part
	c       context
	texts   map[target]*pendingText
	typing  *pendingText   // the one edited last
	last    map[target]int // op of the last set of a value
	lamport uint64         // largest count of a log entry that the part knows
	barrier int            // ops before it must not be changed any more
	cut     bool
}

// pendingText is the one op of a text and the edits it is made of.
type pendingText struct {
	target
	op     int
	since  uint64 // counter of the change's first element
	doc    *text.Doc
	merged edit.Merger
}

// unsaved is the number of a change until Commit gives it its own.
const unsaved syncproto.Seq = math.MaxInt64

// Edit starts an edit by the replica. r is taken over as scratch: the caller
// reads it through Record, and goes on with another copy or with what Commit
// returns. latest is the replica's newest state of the record when that is
// later than r (a form that stayed open while another window saved); it gives
// the replica's counters and its previous change. nil means r.
func (r *Record) Edit(replica syncproto.ReplicaID, latest *Record) *Edit {
	if latest == nil {
		latest = r
	}
	e := &Edit{r: r, latest: latest, lamport: r.Lamport}
	e.part = syncproto.Part{Record: r.ID, Prev: latest.Version.Of(replica), Seen: r.Version.Copy()}
	r.changes = append(r.changes, change{replica: replica, seq: unsaved})
	e.c = context{r: r, seen: e.part.Seen, all: true, own: r.Version.Of(replica) == e.part.Prev, replica: replica, ch: uint32(len(r.changes) - 1)}
	return e
}

// Record is the scratch: what the form shows. Stamps of this edit's own values
// have no number or time yet.
func (e *Edit) Record() *Record { return e.r }

// Create makes the part one that may be the first of its record.
func (e *Edit) Create(kind string) error {
	switch {
	case kind == "" || len(kind) > syncproto.MaxKindBytes || !utf8.ValidString(kind):
		return invalid("kind of %d bytes", len(kind))
	case e.r.Kind != "" && e.r.Kind != kind:
		return invalid("kind %q of a record of kind %q", kind, e.r.Kind)
	}
	e.part.Kind, e.r.Kind = kind, kind
	e.r.noteEdit(e.c.replica, unsaved, 0)
	return nil
}

// Set replaces the values of a value field.
func (e *Edit) Set(field string, v syncproto.Value) error {
	return e.op(syncproto.Op{Kind: syncproto.OpSet, Field: field, Value: v})
}

// Add makes v a member of a set.
func (e *Edit) Add(field string, v syncproto.Value) error {
	return e.op(syncproto.Op{Kind: syncproto.OpAdd, Field: field, Value: v})
}

// Remove takes v out of a set; of what is not in it nothing is written.
func (e *Edit) Remove(field string, v syncproto.Value) error {
	return e.op(syncproto.Op{Kind: syncproto.OpRemove, Field: field, Value: v})
}

// Log appends v to a log.
func (e *Edit) Log(field string, v syncproto.Value) error {
	return e.op(syncproto.Op{Kind: syncproto.OpLog, Field: field, Value: v})
}

// Delete deletes the record, with a reason or nil.
func (e *Edit) Delete(reason syncproto.Value) error {
	return e.op(syncproto.Op{Kind: syncproto.OpDelete, Value: reason})
}

// Restore takes the delete marks away that the form shows.
func (e *Edit) Restore() error { return e.op(syncproto.Op{Kind: syncproto.OpRestore}) }

// Replace deletes del code points at index at of a text and inserts ins there.
func (e *Edit) Replace(field string, at, del int, ins string) error {
	return e.replace(target{field: field}, at, del, ins)
}

// SetText makes a text read final by the few insertions and deletions in
// which the two differ.
func (e *Edit) SetText(field, final string) error {
	return e.setText(target{field: field}, final)
}

// op checks one op, applies it to the scratch and takes it into the part.
func (e *Edit) op(op syncproto.Op) error {
	if err := e.fits(&op); err != nil {
		return err
	}
	t := target{op.Field, op.Item, op.Sub}
	switch op.Kind {
	case syncproto.OpSet:
		if e.setAgain(t, op.Value) {
			return nil
		}
		defer e.noteSet(t, len(e.part.Ops))
	case syncproto.OpRemove:
		f := e.r.at(t, ClassSet)
		if f == nil {
			return nil
		}
		if from, to := memberRange(f.entries, normal(op.Value)); from == to {
			return nil
		}
	case syncproto.OpLog:
		e.lamport++
		op.Lamport = e.lamport
	case syncproto.OpDelete, syncproto.OpRestore:
		e.barrier = len(e.part.Ops) + 1
	}
	e.take(op)
	return nil
}

// take applies an op that is known to fit.
func (e *Edit) take(op syncproto.Op) {
	e.c.at(uint32(len(e.part.Ops)), 0)
	e.c.apply(&op)
	e.part.Ops = append(e.part.Ops, op)
	if op.Kind != syncproto.OpDelete {
		e.r.noteEdit(e.c.replica, unsaved, uint32(len(e.part.Ops)))
	}
}

func (e *Edit) fits(op *syncproto.Op) error {
	if err := e.open(); err != nil {
		return err
	}
	if op.Kind != syncproto.OpDelete && op.Kind != syncproto.OpRestore {
		if err := e.target(target{op.Field, op.Item, op.Sub}); err != nil {
			return err
		}
	}
	return checkValue(op.Value)
}

func (e *Edit) open() error {
	switch {
	case e.cut:
		return invalid("the part is already cut")
	case len(e.part.Ops) >= syncproto.MaxOpsPerPart:
		return invalid("%d ops in one change, save first", len(e.part.Ops))
	}
	return nil
}

func (e *Edit) target(t target) error {
	if err := checkName(t.field); err != nil || t.item.IsNone() {
		return err
	}
	if err := checkName(t.sub); err != nil {
		return err
	}
	return e.item(t.field, t.item)
}

func (e *Edit) item(field string, id syncproto.ElemID) error {
	if f := e.r.fields.find(field, ClassList); f == nil || f.list.find(id) == nil {
		return invalid("no item %s in list %q", id, field)
	}
	return nil
}

// setAgain puts v in place of what this edit already set in the same field,
// unless something came in between that knew of that set.
func (e *Edit) setAgain(t target, v syncproto.Value) bool {
	op, ok := e.last[t]
	if !ok || op < e.barrier {
		return false
	}
	f := e.r.at(t, ClassValue)
	for i := range f.entries {
		if f.entries[i].ref == (ref{e.c.ch, uint32(op)}) {
			f.entries[i].value = normal(v)
		}
	}
	e.part.Ops[op].Value = v
	return true
}

func (e *Edit) noteSet(t target, op int) {
	if e.last == nil {
		e.last = map[target]int{}
	}
	e.last[t] = op
}

// Part cuts the part; false when nothing was changed. The edit takes no more
// after it.
func (e *Edit) Part() (syncproto.Part, bool) {
	if !e.cut {
		e.cut = true
		for _, p := range e.texts {
			e.part.Ops[p.op].Edit = p.merged.Edit().AppendBinary(e.c.replica, nil)
		}
		if e.part.Ops == nil {
			e.part.Ops = []syncproto.Op{}
		}
	}
	return e.part, len(e.part.Ops) > 0 || e.part.Kind != ""
}

// Commit makes the scratch the state with the cut part joined, saved under
// this header: the same as Join onto a copy of the state, without the work. It
// needs an edit that was started on the replica's newest state.
func (e *Edit) Commit(h syncproto.Header) (*Record, error) {
	r := e.r
	switch {
	case !e.cut:
		return nil, invalid("commit before the part is cut")
	case h.Replica != e.c.replica || h.Seq <= e.part.Prev:
		return nil, invalid("change %d of replica %s cannot follow change %d", h.Seq, h.Replica, e.part.Prev)
	case e.latest != r:
		return nil, invalid("commit of an edit that was started on an older state: join it")
	}
	if e.c.dotted {
		r.changes[e.c.ch] = change{replica: h.Replica, seq: h.Seq, author: h.Author, wall: h.Wall}
	} else {
		r.changes = slices.Delete(r.changes, int(e.c.ch), int(e.c.ch)+1)
	}
	for i := range r.edits {
		if x := &r.edits[i]; x.replica == h.Replica && x.seq == unsaved {
			x.seq = h.Seq
		}
	}
	if _, any := e.Part(); any {
		r.Version.Set(h.Replica, h.Seq)
	}
	r.compact()
	return r, nil
}

// Ops is how many ops the part has so far.
func (e *Edit) Ops() int { return len(e.part.Ops) }
