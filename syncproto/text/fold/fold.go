package fold

import (
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/text/column"
	"github.com/chuantou/chuantou/syncproto/text/edit"
	"github.com/chuantou/chuantou/syncproto/text/elem"
)

// Of is the id of the fold that an encoded text is of.
func Of(b []byte) (id syncproto.ReplicaID, ok bool) {
	if column.Folded(b) {
		for _, id := range column.Replicas(b) {
			if Is(id) {
				return id, true
			}
		}
	}
	return id, false
}

// Fold returns the text as it reads, as one run of elements of the fold id,
// ended by a deleted one that stands for the end, and what the elements of that
// run stand for. d itself stays as it is. It must not be folded, and not be a
// text without any element: the ids of a fold are told in the terms of the log.
func Fold(d *text.Doc, id syncproto.ReplicaID) (*text.Doc, *Table) {
	if d.Folded() || !d.HasElements() {
		panic("fold: of a text that is folded, or has no element")
	}
	authors := append(d.Replicas(), id)
	s := column.New()
	defer s.Release()
	s.Number(len(authors), func(a int32) syncproto.ReplicaID { return authors[a] })
	for k, r := range s.Replicas {
		s.First = append(s.First, int32(len(s.ByID)))
		if r != id {
			s.Floors = append(s.Floors, d.Highest(r))
			continue
		}
		s.Floors, s.ByID = append(s.Floors, 0), append(s.ByID, 0)
		s.Spans = append(s.Spans, column.Span{Author: int32(k), N: int32(d.Len() + 1), Depth: 1, Left: elem.None, Right: elem.None})
	}
	s.First = append(s.First, int32(len(s.ByID)))
	s.Run(true, int32(d.Len()))
	s.Run(false, 1)
	out, err := text.Decode(s.Append(d.AppendText(column.AppendHead(nil, true, d.Size()))))
	if err != nil {
		panic("fold: what was folded does not read: " + err.Error())
	}
	return out, tableOf(d)
}

func tableOf(d *text.Doc) *Table {
	t := &Table{}
	for r := range d.Runs() {
		if r.Deleted {
			t.Deleted(r.First)
		} else {
			t.Visible(r.First, uint64(r.N))
		}
	}
	return t
}

// Keep returns a copy in which only those of the visible elements are left
// that keep says.
func Keep(d *text.Doc, keep func(syncproto.ElemID) bool) (*text.Doc, error) {
	var drop []text.Delete
	for _, p := range d.Passages() {
		for i := range uint64(utf8.RuneCountInString(p.Text)) {
			if id := (syncproto.ElemID{Replica: p.First.Replica, Counter: p.First.Counter + i}); !keep(id) {
				drop = append(drop, text.Delete{First: id, N: 1})
			}
		}
	}
	out := d.Clone()
	return out, out.Apply(syncproto.ReplicaID{}, text.Edit{Deletes: edit.JoinDeletes(drop)})
}
