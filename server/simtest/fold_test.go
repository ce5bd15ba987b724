package simtest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chuantou/chuantou/server/ingest"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// typed replaces some of a text of a record.
func (d *device) typed(id syncproto.RecordID, at, del int, ins string) {
	d.w.t.Helper()
	d.write(id, "", func(e *crdt.Edit) { must(d.w.t, e.Replace("situation", at, del, ins)) })
}

// fold folds a record, which must be worth it.
func (w *world) fold(id syncproto.RecordID) {
	w.t.Helper()
	before, _ := w.stored(id)
	folded, err := w.ingest.Fold(context.Background(), id)
	must(w.t, err)
	after, rec := w.stored(id)
	if !folded || !rec.Folded() || len(after.State) >= len(before.State) {
		w.t.Fatalf("folded: %v, %d bytes before, %d after", folded, len(before.State), len(after.State))
	}
	if after.Sums != before.Sums || after.Steps != before.Steps || after.Changed != before.Changed {
		w.t.Fatalf("a fold changed the head: %+v, was %+v", after.Head, before.Head)
	}
	w.asLog(id)
}

// asLog checks that a record reads as its log says, which never folds.
func (w *world) asLog(id syncproto.RecordID) {
	w.t.Helper()
	c, rec := w.stored(id)
	twin, _, steps := w.replay(id)
	sum := twin.Digest(nil)
	if rec.Digest(nil) != sum || !bytes.Equal(sum[:16], c.Sums[1][:16]) || steps != int(c.Steps) || twin.Folded() {
		w.t.Fatalf("record %s with %d steps reads %q, by its log %q", id, c.Steps, text(w.t, rec, "situation"), text(w.t, twin, "situation"))
	}
	if !rec.Folded() && !bytes.Equal(c.State, twin.AppendBinary(nil)) {
		w.t.Fatalf("record %s is stored unfolded, but not as its log says", id)
	}
}

// corrected is a visit whose text was corrected many times.
func corrected(a *device) syncproto.RecordID {
	id := a.visit(map[string]any{"situation": "隔天来水，水缸要人挑。", "situation.personal": false})
	for i := range 40 {
		a.typed(id, i*7%11, 0, "补记")
		a.typed(id, i*5%11, 2, "")
	}
	return id
}

func readAlike(t *testing.T, id syncproto.RecordID, want string, ds ...*device) {
	t.Helper()
	for i, d := range ds {
		if got := text(t, d.own[id], "situation"); got != want {
			t.Fatalf("device %d reads %q, want %q", i, got, want)
		}
		if d.digests != 0 || len(d.kept) != 0 {
			t.Fatalf("device %d: %d digest mismatches, %d old bases", i, d.digests, len(d.kept))
		}
	}
}

func TestLateChangesOfAFoldedRecord(t *testing.T) {
	w, a, b, leader := threeDevices(t)
	id := corrected(a)
	a.sync()
	b.sync()
	leader.pull()
	shown := text(t, b.own[id], "situation")

	// b writes at sea and stays away; ashore the record is folded.
	b.typed(id, 0, 0, "海上记：")
	w.now = w.now.Add(40 * 24 * time.Hour)
	w.fold(id)
	a.sync()
	leader.pull()
	readAlike(t, id, shown, a, leader)
	if !a.base[id].Folded() || !leader.base[id].Folded() {
		t.Fatal("readers did not take the folded state")
	}

	// a writes on the fold: everybody gets the bytes as they came.
	a.typed(id, a.own[id].Text("situation").Len(), 0, "岸上记。")
	a.sync()
	leader.pull()
	readAlike(t, id, shown+"岸上记。", a, leader)
	if _, rec := w.stored(id); !rec.Folded() {
		t.Fatal("a change made on the fold unfolded the record")
	}
	w.asLog(id)

	// a writes once more, unsent; b comes back: the record is rebuilt.
	a.typed(id, 1, 1, "甲")
	b.sync()
	if held := w.held(); len(held) != 0 {
		t.Fatalf("held: %+v", held)
	}
	c, rec := w.stored(id)
	if rec.Folded() || c.Waiting != 0 {
		t.Fatalf("after a late change the record is folded: %v, waiting: %d", rec.Folded(), c.Waiting)
	}
	w.asLog(id)

	// What a wrote on the fold comes after the rebuild; until then he sees it.
	a.pull()
	if got := text(t, a.own[id], "situation"); !strings.Contains(got, "甲") || len(a.kept) != 1 {
		t.Fatalf("the device does not show its own work: %q, %d old bases", got, len(a.kept))
	}
	a.sync()
	b.pull()
	leader.pull()
	want := text(t, b.own[id], "situation")
	if !strings.Contains(want, "海上记：") || !strings.Contains(want, "岸上记。") || !strings.Contains(want, "甲") {
		t.Fatalf("something is lost: %q", want)
	}
	readAlike(t, id, want, a, b, leader)
	w.asLog(id)
	if len(w.held()) != 0 {
		t.Fatalf("held: %+v", w.held())
	}
}

// A late part that waits for something else as well does not unfold the
// record for nothing, and is joined when that comes.
func TestLatePartThatWaits(t *testing.T) {
	w, a, b, _ := threeDevices(t)
	id := corrected(a)
	a.sync()
	b.sync()
	b.typed(id, 0, 0, "一")
	b.typed(id, 0, 0, "二")
	w.now = w.now.Add(40 * 24 * time.Hour)
	w.fold(id)
	if _, err := b.push(b.bundle(2, 2)); err != nil { // the first of them is still on the way
		t.Fatal(err)
	}
	if _, rec := w.stored(id); !rec.Folded() || len(w.held()) != 1 {
		t.Fatalf("folded: %v, held: %+v", rec.Folded(), w.held())
	}
	must(t, w.ingest.Sweep(context.Background(), 24*365*time.Hour))
	if _, rec := w.stored(id); !rec.Folded() {
		t.Fatal("a sweep unfolded a record for a part that cannot be joined yet")
	}
	b.sync()
	w.asLog(id)
	if _, rec := w.stored(id); len(w.held()) != 0 || !strings.HasPrefix(text(t, rec, "situation"), "二一") {
		t.Fatalf("held %+v, reads %q", w.held(), text(t, rec, "situation"))
	}
}

// What a device wrote before the fold and may not write any more waits for an
// administrator, who can release it and reject it as ever.
func TestHeldWorkOfAFoldedRecord(t *testing.T) {
	for _, reject := range []bool{false, true} {
		w, a, b, leader := threeDevices(t)
		id := corrected(a)
		a.sync()
		b.sync()
		before := text(t, b.own[id], "situation")
		b.typed(id, 0, 0, "海上记：")
		w.now = w.now.Add(40 * 24 * time.Hour)
		w.fold(id)
		revoked := w.devices[b.replica]
		revoked.Revoked = true
		w.devices[b.replica] = revoked
		b.pushAll(20)
		if _, rec := w.stored(id); !rec.Folded() || len(w.held()) != 1 {
			t.Fatalf("folded: %v, held: %+v", rec.Folded(), w.held())
		}
		want, settle := "海上记："+before, func() (ingest.Settled, error) {
			return w.ingest.Release(context.Background(), ingest.Work{Replica: b.replica, Record: id})
		}
		if reject {
			want, settle = before, func() (ingest.Settled, error) {
				return w.ingest.Reject(context.Background(), leader.person, ingest.Work{Replica: b.replica, Record: id}, "不在职")
			}
		}
		out, err := settle()
		if err != nil || out.Parts != 1 || out.Left != 0 {
			t.Fatalf("settled %+v, %v", out, err)
		}
		w.asLog(id)
		leader.pull()
		if _, rec := w.stored(id); text(t, rec, "situation") != want || text(t, leader.own[id], "situation") != want {
			t.Fatalf("reads %q, want %q", text(t, rec, "situation"), want)
		}
	}
}

func TestSweep(t *testing.T) {
	w, a, b, _ := threeDevices(t)
	id := corrected(a)
	short := a.visit(map[string]any{"situation": "短。"})
	a.sync()
	folded := func() bool { _, rec := w.stored(id); return rec.Folded() }
	quiet := 30 * 24 * time.Hour
	sweep := func() { t.Helper(); must(t, w.ingest.Sweep(context.Background(), quiet)) }
	w.reopen() // the list of heavy records is forgotten
	sweep()
	if folded() {
		t.Fatal("a record that was changed today is folded")
	}
	w.now = w.now.Add(31 * 24 * time.Hour)
	sweep()
	if !folded() {
		t.Fatal("a quiet record is not folded")
	}
	c, _ := w.stored(id)
	sweep()
	again, _ := w.stored(id)
	if again.Unfolded != c.Unfolded || !bytes.Equal(again.State, c.State) {
		t.Fatal("a second sweep folded again")
	}
	if _, rec := w.stored(short); rec.Folded() {
		t.Fatal("a text without history is folded")
	}
	w.asLog(id)
	// A record that grows beside what it shows is folded at once.
	b.sync()
	for i := range 1500 {
		b.typed(id, i*7%11, 0, "补记")
		b.typed(id, i*5%11, 2, "")
	}
	b.sync()
	heavy, _ := w.stored(id)
	sweep()
	light, _ := w.stored(id)
	if len(light.State) >= len(heavy.State)/2 || !folded() {
		t.Fatalf("%d bytes, were %d", len(light.State), len(heavy.State))
	}
	w.asLog(id)
}

// TestFoldedStory lets devices write, stay away and come back while the server
// folds, sweeps and restarts. Whatever happens, the record reads as its log
// says, nothing waits for ever, and in the end all read the same.
func TestFoldedStory(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { foldedStory(t, seed) })
	}
}

func foldedStory(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 28))
	w, a, b, leader := threeDevices(t)
	c := w.device("C3", w.person("郑例海", "外勤干部", township, ""))
	id := corrected(a)
	all := []*device{a, b, c, leader}
	for _, d := range all {
		d.sync()
	}
	writers := all[:3]
	folds := 0
	for range 60 {
		d := writers[rng.IntN(len(writers))]
		switch rng.IntN(9) {
		case 0, 1, 2:
			n := d.own[id].Text("situation").Len()
			at := rng.IntN(n + 1)
			d.typed(id, at, min(rng.IntN(4), n-at), []string{"", "船", "潮位低", "x"}[rng.IntN(4)])
		case 3:
			d.write(id, "", func(e *crdt.Edit) { must(t, e.Set("purpose", value(fmt.Sprint(rng.IntN(9))))) })
		case 4, 5:
			d.sync()
		case 8:
			d.write(id, "", func(e *crdt.Edit) {
				items := e.Record().List("policy_explained")
				if len(items) < 3 {
					_, err := e.InsertItem("policy_explained", rng.IntN(len(items)+1))
					must(t, err)
				}
				for i := range items {
					must(t, e.MoveItem("policy_explained", items[i].ID, rng.IntN(len(items))))
				}
			})
		case 6:
			all[rng.IntN(len(all))].pull()
		default:
			if rng.IntN(3) == 0 {
				w.reopen()
			}
			w.now = w.now.Add(time.Duration(rng.IntN(40*24)) * time.Hour)
			if rng.IntN(2) == 0 {
				must(t, w.ingest.Sweep(context.Background(), 30*24*time.Hour))
			} else {
				_, err := w.ingest.Fold(context.Background(), id)
				must(t, err)
			}
		}
		if _, rec := w.stored(id); rec.Folded() {
			folds++
		}
		w.asLog(id)
	}
	for range 3 {
		for _, d := range all {
			d.sync()
		}
	}
	if held := w.held(); len(held) != 0 {
		t.Fatalf("held: %+v", held)
	}
	_, rec := w.stored(id)
	readAlike(t, id, text(t, rec, "situation"), all...)
	for i, d := range all {
		if d.own[id].Digest(nil) != rec.Digest(nil) {
			t.Fatalf("device %d reads otherwise", i)
		}
	}
	if folds == 0 {
		t.Fatal("never folded")
	}
}

// A server put back to a copy from before a fold joins what was written on the
// fold, all of it, for the fold can be made again.
func TestFoldLostWithTheStore(t *testing.T) {
	w, a, b, leader := threeDevices(t)
	id := corrected(a)
	a.sync()
	b.pull()
	older := w.snapshot()
	w.now = w.now.Add(40 * 24 * time.Hour)
	w.fold(id)
	a.sync()
	b.pull()
	a.typed(id, 0, 0, "岸上记：")
	b.typed(id, 2, 1, "乙")
	w.restore(older)
	a.sync()
	a.typed(id, 3, 0, "又记")
	b.sync()
	a.sync()
	b.sync()
	leader.pull()
	if held := w.held(); len(held) != 0 {
		t.Fatalf("held: %+v", held)
	}
	w.asLog(id)
	_, rec := w.stored(id)
	want := text(t, rec, "situation")
	for _, part := range []string{"记：", "又记", "乙"} {
		if !strings.Contains(want, part) {
			t.Fatalf("%q is not in %q", part, want)
		}
	}
	if got := text(t, leader.own[id], "situation"); got != want {
		t.Fatalf("the leader reads %q, want %q", got, want)
	}
}

// Pushes, pulls, folds and sweeps go on at the same time.
func TestFoldBesidePushes(t *testing.T) {
	w, a, b, leader := threeDevices(t)
	id := corrected(a)
	a.sync()
	b.sync()
	leader.pull()
	for range 30 {
		a.typed(id, 0, 0, "甲")
		b.typed(id, 3, 1, "乙")
	}
	w.now = w.now.Add(40 * 24 * time.Hour)
	var wg sync.WaitGroup
	for _, d := range []*device{a, b} {
		wg.Go(func() {
			for seq := range d.seq {
				if _, err := d.push(d.bundle(seq+1, seq+1)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 12 {
			if _, err := w.ingest.Fold(context.Background(), id); err != nil {
				t.Error(err)
			}
			if i%4 == 0 {
				if err := w.ingest.Sweep(context.Background(), time.Hour); err != nil {
					t.Error(err)
				}
			}
			leader.pull()
		}
	})
	wg.Wait()
	must(t, w.ingest.Sweep(context.Background(), time.Hour))
	w.asLog(id)
	for _, d := range []*device{a, b, leader} {
		d.pull()
	}
	_, rec := w.stored(id)
	want := text(t, rec, "situation")
	if len(w.held()) != 0 || strings.Count(want, "甲") != 30 || strings.Count(want, "乙") == 0 {
		t.Fatalf("held %+v, reads %q", w.held(), want)
	}
	readAlike(t, id, want, a, b, leader)
}

// A store that stops at any moment of a fold or a rebuild leaves a record that
// reads as its log says, and the next try goes through.
func TestFoldCutOff(t *testing.T) {
	for cut := 1; ; cut++ {
		w := newWorld(t)
		a := w.device("A7", w.person("吴例舟", "外勤干部", township, ""))
		b := w.device("B2", w.person("乐例红", "外勤干部", township, ""))
		id := corrected(a)
		a.sync()
		b.sync()
		b.typed(id, 0, 0, "海上记：")
		real := w.store
		w.store = &cutStore{Store: real, left: cut}
		w.reopen()
		_, foldErr := w.ingest.Fold(context.Background(), id)
		_, pushErr := b.push(b.bundle(1, b.seq))
		done := w.store.(*cutStore).left > 0
		w.store = real
		w.reopen()
		w.asLog(id)
		b.sync()
		must(t, w.ingest.Sweep(context.Background(), 30*24*time.Hour))
		w.asLog(id)
		if held := w.held(); len(held) != 0 {
			t.Fatalf("cut at update %d (%v, %v): held %+v", cut, foldErr, pushErr, held)
		}
		if _, rec := w.stored(id); !strings.HasPrefix(text(t, rec, "situation"), "海上记：") {
			t.Fatalf("cut at update %d: the late change is not there", cut)
		}
		w.now = w.now.Add(40 * 24 * time.Hour)
		w.fold(id)
		if done {
			if cut < 5 {
				t.Fatalf("only %d updates", cut)
			}
			return
		}
	}
}

// cutStore fails from the left-th update on; every second of its failures
// comes after the update was applied.
type cutStore struct {
	store.Store
	left int
}

func (c *cutStore) Update(ctx context.Context, guards []store.Key, fn func(store.Reader) (store.Batch, error)) (store.Mark, error) {
	if c.left--; c.left <= 0 {
		if c.left == 0 {
			if _, err := c.Store.Update(ctx, guards, fn); err != nil {
				return 0, err
			}
		}
		return 0, store.ErrMaybe
	}
	return c.Store.Update(ctx, guards, fn)
}
