package simtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chuantou/chuantou/server/ingest"
	"github.com/chuantou/chuantou/server/reading"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/seal"
)

// suspend has ingest hold what a device pushes, or take it again.
func (d *device) suspend(on bool) {
	dev := d.w.devices[d.replica]
	dev.Revoked = on
	d.w.devices[d.replica] = dev
}

// outside is a cadre of another township who wrote a visit here and went on with it.
func outside(w *world) (other *device, id syncproto.RecordID) {
	other = w.device("Z1", w.person("外镇干部", "外勤干部", "330903102", ""))
	id = other.visit(map[string]any{"place_code": township + "902", "situation": "外镇来的人写的"})
	other.write(id, "", func(e *crdt.Edit) { must(w.t, e.Set("met", value("未遇"))) })
	other.write(id, "", func(e *crdt.Edit) { must(w.t, e.SetText("situation", "外镇来的人写的，又补了一句")) })
	return other, id
}

func TestReleasedWorkIsJoinedWhole(t *testing.T) {
	w, _, _, leader := threeDevices(t)
	other, id := outside(w)
	if c := other.pushAll(5); len(c.Held) != 3 {
		t.Fatalf("held: %+v", c.Held)
	}
	got, err := w.ingest.Release(context.Background(), ingest.Work{Replica: other.replica, Record: id})
	if err != nil || got != (ingest.Settled{Parts: 3}) {
		t.Fatalf("released %+v, %v", got, err)
	}
	leader.pull()
	if leader.base[id] == nil || records.Text(leader.base[id], "met") != "未遇" || text(t, leader.base[id], "situation") != "外镇来的人写的，又补了一句" {
		t.Fatal("the leader does not read what was released")
	}
	if leader.digests != 0 {
		t.Error("digests differ")
	}
	other.pull()
	if r := other.pushAll(5); len(r.Held) != 0 || len(w.held()) != 0 {
		t.Errorf("still told as held: %+v", r.Held)
	}
	if _, err := w.ingest.Release(context.Background(), ingest.Work{Replica: other.replica, Record: id}); !errors.Is(err, ingest.ErrNothingHeld) {
		t.Errorf("releasing again: %v", err)
	}
	rec, _, _ := w.replay(id)
	if stored, _ := w.stored(id); !bytes.Equal(rec.AppendBinary(nil), stored.State) {
		t.Error("the log gives another state")
	}
}

// A part waits for a record that is not there, and when it comes its author may
// not write in it: he is told that, not that it joins by itself.
func TestHoldSaysWhatItWaitsForNow(t *testing.T) {
	w, a, _, _ := threeDevices(t)
	other := w.device("Z1", w.person("外镇干部", "外勤干部", "330903102", ""))
	id := a.visit(nil)
	other.own[id] = a.own[id].Clone()
	other.write(id, "", func(e *crdt.Edit) { must(t, e.Set("purpose", value("外镇来的人写的"))) })
	if r := other.pushAll(5); len(r.Held) != 1 || r.Held[0].Reason != syncproto.HoldMissing {
		t.Fatalf("before the record is there: %+v", r.Held)
	}
	a.sync()
	if r := other.pushAll(5); len(r.Held) != 1 || r.Held[0].Reason != syncproto.HoldScope {
		t.Errorf("when it is there he is told: %+v", r.Held)
	}
	if h := w.held(); len(h) != 1 || h[0].Reason != syncproto.HoldScope || h[0].Detail != "" {
		t.Errorf("held: %+v", h)
	}
}

func TestRejectedWorkLeavesNothingAndIsTold(t *testing.T) {
	w, a, _, leader := threeDevices(t)
	admin := w.person("镇管理员", "管理员", township, "")
	id := a.visit(map[string]any{"met": "见到本人", "situation": "隔天来水。", "purpose": "看用水"})
	a.sync()
	leader.sync()
	a.suspend(true)
	a.write(id, "", func(e *crdt.Edit) {
		must(t, e.Set("met", value("未遇")))
		must(t, e.Set("summary", value("乱写的")))
		must(t, e.SetText("situation", "乱写的一整段。"))
		must(t, e.Add("tags", value("好做法")))
	})
	a.write(id, "", func(e *crdt.Edit) { must(t, e.SetText("situation", "乱写的一整段，又一段。")) })
	a.pushAll(5)
	leader.write(id, "", func(e *crdt.Edit) {
		must(t, e.SetText("situation", "隔天来水。水缸要人挑。"))
		must(t, e.Set("purpose", value("看水缸")))
	})
	leader.sync()
	before := contentOf(t, leader.base[id])

	work := ingest.Work{Replica: a.replica, Record: id}
	if _, err := w.ingest.Reject(context.Background(), admin, work, ""); err == nil {
		t.Error("rejected without a reason")
	}
	got, err := w.ingest.Reject(context.Background(), admin, work, "与事实不符")
	if err != nil || got != (ingest.Settled{Parts: 2}) {
		t.Fatalf("rejected %+v, %v", got, err)
	}
	leader.pull()
	if after := contentOf(t, leader.base[id]); after != before {
		t.Errorf("after the rejection\n%s\nbefore\n%s", after, before)
	}
	rec, _, _ := w.replay(id)
	if stored, _ := w.stored(id); !bytes.Equal(rec.AppendBinary(nil), stored.State) {
		t.Error("the log gives another state")
	}
	r, err := w.ingest.Receipt(context.Background(), a.replica)
	must(t, err)
	if len(r.Held) != 2 || r.Held[0].Reason != syncproto.HoldRejected || r.Held[0].Note != "与事实不符" {
		t.Fatalf("the author is told %+v", r.Held)
	}
	// What follows the rejected work is ordinary again.
	a.suspend(false)
	a.sync()
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("met", value("见到家属"))) })
	if r := a.pushAll(5); len(r.Held) != 2 {
		t.Errorf("later work is held: %+v", r.Held)
	}
	leader.pull()
	if records.Text(leader.base[id], "met") != "见到家属" || leader.digests != 0 {
		t.Error("later work did not arrive, or digests differ")
	}
}

func TestRejectedRecordIsVoid(t *testing.T) {
	w, _, _, leader := threeDevices(t)
	other, id := outside(w)
	other.pushAll(5)
	admin := w.person("镇管理员", "管理员", township, "")
	if _, err := w.ingest.Reject(context.Background(), admin, ingest.Work{Replica: other.replica, Record: id}, "不是本镇的事"); err != nil {
		t.Fatal(err)
	}
	leader.pull()
	if rec := leader.base[id]; rec == nil || !rec.Deleted() {
		t.Error("a record that was rejected whole is not listed as void")
	}
	for _, row := range w.rows(leader.person, timeline.Query{}) {
		if row.Record == id && !row.Void {
			t.Errorf("it stands in the timeline: %+v", row)
		}
	}
}

// contentOf is what a reader finds, without who wrote it.
func contentOf(t testing.TB, rec *crdt.Record) string {
	t.Helper()
	var b strings.Builder
	for _, f := range rec.Fields() {
		distinct := map[string]bool{}
		for _, e := range rec.Values(f.Name) {
			if string(e.Value) != "\xf6" && !distinct[string(e.Value)] {
				distinct[string(e.Value)] = true
				b.WriteString(f.Name + "=" + string(e.Value) + "\n")
			}
		}
		if doc := rec.Text(f.Name); doc != nil && doc.Len() > 0 {
			b.WriteString(f.Name + ": " + doc.String() + "\n")
		}
		for _, m := range rec.Set(f.Name) {
			b.WriteString(f.Name + " has " + string(m.Value) + "\n")
		}
	}
	return b.String()
}

// A sealing key that comes with a held part is taken when the part is joined:
// without it nobody else could ever open what was sealed.
func TestKeyOfReleasedPartIsTaken(t *testing.T) {
	w, a, _, _ := threeDevices(t)
	key := seal.Key{ID: syncproto.KeyID{7}, Holder: a.person, Secret: [32]byte(sum("secret"))}
	wrapped, err := seal.Wrap(w.seal.PublicKey(), &key)
	must(t, err)
	id := a.visit(nil)
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Add(seal.KeysField, wrapped)) })
	first, second := a.bundle(1, 1), a.bundle(2, 2)
	known := func() (known bool) {
		must(t, w.store.View(context.Background(), 0, func(r store.Reader) error {
			_, ok, err := records.LoadKey(r, key.ID)
			known = ok
			return err
		}))
		return known
	}
	if _, err := a.push(second); err != nil || known() {
		t.Fatalf("the key of a held part: known %v, %v", known(), err)
	}
	if _, err := a.push(first); err != nil || !known() {
		t.Fatalf("the part is joined, its key known: %v, %v", known(), err)
	}
}

// A leader is told that something of his territory is held: what kind, where,
// by whom, since when and why; never what it says, nor what would not be his to
// read.
func TestLeaderIsToldWhatIsHeld(t *testing.T) {
	w, a, _, leader := threeDevices(t)
	elsewhere := w.person("虾峙领导", "乡镇（街道）领导", "330903102", "民政/帮扶")
	d := w.desk()
	if page, err := d.Timeline(t.Context(), web.Viewer{Person: leader.person}, web.TimelineQuery{Limit: 20}); err != nil || page.Complete.Held != 0 || len(page.Leads) != 0 {
		t.Fatalf("nothing is held: %+v, %v", page.Leads, err)
	}
	other, _ := outside(w)
	secret := other.visit(map[string]any{"place_code": township + "902", "visibility": "本人", "situation": "只给自己看的"})
	other.pushAll(5)
	w.now = w.now.Add(time.Hour)
	a.suspend(true)
	a.visit(map[string]any{"situation": "停用以后写的"})
	a.pushAll(5)

	page, err := d.Timeline(t.Context(), web.Viewer{Person: leader.person}, web.TimelineQuery{Limit: 20})
	must(t, err)
	if page.Complete.Held != 4 || len(page.Leads) != 1 || page.Leads[0].Path != "/held" {
		t.Fatalf("the timeline says %d held, %+v", page.Complete.Held, page.Leads)
	}
	for _, words := range []string{"待处理 4", "走访", "902", "没有写这条记录的权限"} {
		if !strings.Contains(page.Leads[0].Title+page.Leads[0].Detail, words) {
			t.Errorf("the lead does not say %s: %+v", words, page.Leads[0])
		}
	}
	held, err := d.Held(t.Context(), web.Viewer{Person: leader.person})
	must(t, err)
	list, err := reading.JSON{Reading: d.Reading}.Held(t.Context(), leader.person)
	must(t, err)
	if len(held.Rows) != 2 || len(list.Parts) != 4 {
		t.Fatalf("%d rows, %d parts", len(held.Rows), len(list.Parts))
	}
	for _, p := range list.Parts {
		if p.Kind != "ZF" || !strings.HasPrefix(p.Place, township) || p.Received.IsZero() || p.Written.IsZero() || p.Words == "" || p.By == "" || p.Record == secret {
			t.Errorf("/v1/held tells %+v", p)
		}
	}
	for _, r := range held.Rows {
		if !r.Work.Record.IsZero() || !r.Record.IsZero() || r.Where == "" || r.Advice == "" {
			t.Errorf("a leader may settle, or open: %+v", r)
		}
	}
	if got := fmt.Sprint(page.Leads, held, list); strings.Contains(got, "外镇来的人写的") || strings.Contains(got, "停用以后") || strings.Contains(got, "只给自己") {
		t.Errorf("what is held is told: %s", got)
	}
	if list, err := (reading.JSON{Reading: d.Reading}).Held(t.Context(), elsewhere); err != nil || len(list.Parts) != 0 {
		t.Errorf("the leader of another township is told of %+v, %v", list.Parts, err)
	}
}
