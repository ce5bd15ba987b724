package crdt

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/edit"
)

// Anew tells parts of one record that a replica wrote under an id that is spent
// as parts of another replica (SPEC.md §4.6): what it inserted is counted
// anew, and wherever those parts name their own changes or elements, the new
// names stand. So they are joined to the same effect, and what was concurrent
// with them stays so. Of the spent id's parts those from the first one on that
// is issued anew must all be given to Part, in their order.
type Anew struct {
	from  syncproto.ReplicaID
	kept  syncproto.Seq // the last change of from that stays as it is
	dots  []anewDot     // ascending
	runs  map[anewField][]anewRun
	given map[anewField]map[syncproto.ReplicaID]uint64 // highest counter
	prev  map[syncproto.ReplicaID]syncproto.Seq
}

// anewDot is a change with its new name.
type anewDot struct {
	old syncproto.Seq
	now syncproto.ChangeID
}

// anewField is a text, or the places of a list.
type anewField struct {
	target
	places bool
}

// anewRun is n elements of one field with the new name of the first.
type anewRun struct {
	old, n uint64
	now    syncproto.ElemID
}

// NewAnew returns an Anew for parts of a record that from wrote.
func NewAnew(from syncproto.ReplicaID) *Anew {
	return &Anew{from: from, runs: map[anewField][]anewRun{}, given: map[anewField]map[syncproto.ReplicaID]uint64{},
		prev: map[syncproto.ReplicaID]syncproto.Seq{}}
}

// Part tells the part of change old as one of change now, whose replica must
// have written nothing to the record but what this Anew gave it. p stays as it
// is. An edit of a text that does not decode stays too: it is for Join to refuse.
func (a *Anew) Part(old syncproto.Seq, p *syncproto.Part, now syncproto.ChangeID) *syncproto.Part {
	if len(a.dots) == 0 {
		a.kept = p.Prev
	}
	out := *p
	out.Seen, out.Prev = a.seen(p.Seen), a.prev[now.Replica]
	out.Ops = slices.Clone(p.Ops)
	for i := range out.Ops {
		a.op(&out.Ops[i], now.Replica, true)
	}
	a.dots = append(a.dots, anewDot{old, now})
	a.prev[now.Replica] = now.Seq
	return &out
}

// Later tells a part that author made on a state in the old names: its own
// elements and its place in author's chain stay.
func (a *Anew) Later(author syncproto.ReplicaID, p *syncproto.Part) *syncproto.Part {
	out := *p
	out.Seen, out.Ops = a.seen(p.Seen), slices.Clone(p.Ops)
	for i := range out.Ops {
		a.op(&out.Ops[i], author, false)
	}
	return &out
}

// Item is what an item of the list field is called.
func (a *Anew) Item(field string, id syncproto.ElemID) syncproto.ElemID {
	now, _ := a.name(anewField{target{field: field}, true}, id)
	return now
}

// seen tells a version: what it has of the old id's changes it has of the new ones.
func (a *Anew) seen(v syncproto.VersionVector) syncproto.VersionVector {
	last := v.Of(a.from)
	out := v.Copy()
	if len(a.dots) == 0 || last < a.dots[0].old {
		return out
	}
	out.Set(a.from, a.kept)
	for _, d := range a.dots {
		if d.old <= last {
			out.Set(d.now.Replica, max(out.Of(d.now.Replica), d.now.Seq))
		}
	}
	return out
}

// op tells one op. count: it is one of the old id's, and what it inserts is
// counted anew.
func (a *Anew) op(op *syncproto.Op, author syncproto.ReplicaID, count bool) {
	field := anewField{target{op.Field, op.Item, op.Sub}, false}
	places := anewField{target{field: op.Field}, true}
	op.Item, _ = a.name(places, op.Item)
	switch op.Kind {
	case syncproto.OpText:
		a.text(op, field, author, count)
	case syncproto.OpItemInsert, syncproto.OpItemMove:
		if count {
			op.Counter = a.count(places, op.Counter, 1, author)
		}
		op.Left, _ = a.name(places, op.Left)
		op.Right, _ = a.name(places, op.Right)
	}
}

func (a *Anew) text(op *syncproto.Op, field anewField, author syncproto.ReplicaID, count bool) {
	was := author
	if count {
		was = a.from
	}
	e, err := edit.Decode(was, op.Edit)
	if err != nil {
		return
	}
	var first uint64
	if len(e.Inserts) > 0 {
		first = e.Inserts[0].Counter
	}
	if n := e.Inserted(); count && n > 0 {
		first = a.count(field, first, n, author)
	}
	op.Edit = e.Renamed(author, first, func(id syncproto.ElemID) (syncproto.ElemID, uint64) { return a.name(field, id) }).AppendBinary(author, nil)
}

// count gives n elements from old on their new counters and returns the first.
func (a *Anew) count(f anewField, old, n uint64, to syncproto.ReplicaID) (first uint64) {
	if a.given[f] == nil {
		a.given[f] = map[syncproto.ReplicaID]uint64{}
	}
	first = a.given[f][to] + 1
	a.given[f][to] += n
	a.runs[f] = append(a.runs[f], anewRun{old, n, syncproto.ElemID{Replica: to, Counter: first}})
	return first
}

// name is what an element is called, and for how many from it on the ids follow.
func (a *Anew) name(f anewField, id syncproto.ElemID) (now syncproto.ElemID, n uint64) {
	if id.IsNone() || id.Replica != a.from {
		return id, 0
	}
	runs := a.runs[f]
	for i := range runs {
		r := &runs[i]
		switch {
		case id.Counter < r.old:
			return id, r.old - id.Counter // counters rise from part to part
		case id.Counter < r.old+r.n:
			k := id.Counter - r.old
			return syncproto.ElemID{Replica: r.now.Replica, Counter: r.now.Counter + k}, r.n - k
		}
	}
	return id, 0
}
