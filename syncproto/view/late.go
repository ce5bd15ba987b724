package view

import (
	"slices"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// EditWindow is how long after its 提交 the writers of a record may edit what it
// says happened (domain.md 3.6). From then on it is settled: a 更正 says what it
// should have said, and an ordinary edit is 未生效. Who judges that, and by
// which clock, is SPEC.md §1.9.
const EditWindow = 24 * time.Hour

// System is the author of what a server decides by rule: nobody's id.
var System = syncproto.PersonID{6: 0x70, 8: 0x80, 15: 1}

// SystemName is what System is called.
const SystemName = "系统"

// Submission is the 提交 of a record, the first entry that says so; false for
// one that is not submitted.
func Submission(rec *crdt.Record) (crdt.Stamp, bool) {
	for _, e := range InForce(rec, rec.Log("status")) {
		if s, _ := wire.TextOf(e.Value); s == Submitted {
			return e.Stamp, true
		}
	}
	return crdt.Stamp{}, false
}

// Settled lists the fields in which a part edits what its record says happened,
// so that it must come before the window closes. before is the record without
// it. A 更正 may write the field it names at any time, a choice between several
// versions may be made at any time, and a sealed value is not judged, since
// nobody could be told of it.
func Settled(k *schema.Kind, before *crdt.Record, p *syncproto.Part) []string {
	if k == nil || k.Reference {
		return nil
	}
	free := correctedBy(k, p)
	var out []string
	for i := range p.Ops {
		op := &p.Ops[i]
		f, ok := k.Field(op.Field)
		if !ok || !f.Settles() {
			continue
		}
		if sub, ok := f.Item(op.Sub); ok && sub.Merge.Code == schema.LWStrict {
			continue
		}
		switch {
		case wire.IsSealed(op.Value):
			free = append(free, op.Field)
		case chooses(before, p, op), slices.Contains(out, op.Field):
		default:
			out = append(out, op.Field)
		}
	}
	return slices.DeleteFunc(out, func(name string) bool { return slices.Contains(free, name) })
}

// correctedBy lists the fields of which a part writes a 更正.
func correctedBy(k *schema.Kind, p *syncproto.Part) (out []string) {
	for i := range p.Ops {
		op := &p.Ops[i]
		if _, of := CorrectedField(op.Field); op.Kind != syncproto.OpLog || !of && op.Field != CorrectionsField {
			continue
		}
		m, _ := Plain(op.Value).(map[string]any)
		name, _ := m["field"].(string)
		if f, ok := k.Field(name); ok && m["kind"] == Corrects {
			out = append(append(out, name), f.Group()...)
		}
	}
	return out
}

// chooses reports whether an op sets a value of which its author saw several
// versions.
func chooses(before *crdt.Record, p *syncproto.Part, op *syncproto.Op) bool {
	if op.Kind != syncproto.OpSet {
		return false
	}
	live := before.Values(op.Field)
	if !op.Item.IsNone() {
		item := before.Item(op.Field, op.Item)
		if item == nil {
			return false
		}
		live = item.Values(op.Sub)
	}
	seen := slices.DeleteFunc(slices.Clone(live), func(e crdt.Entry) bool { return !p.Seen.Covers(e.Dot.Replica, e.Dot.Seq) })
	return len(crdt.Distinct(seen)) > 1
}

// Edited tells what a part by the replica made of one field, in the values that
// a 更正 of it takes: of a list the items it touched, a new one without its id, a
// struck out one marked so. same says that the field reads as before.
func Edited(before, after *crdt.Record, replica syncproto.ReplicaID, p *syncproto.Part, field string) (was, is any, same bool) {
	class := crdt.ClassValue
	for _, f := range after.Fields() {
		if f.Name == field {
			class = f.Class
		}
	}
	if class == crdt.ClassList {
		was, is = editedItems(before, after, replica, p, field)
	} else {
		was, _ = content(before, field, class)
		is, _ = content(after, field, class)
	}
	return was, is, sameWords(was, is)
}

// StruckSub marks an item that is to be struck out, among the items of a
// correction.
const StruckSub = "struck"

func editedItems(before, after *crdt.Record, replica syncproto.ReplicaID, p *syncproto.Part, list string) (was, is any) {
	var old, now []any
	var told []syncproto.ElemID
	for i := range p.Ops {
		op := &p.Ops[i]
		id := op.Item
		if op.Kind == syncproto.OpItemInsert {
			id = syncproto.ElemID{Replica: replica, Counter: op.Counter}
		}
		if op.Field != list || slices.Contains(told, id) {
			continue
		}
		told = append(told, id)
		if m := wholeItem(before.Item(list, id)); m != nil {
			old = append(old, m)
		}
		switch m := wholeItem(after.Item(list, id)); {
		case m == nil:
		case op.Kind == syncproto.OpItemInsert && m[StruckSub] == nil:
			delete(m, "id")
			now = append(now, m)
		case op.Kind != syncproto.OpItemInsert:
			now = append(now, m)
		}
	}
	if old != nil {
		was = old
	}
	if now != nil {
		is = now
	}
	return was, is
}

// wholeItem is one item as a map of what is filled, nil for none; of a struck
// out one only that it is.
func wholeItem(it *crdt.Item) map[string]any {
	if it == nil {
		return nil
	}
	m := map[string]any{StruckSub: true}
	if !it.Removed {
		m = itemFields(it)
	}
	m["id"] = it.ID.String()
	return m
}

// LateReason says why an edit counts for nothing.
func LateReason(submitted, edited int64) string {
	words := func(ms int64) string { return time.UnixMilli(ms).In(Zone).Format("1月2日15:04") }
	return "提交（" + words(submitted) + "）满 24 小时以后才改（" + words(edited) + "）"
}
