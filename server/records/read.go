package records

import (
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/view"
)

// Plain is the shown value of a value field as plain Go, nil when unset or
// not readable as one.
func Plain(rec *crdt.Record, field string) any {
	e, ok := rec.Value(field)
	if !ok {
		return nil
	}
	return plain(e.Value)
}

func plain(v syncproto.Value) any { return view.Plain(v) }

// Text is the shown value of a value field if it is text, "" otherwise.
func Text(rec *crdt.Record, field string) string {
	s, _ := Plain(rec, field).(string)
	return s
}

// Ref is the shown value of a reference field, zero when unset.
func Ref(rec *crdt.Record, field string) syncproto.RecordID { return AsRef(Plain(rec, field)) }

// AsRef reads a reference, see view.AsRef.
func AsRef(v any) syncproto.RecordID { return view.AsRef(v) }

// Refs lists the references in a set field; members that are no references
// (names of people without a record) are left out.
func Refs(rec *crdt.Record, field string) []syncproto.RecordID {
	var out []syncproto.RecordID
	for _, m := range rec.Set(field) {
		if id := AsRef(plain(m.Value)); !id.IsZero() {
			out = append(out, id)
		}
	}
	return out
}

// ItemPlain is the shown value of a field of a list item as plain Go.
func ItemPlain(item *crdt.Item, sub string) any {
	e, ok := item.Value(sub)
	if !ok {
		return nil
	}
	return plain(e.Value)
}

// Entries lists a log field's entries as plain Go, in merge order.
func Entries(rec *crdt.Record, field string) []any {
	var out []any
	for _, e := range rec.Log(field) {
		out = append(out, plain(e.Value))
	}
	return out
}

// PlainText is a value as text, "" when it is none.
func PlainText(v syncproto.Value) string {
	s, _ := plain(v).(string)
	return s
}
