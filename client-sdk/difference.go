package clientsdk

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/seal"
)

// differ fills a draft with what makes one state read like another.
type differ struct {
	to, from reader
	d        *Draft
}

func (x *differ) value(kind editKind, e edit, v syncproto.Value, at seal.Place) {
	at.Record = x.d.record
	plain, err := x.to.c.open(v, at)
	if err != nil {
		x.d.fail(e.Field, err)
		return
	}
	e.Kind, e.Value = kind, plain
	x.d.put(e)
}

// fields compares the fields of the record, or of one item.
func (x *differ) fields(to, from fieldSet, ref ItemRef, item syncproto.ElemID, list string) {
	for _, f := range to.Fields() {
		if f.Name == seal.KeysField || f.Class == crdt.ClassList {
			continue
		}
		e := edit{Field: f.Name}
		if list != "" {
			e = edit{Field: list, Item: ref, Sub: f.Name}
		}
		at := func(dot syncproto.Dot) seal.Place { return placeOf(e.Field, item, e.Sub, dot) }
		switch f.Class {
		case crdt.ClassText:
			x.text(e, to, from, f.Name)
		case crdt.ClassSet:
			x.set(e, to.Set(f.Name), from.Set(f.Name), at)
		case crdt.ClassLog:
			for _, entry := range to.Log(f.Name) {
				if !slices.ContainsFunc(from.Log(f.Name), func(o crdt.LogEntry) bool { return o.Dot == entry.Dot }) {
					x.value(editLog, e, entry.Value, at(entry.Dot))
				}
			}
		default:
			if v, ok := to.Value(f.Name); ok && !sameDots(to.Values(f.Name), from.Values(f.Name)) {
				x.value(editSet, e, v.Value, at(v.Dot))
			}
		}
	}
}

func (x *differ) text(e edit, to, from fieldSet, name string) {
	now, was := textIn(to, name), textIn(from, name)
	if now != was {
		e.Kind, e.Text = editText, now
		x.d.put(e)
	}
}

func (x *differ) set(e edit, to, from []crdt.Member, at func(syncproto.Dot) seal.Place) {
	has := func(ms []crdt.Member, v syncproto.Value) bool {
		return slices.ContainsFunc(ms, func(m crdt.Member) bool { return string(m.Value) == string(v) })
	}
	for _, m := range to {
		if !has(from, m.Value) {
			x.value(editAdd, e, m.Value, at(m.Adds[0].Dot))
		}
	}
	for _, m := range from {
		if !has(to, m.Value) {
			x.value(editRemove, e, m.Value, at(m.Adds[0].Dot))
		}
	}
}

// lists compares items. New ones go to the end, in their order.
func (x *differ) lists() {
	for _, f := range x.to.rec.Fields() {
		if f.Class != crdt.ClassList {
			continue
		}
		for _, item := range x.to.rec.Items(f.Name, true) {
			old := x.from.rec.Item(f.Name, item.ID)
			switch {
			case old == nil && item.Removed:
				continue
			case old == nil:
				ref := x.d.nextItem(f.Name)
				x.d.put(edit{Kind: editNewItem, Field: f.Name, Item: ref})
				x.fields(item, crdt.New(x.d.record), ref, item.ID, f.Name)
				continue
			case item.Removed && !old.Removed:
				x.d.put(edit{Kind: editDelItem, Field: f.Name, Item: ItemRef(item.ID.String())})
				continue
			case !item.Removed && old.Removed:
				x.d.put(edit{Kind: editOldItem, Field: f.Name, Item: ItemRef(item.ID.String())})
			}
			x.fields(item, old, ItemRef(item.ID.String()), item.ID, f.Name)
		}
	}
}

func (x *differ) marks() {
	switch to, from := x.to.rec.Deleted(), x.from.rec.Deleted(); {
	case to && !from:
		e := edit{Kind: editDelete}
		for _, m := range x.to.rec.DeleteMarks() {
			e.Value = m.Reason
		}
		x.d.put(e)
	case from && !to:
		x.d.put(edit{Kind: editRestore})
	}
}

func sameDots(a, b []crdt.Entry) bool {
	return slices.EqualFunc(a, b, func(x, y crdt.Entry) bool { return x.Dot == y.Dot })
}

func textIn(s fieldSet, name string) string {
	switch s := s.(type) {
	case *crdt.Record:
		if doc := s.Text(name); doc != nil {
			return doc.String()
		}
	case *crdt.Item:
		if doc := s.Text(name); doc != nil {
			return doc.String()
		}
	}
	return ""
}
