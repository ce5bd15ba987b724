package directory

import (
	"cmp"
	"slices"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/view"
)

// Facts reads from a record what rights depend on.
func (d *Directory) Facts(rec *crdt.Record) authz.Facts {
	d.mu.RLock()
	a := d.avoid[rec.ID]
	d.mu.RUnlock()
	return d.FactsWith(rec, a)
}

// FactsWith is Facts of a record of which the directory may not have been told
// yet who must not see it.
func (d *Directory) FactsWith(rec *crdt.Record, a Avoidance) authz.Facts {
	f := authz.Facts{Kind: rec.Kind, Place: records.Text(rec, "place_code"), Unit: records.Ref(rec, "owner_unit")}
	if rec.Kind == "person" && records.Ref(rec, "unit").IsZero() {
		if place := records.Text(rec, "place"); place != "" && len(rec.List("roles")) == 0 {
			f.Villager, f.Place = true, place
		}
	}
	if PlaceOpen(rec) {
		d.mu.RLock()
		f.Place = cmp.Or(d.stays[rec.ID], f.Place)
		d.mu.RUnlock()
	}
	f.OwnerPlace = d.Unit(f.Unit).Place
	if f.OwnerPlace == "" {
		f.OwnerPlace = f.Place
	}
	if f.Place == "" && !authz.Reference(rec.Kind) && records.Plain(rec, "at_sea") == true {
		f.Place = f.OwnerPlace
	}
	f.Household = householdOf(rec)
	f.Behalf = records.Ref(rec, "on_behalf_of")
	f.Assigned = assignedTo(rec)
	f.Visibility = visibilityOf(rec)
	f.Draft = view.Status(rec) == view.Draft
	f.Writers = writersOf(rec)
	f.Related = relatedTo(rec)
	if len(rec.Set(records.ExcludedField)) > 0 {
		f.Excluded = records.Refs(rec, records.ExcludedField)
		a.narrow(&f)
	}
	return f
}

// Avoidance is who must not see a record (回避), as far as it is known.
type Avoidance struct {
	People []syncproto.PersonID
	// Unknown is set when it names somebody whom the server cannot make out:
	// nobody but its writers sees it then.
	Unknown bool
}

// AvoidanceOf reads it from a record that lies in the store, or from one whose
// sealing keys are still to be put there.
func AvoidanceOf(r store.Reader, pending map[syncproto.KeyID]*seal.Key, rec *crdt.Record) (Avoidance, error) {
	people, opens, err := records.Excluded(r, pending, rec)
	return Avoidance{people, !opens}, err
}

// narrow adds to a record's facts who must not see it.
func (a Avoidance) narrow(f *authz.Facts) {
	for _, p := range a.People {
		if !slices.Contains(f.Excluded, p) {
			f.Excluded = append(slices.Clip(f.Excluded), p)
		}
	}
	if a.Unknown {
		f.Visibility = authz.VisibleSelf
	}
}

// Avoid takes in who must not see a record.
func (d *Directory) Avoid(id syncproto.RecordID, a Avoidance) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.avoid[id] = a
}

// loadAvoidances reads them for every record that names anybody.
func (d *Directory) loadAvoidances(r store.Reader) error {
	var ids []syncproto.RecordID
	err := records.EachOfKind(r, records.ExcludedField, func(id syncproto.RecordID) error {
		ids = append(ids, id)
		return nil
	})
	for _, id := range ids {
		if err != nil {
			return err
		}
		var c records.Record
		var ok bool
		if c, ok, err = records.LoadRecord(r, id); err != nil || !ok {
			continue
		}
		var rec *crdt.Record
		if rec, err = (*records.Frames)(nil).State(r, id, &c); err != nil || rec == nil {
			continue
		}
		var a Avoidance
		if a, err = AvoidanceOf(r, nil, rec); err == nil {
			d.Avoid(id, a)
		}
	}
	return err
}

// handlersOf lists the units' people a demand was ever given to; the last one
// answers for it, the earlier ones keep sight of what they did.
func handlersOf(rec *crdt.Record) []syncproto.PersonID {
	var out []syncproto.PersonID
	for _, e := range records.Entries(rec, "events") {
		if m, ok := e.(map[string]any); ok {
			if id := records.AsRef(m["handler_id"]); !id.IsZero() {
				out = append(out, id)
			}
		}
	}
	return out
}

// assignedTo is the unit that a demand was given to last.
func assignedTo(rec *crdt.Record) (unit syncproto.RecordID) {
	if rec.Kind != "SQ" {
		return unit
	}
	for _, e := range records.Entries(rec, "events") {
		if m, ok := e.(map[string]any); ok {
			if id := records.AsRef(m["lead_unit"]); !id.IsZero() {
				unit = id
			}
		}
	}
	return unit
}

func householdOf(rec *crdt.Record) syncproto.RecordID {
	if rec.Kind == "HD" {
		return rec.ID
	}
	if id := records.Ref(rec, "household_id"); !id.IsZero() {
		return id
	}
	// 涉及户 and its masked name are one value (LW-group), kept under either key.
	if group, ok := records.Plain(rec, "household_id").(map[string]any); ok {
		return records.AsRef(group["household_id"])
	}
	return syncproto.RecordID{}
}

// visibilities maps 可见范围; the strictest of several values counts (LW-strict).
var visibilities = map[string]authz.Visibility{
	"本人": authz.VisibleSelf, "限定人员": authz.VisibleNamed, "本级": authz.VisibleLevel, "本级及上级": authz.VisibleUpwards,
}

func visibilityOf(rec *crdt.Record) authz.Visibility {
	out, set := authz.VisibleUpwards, false
	for _, e := range rec.Values("visibility") {
		if v, ok := visibilities[records.PlainText(e.Value)]; ok {
			out, set = min(out, v), true
		}
	}
	if set {
		return out
	}
	switch {
	case rec.Kind == "SJ":
		return authz.VisibleSelf
	case authz.HouseholdKind(rec.Kind):
		return authz.VisibleNamed
	}
	return authz.VisibleUpwards
}

func writersOf(rec *crdt.Record) []syncproto.PersonID {
	var out []syncproto.PersonID
	add := func(id syncproto.PersonID) {
		if !id.IsZero() {
			out = append(out, id)
		}
	}
	if rec.Kind == "WT" { // whoever wrote it down: it is the leader's
		add(records.Ref(rec, "leader"))
		return out
	}
	add(records.Ref(rec, "recorder_id"))
	add(records.Ref(rec, "on_behalf_of"))
	out = append(out, records.Refs(rec, "recorder_ids")...)
	if rec.Kind == "HY" {
		add(records.Ref(rec, "host_id"))
	}
	return out
}

// relatedTo lists the people whom the record itself puts into its team (5.1).
func relatedTo(rec *crdt.Record) []syncproto.PersonID {
	var out []syncproto.PersonID
	for _, field := range []string{"handler_id", "promiser_id", "leader_id", "cadre_id"} {
		if id := records.Ref(rec, field); !id.IsZero() && !(rec.Kind == "GB" && field == "cadre_id") {
			out = append(out, id)
		}
	}
	for _, field := range []string{"visitor_ids", "cadre_ids", "members"} {
		if rec.Kind != "HD" {
			out = append(out, records.Refs(rec, field)...)
		}
	}
	if rec.Kind == "SQ" {
		out = append(out, handlersOf(rec)...)
	}
	if rec.Kind == "HY" {
		for _, item := range rec.List("attendees") {
			if id := records.AsRef(records.ItemPlain(item, "person")); !id.IsZero() {
				out = append(out, id)
			}
		}
	}
	return out
}
