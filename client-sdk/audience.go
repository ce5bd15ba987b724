package clientsdk

import (
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/view"
)

// referenceKind reports whether the kind is reference data.
func (c *Client) referenceKind(kind string) bool {
	k, ok := c.schema.Kind(kind)
	return ok && k.Reference
}

// atomsOf says which atoms the server probably feeds the record to, from what a
// device can see of it. It serves comparison only: a difference makes an atom be
// asked for again and is counted; it decides nothing that is shown or sent.
func (c *Client) atomsOf(rec *crdt.Record) []syncproto.Atom {
	f := view.Feeding{Reference: c.referenceKind(rec.Kind), Place: textOf(rec, "place_code"), Household: householdOf(rec)}
	if f.Place == "" && shownPlain(rec, "at_sea") == true {
		f.Place = c.unitPlace(refOf(rec, "owner_unit"))
	}
	if rec.Kind == kindPerson && refOf(rec, "unit").IsZero() && len(rec.List("roles")) == 0 {
		if place := textOf(rec, "place"); place != "" {
			f.Villager, f.Place = true, place
		}
	}
	f.Private = statusOf(rec) == StatusDraft || textOf(rec, "visibility") == "本人"
	if f.Private || f.Place == "" {
		f.Writers = writersOf(rec)
	}
	return f.Atoms()
}

func writersOf(rec *crdt.Record) (out []syncproto.PersonID) {
	for _, field := range []string{"recorder_id", "on_behalf_of", "host_id"} {
		if p := refOf(rec, field); !p.IsZero() {
			out = append(out, p)
		}
	}
	for _, m := range rec.Set("recorder_ids") {
		if p := asRef(view.Plain(m.Value)); !p.IsZero() {
			out = append(out, p)
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
