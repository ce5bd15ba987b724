package crdt_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/wire"
)

func replicaID(i int) (id syncproto.ReplicaID) {
	id[0], id[6], id[8], id[15] = byte(0x30*(3-i%4)+i), 0x40, 0x80, byte(i)
	return id
}

func recordID(i int) (id syncproto.RecordID) {
	id[5], id[6], id[8], id[15] = 1, 0x70, 0x80, byte(i)
	return id
}

func val(v any) syncproto.Value { return wire.Must(wire.EncodeValue(v)) }

// world is a handful of devices that edit one record and receive one another's
// parts in any causal order.
type world struct {
	t     testing.TB
	rng   *rand.Rand
	sites []*site
	all   []saved
}

// site is one device: what it has joined, as the engine and as the model keep
// it, and an older version that a form may still show.
type site struct {
	id    syncproto.ReplicaID
	seq   syncproto.Seq
	rec   *crdt.Record
	old   *crdt.Record
	model model
}

func newWorld(t testing.TB, rng *rand.Rand, n int) *world {
	w := &world{t: t, rng: rng}
	for i := range n {
		w.sites = append(w.sites, &site{id: replicaID(i + 1), rec: crdt.New(recordID(1))})
	}
	return w
}

// walls are the claimed times that devices come up with: years off, too.
var walls = []int64{0, 1000, 1000, 2000, 86400000 * 150, 86400000 * 210, 86400000 * 400, -1 << 63, 1<<63 - 1}

// save numbers a part, joins it at its own site and keeps it for the others.
func (w *world) save(s *site, p syncproto.Part) {
	s.seq += 1 + syncproto.Seq(w.rng.IntN(2)) // other records took numbers too
	h := syncproto.Header{Replica: s.id, Seq: s.seq, Author: syncproto.PersonID(s.id), Wall: walls[w.rng.IntN(len(walls))]}
	x := w.throughWire(saved{h, p})
	if err := s.rec.Join(x.h, &x.p, crdt.Options{}); err != nil {
		w.t.Fatalf("own part does not join: %v", err)
	}
	s.model.parts = append(s.model.parts, x)
	w.all = append(w.all, x)
}

// throughWire sends a part through its encoding, as every part goes.
func (w *world) throughWire(x saved) saved {
	p, err := wire.DecodePart(x.h.Replica, wire.AppendPart(nil, x.h.Replica, &x.p))
	if err != nil {
		w.t.Fatalf("own part does not decode: %v", err)
	}
	return saved{x.h, p}
}

// edit makes a change at a site, on the newest version or on an older one.
func (w *world) edit(s *site) {
	scratch, stale := s.rec.Clone(), false
	if s.old != nil && w.rng.IntN(4) == 0 {
		scratch, stale = s.old.Clone(), true
	}
	e := scratch.Edit(s.id, s.rec)
	if s.rec.Kind == "" || w.rng.IntN(20) == 0 {
		must(w.t, e.Create("ZF"))
	}
	for range 1 + w.rng.IntN(3) {
		w.op(e)
	}
	p, any := e.Part()
	if !any {
		return
	}
	want := ""
	if !stale {
		want = dumpContent(e.Record())
	}
	if w.rng.IntN(3) == 0 {
		s.old = s.rec.Clone()
	}
	w.save(s, p)
	if got := dumpContent(s.rec); !stale && got != want {
		w.t.Fatalf("the joined part shows otherwise than the form did\nform:\n%s\njoined:\n%s", want, got)
	}
}

// op makes one random op on a small alphabet of fields.
func (w *world) op(e *crdt.Edit) {
	r := e.Record()
	v := val([]any{"a", "b", "c", nil, 7, true}[w.rng.IntN(6)])
	field := fmt.Sprint("f", w.rng.IntN(2))
	switch w.rng.IntN(14) {
	case 0, 1:
		must(w.t, e.Set(field, v))
	case 2, 3:
		w.typing(r.Text("text"), func(at, del int, ins string) error { return e.Replace("text", at, del, ins) })
	case 4:
		must(w.t, e.Add(field, v))
	case 5:
		must(w.t, e.Remove(field, v))
	case 6:
		must(w.t, e.Log("log", v))
	case 7:
		must(w.t, e.Delete(nil))
	case 8:
		must(w.t, e.Restore())
	case 9, 10:
		_, err := e.InsertItem("list", w.rng.IntN(len(r.List("list"))+1))
		must(w.t, err)
	default:
		w.itemOp(e, v)
	}
}

func (w *world) itemOp(e *crdt.Edit, v syncproto.Value) {
	items := e.Record().Items("list", true)
	if len(items) == 0 {
		return
	}
	it := items[w.rng.IntN(len(items))]
	switch w.rng.IntN(8) {
	case 0, 1:
		must(w.t, e.RemoveItem("list", it.ID))
	case 2, 3:
		n := len(e.Record().List("list"))
		if it.Removed {
			n++
		}
		must(w.t, e.MoveItem("list", it.ID, w.rng.IntN(n)))
	case 4:
		must(w.t, e.Item("list", it.ID).Set("v", v))
	case 5:
		must(w.t, e.Item("list", it.ID).Add("s", v))
	case 6:
		must(w.t, e.Item("list", it.ID).Log("l", v))
	default:
		if it.Removed {
			must(w.t, e.RestoreItem("list", it.ID))
			return
		}
		w.typing(it.Text("t"), func(at, del int, ins string) error { return e.Item("list", it.ID).Replace("t", at, del, ins) })
	}
}

func (w *world) typing(doc interface{ Len() int }, replace func(at, del int, ins string) error) {
	n := 0
	if doc != nil && !isNil(doc) {
		n = doc.Len()
	}
	at := w.rng.IntN(n + 1)
	del := min(w.rng.IntN(3), n-at)
	ins := []string{"", "x", "渔船", "𠮷a", "回港了"}[w.rng.IntN(5)]
	must(w.t, replace(at, del, ins))
}

// exchange gives one site something that another has and that fits.
func (w *world) exchange(to *site) {
	for _, i := range w.rng.Perm(len(w.all)) {
		x := &w.all[i]
		if x.h.Seq <= to.rec.Version.Of(x.h.Replica) || x.p.Prev != to.rec.Version.Of(x.h.Replica) || !x.p.Seen.LessEqual(to.rec.Version) {
			continue
		}
		if err := to.rec.Join(x.h, &x.p, crdt.Options{}); err != nil {
			w.t.Fatalf("a part whose causes are there does not join: %v", err)
		}
		to.model.parts = append(to.model.parts, *x)
		return
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
