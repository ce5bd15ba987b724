package driver

import (
	"errors"
	"time"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

func create(_ *Driver, v *device, q *request) (answer, error) {
	name, err := q.nameOf("record", keyRec)
	if err != nil {
		return nil, err
	}
	id := recordID(name)
	known := v.view(id)
	if known != nil && !known.Deleted() {
		return nil, refuse("EXISTS", "record %q", name)
	}
	e, err := v.edit(id)
	if err != nil {
		return nil, err
	}
	if known != nil {
		return nil, e.Restore()
	}
	v.timed = true
	if err := e.Create(kind); err != nil {
		return nil, err
	}
	return nil, e.Set(nameField, text(name))
}

// record finds the record that rec names.
func (v *device) record(q *request) (*crdt.Record, string, error) {
	name, err := q.nameOf("record", keyRec)
	if err != nil {
		return nil, name, err
	}
	r := v.view(recordID(name))
	if r == nil {
		return nil, name, refuse("NO_RECORD", "%q", name)
	}
	return r, name, nil
}

func remove(_ *Driver, v *device, q *request) (answer, error) {
	return v.lifecycle(q, func(e *crdt.Edit) error { return e.Delete(nil) })
}

func restore(_ *Driver, v *device, q *request) (answer, error) {
	return v.lifecycle(q, (*crdt.Edit).Restore)
}

func (v *device) lifecycle(q *request, do func(*crdt.Edit) error) (answer, error) {
	r, _, err := v.record(q)
	if err != nil {
		return nil, err
	}
	e, err := v.edit(r.ID)
	if err != nil {
		return nil, err
	}
	return nil, do(e)
}

// target is a field of a record that is about to be edited.
type target struct {
	v     *device
	r     *crdt.Record
	field string
	long  string // the field's name when it is stored under a hash
}

func (v *device) target(q *request) (*target, error) {
	r, name, err := v.record(q)
	if err != nil {
		return nil, err
	}
	f, err := q.nameOf("field", keyF)
	if err != nil {
		return nil, err
	}
	if r.Deleted() {
		return nil, refuse("DELETED", "record %q", name)
	}
	t := &target{v: v, r: r}
	var hashed bool
	if t.field, hashed = storedField(f); hashed {
		t.long = f
	}
	return t, nil
}

// edit runs one local edit of about size bytes. A refused one leaves nothing.
func (t *target) edit(size int, timed bool, do func(e *crdt.Edit) error) error {
	e, err := t.v.edit(t.r.ID)
	if err != nil {
		return err
	}
	if err := do(e); err != nil {
		return err
	}
	t.v.bytes += size + 32
	t.v.timed = t.v.timed || timed
	if t.long == "" {
		return nil
	}
	for _, m := range e.Record().Set(namesField) {
		if textOf(m.Value) == t.long {
			return nil
		}
	}
	return e.Add(namesField, text(t.long))
}

func (t *target) textLen() int {
	if doc := t.r.Text(t.field); doc != nil {
		return doc.Len()
	}
	return 0
}

func insertText(_ *Driver, v *device, q *request) (answer, error) {
	at, isAt := q.int(keyAt)
	text, isText := q.text(keyText)
	if !isAt || !isText {
		return nil, badRequest("ins without at or text")
	}
	t, err := v.target(q)
	if err != nil {
		return nil, err
	}
	n := t.textLen()
	if at < 0 || at > n {
		return nil, refuse("RANGE", "index %d in a text of %d", at, n)
	}
	if err := checkLength(n + utf8.RuneCountInString(text)); err != nil {
		return nil, err
	}
	return nil, t.replace(at, 0, text)
}

// checkLength refuses, before any of it is done, what the engine would refuse
// half-way through.
func checkLength(n int) error {
	if n > maxTextRunes {
		return badRequest("a text of %d code points, over the limit %d", n, maxTextRunes)
	}
	return nil
}

func deleteText(_ *Driver, v *device, q *request) (answer, error) {
	at, isAt := q.int(keyAt)
	del, isN := q.int(keyN)
	if !isAt || !isN || del < 1 {
		return nil, badRequest("del without at, or n below 1")
	}
	t, err := v.target(q)
	if err != nil {
		return nil, err
	}
	if n := t.textLen(); at < 0 || at > n || del > n-at {
		return nil, refuse("RANGE", "%d from index %d in a text of %d", del, at, n)
	}
	return nil, t.replace(at, del, "")
}

// replace makes one local edit of a text whose indexes were checked. What is
// too long for one change goes into several.
func (t *target) replace(at, del int, ins string) error {
	for {
		piece := ins
		if len(ins) > maxInsertRunes {
			piece = ins[:cut(ins, maxInsertRunes)]
		}
		err := t.edit(len(piece), false, func(e *crdt.Edit) error { return e.Replace(t.field, at, del, piece) })
		if err != nil || len(piece) == len(ins) {
			return err
		}
		ins, at, del = ins[len(piece):], at+utf8.RuneCountInString(piece), 0
	}
}

// cut is the last border of a code point at or before n.
func cut(s string, n int) int {
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return n
}

func replay(_ *Driver, v *device, q *request) (answer, error) {
	edits, ok := q.edits()
	if !ok {
		return nil, badRequest("an edit is [at, n, text]")
	}
	t, err := v.target(q)
	if err != nil {
		return nil, err
	}
	n := t.textLen()
	for i, x := range edits {
		if x.at < 0 || x.n < 0 || x.at > n || x.n > n-x.at {
			return nil, refuse("RANGE", "edit %d: %d from index %d in a text of %d", i, x.n, x.at, n)
		}
		n += utf8.RuneCountInString(x.text) - x.n
		if err := checkLength(n); err != nil {
			return nil, err
		}
	}
	start := time.Now()
	for i := range edits {
		if err := t.replace(edits[i].at, edits[i].n, edits[i].text); err != nil {
			return nil, err
		}
	}
	if err := v.save(); err != nil {
		return nil, err
	}
	return answer{{"ms", float64(time.Since(start).Microseconds()) / 1000}}, nil
}

// checkValue refuses what no change could hold.
func checkValue(v syncproto.Value) error {
	if len(v) > syncproto.MaxValueBytes {
		return badRequest("value of %d bytes over the limit %d", len(v), syncproto.MaxValueBytes)
	}
	return nil
}

func setValue(_ *Driver, v *device, q *request) (answer, error) {
	value, err := q.value()
	if err != nil {
		return nil, err
	}
	t, err := v.target(q)
	if err != nil {
		return nil, err
	}
	return nil, t.edit(len(value), true, func(e *crdt.Edit) error { return e.Set(t.field, value) })
}

// member reads the target and the string value of add and remove.
func (v *device) member(q *request) (*target, syncproto.Value, error) {
	s, ok := q.text(keyValue)
	if !ok {
		return nil, nil, badRequest("value is no string")
	}
	t, err := v.target(q)
	if err != nil {
		return nil, nil, err
	}
	value := text(s)
	return t, value, checkValue(value)
}

func addMember(_ *Driver, v *device, q *request) (answer, error) {
	t, value, err := v.member(q)
	if err != nil {
		return nil, err
	}
	return nil, t.edit(len(value), false, func(e *crdt.Edit) error { return e.Add(t.field, value) })
}

func removeMember(_ *Driver, v *device, q *request) (answer, error) {
	t, value, err := v.member(q)
	if err != nil {
		return nil, err
	}
	return nil, t.edit(len(value), false, func(e *crdt.Edit) error { return e.Remove(t.field, value) })
}

func appendLog(_ *Driver, v *device, q *request) (answer, error) {
	entry, ok := q.text(keyEntry)
	if !ok {
		return nil, badRequest("log without entry")
	}
	t, err := v.target(q)
	if err != nil {
		return nil, err
	}
	value := text(entry)
	if err := checkValue(value); err != nil {
		return nil, err
	}
	return nil, t.edit(len(value), false, func(e *crdt.Edit) error { return e.Log(t.field, value) })
}

func insertItem(_ *Driver, v *device, q *request) (answer, error) {
	value, err := q.value()
	if err != nil {
		return nil, err
	}
	at, ok := q.int(keyAt)
	if !ok {
		return nil, badRequest("lins without at")
	}
	name, err := q.nameOf("item", keyItem)
	if err != nil {
		return nil, err
	}
	t, err := v.target(q)
	if err != nil {
		return nil, err
	}
	if _, taken := t.find(name, true); taken {
		return nil, badRequest("item name %q is taken", name)
	}
	if n := t.r.Count(t.field); at < 0 || at > n {
		return nil, refuse("RANGE", "index %d in a list of %d items", at, n)
	}
	return nil, t.edit(len(value)+len(name)+64, true, func(e *crdt.Edit) error {
		id, err := e.InsertItem(t.field, at)
		if err != nil {
			return err
		}
		t.v.items[listKey{t.r.ID, t.field}].ids[name] = id
		item := e.Item(t.field, id)
		return errors.Join(item.Set(itemName, text(name)), item.Set(itemValue, value))
	})
}

// find finds an item by its name; struck-out ones too if removed is set. What
// a name leads to never changes, so names are looked up once, and all again
// only when something was received since.
func (t *target) find(name string, removed bool) (syncproto.ElemID, bool) {
	list := listKey{t.r.ID, t.field}
	names := t.v.items[list]
	if names == nil || names.received != t.v.received {
		names = &itemNames{received: t.v.received, ids: map[string]syncproto.ElemID{}}
		for _, it := range t.r.Items(t.field, true) {
			if e, ok := it.Value(itemName); ok {
				names.ids[textOf(e.Value)] = it.ID
			}
		}
		t.v.items[list] = names
	}
	id, ok := names.ids[name]
	if !ok {
		return id, false
	}
	it := t.r.Item(t.field, id)
	return id, it != nil && (removed || !it.Removed)
}

// item reads the target and finds the item of the commands on one.
func (v *device) item(q *request) (*target, syncproto.ElemID, error) {
	name, err := q.nameOf("item", keyItem)
	if err != nil {
		return nil, syncproto.ElemID{}, err
	}
	t, err := v.target(q)
	if err != nil {
		return nil, syncproto.ElemID{}, err
	}
	id, ok := t.find(name, false)
	if !ok {
		return nil, id, refuse("NO_ITEM", "%q", name)
	}
	return t, id, nil
}

func setItem(_ *Driver, v *device, q *request) (answer, error) {
	value, err := q.value()
	if err != nil {
		return nil, err
	}
	t, id, err := v.item(q)
	if err != nil {
		return nil, err
	}
	return nil, t.edit(len(value), true, func(e *crdt.Edit) error { return e.Item(t.field, id).Set(itemValue, value) })
}

func deleteItem(_ *Driver, v *device, q *request) (answer, error) {
	t, id, err := v.item(q)
	if err != nil {
		return nil, err
	}
	return nil, t.edit(0, false, func(e *crdt.Edit) error { return e.RemoveItem(t.field, id) })
}

func moveItem(_ *Driver, v *device, q *request) (answer, error) {
	to, ok := q.int(keyTo)
	if !ok {
		return nil, badRequest("lmove without to")
	}
	t, id, err := v.item(q)
	if err != nil {
		return nil, err
	}
	if n := t.r.Count(t.field); to < 0 || to >= n {
		return nil, refuse("RANGE", "index %d in a list of %d items", to, n)
	}
	return nil, t.edit(0, true, func(e *crdt.Edit) error { return e.MoveItem(t.field, id, to) })
}
