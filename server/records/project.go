package records

import (
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// ClassOf is the audience class of a field as the record's flags stand now. A
// kind or field the schema does not know is its writers' alone until it does.
// For a field of a list item, item names it: its own flag may narrow it.
func ClassOf(s *schema.Schema, rec *crdt.Record, field string, item syncproto.ElemID, sub string) syncproto.Audience {
	k, ok := s.Kind(rec.Kind)
	if !ok {
		return syncproto.ForAuthor
	}
	return k.Audience(field, sub, func(flag string) (on, set bool) { return flagOf(rec, field, item, flag) })
}

// Project is the record as a reader with these classes may hold it.
func Project(s *schema.Schema, rec *crdt.Record, classes syncproto.Audience) *crdt.Record {
	return rec.Project(func(field string, item syncproto.ElemID, sub string) bool {
		return classes.Has(ClassOf(s, rec, field, item, sub))
	})
}

// flagOf reads a companion flag: beside an item's field in the item, else in the record.
func flagOf(rec *crdt.Record, field string, id syncproto.ElemID, flag string) (on, set bool) {
	if id.IsNone() {
		return Flag(rec, flag)
	}
	item := rec.Item(field, id)
	if item == nil {
		return false, false
	}
	for _, e := range item.Values(flag) {
		b, ok := plain(e.Value).(bool)
		on, set = on || b, set || ok
	}
	return on, set
}

// SealUse is a sealing key as used in a record.
type SealUse struct {
	Key    syncproto.KeyID
	Author syncproto.PersonID
}

// SealedUnder lists the keys that the values of a record are sealed under.
func SealedUnder(rec *crdt.Record) []SealUse {
	var out []SealUse
	rec.EachValue(func(v syncproto.Value, author syncproto.PersonID) {
		if !wire.IsSealed(v) {
			return
		}
		if s, ok := plain(v).(syncproto.Sealed); ok {
			out = append(out, SealUse{s.Key, author})
		}
	})
	return out
}
