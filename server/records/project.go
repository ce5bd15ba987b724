package records

import (
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Project is the record as a reader with these classes may hold it.
func Project(s *schema.Schema, rec *crdt.Record, classes syncproto.Audience) *crdt.Record {
	return rec.Project(view.Includes(s, rec, classes))
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
