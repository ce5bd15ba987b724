package crdt_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// TestCommitIsJoin: to commit an edit is to join its part, to the byte.
func TestCommitIsJoin(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		rng := rand.New(rand.NewPCG(seed, 3))
		w := newWorld(tb{t, rt}, rng, 2)
		committed, joined := crdt.New(recordID(1)), crdt.New(recordID(1))
		for seq := range syncproto.Seq(rapid.IntRange(1, 40).Draw(rt, "changes")) {
			id := replicaID(1 + rng.IntN(3))
			e := committed.Edit(id, nil)
			if seq == 0 {
				must(t, e.Create("ZF"))
			}
			for range 1 + rng.IntN(6) {
				w.op(e)
			}
			p, any := e.Part()
			h := syncproto.Header{Replica: id, Seq: seq + 1, Author: recordID(rng.IntN(3) + 1), Wall: walls[rng.IntN(len(walls))]}
			var err error
			if committed, err = e.Commit(h); err != nil {
				rt.Fatalf("seed %d: %v", seed, err)
			}
			if !any {
				continue
			}
			x := w.throughWire(saved{h, p})
			if err := joined.Join(x.h, &x.p, crdt.Options{}); err != nil {
				rt.Fatalf("seed %d: %v", seed, err)
			}
			if !bytes.Equal(committed.AppendBinary(nil), joined.AppendBinary(nil)) {
				rt.Fatalf("seed %d: committed and joined differ\n%s\n%s", seed, dumpRecord(committed), dumpRecord(joined))
			}
		}
	})
}

func newRecord(t testing.TB, edit func(e *crdt.Edit)) *crdt.Record {
	t.Helper()
	e := crdt.New(recordID(1)).Edit(replicaID(1), nil)
	must(t, e.Create("ZF"))
	edit(e)
	_, _ = e.Part()
	r, err := e.Commit(syncproto.Header{Replica: replicaID(1), Seq: 1, Author: recordID(7), Wall: 1000})
	must(t, err)
	return r
}

func TestEditWritesLittle(t *testing.T) {
	r := newRecord(t, func(e *crdt.Edit) {})
	e := r.Edit(replicaID(1), nil)
	must(t, e.Remove("s", val("absent")))
	must(t, e.SetText("t", ""))
	if _, any := e.Part(); any {
		t.Error("an edit that changes nothing makes a part")
	}
	e = r.Edit(replicaID(1), nil)
	for _, s := range []string{"a", "b", "c"} {
		must(t, e.Set("v", val(s)))
		must(t, e.Replace("t", 0, 0, s))
	}
	p, _ := e.Part()
	if len(p.Ops) != 2 || !bytes.Equal(p.Ops[0].Value, val("c")) {
		t.Errorf("six edits of two fields make %d ops", len(p.Ops))
	}
	if err := e.Set("v", val("late")); !errors.Is(err, crdt.ErrInvalid) {
		t.Errorf("an edit after the cut: %v", err)
	}
}

func TestSetTextKeepsOthersWork(t *testing.T) {
	r := newRecord(t, func(e *crdt.Edit) { must(t, e.Replace("t", 0, 0, "隔天来水，水缸要人挑。")) })
	e := r.Clone().Edit(replicaID(2), nil)
	must(t, e.SetText("t", "隔三天来水，水缸要人来挑。"))
	if got := e.Record().Text("t").String(); got != "隔三天来水，水缸要人来挑。" {
		t.Fatalf("form shows %q", got)
	}
	p, _ := e.Part()
	other := r.Clone().Edit(replicaID(3), nil)
	must(t, other.Replace("t", 4, 0, "一次"))
	q, _ := other.Part()
	must(t, r.Join(syncproto.Header{Replica: replicaID(2), Seq: 1, Author: recordID(2)}, &p, crdt.Options{}))
	must(t, r.Join(syncproto.Header{Replica: replicaID(3), Seq: 1, Author: recordID(3)}, &q, crdt.Options{}))
	if got := r.Text("t").String(); got != "隔三天来水一次，水缸要人来挑。" {
		t.Fatalf("merged text %q", got)
	}
}

// TestTwoWindows: two forms on one device, opened on the same version and
// saved one after the other, are concurrent.
func TestTwoWindows(t *testing.T) {
	base := newRecord(t, func(e *crdt.Edit) {
		must(t, e.Set("v", val("base")))
		must(t, e.Replace("t", 0, 0, "base"))
	})
	latest := base.Clone()
	first := base.Clone().Edit(replicaID(1), latest)
	must(t, first.Set("v", val("first")))
	must(t, first.Replace("t", 0, 0, "1"))
	_, err := first.InsertItem("l", 0)
	must(t, err)
	must(t, first.Log("g", val(1)))
	p, _ := first.Part()
	must(t, latest.Join(syncproto.Header{Replica: replicaID(1), Seq: 2, Author: recordID(7)}, &p, crdt.Options{}))

	second := base.Clone().Edit(replicaID(1), latest)
	must(t, second.Set("v", val("second")))
	must(t, second.Replace("t", 4, 0, "2"))
	_, err = second.InsertItem("l", 0)
	must(t, err)
	must(t, second.Log("g", val(2)))
	must(t, second.Delete(nil))
	q, _ := second.Part()
	if q.Prev != 2 || q.Seen.Of(replicaID(1)) != 1 {
		t.Fatalf("prev %d seen %d", q.Prev, q.Seen.Of(replicaID(1)))
	}
	if _, err := second.Commit(syncproto.Header{Replica: replicaID(1), Seq: 3}); !errors.Is(err, crdt.ErrInvalid) {
		t.Errorf("commit of an edit on an old version: %v", err)
	}
	must(t, latest.Join(syncproto.Header{Replica: replicaID(1), Seq: 3, Author: recordID(7)}, &q, crdt.Options{}))
	if n := len(latest.Values("v")); n != 2 {
		t.Errorf("%d values, want both windows'", n)
	}
	if s := latest.Text("t").String(); s != "1base2" {
		t.Errorf("text %q", s)
	}
	if n := len(latest.List("l")); n != 2 {
		t.Errorf("%d items", n)
	}
	if latest.Deleted() || latest.Conflict() != crdt.ConflictDeleteEdit {
		t.Error("the delete of a window that did not know the other's edit took it along")
	}
}

func TestEditRefusals(t *testing.T) {
	r := newRecord(t, func(e *crdt.Edit) {
		_, err := e.InsertItem("l", 0)
		must(t, err)
	})
	item := r.List("l")[0].ID
	none := syncproto.ElemID{Replica: replicaID(4), Counter: 9}
	long := strings.Repeat("x", syncproto.MaxFieldBytes+1)
	e := r.Edit(replicaID(1), nil)
	bad := map[string]error{
		"text beyond its end":   e.Replace("t", 1, 0, "x"),
		"negative index":        e.Replace("t", -1, 0, "x"),
		"delete beyond the end": e.Replace("t", 0, 1, ""),
		"no UTF-8":              e.Replace("t", 0, 0, "\xff"),
		"no UTF-8 as a whole":   e.SetText("t", "\xff"),
		"no field":              e.Set("", val(1)),
		"long field":            e.Add(long, val(1)),
		"no value":              e.Set("v", syncproto.Value{0x18, 0x01}),
		"kind changed":          e.Create("HY"),
		"no kind":               e.Create(""),
		"no such item":          e.Item("l", none).Set("v", val(1)),
		"no such list":          e.RemoveItem("m", item),
		"no item field":         e.Item("l", item).Set("", val(1)),
		"item none":             e.Item("l", syncproto.ElemID{}).Set("v", val(1)),
		"move beyond the end":   e.MoveItem("l", item, 1),
		"text of no item":       e.Item("l", none).Replace("t", 0, 0, "x"),
	}
	_, bad["insert beyond the end"] = e.InsertItem("l", 2)
	_, bad["insert into nothing"] = e.InsertItem("m", 1)
	for what, err := range bad {
		if !errors.Is(err, crdt.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, any := e.Part(); any {
		t.Error("refused edits left something")
	}
}

func TestRestoreItem(t *testing.T) {
	var ids []syncproto.ElemID
	r := newRecord(t, func(e *crdt.Edit) {
		for i := range 3 {
			id, err := e.InsertItem("l", i)
			must(t, err)
			must(t, e.Item("l", id).Set("v", val(i)))
			ids = append(ids, id)
		}
		must(t, e.RemoveItem("l", ids[1]))
	})
	if len(r.List("l")) != 2 || len(r.Items("l", true)) != 3 || !r.Item("l", ids[1]).Removed {
		t.Fatal("the item is not struck out")
	}
	if v, _ := r.Item("l", ids[1]).Value("v"); !bytes.Equal(v.Value, val(1)) {
		t.Fatal("a struck-out item cannot be read")
	}
	e := r.Edit(replicaID(2), nil)
	must(t, e.RestoreItem("l", ids[1]))
	for i, it := range e.Record().List("l") {
		if it.ID != ids[i] {
			t.Fatal("the item is not back where it stood")
		}
	}
}
