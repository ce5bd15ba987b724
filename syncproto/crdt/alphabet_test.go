package crdt_test

import (
	"errors"
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// theItem is the item that the root of every small history inserts.
var theItem = syncproto.ElemID{Replica: replicaID(1), Counter: 1}

// The letters. Each is about one class, whose ops do not touch the others.
var (
	setValue  = letter{"set", func(e *crdt.Edit) error { return e.Set("v", val("x")) }}
	add       = letter{"add", func(e *crdt.Edit) error { return e.Add("s", val("a")) }}
	remove    = letter{"remove", func(e *crdt.Edit) error { return e.Remove("s", val("a")) }}
	appendLog = letter{"log", func(e *crdt.Edit) error { return e.Log("g", val("x")) }}
	erase     = letter{"delete", func(e *crdt.Edit) error { return e.Delete(nil) }}
	restore   = letter{"restore", func(e *crdt.Edit) error { return e.Restore() }}
	// Members and items do not touch each other: one search serves for both.
	enter = letter{"add, edit item", func(e *crdt.Edit) error { return errors.Join(add.do(e), editItem.do(e)) }}
	leave = letter{"remove, remove item", func(e *crdt.Edit) error { return errors.Join(remove.do(e), removeItem.do(e)) }}
	both  = letter{"edit and delete", func(e *crdt.Edit) error {
		if err := e.Set("v", val("x")); err != nil {
			return err
		}
		return e.Delete(nil)
	}}
	editItem   = letter{"edit item", func(e *crdt.Edit) error { return e.Item("l", theItem).Set("v", val("x")) }}
	removeItem = letter{"remove item", func(e *crdt.Edit) error { return e.RemoveItem("l", theItem) }}
	moveItem   = letter{"move item", func(e *crdt.Edit) error { return e.MoveItem("l", theItem, max(len(e.Record().List("l"))-1, 0)) }}
	insertItem = letter{"insert item", func(e *crdt.Edit) error { _, err := e.InsertItem("l", 0); return err }}
	typeFirst  = letter{"type at the start", func(e *crdt.Edit) error { return e.Replace("t", 0, 0, "x") }}
	typeSecond = letter{"type at index 1", func(e *crdt.Edit) error { return e.Replace("t", min(1, e.Record().Text("t").Len()), 0, "y") }}
	typeTwo    = letter{"type two", func(e *crdt.Edit) error { return e.Replace("t", 0, 0, "ab") }}
	rubFirst   = letter{"delete the first", func(e *crdt.Edit) error { return e.Replace("t", 0, min(1, e.Record().Text("t").Len()), "") }}
)

// alphabets are what the small model is searched over. Those of one letter and
// the pairs have full length; larger ones are shorter unless all is asked for.
func alphabets() map[string]alphabet {
	return map[string]alphabet{
		"value":              {letters: []letter{setValue}, check: checkAll},
		"value two windows":  {letters: []letter{setValue}, windows: true, changes: 5, check: checkAll},
		"log":                {letters: []letter{appendLog}, check: checkAll},
		"members and items":  {letters: []letter{enter, leave}, root: []letter{add, insertItem}, check: checkMembersAndLife},
		"delete":             {letters: []letter{setValue, erase}, check: checkDeleted},
		"delete and restore": {letters: []letter{setValue, erase, restore}, changes: 5, check: checkDeleted},
		"delete two windows": {letters: []letter{both, erase, restore}, windows: true, changes: 4, check: checkDeleted},
		"item struck":        {letters: []letter{editItem, removeItem}, root: []letter{insertItem}, windows: true, changes: 4, check: checkAll},
		"item moved":         {letters: []letter{removeItem, moveItem, insertItem}, root: []letter{insertItem}, changes: 4, check: checkAll},
		"places":             {letters: []letter{moveItem, insertItem}, root: []letter{insertItem}, changes: 5, check: checkOrder},
		"text":               {letters: []letter{typeFirst, typeSecond}, root: []letter{typeTwo}, changes: 5, check: checkText},
		"text deleted":       {letters: []letter{typeFirst, typeSecond, rubFirst}, root: []letter{typeTwo}, changes: 4, check: checkText},
	}
}

// checkAll compares everything a reader sees.
func checkAll(r *crdt.Record, m *model) string {
	if got, want := dumpRecord(r), dumpModel(m); got != want {
		return "see the dumps"
	}
	return ""
}

// sameDots compares live dots with those of the definitions, both in order.
func sameDots(got []crdt.Stamp, want []opRef) string {
	same := slices.EqualFunc(got, want, func(a crdt.Stamp, b opRef) bool { return a.Dot == b.dot() })
	if !same {
		return fmt.Sprintf("%d live dots, want %d", len(got), len(want))
	}
	return ""
}

func checkMembersAndLife(r *crdt.Record, m *model) string {
	return checkMembers(r, m) + checkLife(r, m)
}

func checkMembers(r *crdt.Record, m *model) string {
	var got []crdt.Stamp
	for _, x := range r.Set("s") {
		got = append(got, x.Adds...)
	}
	return sameDots(got, m.members(where{field: "s"}))
}

func checkDeleted(r *crdt.Record, m *model) string {
	deleted, conflict := m.deleted()
	if r.Deleted() != deleted || (r.Conflict() != "") != conflict {
		return fmt.Sprintf("deleted %v conflict %v", deleted, conflict)
	}
	var got []crdt.Stamp
	for _, x := range r.DeleteMarks() {
		got = append(got, x.Stamp)
	}
	return sameDots(got, m.disputed())
}

func checkLife(r *crdt.Record, m *model) string {
	life := m.life("l", theItem)
	it := r.Item("l", theItem)
	if it.Removed != (len(life) == 0) {
		return fmt.Sprintf("removed %v", it.Removed)
	}
	return sameDots(it.Life(), life)
}

func checkOrder(r *crdt.Record, m *model) string {
	items := r.Items("l", true)
	if !slices.EqualFunc(items, m.items("l"), func(a *crdt.Item, id syncproto.ElemID) bool { return a.ID == id }) {
		return "order of items"
	}
	return ""
}

func checkText(r *crdt.Record, m *model) string {
	if want, _ := m.text(where{field: "t"}); r.Text("t").String() != want {
		return want
	}
	return ""
}
