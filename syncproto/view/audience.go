package view

import (
	"slices"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/seal"
)

// Includes says which fields of a record readers with these classes hold.
func Includes(s *schema.Schema, rec *crdt.Record, classes syncproto.Audience) func(field string, item syncproto.ElemID, sub string) bool {
	k, known := s.Kind(rec.Kind)
	return func(field string, item syncproto.ElemID, sub string) bool {
		return classes.Has(classOf(k, known, rec, field, item, sub))
	}
}

// ClassOf is the audience class of a field as the record's flags stand now. A
// kind or field the schema does not know is its writers' alone until it does.
// For a field of a list item, item names it: its own flag may narrow it.
func ClassOf(s *schema.Schema, rec *crdt.Record, field string, item syncproto.ElemID, sub string) syncproto.Audience {
	k, known := s.Kind(rec.Kind)
	return classOf(k, known, rec, field, item, sub)
}

func classOf(k *schema.Kind, known bool, rec *crdt.Record, field string, item syncproto.ElemID, sub string) syncproto.Audience {
	switch {
	case field == seal.KeysField || field == "":
		return syncproto.ForNobody // asks for no class: wrapped keys say nothing, delete and restore are marks
	case field == RefusedField || field == crdt.LostField:
		return syncproto.ForScope // what counts is the same for all
	case !known:
		return syncproto.ForAuthor
	}
	if of, ok := CorrectedField(field); ok {
		return correctionsClass(k, known, rec, of)
	}
	switch {
	case !k.HasFlags(field):
		return k.Audience(field, sub, nil)
	case item.IsNone() && isList(k, field):
		// The list itself: its items are narrowed one by one.
		return k.Audience(field, sub, func(string) bool { return false })
	}
	return k.Audience(field, sub, k.FlagFunc(field, getter(rec, field, item)))
}

func isList(k *schema.Kind, field string) bool {
	f, ok := k.Field(field)
	return ok && f.MergeClass() == schema.ClassList
}

// correctionsClass is that of the field corrected. An entry on a list tells of
// whole items: it is for those who read any of them.
func correctionsClass(k *schema.Kind, known bool, rec *crdt.Record, of string) syncproto.Audience {
	f, ok := k.Field(of)
	if !ok || f.MergeClass() != schema.ClassList {
		return classOf(k, known, rec, of, syncproto.ElemID{}, "")
	}
	out := k.Audience(of, "", nil)
	for _, sub := range f.Items {
		out = max(out, k.Audience(of, sub.Key, nil))
	}
	return out
}

// clockMargin is how far ahead the clock of who made a record may have been.
const clockMargin = 5 // years

// dayOf is the day by which ages are judged: that of the record's beginning, less
// clockMargin. It is the same for every holder at any time, and never later
// than today, so that nobody is taken for older than he is.
func dayOf(rec *crdt.Record) string {
	return time.UnixMilli(rec.ID.Millis()).UTC().AddDate(-clockMargin, 0, 0).Format(time.DateOnly)
}

// getter reads values beside a field: in the record, or in its list item.
func getter(rec *crdt.Record, field string, id syncproto.ElemID) schema.Getter {
	if id.IsNone() {
		return func(key string) (any, bool) { return switchOf(rec.Values(key)) }
	}
	item := rec.Item(field, id)
	return func(key string) (any, bool) {
		switch {
		case key == "@today":
			return dayOf(rec), true
		case item == nil:
			return nil, false
		}
		return switchOf(item.Values(key))
	}
}

// switchOf is a field's value; of several that differ, on wins (LW-strict).
func switchOf(entries []crdt.Entry) (v any, set bool) {
	for _, e := range entries {
		if x := Plain(e.Value); v != true {
			v, set = x, true
		}
	}
	return v, set
}

// Feeding is what decides which audience atoms a record is fed to.
type Feeding struct {
	Reference bool   // of a kind that all enrolled read
	Villager  bool   // a person without a post
	Private   bool   // a draft, or visible to its writers only
	Place     string // where it lies, "" if that is not known
	Household syncproto.RecordID
	Writers   []syncproto.PersonID
}

// Atoms lists the atoms in order: the record's township (or, for what only its
// writers see, their own), and its household when it names one.
func (f Feeding) Atoms() (out []syncproto.Atom) {
	switch {
	case f.Villager:
		return []syncproto.Atom{syncproto.TownshipAtom(f.Place)}
	case f.Reference:
		return []syncproto.Atom{syncproto.AtomReference}
	case f.Private || f.Place == "":
		for _, p := range f.Writers {
			out = append(out, syncproto.PersonAtom(p))
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	out = append(out, syncproto.TownshipAtom(f.Place))
	if !f.Household.IsZero() {
		out = append(out, syncproto.HouseholdAtom(f.Household))
	}
	slices.Sort(out)
	return out
}
