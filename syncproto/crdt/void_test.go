package crdt_test

import (
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// TestVoid: a void set replaces nothing and leaves nothing, but on an item that
// its own part makes; whoever knows it later removes nothing by that. The state
// is one that a decoder takes.
func TestVoid(t *testing.T) {
	e := crdt.New(recordID(1)).Edit(replicaID(1), nil)
	must(t, e.Create("HD"))
	must(t, e.Set("v", val("in time")))
	old, err := e.InsertItem("l", 0)
	must(t, err)
	must(t, e.Item("l", old).Set("v", val("item")))
	p, _ := e.Part()
	r := crdt.New(recordID(1))
	must(t, r.Join(syncproto.Header{Replica: replicaID(1), Seq: 1, Author: recordID(7)}, &p, crdt.Options{}))

	e = r.Clone().Edit(replicaID(2), nil)
	must(t, e.Set("v", val("late")))
	must(t, e.Set("empty", val("late")))
	must(t, e.Set("open", val("at any time")))
	must(t, e.Item("l", old).Set("v", val("late")))
	made, err := e.InsertItem("l", 1)
	must(t, err)
	must(t, e.Item("l", made).Set("v", val("late item")))
	p, _ = e.Part()
	late := func(field string) bool { return field != "open" }
	must(t, r.Join(syncproto.Header{Replica: replicaID(2), Seq: 1, Author: recordID(8)}, &p, crdt.Options{Void: late, Blind: func(f, _ string) bool { return late(f) }}))
	check := func() {
		t.Helper()
		for field, want := range map[string]string{"v": "in time", "open": "at any time"} {
			if all := r.Values(field); len(all) != 1 || string(all[0].Value) != string(val(want)) {
				t.Errorf("%s has %d values, want %q alone", field, len(all), want)
			}
		}
		if all := r.Item("l", old).Values("v"); len(all) != 1 || string(all[0].Value) != string(val("item")) {
			t.Errorf("the item has %d values", len(all))
		}
		if len(r.Values("empty")) != 0 {
			t.Error("a void set left a value")
		}
		if all := r.Item("l", made).Values("v"); len(all) != 1 {
			t.Errorf("the item that the late part made has %d values", len(all))
		}
	}
	check()
	again, err := crdt.Decode(r.AppendBinary(nil))
	must(t, err)
	r = again
	check()
}

// TestUndoLogs: what takes back a part may append to a log, though it knows of
// none of the entries before it.
func TestUndoLogs(t *testing.T) {
	e := crdt.New(recordID(1)).Edit(replicaID(1), nil)
	must(t, e.Create("HD"))
	must(t, e.Log("log", val("one")))
	must(t, e.Log("log", val("two")))
	p, _ := e.Part()
	r := crdt.New(recordID(1))
	must(t, r.Join(syncproto.Header{Replica: replicaID(1), Seq: 1, Author: recordID(7)}, &p, crdt.Options{}))
	before := r.Clone()
	e = r.Clone().Edit(replicaID(2), nil)
	must(t, e.Set("v", val("x")))
	p, _ = e.Part()
	h := syncproto.Header{Replica: replicaID(2), Seq: 1, Author: recordID(8)}
	must(t, r.Join(h, &p, crdt.Options{Blind: func(string, string) bool { return true }}))
	u, _, err := r.Clone().Undo(replicaID(3), &h, &p, before)
	must(t, err)
	must(t, u.Log("log", val("verdict")))
	must(t, u.Log("log", val("another")))
	part, _ := u.Part()
	must(t, r.Join(syncproto.Header{Replica: replicaID(3), Seq: 1, Author: recordID(9)}, &part, crdt.Options{}))
	if n := len(r.Log("log")); n != 4 {
		t.Errorf("%d entries", n)
	}
}
