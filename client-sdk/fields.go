package clientsdk

import (
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/view"
)

// fieldSet is what a record and an item of a list have in common for reading.
type fieldSet interface {
	Fields() []crdt.FieldInfo
	Value(name string) (crdt.Entry, bool)
	Values(name string) []crdt.Entry
	Set(name string) []crdt.Member
	Log(name string) []crdt.LogEntry
}

// reader reads a record's fields as plain Go, opening what is sealed.
type reader struct {
	c   *Client
	rec *crdt.Record
}

// sealedMark stands for a value whose key is not on this device.
type sealedMark struct{}

// plain is a value at a place as plain Go.
func (r reader) plain(v syncproto.Value, at seal.Place) any {
	at.Record = r.rec.ID
	opened, err := r.c.open(v, at)
	if err != nil {
		return sealedMark{}
	}
	return view.Plain(opened)
}

func placeOf(field string, item syncproto.ElemID, sub string, dot syncproto.Dot) seal.Place {
	return seal.Place{Field: field, Item: item, Sub: sub, Dot: dot}
}

// field is the shown content of one field of the record in the Go values of
// package schema; ok is false when there is none.
func (r reader) field(name string, class crdt.Class) (any, bool) {
	if class == crdt.ClassList {
		out := []any{}
		for _, item := range r.rec.List(name) {
			out = append(out, r.item(name, item))
		}
		return out, len(out) > 0
	}
	if name == view.CorrectionsField {
		var out []any
		for _, e := range view.Log(r.rec, name) {
			out = append(out, view.Plain(e.Value))
		}
		return out, len(out) > 0
	}
	return r.content(r.rec, name, class, func(dot syncproto.Dot) seal.Place {
		return placeOf(name, syncproto.ElemID{}, "", dot)
	}, func() (string, bool) {
		doc := r.rec.Text(name)
		if doc == nil {
			return "", false
		}
		return doc.String(), true
	})
}

// item is one item of a list as a map of its fields, with its id.
func (r reader) item(list string, item *crdt.Item) map[string]any {
	out := map[string]any{"id": item.ID.String()}
	for _, f := range item.Fields() {
		if v, ok := r.itemField(list, item, f); ok {
			out[f.Name] = v
		}
	}
	return out
}

func (r reader) itemField(list string, item *crdt.Item, f crdt.FieldInfo) (any, bool) {
	return r.content(item, f.Name, f.Class, func(dot syncproto.Dot) seal.Place {
		return placeOf(list, item.ID, f.Name, dot)
	}, func() (string, bool) {
		doc := item.Text(f.Name)
		if doc == nil {
			return "", false
		}
		return doc.String(), true
	})
}

func (r reader) content(s fieldSet, name string, class crdt.Class, at func(syncproto.Dot) seal.Place, text func() (string, bool)) (any, bool) {
	switch class {
	case crdt.ClassText:
		return text()
	case crdt.ClassSet:
		var out []any
		for _, m := range s.Set(name) {
			out = append(out, r.plain(m.Value, at(m.Adds[0].Dot)))
		}
		return out, len(out) > 0
	case crdt.ClassLog:
		var out []any
		for _, e := range s.Log(name) {
			out = append(out, r.plain(e.Value, at(e.Dot)))
		}
		return out, len(out) > 0
	}
	e, ok := s.Value(name)
	if !ok {
		return nil, false
	}
	return r.plain(e.Value, at(e.Dot)), true
}

// classOf is the class a field is presented in: as the record has it, else as
// the schema says.
func classOf(s fieldSet, name string) (crdt.Class, bool) { return classIn(s.Fields(), name) }

func classIn(fields []crdt.FieldInfo, name string) (crdt.Class, bool) {
	for _, f := range fields {
		if f.Name == name {
			return f.Class, true
		}
	}
	return 0, false
}

// getter answers fields for conditions and required fields, and the facts that
// a device knows.
func (r reader) getter(today string) schema.Getter {
	return func(name string) (any, bool) {
		if v, ok := view.Fact(r.rec, name, today); ok {
			return v, true
		}
		class, ok := classOf(r.rec, name)
		if !ok {
			return nil, false
		}
		v, ok := r.field(name, class)
		if v == (sealedMark{}) {
			return "sealed", true // filled, whatever it is
		}
		return v, ok
	}
}
