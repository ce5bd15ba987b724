package clientsdk

import (
	"encoding/base32"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// defaults prefills what a new record does not say, as the schema orders:
// nothing that the person wrote is touched. A joined meeting gets nothing but
// its second recorder: the rest is the first one's to say.
func (k *compiler) defaults() error {
	if k.d.kind == nil || k.d.origin != draftNew {
		return nil
	}
	for _, f := range k.d.kind.Fields {
		class := f.MergeClass()
		if f.Key == "status" || class == schema.ClassNone || f.Companion() || k.written(f) {
			continue
		}
		v := k.defaultFor(f)
		if schema.Empty(v) || f.Check(v) != nil {
			continue
		}
		if err := k.assign(f, v); err != nil {
			return k.fail(f.Key, err)
		}
	}
	return nil
}

// written reports whether the draft says something about the field; of a log
// whose first event is needed, whether it says that.
func (k *compiler) written(f *schema.Field) bool {
	return slices.ContainsFunc(k.d.edits, func(e edit) bool {
		if e.Field != f.Key {
			return false
		}
		needed := f.Needs["event"]
		if len(needed) == 0 || e.Kind != editLog {
			return true
		}
		entry, _ := view.Plain(e.Value).(map[string]any)
		return entry["event"] == needed[0]
	})
}

// registered begins the events of a record that goes through states: the first
// 提交 is the 登记.
func (k *compiler) registered() error {
	m, ok := k.c.schema.Machine(k.d.kindID)
	if !ok || !k.submits || len(m.Rules) > 0 || len(k.e.Record().Log(m.Events)) > 0 || k.d.origin == draftJoined {
		return nil
	}
	f, ok := k.d.kind.Field(m.Events)
	at, hasAt := f.Item("at")
	if !ok || !hasAt || k.c.id == nil {
		return nil
	}
	for _, t := range m.Transitions {
		if len(t.From) == 0 && t.When == nil {
			entry := map[string]any{"event": t.Event, "at": timeFor(at, k.c.now()), "by": k.c.id.Person.String()}
			return k.assign(f, entry)
		}
	}
	return nil
}

func (k *compiler) assign(f *schema.Field, v any) error {
	tmp := Draft{c: k.c, record: k.d.record, kind: k.d.kind, kindID: k.d.kindID, origin: k.d.origin, opened: k.d.opened, person: k.c.person()}
	if tmp.Set(f.Key, v); tmp.err != nil {
		return tmp.err
	}
	for i := range tmp.edits {
		if err := k.edit(&tmp.edits[i]); err != nil {
			return err
		}
	}
	return nil
}

func (k *compiler) getter() schema.Getter {
	return reader{k.c, k.e.Record()}.getter(k.c.now().In(localZone).Format(time.DateOnly))
}

func (k *compiler) defaultFor(f *schema.Field) any {
	switch f.Key {
	case "local_no":
		return k.localNumber()
	case "household_no":
		return shownPlain(k.e.Record(), "local_no") // until the server gives one
	case "household_mask":
		return k.c.householdMask(refOf(k.e.Record(), "household_id"))
	}
	for _, d := range f.Defaults {
		if !d.When.Holds(k.getter()) {
			continue
		}
		var v any
		switch {
		case d.Field != "":
			v = shownPlain(k.e.Record(), d.Field)
			if f.Type == schema.Log {
				v = k.firstEvent(f, v)
			}
		case d.From != "":
			v = k.from(f, d.From)
		default:
			v = d.Value
		}
		if !schema.Empty(v) {
			return v
		}
	}
	return nil
}

// firstEvent is the entry that opens a log whose first event is needed: a
// meeting's 开会 at the time it began.
func (k *compiler) firstEvent(f *schema.Field, at any) any {
	if needed := f.Needs["event"]; len(needed) > 0 && !schema.Empty(at) {
		return map[string]any{"event": needed[0], "at": at}
	}
	return nil
}

// from answers a source of package schema, nil when it has nothing to say here.
func (k *compiler) from(f *schema.Field, source string) any {
	rec := k.e.Record()
	switch source {
	case "@self":
		if k.c.id == nil {
			return nil
		}
		return k.c.id.Person.String()
	case "@now":
		return timeFor(f, time.UnixMilli(k.d.opened))
	case "@kind":
		return k.d.kind.Visibility
	case "@unit":
		return k.unit()
	case "@owner_unit_place":
		return nonEmpty(k.c.unitPlace(refOf(rec, "owner_unit")))
	case "@last":
		return k.c.fieldOf(k.c.counts.Last[k.d.kindID], f.Key)
	case "@same_day":
		return k.sameDay(f)
	case "@household":
		return k.fromHousehold(f, refOf(rec, "household_id"))
	case "@stationing":
		return k.c.fieldOf(refOf(rec, "stationing_id"), f.Key)
	case "@consent":
		return k.consent(f)
	case "@cadre":
		return k.c.fieldOf(refOf(rec, "cadre_id"), f.Key)
	case "@auto":
		return k.auto(f)
	}
	return nil
}

func nonEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// unit is the writer's unit, or that of the leader who is written for.
func (k *compiler) unit() any {
	who := refOf(k.e.Record(), "on_behalf_of")
	if who.IsZero() {
		who = k.c.person()
	}
	return k.c.fieldOf(who, "unit")
}

// fieldOf is what a field of another record shows, nil when it is not here.
func (c *Client) fieldOf(id syncproto.RecordID, field string) any {
	if id.IsZero() {
		return nil
	}
	h, err := c.record(id)
	if err != nil || h == nil || h.shown == nil {
		return nil
	}
	class, ok := classOf(h.shown, field)
	if !ok {
		return nil
	}
	v, _ := reader{c, h.shown}.field(field, class)
	switch v := v.(type) {
	case sealedMark:
		return nil
	case []any:
		return withoutIDs(v)
	default:
		return v
	}
}

// withoutIDs makes items of another record into new ones.
func withoutIDs(in []any) []any {
	out := make([]any, 0, len(in))
	for _, v := range in {
		if m, ok := v.(map[string]any); ok {
			m = maps.Clone(m)
			delete(m, "id")
			v = m
		}
		out = append(out, v)
	}
	return out
}

func (k *compiler) sameDay(f *schema.Field) any {
	last := k.c.counts.Last[k.d.kindID]
	day, _ := k.c.fieldOf(last, "occurred_at").(string)
	today := time.UnixMilli(k.d.opened).In(localZone).Format(time.DateOnly)
	if !strings.HasPrefix(day, today) {
		return nil
	}
	return k.c.fieldOf(last, f.Key)
}

func (k *compiler) fromHousehold(f *schema.Field, household syncproto.RecordID) any {
	if household.IsZero() || f.Key == "household_id" {
		return nil
	}
	if f.Key == "interviewees" {
		head, _ := k.c.fieldOf(household, "head_person_id").(string)
		if head == "" {
			return nil
		}
		return []any{map[string]any{"person": head}}
	}
	return k.c.fieldOf(household, f.Key)
}

// consent: told already what the data is for, when the household's file says so.
func (k *compiler) consent(f *schema.Field) any {
	if f.Type != schema.Bool || schema.Empty(k.c.fieldOf(refOf(k.e.Record(), "household_id"), "consent")) {
		return nil
	}
	return true
}

func (k *compiler) auto(f *schema.Field) any {
	rec := k.e.Record()
	switch {
	case f.Key == "host_post":
		return k.c.postOf(refOf(rec, "host_id"))
	case f.Key == "title" && k.d.kindID == "HY":
		kind := textOf(rec, "meeting_type")
		day, err := time.Parse(time.DateOnly, textOf(rec, "occurred_at")[:min(10, len(textOf(rec, "occurred_at")))])
		if kind == "" || err != nil {
			return nil
		}
		where := k.c.placeName(textOf(rec, "place_code"))
		if mooring := textOf(rec, "mooring"); mooring != "" {
			where = mooring
		}
		return fmt.Sprintf("%s%s（%d年%d月%d日）", where, kind, day.Year(), day.Month(), day.Day())
	}
	return nil
}

// localNumber is ZF-330903105-20260518-A7-003: kind, township, day, device,
// counter of the day on this device.
func (k *compiler) localNumber() any {
	if k.c.id == nil {
		return nil
	}
	day := k.c.now().In(localZone).Format("20060102")
	if k.counts.Day != day {
		k.counts.Day, k.counts.N = day, 0
	}
	k.counts.N++
	place := textOf(k.e.Record(), "place_code")
	if place = place[:min(len(place), syncproto.TownshipDigits)]; place == "" {
		place = "0"
	}
	return fmt.Sprintf("%s-%s-%s-%s-%03d", k.d.kindID, place, day, k.c.id.short(), k.counts.N)
}

// short names the device in local numbers: its own name when that is short,
// else two characters made from the replica id.
func (d *identity) short() string {
	if n := len(d.Device); n > 0 && n <= 4 && strings.Trim(d.Device, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == "" {
		return d.Device
	}
	return base32.StdEncoding.EncodeToString(d.Replica[:2])[:2]
}

// timeFor writes a moment as the field's type wants it.
func timeFor(f *schema.Field, t time.Time) any {
	t = t.In(localZone)
	switch f.Type {
	case schema.DateTime:
		return t.Truncate(time.Minute).Format(time.RFC3339)
	case schema.Date:
		return t.Format(time.DateOnly)
	case schema.Year:
		return int64(t.Year())
	}
	return nil
}

// itemDefaults prefills the fields of a new item that values does not say.
func (d *Draft) itemDefaults(field string, ref ItemRef, values map[string]any) {
	f, ok := d.kind.Field(field)
	if !ok {
		return
	}
	for _, s := range f.Items {
		if _, given := values[s.Key]; given || s.Meta || len(s.Defaults) == 0 {
			continue
		}
		var v any
		switch def := s.Defaults[0]; {
		case def.Value != nil:
			v = def.Value
		case def.From == "@now":
			v = timeFor(s, d.c.now())
		case def.From == "@self" && !d.person.IsZero():
			v = d.person.String()
		}
		if schema.Empty(v) || s.Check(v) != nil {
			continue
		}
		if encoded, err := wire.EncodeValue(v); err == nil {
			d.put(edit{Kind: editSet, Field: field, Item: ref, Sub: s.Key, Value: encoded})
		}
	}
}

// membersOf lists the members of a set as the form showed them, opened.
func (d *Draft) membersOf(field string, item ItemRef, sub string) ([]syncproto.Value, error) {
	if d.base == nil || item.isNew() {
		return nil, nil
	}
	rec, err := d.scratch()
	if err != nil {
		return nil, err
	}
	var members []crdt.Member
	name, id := field, syncproto.ElemID{}
	if item == "" {
		members = rec.Set(field)
	} else {
		if id, err = item.elem(); err != nil {
			return nil, err
		}
		if it := rec.Item(field, id); it != nil {
			members = it.Set(sub)
		}
		name = field
	}
	var out []syncproto.Value
	for _, m := range members {
		at := placeOf(name, id, sub, m.Adds[0].Dot)
		at.Record = d.record
		v, err := d.c.openLocked(m.Value, at)
		if err != nil {
			return nil, fmt.Errorf("a member of the set cannot be read here, so the set cannot be replaced: use Add and Remove: %w", err)
		}
		out = append(out, v)
	}
	return out, nil
}
