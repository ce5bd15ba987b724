package crdt

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// FoldTable says what the ids of one fold stand for.
type FoldTable struct {
	Fold  syncproto.ReplicaID
	Table *text.Table
}

// Fold returns a copy of the record in which texts are folded, and the tables
// of these folds (SPEC.md §1.8): those texts for which worth says so, told
// their bytes as they are and folded. The copy reads the same and has the same
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
		for _, it := range f.list.items {
			if it.fields.folded() {
				return true
			}
		}
	}
	return false
}

func (t *textField) folded() bool {
	if t.doc == nil {
		return text.FoldedState(t.raw)
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
		doc, err := t.open()
		if err != nil || !doc.HasElements() {
			continue
		}
		before := t.raw
		if before == nil {
			before = doc.AppendBinary(nil)
		}
		id := f.r.foldID(at(s[i].name), ClassText)
		folded, table := doc.Fold(id)
		after := folded.AppendBinary(nil)
		if f.worth(len(before), len(after)) {
			s[i].text = &textField{raw: after}
			f.tables = append(f.tables, FoldTable{id, table})
		}
	}
}

// foldID names the fold of a text at the record's version.
func (r *Record) foldID(t target, class Class) syncproto.ReplicaID {
	b := append([]byte("chuantou/fold/1"), r.ID[:]...)
	b = append(b, byte(class))
	b = wire.AppendText(b, t.field)
	b = append(b, t.item.Replica[:]...)
	b = binary.BigEndian.AppendUint64(b, t.item.Counter)
	b = wire.AppendText(b, t.sub)
	for _, id := range r.Version.Replicas() {
		b = append(b, id[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(r.Version[id]))
	}
	sum := sha256.Sum256(b)
	return text.FoldID([16]byte(sum[:16]))
}

// UnfoldPart tells a part of author in ids that are of no fold tables knows,
// and whether that changed anything; p stays as it is. An edit that does not
// decode is left for Join to refuse. An error is that of tables.
func UnfoldPart(author syncproto.ReplicaID, p *syncproto.Part, tables text.Tables) (*syncproto.Part, bool, error) {
	var out *syncproto.Part
	for i := range p.Ops {
		if p.Ops[i].Kind != syncproto.OpText {
			continue
		}
		e, err := text.DecodeEdit(author, p.Ops[i].Edit)
		if err != nil {
			continue
		}
		told, changed, err := e.Unfold(tables)
		if err != nil {
			return nil, false, err
		}
		if !changed {
			continue
		}
		if out == nil {
			c := *p
			c.Ops = append([]syncproto.Op(nil), p.Ops...)
			out = &c
		}
		out.Ops[i].Edit = told.AppendBinary(author, nil)
	}
	if out == nil {
		return p, false, nil
	}
	return out, true, nil
}
