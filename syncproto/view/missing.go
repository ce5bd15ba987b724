package view

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// The record statuses. 已作废 is told from the record's delete marks.
const (
	Draft     = "草稿"
	Submitted = "已提交"
	Archived  = "已归档"
	Voided    = "已作废"
)

// Status is how far the record has come: the furthest of its status entries
// counts, so that one 提交 submits a record that two are writing; "" before the
// first.
func Status(rec *crdt.Record) string {
	rank := []string{"", Draft, Submitted, Archived}
	best := 0
	take := func(v syncproto.Value) {
		s, _ := wire.TextOf(v)
		best = max(best, slices.Index(rank, s))
	}
	for _, e := range rec.Values("status") {
		take(e.Value)
	}
	for _, e := range InForce(rec, rec.Log("status")) {
		take(e.Value)
	}
	return rank[best]
}

// Status is what is shown of it: 已作废 while the record is.
func (l *Look) Status() string {
	if l.Deleted() {
		return Voided
	}
	return Status(l.Record)
}

// Missing lists the required fields that a submitted record came to lack in a
// merge (待补). Who does not see all of the record is told of none.
func (l *Look) Missing() []*schema.Field {
	status := l.Status()
	if l.Kind == nil || l.Kind.Reference || l.Partial || status != Submitted && status != Archived {
		return nil
	}
	out := l.Kind.Missing(l.get)
	return slices.DeleteFunc(out, func(f *schema.Field) bool { return f.MergeClass() == schema.ClassNone })
}

// get answers what a field holds, whatever is in conflict, and the facts that
// the record itself tells.
func (l *Look) get(name string) (any, bool) {
	if v, ok := Fact(l.Record, name, l.Today); ok {
		return v, true
	}
	for _, info := range l.Fields() {
		if info.Name == name {
			return content(l.Record, info.Name, info.Class)
		}
	}
	return nil, false
}

// Fact answers the names with @ that a record itself tells.
func Fact(rec *crdt.Record, name, today string) (any, bool) {
	switch name {
	case "@today":
		return today, today != ""
	case "@alone":
		_, source := rec.Value("source_ref")
		_, origin := rec.Value("origin_ref")
		return true, !source && !origin
	case "@household_visited":
		return true, !schema.Empty(plainOf(rec, "household_id"))
	}
	return nil, false
}

// holder is what a record and an item of a list have in common for reading.
type holder interface {
	Values
	Set(name string) []crdt.Member
	Log(name string) []crdt.LogEntry
}

// content is what a field of a record holds in the values of package schema.
func content(rec *crdt.Record, name string, class crdt.Class) (any, bool) {
	switch class {
	case crdt.ClassText:
		if doc := rec.Text(name); doc != nil {
			return doc.String(), true
		}
		return nil, false
	case crdt.ClassList:
		out := []any{}
		for _, it := range rec.List(name) {
			out = append(out, itemFields(it))
		}
		return out, len(out) > 0
	}
	return plainContent(rec, name, class)
}

// itemFields is what is filled of one item.
func itemFields(it *crdt.Item) map[string]any {
	m := map[string]any{}
	for _, f := range it.Fields() {
		if doc := it.Text(f.Name); f.Class == crdt.ClassText && doc != nil {
			m[f.Name] = doc.String()
		} else if v, ok := plainContent(it, f.Name, f.Class); ok {
			m[f.Name] = v
		}
	}
	return m
}

func plainContent(h holder, name string, class crdt.Class) (any, bool) {
	var out []any
	switch class {
	case crdt.ClassSet:
		for _, m := range h.Set(name) {
			out = append(out, Plain(m.Value))
		}
	case crdt.ClassLog:
		for _, e := range h.Log(name) {
			out = append(out, Plain(e.Value))
		}
	default:
		v := plainOf(h, name)
		return v, v != nil
	}
	return out, len(out) > 0
}
