package clientsdk

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// editKind says what an edit of a draft does. The numbers are stored.
type editKind uint8

const (
	editSet     editKind = 1 // value: the field reads Value
	editText    editKind = 2 // text: the field reads Text
	editAdd     editKind = 3 // set: Value is a member
	editRemove  editKind = 4 // set: Value is none
	editLog     editKind = 5 // log: Value is appended
	editNewItem editKind = 6 // list: Item is new, at the end
	editDelItem editKind = 7 // list: Item is struck out
	editDelete  editKind = 8 // the record is voided, Value is the reason
	editRestore editKind = 9
	editOldItem editKind = 10 // list: Item is brought back
)

// edit is one thing a draft changes. There is at most one for each value and
// text, and none for what was taken back: the list always holds final values.
type edit struct {
	Kind  editKind
	Field string
	Item  ItemRef // "" for a field of the record
	Sub   string
	Value syncproto.Value
	Text  string
}

// ItemRef names an item of a list: REPLICA:COUNTER for one that is in the
// record, new-N for one that the draft adds.
type ItemRef string

const newItemPrefix = "new-"

func (r ItemRef) isNew() bool { return strings.HasPrefix(string(r), newItemPrefix) }

// elem reads the id of an item that is in the record.
func (r ItemRef) elem() (syncproto.ElemID, error) {
	e, err := syncproto.ParseElemID(string(r))
	if err != nil {
		return e, fmt.Errorf("%q is no item: want REPLICA:COUNTER as a view shows it", string(r))
	}
	return e, nil
}

func (d *Draft) fail(field string, err error) *Draft {
	if d.err == nil && err != nil {
		f := &FieldError{Kind: d.kindID, Field: field, Err: err}
		if d.kind != nil {
			if s, ok := d.kind.Field(field); ok {
				f.Label = s.Zh
			}
		}
		d.err = f
	}
	return d
}

var (
	errNoField  = errors.New("the kind has no such field")
	errNotMeant = errors.New("is computed and cannot be written")
)

// fieldOf finds the field, or the sub-field of a list.
func (d *Draft) fieldOf(field, sub string) (*schema.Field, error) {
	if d.kind == nil {
		return nil, fmt.Errorf("this program does not know records of kind %q yet: they can be read, not written", d.kindID)
	}
	f, ok := d.kind.Field(field)
	if ok && sub != "" {
		f, ok = f.Item(sub)
	}
	if !ok {
		return nil, errNoField
	}
	if f.MergeClass() == schema.ClassNone {
		return nil, errNotMeant
	}
	return f, nil
}

// Set makes a field read value, whatever its class:
//
//	value   value replaces the old one; nil empties it
//	text    value is the whole new text; what differs is written
//	set     value lists exactly the members
//	list    value lists items as maps: one with "id" changes that item, with
//	        "struck" strikes it out, one without is added; no other is removed
//	log     value is an entry, or a list of entries, to append
func (d *Draft) Set(field string, value any) *Draft { return d.set(field, "", "", value) }

func (d *Draft) set(field string, item ItemRef, sub string, value any) *Draft {
	if d.err != nil {
		return d
	}
	path := field
	if sub != "" {
		path += "." + sub
	}
	f, err := d.fieldOf(field, sub)
	if err != nil {
		return d.fail(path, err)
	}
	if value, err = normalize(value); err != nil {
		return d.fail(path, err)
	}
	if err := d.check(f, value); err != nil {
		return d.fail(path, err)
	}
	switch f.MergeClass() {
	case schema.ClassText:
		s, _ := value.(string)
		d.put(edit{Kind: editText, Field: field, Item: item, Sub: sub, Text: s})
	case schema.ClassSet:
		d.setMembers(field, item, sub, asList(value))
	case schema.ClassList:
		for _, v := range asList(value) {
			m, _ := v.(map[string]any)
			d.setItem(field, m)
		}
	case schema.ClassLog:
		for _, v := range asList(value) {
			d.value(edit{Kind: editLog, Field: field, Item: item, Sub: sub}, v)
		}
	default:
		d.value(edit{Kind: editSet, Field: field, Item: item, Sub: sub}, value)
	}
	return d
}

// check lets the schema refuse a value. A draft may be incomplete: emptying is
// always allowed.
func (d *Draft) check(f *schema.Field, value any) error {
	if schema.Empty(value) {
		return nil
	}
	if f.MergeClass() == schema.ClassList {
		return nil // item by item, see setItem
	}
	many := []any{value}
	if class := f.MergeClass(); class == schema.ClassLog || class == schema.ClassSet {
		many = asList(value)
	}
	if f.MaxItems > 0 && len(many) > f.MaxItems {
		return fmt.Errorf("%d entries, at most %d are allowed", len(many), f.MaxItems)
	}
	for _, v := range many {
		// The name of the field is put before the error once, by fail.
		if err := f.Check(v); err != nil {
			if inner := errors.Unwrap(err); inner != nil {
				return inner
			}
			return err
		}
	}
	return nil
}

func asList(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// value encodes v into the edit and puts it.
func (d *Draft) value(e edit, v any) {
	var err error
	if e.Value, err = wire.EncodeValue(v); err != nil {
		d.fail(e.Field, err)
		return
	}
	d.put(e)
}

// put takes an edit into the list in place of what it makes void.
func (d *Draft) put(e edit) {
	same := func(o *edit) bool { return o.Field == e.Field && o.Item == e.Item && o.Sub == e.Sub }
	switch e.Kind {
	case editSet, editText:
		for i := range d.edits {
			if d.edits[i].Kind == e.Kind && same(&d.edits[i]) {
				d.edits[i] = e
				return
			}
		}
	case editAdd, editRemove:
		d.edits = slices.DeleteFunc(d.edits, func(o edit) bool {
			return (o.Kind == editAdd || o.Kind == editRemove) && same(&o) && string(o.Value) == string(e.Value)
		})
	case editDelItem, editOldItem:
		d.edits = slices.DeleteFunc(d.edits, func(o edit) bool { return o.Field == e.Field && o.Item == e.Item })
	case editDelete, editRestore:
		d.edits = slices.DeleteFunc(d.edits, func(o edit) bool { return o.Kind == editDelete || o.Kind == editRestore })
	}
	d.edits = append(d.edits, e)
}

// Add makes value a member of a set.
func (d *Draft) Add(field string, value any) *Draft { return d.member(editAdd, field, value) }

// Remove takes value out of a set.
func (d *Draft) Remove(field string, value any) *Draft { return d.member(editRemove, field, value) }

func (d *Draft) member(kind editKind, field string, value any) *Draft {
	if d.err != nil {
		return d
	}
	f, err := d.fieldOf(field, "")
	if err == nil && f.MergeClass() != schema.ClassSet {
		err = fmt.Errorf("is no set")
	}
	if err == nil {
		value, err = normalize(value)
	}
	if err == nil {
		err = d.check(f, value)
	}
	if err != nil {
		return d.fail(field, err)
	}
	d.value(edit{Kind: kind, Field: field}, value)
	return d
}

// setMembers makes the set hold exactly the values.
func (d *Draft) setMembers(field string, item ItemRef, sub string, values []any) {
	d.edits = slices.DeleteFunc(d.edits, func(o edit) bool {
		return (o.Kind == editAdd || o.Kind == editRemove) && o.Field == field && o.Item == item && o.Sub == sub
	})
	have, err := d.membersOf(field, item, sub)
	if err != nil {
		d.fail(field, err)
		return
	}
	for _, v := range values {
		encoded, err := wire.EncodeValue(v)
		if err != nil {
			d.fail(field, err)
			return
		}
		if i := slices.IndexFunc(have, func(h syncproto.Value) bool { return string(h) == string(encoded) }); i >= 0 {
			have = slices.Delete(have, i, i+1)
			continue
		}
		d.put(edit{Kind: editAdd, Field: field, Item: item, Sub: sub, Value: encoded})
	}
	for _, v := range have {
		d.put(edit{Kind: editRemove, Field: field, Item: item, Sub: sub, Value: v})
	}
}

// Log appends an entry to a log.
func (d *Draft) Log(field string, entry any) *Draft {
	if f, err := d.fieldOf(field, ""); err == nil && f.MergeClass() != schema.ClassLog {
		return d.fail(field, errors.New("is no log"))
	}
	return d.Set(field, entry)
}

// AddItem adds an item to a list, at its end, and returns how to name it.
func (d *Draft) AddItem(field string, values map[string]any) ItemRef {
	if d.err != nil {
		return ""
	}
	if f, err := d.fieldOf(field, ""); err != nil || f.MergeClass() != schema.ClassList {
		if err == nil {
			err = errors.New("is no list")
		}
		d.fail(field, err)
		return ""
	}
	ref := d.nextItem(field)
	d.put(edit{Kind: editNewItem, Field: field, Item: ref})
	d.itemDefaults(field, ref, values)
	d.SetItem(field, ref, values)
	return ref
}

// nextItem names a new item; names are not used twice in a draft.
func (d *Draft) nextItem(field string) ItemRef {
	n := 0
	for _, e := range d.edits {
		if e.Field == field && e.Item.isNew() {
			used, _ := strconv.Atoi(string(e.Item[len(newItemPrefix):]))
			n = max(n, used)
		}
	}
	return ItemRef(newItemPrefix + strconv.Itoa(n+1))
}

// SetItem makes fields of an item read the given values, as Set does.
func (d *Draft) SetItem(field string, item ItemRef, values map[string]any) *Draft {
	for _, sub := range sortedKeys(values) {
		if sub != "id" {
			d.set(field, item, sub, values[sub])
		}
	}
	return d
}

func (d *Draft) setItem(field string, values map[string]any) {
	switch id, ok := values["id"].(string); {
	case values == nil:
		d.fail(field, errors.New("an item is a map of its fields"))
	case ok && id != "" && values[view.StruckSub] == true:
		d.RemoveItem(field, ItemRef(id))
	case ok && id != "":
		d.SetItem(field, ItemRef(id), values)
	default:
		d.AddItem(field, values)
	}
}

// RemoveItem strikes an item out. One that this draft added is simply gone.
func (d *Draft) RemoveItem(field string, item ItemRef) *Draft {
	if d.err != nil {
		return d
	}
	if item.isNew() {
		// The struck name stays in the list of edits, so that it is not used
		// again; nothing is written for it.
		d.put(edit{Kind: editDelItem, Field: field, Item: item})
		return d
	}
	if _, err := item.elem(); err != nil {
		return d.fail(field, err)
	}
	d.put(edit{Kind: editDelItem, Field: field, Item: item})
	return d
}

// RestoreItem brings a struck-out item back.
func (d *Draft) RestoreItem(field string, item ItemRef) *Draft {
	if d.err != nil {
		return d
	}
	if _, err := item.elem(); err != nil {
		return d.fail(field, err)
	}
	d.put(edit{Kind: editOldItem, Field: field, Item: item})
	return d
}

// Fill sets several fields, as Set does, in the order of their names.
func (d *Draft) Fill(values map[string]any) *Draft {
	for _, k := range sortedKeys(values) {
		d.Set(k, values[k])
	}
	return d
}

// addSelf puts the person into recorder_ids.
func (d *Draft) addSelf() {
	if !d.person.IsZero() {
		d.Add("recorder_ids", d.person.String())
	}
}
