package clientsdk

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/view"
)

// This file repeats, from what a device can see, two things that the server
// decides: which fields a class of readers has, and which atoms a record is
// fed to. Both serve comparison only. A difference makes an atom be asked for
// again and is counted; it decides nothing that is shown or sent.

// includes says which fields of a record readers with these classes hold.
func (c *Client) includes(rec *crdt.Record, classes syncproto.Audience) func(field string, item syncproto.ElemID, sub string) bool {
	k, ok := c.schema.Kind(rec.Kind)
	return func(field string, item syncproto.ElemID, sub string) bool {
		if field == seal.KeysField {
			return true // wrapped keys ask for no class
		}
		if !ok {
			return classes.Has(syncproto.ForAuthor)
		}
		get := recordGetter(rec)
		if !item.IsNone() {
			get = itemGetter(rec.Item(field, item))
		}
		return classes.Has(k.Audience(field, sub, k.FlagFunc(field, get)))
	}
}

// recordGetter answers what a value field shows, for flags. Of concurrent
// values of a switch the one that is on counts.
func recordGetter(rec *crdt.Record) schema.Getter {
	return func(name string) (any, bool) { return strictest(rec.Values(name)) }
}

func itemGetter(item *crdt.Item) schema.Getter {
	return func(name string) (any, bool) {
		if item == nil {
			return nil, false
		}
		return strictest(item.Values(name))
	}
}

func strictest(values []crdt.Entry) (any, bool) {
	var out any
	for _, e := range values {
		v := view.Plain(e.Value)
		if v == true {
			return true, true
		}
		out = v
	}
	return out, len(values) > 0
}

// referenceKind reports whether the kind is reference data.
func (c *Client) referenceKind(kind string) bool {
	k, ok := c.schema.Kind(kind)
	return ok && k.Reference
}

// atomsOf says which atoms the server probably feeds the record to.
func (c *Client) atomsOf(rec *crdt.Record) []syncproto.Atom {
	if c.referenceKind(rec.Kind) {
		return []syncproto.Atom{syncproto.AtomReference}
	}
	at := textOf(rec, "place_code")
	if at == "" && shownPlain(rec, "at_sea") == true {
		at = c.unitPlace(refOf(rec, "owner_unit"))
	}
	if statusOf(rec) == StatusDraft || textOf(rec, "visibility") == "本人" || at == "" {
		return c.writersAtoms(rec)
	}
	out := []syncproto.Atom{syncproto.TownshipAtom(at)}
	if h := householdOf(rec); !h.IsZero() {
		out = append(out, syncproto.HouseholdAtom(h))
	}
	return out
}

func (c *Client) writersAtoms(rec *crdt.Record) (out []syncproto.Atom) {
	people := []syncproto.PersonID{refOf(rec, "recorder_id"), refOf(rec, "on_behalf_of"), refOf(rec, "host_id")}
	for _, m := range rec.Set("recorder_ids") {
		people = append(people, asRef(view.Plain(m.Value)))
	}
	for _, p := range people {
		if a := syncproto.PersonAtom(p); !p.IsZero() && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// unitPlace is the place of a unit, "" when it is not known here.
func (c *Client) unitPlace(unit syncproto.RecordID) string {
	h, err := c.record(unit)
	if err != nil || h == nil || h.shown == nil {
		return ""
	}
	return textOf(h.shown, "place")
}

// householdOf is the household a record concerns: itself, or the one it names.
func householdOf(rec *crdt.Record) syncproto.RecordID {
	if rec.Kind == kindHousehold {
		return rec.ID
	}
	return refOf(rec, "household_id")
}
