package simtest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/reading"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// household writes a file with a head, a member's phone and what is for the
// team alone.
func (w *world) household(d *device) syncproto.RecordID {
	head := w.person("仇例娣", "", "", "")
	id := d.newID()
	d.write(id, "HD", func(e *crdt.Edit) {
		for f, v := range map[string]any{"place_code": township + "902", "recorder_id": d.person[:], "head_person_id": head[:], "household_no": "东极户6号",
			"housing": "自有两间", "occurred_at": "2026-05-01"} {
			must(w.t, e.Set(f, value(v)))
		}
		item, err := e.InsertItem("members", 0)
		must(w.t, err)
		must(w.t, e.Item("members", item).Set("name", value("仇例娣")))
		must(w.t, e.Item("members", item).Set("phone", value("13800005678")))
		must(w.t, e.Item("members", item).Set("birth", value(map[string]any{"on": "1953-02-01", "calendar": "公历"})))
	})
	return id
}

func (d *desk) words(t *testing.T, p syncproto.PersonID, id syncproto.RecordID) string {
	t.Helper()
	page := d.page(p, id, web.RecordView{})
	b, err := json.Marshal(page)
	must(t, err)
	rec, err := reading.JSON{Reading: d.Reading}.Record(t.Context(), p, id, syncproto.ChangeID{})
	must(t, err)
	j, err := json.Marshal(rec)
	must(t, err)
	return string(b) + string(j)
}

func wantsWords(t *testing.T, what, got string, want, never []string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%s does not say %q", what, w)
		}
	}
	for _, w := range never {
		if strings.Contains(got, w) {
			t.Errorf("%s says %q", what, w)
		}
	}
}

// What the role matrix marks with ! opens for a reason that the audit log has
// first, phones likewise; for one look.
func TestOpenedForAReasonIsAudited(t *testing.T) {
	w := newWorld(t)
	admin := w.device("A1", w.person("竺例敏", "管理员", township, ""))
	id := w.household(admin)
	admin.sync()
	d := w.desk()
	other := w.person("童例宁", "管理员", "330903", "")
	wantsWords(t, "the page", d.words(t, other, id), []string{"仇例娣"}, []string{"自有两间", "13800005678"})
	wantsWords(t, "his page who wrote it", d.words(t, admin.person, id), []string{"自有两间", "138****5678"}, []string{"13800005678"})
	open := func(reason string) (string, error) {
		page, err := d.Opened(t.Context(), web.Viewer{Person: other}, id, reason)
		rec, jsonErr := reading.JSON{Reading: d.Reading}.Opened(t.Context(), other, id, reason)
		b, _ := json.Marshal(page)
		j, _ := json.Marshal(rec)
		return string(b) + "\n" + string(j), errors.Join(err, jsonErr)
	}
	for _, bad := range []string{"", "  ", "看", "\xff\xfe\xfd", strings.Repeat("长", 201)} {
		if _, err := open(bad); syncproto.KindOf(err) != syncproto.KindBadRequest || len(w.noted) > 0 {
			t.Errorf("a reason of %d bytes: %v, noted %q", len(bad), err, w.noted)
		}
	}
	got, err := open(" 核对 危房\n等级 ")
	must(t, err)
	for _, line := range strings.Split(got, "\n") {
		wantsWords(t, "opened", line, []string{"自有两间", "13800005678"}, nil)
	}
	want := "童例宁 opened with a reason HD " + id.String() + ": 核对 危房 等级"
	if len(w.noted) != 2 || w.noted[0] != want || w.noted[1] != want {
		t.Errorf("the audit log has %q", w.noted)
	}
	wantsWords(t, "the page afterwards", d.words(t, other, id), nil, []string{"自有两间", "13800005678"})
	page, err := d.Opened(t.Context(), web.Viewer{Person: admin.person}, id, "打电话约走访")
	must(t, err)
	if b, _ := json.Marshal(page); !strings.Contains(string(b), "13800005678") || len(w.noted) != 3 {
		t.Errorf("a phone does not open, noted %q", w.noted)
	}
	d.Note = func(context.Context, syncproto.PersonID, string, string) error { return errors.New("the disk is full") }
	if got, err := open("再看一次"); err == nil || strings.Contains(got, "13800005678") {
		t.Error("it opened without being noted")
	}
}

// Who may only list sees the row: what a household is called by, never who it is.
func TestTheRowAlone(t *testing.T) {
	w := newWorld(t)
	admin := w.device("A1", w.person("竺例敏", "管理员", township, ""))
	id := w.household(admin)
	log := admin.newID()
	admin.write(log, "RZ", func(e *crdt.Edit) {
		for f, v := range map[string]any{"household_id": id[:], "household_mask": "仇某某户", "cadre_id": admin.person[:], "recorder_id": admin.person[:],
			"place_code": township + "902", "on": "2026-05-20", "summary": "看了水缸"} {
			must(t, e.Set(f, value(v)))
		}
	})
	r := admin.pushAll(20) // he keeps no household's log: held until another releases it
	if len(r.Held) != 1 {
		t.Fatalf("held: %+v", r.Held)
	}
	d := w.desk()
	leader := w.person("方例山", "县（区）领导", "330903", "")
	cadre := w.person("吴例舟", "外勤干部", township, "")
	for _, p := range []syncproto.PersonID{leader, cadre} {
		wantsWords(t, "the row", d.words(t, p, id), []string{"仇某某户", "东极户6号", "RowOnly\":true", "row_only\":true"}, []string{"仇例娣", "13800", "138*", "自有两间"})
		_, err := d.Record(t.Context(), web.Viewer{Person: p}, id, web.RecordView{AsOf: syncproto.ChangeID{Replica: admin.replica, Seq: 1}})
		if !errors.Is(err, web.ErrNotFound) {
			t.Errorf("its past: %v", err)
		}
		if _, err := d.Opened(t.Context(), web.Viewer{Person: p}, id, "想看看"); syncproto.KindOf(err) != syncproto.KindForbidden {
			t.Errorf("opened: %v", err)
		}
		h, err := reading.JSON{Reading: d.Reading}.History(t.Context(), p, id, syncproto.ChangeID{})
		if syncproto.KindOf(err) != syncproto.KindNotFound && len(h.Entries) > 0 {
			t.Errorf("its history: %+v, %v", h, err)
		}
		if rows := w.rows(p, timeline.Query{}); len(rows) != 0 {
			t.Errorf("the timeline has %d rows", len(rows))
		}
	}
	nobody := w.person("沈例心", "督查员", township, "")
	if _, err := d.Record(t.Context(), web.Viewer{Person: nobody}, id, web.RecordView{}); !errors.Is(err, web.ErrNotFound) {
		t.Errorf("who may not even list: %v", err)
	}
}

// Inspectors list visits and open none; the timeline says so in its rows.
func TestListedVisits(t *testing.T) {
	w, a, _, _ := threeDevices(t)
	id := a.visit(map[string]any{"purpose": "看用水", "scene": "水缸是空的"})
	a.sync()
	d := w.desk()
	inspector := w.person("沈例心", "督查员", township, "")
	if rows := w.rows(inspector, timeline.Query{}); len(rows) != 1 {
		t.Fatalf("he lists %d visits", len(rows))
	}
	wantsWords(t, "the row", d.words(t, inspector, id), []string{"入户走访"}, []string{"水缸"})
	must(t, inspectorDevice(w, inspector, id))
}

// inspectorDevice checks that a device of who may only list gets nothing.
func inspectorDevice(w *world, person syncproto.PersonID, id syncproto.RecordID) error {
	dev := w.device("S1", person)
	dev.sync()
	if dev.base[id] != nil {
		return errors.New("his device holds the record")
	}
	return nil
}
