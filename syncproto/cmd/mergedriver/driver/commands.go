package driver

import (
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

func create(_ *Driver, v *device, q *request) (answer, error) {
	if err := checkName("record", q.Rec); err != nil {
		return nil, err
	}
	id := recordID(q.Rec)
	known := v.view(id)
	if known != nil && !known.Deleted() {
		return nil, refuse("EXISTS", "record %q", q.Rec)
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
	return nil, e.Set(nameField, text(q.Rec))
}

// record finds a record for editing.
func (v *device) record(name string) (*crdt.Record, error) {
	if err := checkName("record", name); err != nil {
		return nil, err
	}
	r := v.view(recordID(name))
	if r == nil {
		return nil, refuse("NO_RECORD", "%q", name)
	}
	return r, nil
}

func remove(_ *Driver, v *device, q *request) (answer, error) {
	return v.lifecycle(q, func(e *crdt.Edit) error { return e.Delete(nil) })
}

func restore(_ *Driver, v *device, q *request) (answer, error) {
	return v.lifecycle(q, (*crdt.Edit).Restore)
}

func (v *device) lifecycle(q *request, do func(*crdt.Edit) error) (answer, error) {
	r, err := v.record(q.Rec)
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
	r, err := v.record(q.Rec)
	if err != nil {
		return nil, err
	}
	if err := checkName("field", q.F); err != nil {
		return nil, err
	}
	if r.Deleted() {
		return nil, refuse("DELETED", "record %q", q.Rec)
	}
	t := &target{v: v, r: r}
	var hashed bool
	if t.field, hashed = storedField(q.F); hashed {
		t.long = q.F
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
	t, err := v.target(q)
	switch {
	case err != nil:
		return nil, err
	case q.At == nil || q.Text == nil:
		return nil, badRequest("ins without at or text")
	case *q.At < 0 || *q.At > t.textLen():
		return nil, refuse("RANGE", "index %d in a text of %d", *q.At, t.textLen())
	}
	if err := checkLength(t.textLen() + utf8.RuneCountInString(*q.Text)); err != nil {
		return nil, err
	}
	return nil, t.replace(*q.At, 0, *q.Text)
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
	t, err := v.target(q)
	switch {
	case err != nil:
		return nil, err
	case q.At == nil || q.N == nil || *q.N < 1:
		return nil, badRequest("del without at, or n below 1")
	case *q.At < 0 || *q.At > t.textLen() || *q.N > t.textLen()-*q.At:
		return nil, refuse("RANGE", "%d from index %d in a text of %d", *q.N, *q.At, t.textLen())
	}
	return nil, t.replace(*q.At, *q.N, "")
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
	t, err := v.target(q)
	if err != nil {
		return nil, err
	}
	n := t.textLen()
	for i, x := range q.Edits {
		if x.at < 0 || x.n < 0 || x.at > n || x.n > n-x.at {
			return nil, refuse("RANGE", "edit %d: %d from index %d in a text of %d", i, x.n, x.at, n)
		}
		n += utf8.RuneCountInString(x.text) - x.n
		if err := checkLength(n); err != nil {
			return nil, err
		}
	}
	start := time.Now()
	for i := range q.Edits {
		if err := t.replace(q.Edits[i].at, q.Edits[i].n, q.Edits[i].text); err != nil {
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
	t, err := v.target(q)
	if err != nil {
		return nil, err
	}
	value, err := parseValue(q.Value)
	if err != nil {
		return nil, err
	}
	return nil, t.edit(len(value), true, func(e *crdt.Edit) error { return e.Set(t.field, value) })
}

// member reads the target and the string value of add and remove.
func (v *device) member(q *request) (*target, syncproto.Value, error) {
	t, err := v.target(q)
	if err != nil {
		return nil, nil, err
	}
	s, err := textOfJSON(q.Value)
	if err != nil {
		return nil, nil, badRequest("value: %v", err)
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
	t, err := v.target(q)
	if err != nil {
		return nil, err
	}
	if q.Entry == nil {
		return nil, badRequest("log without entry")
	}
	value := text(*q.Entry)
	if err := checkValue(value); err != nil {
		return nil, err
	}
	return nil, t.edit(len(value), false, func(e *crdt.Edit) error { return e.Log(t.field, value) })
}

func insertItem(_ *Driver, v *device, q *request) (answer, error) {
	t, err := v.target(q)
	if err != nil {
		return nil, err
	}
	value, err := parseValue(q.Value)
	if err != nil {
		return nil, err
	}
	if err := checkName("item", q.Item); err != nil {
		return nil, err
	}
	if _, taken := t.find(q.Item, true); taken {
		return nil, badRequest("item name %q is taken", q.Item)
	}
	n := t.r.Count(t.field)
	if q.At == nil || *q.At < 0 || *q.At > n {
		return nil, refuse("RANGE", "index in a list of %d items", n)
	}
	return nil, t.edit(len(value)+len(q.Item)+64, true, func(e *crdt.Edit) error {
		id, err := e.InsertItem(t.field, *q.At)
		if err != nil {
			return err
		}
		t.v.items[listKey{t.r.ID, t.field}].ids[q.Item] = id
		item := e.Item(t.field, id)
		return errors.Join(item.Set(itemName, text(q.Item)), item.Set(itemValue, value))
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

func (t *target) item(q *request) (syncproto.ElemID, error) {
	id, ok := t.find(q.Item, false)
	if !ok {
		return id, refuse("NO_ITEM", "%q", q.Item)
	}
	return id, nil
}

func setItem(_ *Driver, v *device, q *request) (answer, error) {
	t, err := v.target(q)
	if err != nil {
		return nil, err
	}
	value, err := parseValue(q.Value)
	if err != nil {
		return nil, err
	}
	id, err := t.item(q)
	if err != nil {
		return nil, err
	}
	return nil, t.edit(len(value), true, func(e *crdt.Edit) error { return e.Item(t.field, id).Set(itemValue, value) })
}

func deleteItem(_ *Driver, v *device, q *request) (answer, error) {
	t, err := v.target(q)
	if err != nil {
		return nil, err
	}
	id, err := t.item(q)
	if err != nil {
		return nil, err
	}
	return nil, t.edit(0, false, func(e *crdt.Edit) error { return e.RemoveItem(t.field, id) })
}

func moveItem(_ *Driver, v *device, q *request) (answer, error) {
	t, err := v.target(q)
	if err != nil {
		return nil, err
	}
	var to int
	if err := json.Unmarshal(q.To, &to); err != nil {
		return nil, badRequest("to: %v", err)
	}
	id, err := t.item(q)
	if err != nil {
		return nil, err
	}
	if n := t.r.Count(t.field); to < 0 || to >= n {
		return nil, refuse("RANGE", "index %d in a list of %d items", to, n)
	}
	return nil, t.edit(0, true, func(e *crdt.Edit) error { return e.MoveItem(t.field, id, to) })
}
