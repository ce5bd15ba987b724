package simtest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/chuantou/chuantou/server/ingest"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// lostFirst is a phone that wrote three changes of a visit that others have, and
// of which the first never came: text, items and logs were built on it.
func lostFirst(t *testing.T) (w *world, a, b, leader *device, id syncproto.RecordID) {
	w, a, b, leader = threeDevices(t)
	id = b.visit(map[string]any{"situation": "屋顶漏水。", "situation.personal": false, "purpose": "看房子"})
	for _, d := range []*device{b, a, leader} {
		d.sync()
	}
	var person syncproto.ElemID
	a.write(id, "", func(e *crdt.Edit) {
		must(t, e.Replace("situation", 0, 0, "昨天"))
		must(t, e.Set("purpose", value("看房子，问收入")))
		var err error
		person, err = e.InsertItem("interviewees", 0)
		must(t, err)
		must(t, e.Item("interviewees", person).Set("name", value("例阿公")))
		must(t, e.Log("comments", value(map[string]any{"text": "先记着"})))
	})
	a.write(id, "", func(e *crdt.Edit) {
		must(t, e.Replace("situation", 2, 0, "夜里"))
		must(t, e.Item("interviewees", person).Set("relation", value("本人")))
		must(t, e.Log("comments", value(map[string]any{"text": "又来过"})))
	})
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("met", value("未遇"))) })
	return w, a, b, leader, id
}

func lose(t *testing.T, w *world, d *device, id syncproto.RecordID, by syncproto.PersonID) ingest.Declared {
	t.Helper()
	out, err := w.ingest.DeclareLost(context.Background(), by, ingest.Work{Replica: d.replica, Record: id}, ingest.Origin{})
	must(t, err)
	return out
}

func TestLostChangeIsStoodInFor(t *testing.T) {
	w, a, b, leader, id := lostFirst(t)
	admin := w.person("镇管理员", "管理员", township, "")
	if r, err := a.push(a.bundle(2, 3)); err != nil || len(r.Held) != 2 {
		t.Fatalf("held: %+v, %v", r.Held, err)
	}
	work := ingest.Work{Replica: a.replica, Record: id}
	told, err := w.ingest.Missing(context.Background(), work)
	if err != nil || told.Left != 2 || len(told.Lost) != 1 || told.Lost[0] != (ingest.LostRun{Replica: a.replica, From: 1, To: 1}) {
		t.Fatalf("missing %+v, %v", told, err)
	}
	if out := lose(t, w, a, id, admin); out.Parts != 2 || out.Left != 0 {
		t.Fatalf("declared: %+v", out)
	}
	for _, d := range []*device{leader, b} {
		d.pull()
		if got := text(t, d.base[id], "situation"); got != "屋顶漏水。夜里" {
			t.Errorf("situation reads %q", got)
		}
		if records.Text(d.base[id], "met") != "未遇" || records.Text(d.base[id], "purpose") != "看房子" || d.digests != 0 {
			t.Errorf("what was not lost: met %q, purpose %q, %d digests differ", records.Text(d.base[id], "met"), records.Text(d.base[id], "purpose"), d.digests)
		}
		if n := len(d.base[id].Log(crdt.LostField)); n != 2 {
			t.Errorf("%d entries say what is lost, want the stand-in's and the administrator's", n)
		}
	}
	sameAsLog(t, w, id)
	if _, err := w.ingest.DeclareLost(context.Background(), admin, work, ingest.Origin{}); !errors.Is(err, ingest.ErrNothingHeld) {
		t.Errorf("declared again: %v", err)
	}
	// Somebody who had it over the side of the boat saw the lost change.
	b.own[id] = a.own[id].Clone()
	b.write(id, "", func(e *crdt.Edit) { must(t, e.Set("summary", value("见过前文的人写的"))) })
	if r, err := b.push(b.bundle(b.seq, b.seq)); err != nil || len(r.Held) != 0 {
		t.Errorf("what comes later and had seen it: %+v, %v", r.Held, err)
	}
}

func sameAsLog(t *testing.T, w *world, id syncproto.RecordID) {
	t.Helper()
	rec, _, _ := w.replay(id)
	if stored, _ := w.stored(id); !bytes.Equal(rec.AppendBinary(nil), stored.State) {
		t.Error("the log gives another state")
	}
}

// The lost change comes after all: it takes its place, and the record reads as
// if it had never been missing.
func TestLostChangeThatCame(t *testing.T) {
	w, a, b, leader, id := lostFirst(t)
	admin := w.person("镇管理员", "管理员", township, "")
	if _, err := a.push(a.bundle(2, 3)); err != nil {
		t.Fatal(err)
	}
	lose(t, w, a, id, admin)
	b.pull()
	b.write(id, "", func(e *crdt.Edit) { must(t, e.Replace("situation", 0, 0, "【补】")) })
	b.sync()
	r, err := a.push(a.bundle(1, 1))
	if err != nil || len(r.Held) != 0 {
		t.Fatalf("it came: %+v, %v", r.Held, err)
	}
	sameAsLog(t, w, id)
	leader.pull()
	got := leader.base[id]
	if s := text(t, got, "situation"); !strings.Contains(s, "昨天夜里") || !strings.HasSuffix(s, "屋顶漏水。") || !strings.Contains(s, "【补】") {
		t.Errorf("situation reads %q", s)
	}
	people := got.List("interviewees")
	if len(people) != 1 || records.Text(got, "purpose") != "看房子，问收入" || len(got.Log("comments")) != 2 || leader.digests != 0 {
		t.Errorf("%d people, purpose %q, %d comments, %d digests differ", len(people), records.Text(got, "purpose"), len(got.Log("comments")), leader.digests)
	}
	if n := len(w.held()); n != 0 {
		t.Errorf("%d parts still held", n)
	}
}

// Two changes in a row are lost and come in the wrong order.
func TestLostChangesThatCameBackwards(t *testing.T) {
	w, a, b, leader := threeDevices(t)
	admin := w.person("镇管理员", "管理员", township, "")
	id := b.visit(map[string]any{"situation": "甲", "situation.personal": false})
	b.sync()
	a.sync()
	for _, s := range []string{"乙", "丙", "丁"} {
		a.write(id, "", func(e *crdt.Edit) {
			must(t, e.Replace("situation", len([]rune(text(t, e.Record(), "situation"))), 0, s))
		})
	}
	if _, err := a.push(a.bundle(3, 3)); err != nil {
		t.Fatal(err)
	}
	if out := lose(t, w, a, id, admin); out.Lost[0] != (ingest.LostRun{Replica: a.replica, From: 1, To: 2}) || out.Parts != 1 {
		t.Fatalf("declared: %+v", out)
	}
	for _, step := range []struct {
		seq  syncproto.Seq
		want string
	}{{2, "甲丙丁"}, {1, "甲乙丙丁"}} {
		if r, err := a.push(a.bundle(step.seq, step.seq)); err != nil || len(r.Held) != 0 {
			t.Fatalf("change %d: %+v, %v", step.seq, r.Held, err)
		}
		leader.pull()
		if got := text(t, leader.base[id], "situation"); got != step.want {
			t.Errorf("with change %d it reads %q, want %q", step.seq, got, step.want)
		}
		sameAsLog(t, w, id)
	}
}

// The change that began a record is lost: the administrator says what and where it was.
func TestLostBeginning(t *testing.T) {
	w, a, _, leader := threeDevices(t)
	admin := w.person("镇管理员", "管理员", township, "")
	id := a.visit(map[string]any{"situation": "没有到的开头"})
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("met", value("未遇"))) })
	if r, err := a.push(a.bundle(2, 2)); err != nil || len(r.Held) != 1 {
		t.Fatalf("held: %+v, %v", r.Held, err)
	}
	work := ingest.Work{Replica: a.replica, Record: id}
	if _, err := w.ingest.DeclareLost(t.Context(), admin, work, ingest.Origin{}); syncproto.KindOf(err) != syncproto.KindBadRequest {
		t.Errorf("without its kind: %v", err)
	}
	out, err := w.ingest.DeclareLost(t.Context(), admin, work, ingest.Origin{Kind: "ZF", Place: township + "901"})
	if err != nil || out.Parts != 1 || !out.Nothing {
		t.Fatalf("declared: %+v, %v", out, err)
	}
	leader.pull()
	if leader.base[id] == nil || records.Text(leader.base[id], "met") != "未遇" || leader.base[id].Kind != "ZF" {
		t.Fatal("the leader does not read what was not lost")
	}
	sameAsLog(t, w, id)
	if r, err := a.push(a.bundle(1, 1)); err != nil || len(r.Held) != 0 {
		t.Fatalf("the beginning came: %+v, %v", r.Held, err)
	}
	leader.pull()
	if got := text(t, leader.base[id], "situation"); got != "没有到的开头" {
		t.Errorf("situation reads %q", got)
	}
	sameAsLog(t, w, id)
}

// What was declared lost and comes months later is no way around the window of
// its record: an administrator decides, and what he releases takes its place.
func TestLostChangeThatCameLate(t *testing.T) {
	w, a, b, leader := threeDevices(t)
	admin := w.person("镇管理员", "管理员", township, "")
	id := b.visit(map[string]any{"purpose": "看房子"})
	b.write(id, "", func(e *crdt.Edit) { must(t, e.Log("status", value("已提交"))) })
	b.sync()
	a.sync()
	w.now = w.now.Add(48 * time.Hour)
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("purpose", value("过后改的"))) })
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Log("comments", value(map[string]any{"text": "依据前文"}))) })
	if _, err := a.push(a.bundle(2, 2)); err != nil {
		t.Fatal(err)
	}
	lose(t, w, a, id, admin)
	r, err := a.push(a.bundle(1, 1))
	if err != nil || len(r.Held) != 1 || r.Held[0].Reason != syncproto.HoldScope {
		t.Fatalf("it came late: %+v, %v", r.Held, err)
	}
	leader.pull()
	if got := records.Text(leader.base[id], "purpose"); got != "看房子" {
		t.Errorf("purpose reads %q", got)
	}
	if out, err := w.ingest.Release(t.Context(), ingest.Work{Replica: a.replica, Record: id}); err != nil || out.Parts != 1 {
		t.Fatalf("released: %+v, %v", out, err)
	}
	leader.pull()
	if got := records.Text(leader.base[id], "purpose"); got != "过后改的" || len(w.held()) != 0 {
		t.Errorf("released, purpose reads %q, %d held", got, len(w.held()))
	}
	sameAsLog(t, w, id)
}
