package clientsdk_test

import (
	"strings"
	"testing"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
)

func (w *world) situation(c *clientsdk.Client, id syncproto.RecordID) string {
	w.t.Helper()
	v, err := c.Get(id)
	if err != nil {
		w.t.Fatal(err)
	}
	s, _ := v.Value("situation").(string)
	return s
}

// shared is a visit that two devices have.
func (w *world) shared(a, b *clientsdk.Client) syncproto.RecordID {
	w.t.Helper()
	d := w.visit(a, "隔天来水，水缸要人挑。")
	w.submit(a, d)
	w.submit(a, w.edit(a, d.Record()).Set("situation", "隔天来水。水缸要人挑，井水发苦。"))
	w.sync(a)
	w.sync(b)
	return d.Record()
}

// kept counts the kept bases in a store.
func (w *world) kept(store *localstore.Memory) (n int) {
	w.t.Helper()
	err := localstore.ScanPrefix(store.Clone(), []byte("o/"), func(_, _ []byte) error { n++; return nil })
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// What the server has not joined yet stays to be seen when a page brings the
// record folded, over restarts too, until a page covers it.
func TestOwnWorkOnAFoldedRecord(t *testing.T) {
	w := newWorld(t, 41)
	a, _ := w.device(personA, "甲")
	b, store := w.device(personB, "乙")
	id := w.shared(a, b)
	w.submit(b, w.edit(b, id).Set("situation", "海上记：隔天来水。水缸要人挑，井水发苦。"))
	w.server.Hold = func(*syncproto.Part) syncproto.HoldReason { return syncproto.HoldScope }
	w.server.Fold(id)
	w.sync(b) // the push is held, the pull brings the fold
	check := func(c *clientsdk.Client, want string) {
		t.Helper()
		if got := w.situation(c, id); got != want {
			t.Fatalf("shown %q, want %q", got, want)
		}
	}
	check(b, "海上记：隔天来水。水缸要人挑，井水发苦。")
	w.status(b, id, "已提交 · 待处理")
	store = store.Clone()
	b = w.open(store)
	check(b, "海上记：隔天来水。水缸要人挑，井水发苦。")

	// He writes on; another writes on the fold.
	w.submit(b, w.edit(b, id).Set("situation", "海上记：隔天来水。水缸要人挑，井水发苦。再记。"))
	w.sync(a)
	if !w.server.Record(id).Folded() {
		t.Fatal("the record is not folded")
	}
	w.submit(a, w.edit(a, id).Set("situation", "岸上记：隔天来水。水缸要人挑，井水发苦。"))
	w.server.Hold = func(p *syncproto.Part) syncproto.HoldReason {
		if strings.Contains(string(p.Ops[0].Edit), "再记") {
			return syncproto.HoldScope
		}
		return 0
	}
	w.sync(a)
	w.sync(b)
	check(a, "岸上记：隔天来水。水缸要人挑，井水发苦。")
	check(b, "海上记：隔天来水。水缸要人挑，井水发苦。再记。")

	w.server.Release()
	w.sync(b)
	w.sync(a)
	want := w.situation(a, id)
	check(b, want)
	for _, part := range []string{"海上记：", "岸上记：", "再记。"} {
		if strings.Count(want, part) != 1 {
			t.Fatalf("%q is not once in %q", part, want)
		}
	}
	w.status(b, id, "已提交 · 已收到")
	check(w.open(store.Clone()), want)
	if n := w.kept(store); n != 0 {
		t.Fatalf("%d old bases are left behind", n)
	}
}

// A form that shows the record from before a fold can be submitted after it.
func TestFormOverAFold(t *testing.T) {
	w := newWorld(t, 42)
	a, _ := w.device(personA, "甲")
	b, store := w.device(personB, "乙")
	id := w.shared(a, b)
	d := w.edit(b, id).Set("situation", "隔天来水。水缸要人挑，井水发苦。补记一句。")
	if err := d.Save(); err != nil {
		t.Fatal(err)
	}
	w.server.Fold(id)
	w.sync(b)
	w.submit(b, d)
	if got := w.situation(b, id); got != "隔天来水。水缸要人挑，井水发苦。补记一句。" {
		t.Fatalf("shown %q", got)
	}
	store = store.Clone()
	b = w.open(store)
	if got := w.situation(b, id); got != "隔天来水。水缸要人挑，井水发苦。补记一句。" {
		t.Fatalf("shown after a restart %q", got)
	}
	w.sync(b)
	w.sync(a)
	for _, c := range []*clientsdk.Client{a, b} {
		if got := w.situation(c, id); got != "隔天来水。水缸要人挑，井水发苦。补记一句。" {
			t.Fatalf("after the sync %q", got)
		}
	}
	w.status(b, id, "已提交 · 已收到")
}

// A record that leaves the device's scope takes the kept base with it.
func TestKeptBaseLeavesWithItsRecord(t *testing.T) {
	w := newWorld(t, 43)
	a, _ := w.device(personA, "甲")
	b, store := w.device(personB, "乙")
	id := w.shared(a, b)
	w.submit(b, w.edit(b, id).Set("situation", "海上记：隔天来水。水缸要人挑，井水发苦。"))
	w.server.Hold = func(*syncproto.Part) syncproto.HoldReason { return syncproto.HoldScope }
	w.server.Fold(id)
	w.sync(b)
	if w.kept(store) != 1 {
		t.Fatalf("%d kept bases", w.kept(store))
	}
	w.server.Leave(id)
	w.sync(b)
	if v, err := b.Get(id); err == nil || w.kept(store) != 0 {
		t.Fatalf("after leaving: %+v, %v, %d kept bases", v, err, w.kept(store))
	}
}
