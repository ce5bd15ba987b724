package crdt_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/edit"
)

// saved is one part as it was saved.
type saved struct {
	h syncproto.Header
	p syncproto.Part
}

func (s *saved) dot(op int) syncproto.Dot {
	return syncproto.Dot{Replica: s.h.Replica, Seq: s.h.Seq, Op: uint32(op)}
}

// model is the slow and obvious record: it keeps the joined parts as a set and
// computes what is shown from the definitions of SPEC.md §1, op by op.
type model struct{ parts []saved }

// opRef is an op with the part it stands in.
type opRef struct {
	s *saved
	i int
}

func (o opRef) op() *syncproto.Op  { return &o.s.p.Ops[o.i] }
func (o opRef) dot() syncproto.Dot { return o.s.dot(o.i) }
func (o opRef) stamp() string      { return fmt.Sprintf("%s@%d", o.dot(), o.s.h.Wall) }

// knows is the context of an op: what its part has seen, and what earlier ops
// of its part did.
func (o opRef) knows(d syncproto.Dot) bool {
	if d.Replica == o.s.h.Replica && d.Seq == o.s.h.Seq {
		return int(d.Op) < o.i
	}
	return o.s.p.Seen.Of(d.Replica) >= d.Seq
}

// ops lists all ops that satisfy is.
func (m *model) ops(is func(op *syncproto.Op) bool) []opRef {
	var out []opRef
	for i := range m.parts {
		for j := range m.parts[i].p.Ops {
			if is(&m.parts[i].p.Ops[j]) {
				out = append(out, opRef{&m.parts[i], j})
			}
		}
	}
	slices.SortFunc(out, func(a, b opRef) int { return a.dot().Compare(b.dot()) })
	return out
}

// live lists those of the makers that no remover knows.
func live(makers, removers []opRef) []opRef {
	return slices.DeleteFunc(slices.Clone(makers), func(x opRef) bool {
		return slices.ContainsFunc(removers, func(y opRef) bool { return y.knows(x.dot()) })
	})
}

type where struct {
	field string
	item  syncproto.ElemID
	sub   string
}

func (w where) is(op *syncproto.Op, kinds ...syncproto.OpKind) bool {
	return op.Field == w.field && op.Item == w.item && op.Sub == w.sub && slices.Contains(kinds, op.Kind)
}

func (m *model) on(w where, kinds ...syncproto.OpKind) []opRef {
	return m.ops(func(op *syncproto.Op) bool { return w.is(op, kinds...) })
}

func (m *model) values(w where) []opRef {
	sets := m.on(w, syncproto.OpSet)
	return live(sets, sets)
}

func (m *model) members(w where) []opRef {
	var out []opRef
	for _, a := range m.on(w, syncproto.OpAdd) {
		same := m.ops(func(op *syncproto.Op) bool {
			return w.is(op, syncproto.OpAdd, syncproto.OpRemove) && bytes.Equal(op.Value, a.op().Value)
		})
		out = append(out, live([]opRef{a}, same)...)
	}
	slices.SortStableFunc(out, func(a, b opRef) int { return bytes.Compare(a.op().Value, b.op().Value) })
	return out
}

func (m *model) log(w where) []opRef {
	out := m.on(w, syncproto.OpLog)
	slices.SortStableFunc(out, func(a, b opRef) int { return int(a.op().Lamport) - int(b.op().Lamport) })
	return out
}

// marks lists the live delete marks.
func (m *model) marks() []opRef {
	return live(m.ops(func(op *syncproto.Op) bool { return op.Kind == syncproto.OpDelete }),
		m.ops(func(op *syncproto.Op) bool { return op.Kind == syncproto.OpDelete || op.Kind == syncproto.OpRestore }))
}

// deleted: a mark is live, and each replica's latest edit is known to one. An
// op knows the whole past of its own replica when its part has seen it. In
// conflict is what is not deleted and has a live mark, or an edit and a delete
// of which no later decision knew both.
func (m *model) deleted() (deleted, conflict bool) {
	marks := m.marks()
	deleted = len(marks) > 0
	for _, e := range m.lastEdits() {
		deleted = deleted && slices.ContainsFunc(marks, func(k opRef) bool { return k.voids(e) })
	}
	return deleted, !deleted && (len(marks) > 0 || m.anyUnsettled())
}

// anyUnsettled asks of every delete, known to another or not.
func (m *model) anyUnsettled() bool {
	deletes := m.ops(func(op *syncproto.Op) bool { return op.Kind == syncproto.OpDelete })
	ends := m.ops(func(op *syncproto.Op) bool { return op.Kind == syncproto.OpDelete || op.Kind == syncproto.OpRestore })
	return slices.ContainsFunc(deletes, func(d opRef) bool { return m.unsettled(d, ends) })
}

// disputed lists the deletes that a record is deleted by or in conflict over:
// those known to no other delete, and of these the live ones and those with an
// edit of which neither knows the other, nor a restore or delete both.
func (m *model) disputed() []opRef {
	deletes := m.ops(func(op *syncproto.Op) bool { return op.Kind == syncproto.OpDelete })
	ends := m.ops(func(op *syncproto.Op) bool { return op.Kind == syncproto.OpDelete || op.Kind == syncproto.OpRestore })
	return slices.DeleteFunc(live(deletes, deletes), func(d opRef) bool {
		return len(live([]opRef{d}, ends)) == 0 && !m.unsettled(d, ends)
	})
}

func (m *model) unsettled(d opRef, ends []opRef) bool {
	return slices.ContainsFunc(m.edits(), func(e opRef) bool {
		return !e.knows(d.dot()) && !d.knowsEdit(e) &&
			!slices.ContainsFunc(ends, func(x opRef) bool { return x.knows(d.dot()) && x.knowsEdit(e) })
	})
}

// edits lists every op but deletes, and creations as ops before the first.
func (m *model) edits() []opRef {
	out := m.ops(func(op *syncproto.Op) bool { return op.Kind != syncproto.OpDelete })
	for i := range m.parts {
		if m.parts[i].p.Kind != "" {
			out = append(out, opRef{&m.parts[i], -1})
		}
	}
	return out
}

// knowsEdit is knows for what may be a creation.
func (o opRef) knowsEdit(e opRef) bool {
	if e.s == o.s {
		return e.i < o.i
	}
	return o.s.p.Seen.Of(e.s.h.Replica) >= e.s.h.Seq
}

// editDot is an edit dot: op is the index + 1, 0 for the creation.
type editDot struct {
	replica syncproto.ReplicaID
	seq     syncproto.Seq
	op      int
}

func (m *model) lastEdits() map[syncproto.ReplicaID]editDot {
	last := map[syncproto.ReplicaID]editDot{}
	note := func(e editDot) {
		if l, ok := last[e.replica]; !ok || l.seq < e.seq || l.seq == e.seq && l.op < e.op {
			last[e.replica] = e
		}
	}
	for _, s := range m.parts {
		if s.p.Kind != "" {
			note(editDot{s.h.Replica, s.h.Seq, 0})
		}
		for i := range s.p.Ops {
			if s.p.Ops[i].Kind != syncproto.OpDelete {
				note(editDot{s.h.Replica, s.h.Seq, i + 1})
			}
		}
	}
	return last
}

func (o opRef) voids(e editDot) bool {
	if o.s.p.Seen.Of(e.replica) >= e.seq {
		return true
	}
	sawOwn := o.s.p.Seen.Of(o.s.h.Replica) == o.s.p.Prev
	return sawOwn && e.replica == o.s.h.Replica && e.seq == o.s.h.Seq && e.op <= o.i
}

// shown picks the value to show first, straight from the words of SPEC.md §1.5.
func shown(live []opRef) opRef {
	walls := func(a, b opRef) int {
		switch {
		case a.s.h.Wall < b.s.h.Wall:
			return -1
		case a.s.h.Wall > b.s.h.Wall:
			return 1
		}
		return 0
	}
	all := slices.Clone(live)
	slices.SortFunc(all, walls)
	groups := [][]opRef{all}
	if far(all[0], all[len(all)-1]) {
		groups = [][]opRef{{all[0]}}
		for i := 1; i < len(all); i++ {
			if far(all[i-1], all[i]) {
				groups = append(groups, nil)
			}
			groups[len(groups)-1] = append(groups[len(groups)-1], all[i])
		}
	}
	best := slices.MinFunc(groups, func(a, b []opRef) int { return bytes.Compare(lowest(a), lowest(b)) })
	latest := slices.MaxFunc(best, walls).s.h.Wall
	return slices.MinFunc(slices.DeleteFunc(slices.Clone(best), func(o opRef) bool { return o.s.h.Wall != latest }),
		func(a, b opRef) int { return bytes.Compare(hash(a), hash(b)) })
}

func far(a, b opRef) bool {
	gap := new(big.Int).Sub(big.NewInt(b.s.h.Wall), big.NewInt(a.s.h.Wall))
	return gap.Cmp(big.NewInt(200*24*3600*1000)) > 0
}

func lowest(group []opRef) []byte {
	return hash(slices.MinFunc(group, func(a, b opRef) int { return bytes.Compare(hash(a), hash(b)) }))
}

func hash(o opRef) []byte {
	d, op := o.dot(), o.op()
	name := op.Field
	switch {
	case op.Kind != syncproto.OpSet: // a place
		name = ""
	case !op.Item.IsNone():
		name = op.Sub
	}
	b := slices.Concat(o.s.p.Record[:], d.Replica[:])
	b = binary.BigEndian.AppendUint64(b, uint64(d.Seq))
	b = binary.BigEndian.AppendUint32(b, d.Op)
	b = binary.BigEndian.AppendUint64(b, uint64(o.s.h.Wall))
	sum := sha256.Sum256(append(b, name...))
	return sum[:8]
}

// text gives the visible text and, for lists, the order of all elements.
func (m *model) text(w where) (string, []syncproto.ElemID) {
	t := newTree()
	gone := map[syncproto.ElemID]bool{}
	for _, o := range m.byCause() {
		op := o.op()
		if !w.is(op, syncproto.OpText) {
			continue
		}
		e, err := edit.Decode(o.s.h.Replica, op.Edit)
		if err != nil {
			panic(err)
		}
		for _, in := range e.Inserts {
			left := in.Left
			for i, c := range []rune(in.Text) {
				id := syncproto.ElemID{Replica: o.s.h.Replica, Counter: in.Counter + uint64(i)}
				t.insert(id, left, in.Right, c)
				left = id
			}
		}
		for _, d := range e.Deletes {
			for i := range d.N {
				gone[syncproto.ElemID{Replica: d.First.Replica, Counter: d.First.Counter + uint64(i)}] = true
			}
		}
	}
	var b strings.Builder
	order := t.order()
	for _, id := range order {
		if !gone[id] {
			b.WriteRune(t.nodes[id].char)
		}
	}
	return b.String(), order
}

// byCause lists all ops so that what an op refers to comes before it.
func (m *model) byCause() []opRef {
	var out []opRef
	var done syncproto.VersionVector
	for progress := true; progress; {
		progress = false
		for i := range m.parts {
			s := &m.parts[i]
			if done.Of(s.h.Replica) != s.p.Prev || done.Of(s.h.Replica) >= s.h.Seq || !s.p.Seen.LessEqual(done) {
				continue
			}
			done.Set(s.h.Replica, s.h.Seq)
			progress = true
			for j := range s.p.Ops {
				out = append(out, opRef{s, j})
			}
		}
	}
	return out
}

// items lists a list's items in shown order.
func (m *model) items(field string) []syncproto.ElemID {
	t := newTree()
	var ids []syncproto.ElemID
	for _, o := range m.byCause() {
		op := o.op()
		if op.Field != field || op.Kind != syncproto.OpItemInsert && op.Kind != syncproto.OpItemMove {
			continue
		}
		id := syncproto.ElemID{Replica: o.s.h.Replica, Counter: op.Counter}
		t.insert(id, op.Left, op.Right, '.')
		if op.Kind == syncproto.OpItemInsert {
			ids = append(ids, id)
		}
	}
	order := t.order()
	slices.SortFunc(ids, func(a, b syncproto.ElemID) int {
		return slices.Index(order, m.place(field, a)) - slices.Index(order, m.place(field, b))
	})
	return ids
}

func isInsert(o opRef, field string, id syncproto.ElemID) bool {
	op := o.op()
	return op.Kind == syncproto.OpItemInsert && op.Field == field && o.s.h.Replica == id.Replica && op.Counter == id.Counter
}

// about lists the ops on an item, its insert among them.
func (m *model) about(field string, id syncproto.ElemID) []opRef {
	all := m.ops(func(op *syncproto.Op) bool {
		return op.Field == field && (op.Item == id || op.Kind == syncproto.OpItemInsert)
	})
	return slices.DeleteFunc(all, func(o opRef) bool { return o.op().Kind == syncproto.OpItemInsert && !isInsert(o, field, id) })
}

// place is where the item stands: the shown one of its live places.
func (m *model) place(field string, id syncproto.ElemID) syncproto.ElemID {
	places := slices.DeleteFunc(m.about(field, id), func(o opRef) bool {
		return o.op().Kind != syncproto.OpItemInsert && o.op().Kind != syncproto.OpItemMove
	})
	moves := slices.DeleteFunc(slices.Clone(places), func(o opRef) bool { return o.op().Kind != syncproto.OpItemMove })
	o := shown(live(places, moves))
	return syncproto.ElemID{Replica: o.s.h.Replica, Counter: o.op().Counter}
}

// life lists the live dots that keep an item visible.
func (m *model) life(field string, id syncproto.ElemID) []opRef {
	about := m.about(field, id)
	makers := slices.DeleteFunc(slices.Clone(about), func(o opRef) bool { return o.op().Kind == syncproto.OpItemRemove })
	return live(makers, about)
}
