package records

import (
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// ClassOf is the audience class of a field as the record's flags stand now. A
// kind or field the schema does not know is its writers' alone until it does.
// For a field of a list item, item names it: its own flag may narrow it.
func ClassOf(s *schema.Schema, rec *crdt.Record, field string, item syncproto.ElemID, sub string) syncproto.Audience {
	if field == seal.KeysField || field == "" {
		return syncproto.ForNobody // asks for no class: wrapped keys say nothing, delete and restore are marks
	}
	k, ok := s.Kind(rec.Kind)
	if !ok {
		return syncproto.ForAuthor
	}
	return k.Audience(field, sub, k.FlagFunc(field, getter(rec, field, item)))
}

// getter reads values beside a field: in the record, or in its list item.
func getter(rec *crdt.Record, field string, id syncproto.ElemID) schema.Getter {
	if id.IsNone() {
		return func(key string) (any, bool) { return switchOf(rec.Values(key)) }
	}
	item := rec.Item(field, id)
	return func(key string) (any, bool) {
		if item == nil {
			return nil, false
		}
		return switchOf(item.Values(key))
	}
}

// switchOf is a field's value; of several that differ, on wins (LW-strict).
func switchOf(entries []crdt.Entry) (v any, set bool) {
	for _, e := range entries {
		if x := plain(e.Value); v != true {
			v, set = x, true
		}
	}
	return v, set
}

// Project is the record as a reader with these classes may hold it.
func Project(s *schema.Schema, rec *crdt.Record, classes syncproto.Audience) *crdt.Record {
	return rec.Project(Includes(s, rec, classes))
}

// Includes says which fields of a record a reader with these classes holds.
func Includes(s *schema.Schema, rec *crdt.Record, classes syncproto.Audience) func(field string, item syncproto.ElemID, sub string) bool {
	return func(field string, item syncproto.ElemID, sub string) bool {
		return classes.Has(ClassOf(s, rec, field, item, sub))
	}
}

// SealUse is a sealing key as used in a record.
type SealUse struct {
	Key    syncproto.KeyID
	Author syncproto.PersonID
}

// SealedUnder lists the keys that the values of a record are sealed under.
func SealedUnder(rec *crdt.Record) []SealUse {
	var out []SealUse
	use := func(v syncproto.Value, by crdt.Stamp) {
		if wire.IsSealed(v) {
			if s, ok := plain(v).(syncproto.Sealed); ok {
				out = append(out, SealUse{s.Key, by.Author})
			}
		}
	}
	eachValue(rec.Fields(), rec, use)
	for _, f := range rec.Fields() {
		for _, item := range rec.Items(f.Name, true) {
			eachValue(item.Fields(), item, use)
		}
	}
	return out
}

// fieldReader is what records and list items have in common.
type fieldReader interface {
	Values(name string) []crdt.Entry
	Set(name string) []crdt.Member
	Log(name string) []crdt.LogEntry
}

func eachValue(fields []crdt.FieldInfo, r fieldReader, fn func(syncproto.Value, crdt.Stamp)) {
	for _, f := range fields {
		for _, e := range r.Values(f.Name) {
			fn(e.Value, e.Stamp)
		}
		for _, m := range r.Set(f.Name) {
			for _, by := range m.Adds {
				fn(m.Value, by)
			}
		}
		for _, e := range r.Log(f.Name) {
			fn(e.Value, e.Stamp)
		}
	}
}
