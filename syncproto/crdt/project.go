package crdt

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
)

// Project returns a copy that holds only what include admits: it is asked for
// each field of the record (name, none, ""), for each item of an admitted list
// (name, id, "") and for each field of an admitted item (name, id, sub).
// Hidden items stay as stubs, ids without content, so that places keep their
// order. Version, latest edits, delete marks and the Lamport count stay: what
// a reader writes on the projection joins onto the whole.
func (r *Record) Project(include func(field string, item syncproto.ElemID, sub string) bool) *Record {
	c := *r
	c.Version = r.Version.Copy()
	c.edits = slices.Clone(r.edits)
	c.marks = slices.Clone(r.marks)
	c.changes = slices.Clone(r.changes)
	c.fields = make(fieldSet, 0, len(r.fields))
	for i := range r.fields {
		f := &r.fields[i]
		if !include(f.name, syncproto.ElemID{}, "") {
			c.Partial = true
			continue
		}
		if f.list == nil {
			c.fields = append(c.fields, f.clone())
			continue
		}
		l, all := f.list.project(func(id syncproto.ElemID, sub string) bool { return include(f.name, id, sub) })
		if !all {
			c.Partial = true
		}
		c.fields = append(c.fields, field{name: f.name, class: ClassList, list: l})
	}
	return &c
}

// project copies the list; all is false when something was left out.
func (l *list) project(include func(id syncproto.ElemID, sub string) bool) (out *list, all bool) {
	out, all = &list{places: *l.places.clone(), items: make([]*item, len(l.items))}, true
	for i, it := range l.items {
		if !include(it.id, "") {
			out.items[i] = &item{id: it.id}
			all = all && it.hidden()
			continue
		}
		shown := &item{id: it.id, life: slices.Clone(it.life), places: slices.Clone(it.places)}
		for j := range it.fields {
			if f := &it.fields[j]; include(it.id, f.name) {
				shown.fields = append(shown.fields, f.clone())
			} else {
				all = false
			}
		}
		out.items[i] = shown
	}
	return out, all
}
