package records

import (
	"slices"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// ExcludedField names the cadres that a demand is about. They drop out of its
// audience (回避).
const ExcludedField = "about_person_ids"

// Excluded lists whom a record names in 回避. Devices seal these values: they
// open with the keys of the store, or with those in pending, which an update is
// about to put there. opens is false when one of them does not open; then
// nobody knows who may not see the record.
func Excluded(r store.Reader, pending map[syncproto.KeyID]*seal.Key, rec *crdt.Record) (people []syncproto.PersonID, opens bool, err error) {
	opens = true
	for _, m := range rec.Set(ExcludedField) {
		v := m.Value
		if wire.IsSealed(v) {
			if v, err = unsealed(r, pending, rec.ID, &m); err != nil {
				return nil, false, err
			}
		}
		id := AsRef(view.Plain(v))
		if opens = opens && !id.IsZero(); !id.IsZero() && !slices.Contains(people, id) {
			people = append(people, id)
		}
	}
	return people, opens, nil
}

// unsealed opens a sealed member of ExcludedField, nil when it does not open.
func unsealed(r store.Reader, pending map[syncproto.KeyID]*seal.Key, record syncproto.RecordID, m *crdt.Member) (syncproto.Value, error) {
	s, ok := view.Plain(m.Value).(syncproto.Sealed)
	if !ok {
		return nil, nil
	}
	key := pending[s.Key]
	if key == nil {
		stored, known, err := LoadKey(r, s.Key)
		if err != nil || !known {
			return nil, err
		}
		key = &stored
	}
	for _, add := range m.Adds {
		if v, err := key.Open(s, seal.Place{Record: record, Field: ExcludedField, Dot: add.Dot}); err == nil {
			return v, nil
		}
	}
	return nil, nil
}
