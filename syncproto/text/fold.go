package text

import (
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/column"
	"github.com/chuantou/chuantou/syncproto/text/edit"
	"github.com/chuantou/chuantou/syncproto/text/fold"
)

// Folded reports whether elements of this text were folded away: their ids are
// missing here although they are below a replica's highest.
func (d *Doc) Folded() bool { return d.folded }

// StateFold is the id of the fold that an encoded text is of.
func StateFold(b []byte) (id syncproto.ReplicaID, ok bool) {
	if column.Folded(b) {
		for _, id := range column.Replicas(b) {
			if fold.Is(id) {
				return id, true
			}
		}
	}
	return id, false
}

// Fold returns the text as it reads, as one run of elements of the fold id,
// ended by a deleted one that stands for the end, and what the elements of that
// run stand for (SPEC.md §1.8). d itself stays as it is. It must not be folded,
// and not be a text without any element: the ids of a fold are told in the terms
// of the log.
func (d *Doc) Fold(id syncproto.ReplicaID) (*Doc, *fold.Table) {
	d.open()
	if d.folded || d.elements == 0 {
		panic("text: fold of a text that is folded, or has no element")
	}
	n := int32(d.elems.Len())
	s := column.New()
	defer s.Release()
	order, _ := s.Number(int(n)+1, func(a int32) syncproto.ReplicaID {
		if a == n {
			return id
		}
		return d.elems.Replica(a)
	})
	for k, a := range order {
		s.First = append(s.First, int32(len(s.ByID)))
		if a < n {
			s.Floors = append(s.Floors, d.elems.Highest(d.elems.Replica(a)))
			continue
		}
		s.Floors, s.ByID = append(s.Floors, 0), append(s.ByID, 0)
		s.Spans = append(s.Spans, column.Span{Author: int32(k), N: int32(d.chars + 1), Depth: 1, Left: none, Right: none})
	}
	s.First = append(s.First, int32(len(s.ByID)))
	s.Run(true, int32(d.chars))
	s.Run(false, 1)
	b := s.Append(d.AppendText(column.AppendHead(nil, true, d.live)))
	plain := b[column.TextAt(b):][:d.live]
	return &Doc{raw: b, plain: plain, chars: d.chars, elements: d.chars + 1, folded: true}, d.table()
}

func (d *Doc) table() *fold.Table {
	t := &fold.Table{}
	for slot := range d.order.All() {
		it := &d.items[slot]
		if first := d.elems.ID(it.element(0)); it.size > 0 {
			t.Visible(first, uint64(it.n))
		} else {
			t.Deleted(first)
		}
	}
	return t
}

// Keep returns a copy in which only those of the visible elements are left
// that keep says.
func (d *Doc) Keep(keep func(syncproto.ElemID) bool) (*Doc, error) {
	var drop []Delete
	for _, p := range d.Passages() {
		for i := range uint64(utf8.RuneCountInString(p.Text)) {
			if id := (syncproto.ElemID{Replica: p.First.Replica, Counter: p.First.Counter + i}); !keep(id) {
				drop = append(drop, Delete{First: id, N: 1})
			}
		}
	}
	out := d.Clone()
	return out, out.Apply(syncproto.ReplicaID{}, Edit{Deletes: edit.JoinDeletes(drop)})
}
