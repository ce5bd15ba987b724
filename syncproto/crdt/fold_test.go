package crdt_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/text/fold"
)

func always(int, int) bool { return true }

// tables keeps the tables of folds as a server does.
type tables map[syncproto.ReplicaID]*fold.Table

func (t tables) find(id syncproto.ReplicaID) (*fold.Table, error) { return t[id], nil }

// fold folds u and checks what the fold promises by itself.
func (t tables) fold(rt *rapid.T, u *crdt.Record) *crdt.Record {
	before := u.AppendBinary(nil)
	out, made := u.Fold(always)
	for _, m := range made {
		t[m.Fold] = m.Table
	}
	if out.Folded() != (len(made) > 0) {
		rt.Fatalf("%d folds, folded: %v", len(made), out.Folded())
	}
	if !bytes.Equal(u.AppendBinary(nil), before) {
		rt.Fatal("folding changed the record that was folded")
	}
	out = decoded(rt, out)
	alike(rt, out, u)
	return out
}

func decoded(rt *rapid.T, r *crdt.Record) *crdt.Record {
	out, err := crdt.Decode(r.AppendBinary(nil))
	if err == nil {
		err = out.Verify()
	}
	if err != nil {
		rt.Fatal(err)
	}
	return out
}

func alike(rt *rapid.T, folded, unfolded *crdt.Record) {
	if got, want := dumpRecord(folded), dumpRecord(unfolded); got != want {
		rt.Fatalf("folded:\n%s\nunfolded:\n%s", got, want)
	}
	if folded.Digest(nil) != unfolded.Digest(nil) {
		rt.Fatal("the digest moved")
	}
}

// told is a part in the ids of the log.
func (t tables) told(rt *rapid.T, x *saved) *syncproto.Part {
	p, _, err := crdt.UnfoldPart(x.h.Replica, &x.p, t.find)
	if err != nil {
		rt.Fatal(err)
	}
	return p
}

// TestFoldReadsAlike: devices write on a record that is folded again and again,
// and on what it was before; a twin that never folds reads the same.
func TestFoldReadsAlike(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		w := story(tb{t, rt}, seed, rapid.IntRange(1, 4).Draw(rt, "sites"), rapid.IntRange(1, 40).Draw(rt, "steps"), func(*world, *site) {})
		settle(w)
		u := w.sites[0].rec.Clone()
		if u.Kind == "" {
			return // nothing was written
		}
		known := tables{}
		for range rapid.IntRange(1, 3).Draw(rt, "folds") {
			older, resident := u.Clone(), known.fold(rt, u)
			w.all = nil
			for _, s := range w.sites {
				s.rec, s.old = resident.Clone(), nil
			}
			for range rapid.IntRange(0, 20).Draw(rt, "on the fold") {
				s := w.sites[w.rng.IntN(len(w.sites))]
				if w.rng.IntN(2) == 0 {
					w.edit(s)
				} else {
					w.exchange(s)
				}
			}
			settle(w)
			for i := range w.all {
				x := &w.all[i]
				must(w.t, u.Join(x.h, known.told(rt, x), crdt.Options{}))
				must(w.t, resident.Join(x.h, &x.p, crdt.Options{}))
				alike(rt, resident, u)
			}
			for _, s := range w.sites {
				if got, want := s.rec.AppendBinary(nil), resident.AppendBinary(nil); !bytes.Equal(got, want) {
					rt.Fatalf("seed %d: two holders of one fold differ", seed)
				}
			}
			writeLate(rt, w, u, older, resident, known)
		}
	})
}

// settle gives everything to everybody.
func settle(w *world) {
	for range w.all {
		for _, s := range w.sites {
			w.exchange(s)
		}
	}
}

// writeLate lets a site save what was written in a form that shows the record
// as it was before the fold.
func writeLate(rt *rapid.T, w *world, u, older, resident *crdt.Record, known tables) {
	s := w.sites[w.rng.IntN(len(w.sites))]
	e := older.Clone().Edit(s.id, resident)
	for range 1 + w.rng.IntN(3) {
		w.op(e)
	}
	p, changed := e.Part()
	if !changed {
		return
	}
	s.seq += 2
	x := w.throughWire(saved{syncproto.Header{Replica: s.id, Seq: s.seq, Author: syncproto.PersonID(s.id), Wall: 5}, p})
	texts := false
	for i := range x.p.Ops {
		k := x.p.Ops[i].Kind
		texts = texts || k == syncproto.OpText || k == syncproto.OpItemInsert || k == syncproto.OpItemMove
	}
	copied := resident.Clone()
	err := copied.Join(x.h, &x.p, crdt.Options{})
	var missing *crdt.MissingError
	if late := errors.As(err, &missing) && missing.Late; err != nil && !late || late && !texts {
		rt.Fatalf("a part made before the fold, with texts: %v: %v", texts, err)
	}
	must(w.t, u.Join(x.h, known.told(rt, &x), crdt.Options{}))
	if err == nil {
		alike(rt, copied, u)
	}
}

// TestFoldPicks: what is not worth it stays, and is not called folded.
func TestFoldPicks(t *testing.T) {
	r := crdt.New(recordID(1))
	e := r.Edit(replicaID(1), nil)
	must(t, e.Create("ZF"))
	must(t, e.Replace("long", 0, 0, "隔天来水，水缸要人挑"))
	must(t, e.Replace("short", 0, 0, "x"))
	_, _ = e.Part()
	r, err := e.Commit(syncproto.Header{Replica: replicaID(1), Seq: 1})
	must(t, err)
	out, made := r.Fold(func(before, _ int) bool { return before > 40 })
	if len(made) != 1 || !out.Folded() || !out.Text("long").Folded() || out.Text("short").Folded() {
		t.Fatalf("%d folds", len(made))
	}
	if out, made = r.Fold(func(int, int) bool { return false }); len(made) != 0 || out.Folded() {
		t.Fatalf("%d folds of nothing", len(made))
	}
}

// TestFoldPlaces: a list whose items were moved many times keeps their order
// and their ids; a reader from whom some are hidden can still add to it.
func TestFoldPlaces(t *testing.T) {
	r := crdt.New(recordID(1))
	step := func(by int, fn func(e *crdt.Edit)) {
		r = written(t, r, replicaID(by), r.Version.Of(replicaID(by))+1, fn)
	}
	step(1, func(e *crdt.Edit) {
		must(t, e.Create("ZF"))
		for i := range 5 {
			_, err := e.InsertItem("list", i)
			must(t, err)
		}
	})
	for i := range 200 {
		step(1+i%3, func(e *crdt.Edit) {
			must(t, e.MoveItem("list", e.Record().List("list")[i*7%5].ID, i*3%5))
		})
	}
	folded, made := r.Fold(always)
	before, after := len(r.AppendBinary(nil)), len(folded.AppendBinary(nil))
	if len(made) != 1 || after > before/2 || dumpRecord(folded) != dumpRecord(r) || folded.Digest(nil) != r.Digest(nil) {
		t.Fatalf("%d folds, %d bytes of %d\n%s\nwas\n%s", len(made), after, before, dumpRecord(folded), dumpRecord(r))
	}
	folded, err := crdt.Decode(folded.AppendBinary(nil))
	must(t, err)
	hidden := folded.List("list")[1].ID
	seen, err := crdt.Decode(folded.Project(func(_ string, id syncproto.ElemID, _ string) bool { return id != hidden }).AppendBinary(nil))
	must(t, err)
	last := seen.List("list")[3].ID
	e := seen.Edit(replicaID(9), nil)
	added, err := e.InsertItem("list", 3) // before the last that he sees
	must(t, err)
	p, _ := e.Part()
	p.Seen = folded.Version.Copy()
	h := syncproto.Header{Replica: replicaID(9), Seq: 1, Author: syncproto.PersonID(replicaID(9))}
	must(t, folded.Join(h, &p, crdt.Options{}))
	known := tables{made[0].Fold: made[0].Table}
	told, changed, err := crdt.UnfoldPart(h.Replica, &p, known.find)
	if err != nil || !changed {
		t.Fatalf("a place beside places of a fold: told %v, %v", changed, err)
	}
	must(t, r.Join(h, told, crdt.Options{}))
	if dumpRecord(folded) != dumpRecord(r) {
		t.Fatalf("folded:\n%s\nunfolded:\n%s", dumpRecord(folded), dumpRecord(r))
	}
	items := folded.List("list")
	if n := len(items); n != 6 || items[4].ID != added || items[5].ID != last {
		t.Fatalf("%d items, the new one is not before the last", n)
	}
}
