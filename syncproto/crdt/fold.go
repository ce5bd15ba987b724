package crdt

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/text/column"
	"github.com/chuantou/chuantou/syncproto/text/edit"
	"github.com/chuantou/chuantou/syncproto/text/fold"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// FoldTable says what the ids of one fold stand for.
type FoldTable struct {
	Fold  syncproto.ReplicaID
	Table *fold.Table
}

// Fold returns a copy of the record in which texts are folded, and the tables
// of these folds (SPEC.md §1.8): those texts, the places of lists among them,
// for which worth says so, told their bytes as they are and folded. The copy reads the same and has the same
// digest. r must not be folded itself. Without any table nothing was folded.
func (r *Record) Fold(worth func(before, after int) bool) (*Record, []FoldTable) {
	f := folder{r: r, worth: worth}
	out := r.Clone()
	f.fields(out.fields, func(name string) target { return target{field: name} })
	for i := range out.fields {
		l := &out.fields[i]
		if l.list == nil {
			continue
		}
		f.places(l)
		for _, it := range l.list.items {
			f.fields(it.fields, func(sub string) target { return target{l.name, it.id, sub} })
		}
	}
	return out, f.tables
}

// Folded reports whether some text of the record is folded: then a part may be
// late for it (MissingError.Late).
func (r *Record) Folded() bool {
	return r.fields.folded()
}

func (s fieldSet) folded() bool {
	for i := range s {
		f := &s[i]
		if f.text != nil && f.text.folded() {
			return true
		}
		if f.list == nil {
			continue
		}
		if f.list.places.folded() || slices.ContainsFunc(f.list.items, func(it *item) bool { return it.fields.folded() }) {
			return true
		}
	}
	return false
}

func (t *textField) folded() bool {
	if t.doc == nil {
		return column.Folded(t.raw)
	}
	return t.doc.Folded()
}

type folder struct {
	r      *Record
	worth  func(before, after int) bool
	tables []FoldTable
}

// fields folds the texts of a copied field set. One that is damaged is left to Verify.
func (f *folder) fields(s fieldSet, at func(name string) target) {
	for i := range s {
		t := s[i].text
		if t == nil {
			continue
		}
		if doc, err := t.open(); err == nil && doc.HasElements() {
			f.fold(t, doc, f.r.foldID(at(s[i].name), ClassText))
		}
	}
}

// fold puts the fold of doc in place of t, if it is worth it.
func (f *folder) fold(t *textField, doc *text.Doc, id syncproto.ReplicaID) *fold.Table {
	before := t.raw
	if before == nil {
		before = t.doc.AppendBinary(nil)
	}
	folded, table := fold.Fold(doc, id)
	after := folded.AppendBinary(nil)
	if !f.worth(len(before), len(after)) {
		return nil
	}
	*t = textField{raw: after}
	f.tables = append(f.tables, FoldTable{id, table})
	return table
}

// places folds a copied list's places: those that an item stands at, or would
// if another move were undone, are the visible ones. Items keep their ids, by
// which ops name them.
func (f *folder) places(l *field) {
	doc, err := l.list.places.open()
	if err != nil || !doc.HasElements() {
		return
	}
	live := map[syncproto.ElemID]*syncproto.ElemID{}
	for _, it := range l.list.items {
		for i := range it.places {
			live[it.places[i].at] = &it.places[i].at
		}
	}
	doc, err = fold.Keep(doc, func(id syncproto.ElemID) bool { return live[id] != nil })
	if err != nil {
		return
	}
	id := f.r.foldID(target{field: l.name}, ClassList)
	table := f.fold(&l.list.places, doc, id)
	if table == nil {
		return
	}
	table.Elements(func(first syncproto.ElemID, n, k uint64) {
		for i := range n {
			*live[syncproto.ElemID{Replica: first.Replica, Counter: first.Counter + i}] = syncproto.ElemID{Replica: id, Counter: k + i}
		}
	})
}

// foldID names the fold of a text at the record's version.
func (r *Record) foldID(t target, class Class) syncproto.ReplicaID {
	b := append([]byte("chuantou/fold/1"), r.ID[:]...)
	b = append(b, byte(class))
	b = wire.AppendText(b, t.field)
	b = append(b, t.item.Replica[:]...)
	b = binary.BigEndian.AppendUint64(b, t.item.Counter)
	b = wire.AppendText(b, t.sub)
	for _, x := range r.Version {
		b = append(b, x.Replica[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(x.Seq))
	}
	sum := sha256.Sum256(b)
	return fold.ID([16]byte(sum[:16]))
}

// UnfoldPart tells a part of author in ids that are of no fold tables knows,
// and whether that changed anything; p stays as it is. An edit that does not
// decode is left for Join to refuse. An error is that of tables.
func UnfoldPart(author syncproto.ReplicaID, p *syncproto.Part, tables fold.Tables) (*syncproto.Part, bool, error) {
	out := *p
	out.Ops = slices.Clone(p.Ops)
	any := false
	for i := range out.Ops {
		changed, err := unfoldOp(author, &out.Ops[i], tables)
		if err != nil {
			return nil, false, err
		}
		any = any || changed
	}
	if !any {
		return p, false, nil
	}
	return &out, true, nil
}

func unfoldOp(author syncproto.ReplicaID, op *syncproto.Op, tables fold.Tables) (changed bool, err error) {
	switch op.Kind {
	case syncproto.OpText:
		e, err := edit.Decode(author, op.Edit)
		if err != nil {
			return false, nil
		}
		told, changed, err := tables.Unfold(e)
		if changed {
			op.Edit = told.AppendBinary(author, nil)
		}
		return changed, err
	case syncproto.OpItemInsert, syncproto.OpItemMove:
		op.Left, op.Right, changed, err = tables.Origins(op.Left, op.Right)
	}
	return changed, err
}
