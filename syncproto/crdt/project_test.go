package crdt_test

import (
	"bytes"
	"hash/fnv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// mask hides fields and items by a hash of their names: the same for all.
func mask(salt byte, share uint32) func(field string, item syncproto.ElemID, sub string) bool {
	return func(field string, item syncproto.ElemID, sub string) bool {
		h := fnv.New32a()
		h.Write(append([]byte{salt, byte(item.Counter), item.Replica[15]}, field+"/"+sub...))
		return h.Sum32()%100 >= share
	}
}

// TestProjection: a projection goes through the codec, has the digest that the
// whole record has under the same mask, keeps the order of what it shows, and
// what its reader writes on it joins onto the whole as onto the projection.
func TestProjection(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		w := story(tb{t, rt}, seed, 3, rapid.IntRange(5, 50).Draw(rt, "steps"), func(*world, *site) {})
		include := mask(byte(seed), uint32(rapid.IntRange(0, 90).Draw(rt, "hidden")))
		for _, s := range w.sites {
			if s.rec.Kind == "" {
				continue
			}
			shown := s.rec.Project(include)
			if got, want := shown.Digest(nil), s.rec.Digest(include); got != want {
				rt.Fatalf("seed %d: digest of the projection differs", seed)
			}
			state := shown.AppendBinary(nil)
			again, err := crdt.Decode(state)
			if err != nil || again.Verify() != nil || !bytes.Equal(again.AppendBinary(nil), state) {
				rt.Fatalf("seed %d: projection does not come back: %v", seed, err)
			}
			if !bytes.Equal(again.Project(include).AppendBinary(nil), state) {
				rt.Fatalf("seed %d: projecting twice is not projecting once", seed)
			}
			for _, it := range again.Items("list", true) {
				if !include("list", syncproto.ElemID{}, "") || !include("list", it.ID, "") {
					rt.Fatalf("seed %d: hidden item %s is shown", seed, it.ID)
				}
			}
			writeOnProjection(rt, w, s, again, include)
		}
	})
}

// writeOnProjection lets a reader edit what he sees: the part joins onto the
// whole and onto his own projection, and both then agree again.
func writeOnProjection(rt *rapid.T, w *world, s *site, shown *crdt.Record, include func(string, syncproto.ElemID, string) bool) {
	reader := replicaID(9)
	e := shown.Clone().Edit(reader, nil)
	for range 3 {
		w.op(e)
	}
	p, any := e.Part()
	if !any {
		return
	}
	for i := range p.Ops {
		// What he writes into a hidden field he sees until the next pull only.
		if op := &p.Ops[i]; op.Field != "" && (!include(op.Field, syncproto.ElemID{}, "") || !op.Item.IsNone() && !include(op.Field, op.Item, op.Sub) || op.Counter > 0) {
			return
		}
	}
	h := syncproto.Header{Replica: reader, Seq: 1, Author: syncproto.PersonID(reader)}
	whole := s.rec.Clone()
	if err := whole.Join(h, &p, crdt.Options{}); err != nil {
		rt.Fatalf("what was written on a projection does not join onto the whole: %v", err)
	}
	if err := shown.Join(h, &p, crdt.Options{}); err != nil {
		rt.Fatalf("what was written on a projection does not join onto it: %v", err)
	}
	if shown.Digest(nil) != whole.Digest(include) {
		rt.Fatal("after the edit projection and whole differ")
	}
}

func TestProjectLeavesNothingOfWhatIsHidden(t *testing.T) {
	e := crdt.New(recordID(1)).Edit(replicaID(1), nil)
	must(t, e.Create("HD"))
	must(t, e.Set("open", val("shown")))
	must(t, e.Set("secret", val("hidden value")))
	must(t, e.Replace("note", 0, 0, "hidden text"))
	for i := range 3 {
		id, err := e.InsertItem("list", i)
		must(t, err)
		must(t, e.Item("list", id).Set("v", val([]string{"first", "hidden item", "third"}[i])))
	}
	p, _ := e.Part()
	r := crdt.New(recordID(1))
	must(t, r.Join(syncproto.Header{Replica: replicaID(1), Seq: 1, Author: recordID(7)}, &p, crdt.Options{}))
	second := r.List("list")[1].ID
	shown := r.Project(func(field string, item syncproto.ElemID, sub string) bool {
		return field != "secret" && field != "note" && item != second
	})
	state := shown.AppendBinary(nil)
	if bytes.Contains(state, []byte("hidden")) {
		t.Fatal("hidden content is in the bytes")
	}
	if !shown.Partial || r.Partial {
		t.Fatal("the projection does not know that it is partial, or the whole believes it")
	}
	items := shown.List("list")
	if len(items) != 2 || shown.Item("list", second) != nil {
		t.Fatalf("%d items shown", len(items))
	}
	// An item put between the two shown ones stands there in the whole, too.
	e = shown.Edit(replicaID(2), nil)
	id, err := e.InsertItem("list", 1)
	must(t, err)
	p, _ = e.Part()
	must(t, r.Join(syncproto.Header{Replica: replicaID(2), Seq: 1, Author: recordID(7)}, &p, crdt.Options{}))
	if all := r.List("list"); len(all) != 4 || all[0].ID != items[0].ID || all[3].ID != items[1].ID || all[1].ID != id && all[2].ID != id {
		t.Fatal("the new item does not stand between its neighbours")
	}
	if r.Project(func(string, syncproto.ElemID, string) bool { return true }).Partial {
		t.Fatal("a projection of everything is partial")
	}
}

// TestBlind: an op of someone who could not read a field adds and removes
// nothing, but for what its own part added.
func TestBlind(t *testing.T) {
	e := crdt.New(recordID(1)).Edit(replicaID(1), nil)
	must(t, e.Create("HD"))
	must(t, e.Set("v", val("seen by few")))
	must(t, e.Set("open", val("seen by all")))
	must(t, e.Add("s", val("x")))
	must(t, e.Replace("t", 0, 0, "secret"))
	id, err := e.InsertItem("l", 0)
	must(t, err)
	must(t, e.Item("l", id).Set("v", val("item")))
	p, _ := e.Part()
	r := crdt.New(recordID(1))
	must(t, r.Join(syncproto.Header{Replica: replicaID(1), Seq: 1, Author: recordID(7)}, &p, crdt.Options{}))

	e = r.Clone().Edit(replicaID(2), nil)
	must(t, e.Set("v", val("by the blind")))
	must(t, e.Set("open", val("by the same")))
	must(t, e.Remove("s", val("x")))
	must(t, e.Add("s", val("y")))
	must(t, e.Remove("s", val("y")))
	must(t, e.Replace("t", 0, 6, "new"))
	must(t, e.Item("l", id).Set("v", val("other")))
	must(t, e.RemoveItem("l", id))
	p, _ = e.Part()
	blind := crdt.Options{Blind: func(field, _ string) bool { return field != "open" }}
	must(t, r.Join(syncproto.Header{Replica: replicaID(2), Seq: 1, Author: recordID(8)}, &p, blind))
	if n := len(r.Values("v")); n != 2 {
		t.Errorf("%d values of what was not seen, want both", n)
	}
	if n := len(r.Values("open")); n != 1 {
		t.Errorf("%d values of what was seen", n)
	}
	if m := r.Set("s"); len(m) != 1 || !bytes.Equal(m[0].Value, val("x")) {
		t.Errorf("members %v", m)
	}
	if s := r.Text("t").String(); s != "newsecret" && s != "secretnew" {
		t.Errorf("text %q", s)
	}
	if it := r.Item("l", id); it.Removed || len(it.Values("v")) != 2 {
		t.Errorf("item removed %v, %d values", it.Removed, len(it.Values("v")))
	}
}

// TestBlindTakesBackHisOwn: what a blind author typed and deleted again before
// he saved is gone; spaces stand for it in the edit, and must not show.
func TestBlindTakesBackHisOwn(t *testing.T) {
	e := crdt.New(recordID(1)).Edit(replicaID(1), nil)
	must(t, e.Create("HD"))
	must(t, e.Replace("t", 0, 0, "secret"))
	p, _ := e.Part()
	r := crdt.New(recordID(1))
	must(t, r.Join(syncproto.Header{Replica: replicaID(1), Seq: 1, Author: recordID(7)}, &p, crdt.Options{}))

	for seq, was := range []string{"", "ac"} { // the second time with elements of an earlier change
		e = r.Clone().Edit(replicaID(2), nil)
		at := max(0, strings.Index(r.Text("t").String(), was))
		must(t, e.Replace("t", at+len(was), 0, "abc"))
		must(t, e.Replace("t", at+len(was)+1, 1, "")) // b
		must(t, e.Replace("t", at, len(was), ""))
		p, _ = e.Part()
		must(t, r.Join(syncproto.Header{Replica: replicaID(2), Seq: syncproto.Seq(seq) + 1, Author: recordID(8)}, &p,
			crdt.Options{Blind: func(string, string) bool { return true }}))
		if s, mine := r.Text("t").String(), was+"ac"; s != mine+"secret" && s != "secret"+mine {
			t.Fatalf("text %q", s)
		}
	}
}
