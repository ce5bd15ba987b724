package simtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chuantou/chuantou/server/acting"
	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/server/reading"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
)

// DeviceName is reading.Devices.
func (w *world) DeviceName(r syncproto.ReplicaID) (syncproto.PersonID, string) {
	if r.IsPen() {
		return syncproto.PersonID{}, "网页登录"
	}
	return w.devices[r].Person, "手机"
}

// Silent is reading.Devices.
func (w *world) Silent(time.Time) (int, time.Time) { return 0, time.Time{} }

// desk is the pages over a world, without HTTP.
type desk struct {
	*world
	*reading.Reading
	acts *acting.Acting
}

func (w *world) desk() *desk {
	now := func() time.Time { return w.now }
	return &desk{w, &reading.Reading{Store: w.store, Directory: w.dir, Schema: schema.Builtin, Devices: w, Now: now, Note: w.note},
		&acting.Acting{Pen: w.ingest, Directory: w.dir, Schema: schema.Builtin, Now: now}}
}

func (d *desk) page(p syncproto.PersonID, id syncproto.RecordID, at web.RecordView) web.RecordPage {
	d.t.Helper()
	page, err := d.Record(context.Background(), web.Viewer{Person: p}, id, at)
	must(d.t, err)
	return page
}

func (d *desk) asOf(p syncproto.PersonID, id syncproto.RecordID, c syncproto.ChangeID) web.RecordPage {
	d.t.Helper()
	return d.page(p, id, web.RecordView{AsOf: c})
}

// choice is what the form behind a version of the page's first clash sends.
func choice(page web.RecordPage, value string) syncproto.Choice {
	clash := page.Clashes[0]
	c := syncproto.Choice{Field: clash.Field, Item: clash.Item, Sub: clash.Sub}
	for _, v := range clash.Values {
		if c.Settles = append(c.Settles, v.Dot); v.Value == value {
			c.Chosen = v.Dot
		}
	}
	return c
}

func shownWords(page web.RecordPage) string {
	var b strings.Builder
	b.WriteString(page.Title)
	for _, s := range page.Sections {
		for _, f := range s.Fields {
			b.WriteString("\n" + f.Key + "=" + f.Text + f.Masked)
			for _, p := range f.Passages {
				b.WriteString(p.Text)
			}
		}
	}
	for _, c := range page.Clashes {
		for _, v := range c.Values {
			b.WriteString("\nclash " + c.Field + "=" + v.Value)
		}
	}
	for _, h := range page.History {
		b.WriteString("\n" + h.What)
		for _, s := range h.Steps {
			b.WriteString(" " + s.Label + " " + s.Old + " " + s.New)
		}
	}
	return b.String()
}

func wantKind(t *testing.T, what string, err error, kind syncproto.ErrorKind) {
	t.Helper()
	if err == nil || syncproto.KindOf(err) != kind {
		t.Errorf("%s: %v, want kind %s", what, err, kind)
	}
}

// twoAnswers is a visit on which two devices disagree, and the leader's desk.
func twoAnswers(t *testing.T) (d *desk, a, b, leader *device, id syncproto.RecordID) {
	w, a, b, leader := threeDevices(t)
	id = a.visit(map[string]any{"met": "见到本人", "household_id": syncproto.NewRecordID(w.now).String(), "situation": "隔天来水。", "situation.personal": false})
	a.sync()
	b.pull()
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("met", value("未遇"))) })
	b.write(id, "", func(e *crdt.Edit) { must(t, e.Set("met", value("见到家属"))) })
	a.sync()
	b.sync()
	return w.desk(), a, b, leader, id
}

func TestLeaderAdoptsAVersion(t *testing.T) {
	d, a, b, leader, id := twoAnswers(t)
	page := d.page(leader.person, id, web.RecordView{})
	if len(page.Clashes) != 1 || !page.Clashes[0].Choose || len(page.Clashes[0].Values) != 2 {
		t.Fatalf("the page shows %+v", page.Clashes)
	}
	must(t, d.acts.Adopt(t.Context(), leader.person, id, page.Seen, choice(page, "见到家属")))
	after := d.page(leader.person, id, web.RecordView{})
	if len(after.Clashes) != 0 || !strings.Contains(shownWords(after), "met=见到家属") {
		t.Errorf("after it the page shows %s", shownWords(after))
	}
	top := after.History[0]
	if top.What != "采用此版本" || top.By.Name != "张例桥" || top.Device != "网页登录" || top.Steps[0].Old != "未遇" && top.Steps[0].Old != "未遇、见到家属" {
		t.Errorf("the history says %+v", top)
	}
	for _, dev := range []*device{a, b, leader} {
		dev.sync()
		got := dev.own[id].Values("met")
		if len(got) != 1 || string(got[0].Value) != string(value("见到家属")) || got[0].Author != leader.person || !got[0].Dot.Replica.IsPen() || dev.digests != 0 {
			t.Errorf("a device has %+v, %d digests differ", got, dev.digests)
		}
	}
}

func TestAdoptionIsRefused(t *testing.T) {
	d, a, b, leader, id := twoAnswers(t)
	ctx := t.Context()
	page := d.page(leader.person, id, web.RecordView{})
	good := choice(page, "见到家属")
	version := func() syncproto.VersionVector { _, rec := d.stored(id); return rec.Version }
	was := version()
	county := d.person("方例山", "县（区）领导", "330903", "")
	outsider := d.person("周例外", "乡镇（街道）领导", "330922100", "民政/帮扶")
	wantKind(t, "a field cadre", d.acts.Adopt(ctx, a.person, id, page.Seen, good), syncproto.KindForbidden)
	wantKind(t, "a leader without a relation", d.acts.Adopt(ctx, county, id, page.Seen, good), syncproto.KindForbidden)
	wantKind(t, "another township's leader", d.acts.Adopt(ctx, outsider, id, page.Seen, good), syncproto.KindNotFound)
	wantKind(t, "an unknown record", d.acts.Adopt(ctx, leader.person, syncproto.NewRecordID(d.now), page.Seen, good), syncproto.KindNotFound)
	wantKind(t, "a change of another record", d.acts.Adopt(ctx, leader.person, id, syncproto.ChangeID{Replica: leader.replica, Seq: 1}, good), syncproto.KindNotFound)
	wantKind(t, "no version seen", d.acts.Adopt(ctx, leader.person, id, syncproto.ChangeID{}, good), syncproto.KindBadRequest)
	for what, change := range map[string]func(c *syncproto.Choice){
		"no field":                 func(c *syncproto.Choice) { c.Field = "" },
		"a version that is none":   func(c *syncproto.Choice) { c.Chosen.Op += 7 },
		"one version left out":     func(c *syncproto.Choice) { c.Settles = []syncproto.Dot{c.Chosen} },
		"a version made up":        func(c *syncproto.Choice) { c.Settles = append(slices.Clone(c.Settles), syncproto.Dot{}) },
		"a field without a clash":  func(c *syncproto.Choice) { c.Field = "visit_type" },
		"a sub-field without item": func(c *syncproto.Choice) { c.Sub = "x" },
	} {
		c := good
		change(&c)
		wantKind(t, what, d.acts.Adopt(ctx, leader.person, id, page.Seen, c), syncproto.KindBadRequest)
	}
	if version().Compare(was) != syncproto.Equal {
		t.Fatal("a refused choice left something in the record")
	}
	// One more version comes while the page is open; then it is settled.
	b.sync()
	b.write(id, "", func(e *crdt.Edit) { must(t, e.Set("met", value("仅电话联系"))) })
	b.sync()
	wantKind(t, "a choice on what is settled", d.acts.Adopt(ctx, leader.person, id, page.Seen, good), syncproto.KindConflict)
	if got := d.page(leader.person, id, web.RecordView{}); len(got.Clashes) != 0 || !strings.Contains(shownWords(got), "met=仅电话联系") {
		t.Errorf("the refused choice changed the record: %s", shownWords(got))
	}
	// A voided record takes nothing: an edit that knows of it would undo it.
	page = d.page(leader.person, id, web.RecordView{})
	b.write(id, "", func(e *crdt.Edit) { must(t, e.Delete(value("重复"))) })
	b.sync()
	wantKind(t, "a comment on what is voided", d.acts.Comment(ctx, leader.person, id, page.Seen, "知道了"), syncproto.KindConflict)
	if got := d.page(leader.person, id, web.RecordView{}); got.Status != "已作废" || got.May.Comment {
		t.Errorf("the voided record shows %q, may comment %t", got.Status, got.May.Comment)
	}
}

// Two people choose at once, one at the desk and one on a boat: neither knew of
// the other, so both choices stay visible.
func TestTwoWhoSettleAtOnceStayVisible(t *testing.T) {
	d, a, b, leader, id := twoAnswers(t)
	a.sync() // a sees both versions now and goes to sea
	page := d.page(leader.person, id, web.RecordView{})
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("met", value("未遇"))) })
	must(t, d.acts.Adopt(t.Context(), leader.person, id, page.Seen, choice(page, "见到家属")))
	a.sync()
	got := d.page(leader.person, id, web.RecordView{})
	if len(got.Clashes) != 1 || len(got.Clashes[0].Values) != 2 {
		t.Fatalf("both choices must stand: %s", shownWords(got))
	}
	b.sync()
	if n := len(b.own[id].Conflicts()); n != 1 {
		t.Errorf("the other device shows %d conflicts", n)
	}
	must(t, d.acts.Adopt(t.Context(), leader.person, id, got.Seen, choice(got, "未遇")))
	a.sync()
	if n := len(a.own[id].Conflicts()); n != 0 {
		t.Errorf("settled, the device still shows %d conflicts", n)
	}
}

// A page that lay open is an old version: what is written on it is concurrent
// with what came since.
func TestWrittenOnAnOpenPage(t *testing.T) {
	d, a, _, leader, id := twoAnswers(t)
	page := d.page(leader.person, id, web.RecordView{})
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Add("tags", value("好做法"))) })
	a.sync()
	must(t, d.acts.Comment(t.Context(), leader.person, id, page.Seen, "  先核清楚\r\n再报。 "))
	got := d.page(leader.person, id, web.RecordView{})
	if len(got.Comments) != 1 || got.Comments[0].Text != "先核清楚\n再报。" || got.Comments[0].By.Name != "张例桥" || got.Comments[0].Via != "网页登录" {
		t.Fatalf("comments are %+v", got.Comments)
	}
	rec, _, steps := d.replay(id)
	if tags := rec.Set("tags"); len(tags) != 1 || steps != 5 {
		t.Errorf("the tag that came meanwhile is lost: %v, %d steps", tags, steps)
	}
	must(t, d.acts.Adopt(t.Context(), leader.person, id, page.Seen, choice(page, "见到家属"))) // the versions still are those shown
	for what, text := range map[string]string{"nothing": " \r\n ", "not text": "\xff", "a NUL": "a\x00b"} {
		wantKind(t, what, d.acts.Comment(t.Context(), leader.person, id, page.Seen, text), syncproto.KindBadRequest)
	}
	wantKind(t, "too long", d.acts.Comment(t.Context(), leader.person, id, page.Seen, strings.Repeat("长", 2001)), syncproto.KindTooLarge)
	wantKind(t, "a cadre's comment", d.acts.Comment(t.Context(), a.person, id, page.Seen, "好"), syncproto.KindForbidden)
}

func TestConfirmedByTheVeryPerson(t *testing.T) {
	w, a, _, leader := threeDevices(t)
	d := w.desk()
	other := w.person("方例山", "县（区）领导", "330903", "")
	leader.delegates(a.person, "ZF")
	leader.sync()
	id := a.visit(map[string]any{"on_behalf_of": leader.person.String()})
	a.sync()
	page := d.page(leader.person, id, web.RecordView{})
	if !page.May.Confirm || !page.Marks.ToConfirm || d.page(other, id, web.RecordView{}).May.Confirm {
		t.Fatalf("the page lets confirm: %t, marks %+v", page.May.Confirm, page.Marks)
	}
	ctx := t.Context()
	wantKind(t, "another leader", d.acts.Confirm(ctx, other, id, page.Seen, "确认", ""), syncproto.KindForbidden)
	wantKind(t, "no answer", d.acts.Confirm(ctx, leader.person, id, page.Seen, "好", ""), syncproto.KindBadRequest)
	wantKind(t, "sent back without a reason", d.acts.Confirm(ctx, leader.person, id, page.Seen, "退回", " "), syncproto.KindBadRequest)
	must(t, d.acts.Confirm(ctx, leader.person, id, page.Seen, "退回", "日期不对"))
	page = d.page(leader.person, id, web.RecordView{})
	if !page.May.Confirm || page.History[0].What != "本人确认" || page.History[0].Steps[0].New != "退回" {
		t.Errorf("sent back, the history says %+v", page.History[0])
	}
	must(t, d.acts.Confirm(ctx, leader.person, id, page.Seen, "确认", ""))
	page = d.page(leader.person, id, web.RecordView{})
	if page.May.Confirm || page.Marks.ToConfirm {
		t.Error("confirmed, it is asked for again")
	}
	wantKind(t, "confirmed twice", d.acts.Confirm(ctx, leader.person, id, page.Seen, "确认", ""), syncproto.KindConflict)
}

// Of people who settle one conflict at the same moment in browsers one does,
// and the others are told.
func TestOneOfManyBrowsersSettles(t *testing.T) {
	d, _, _, leader, id := twoAnswers(t)
	page := d.page(leader.person, id, web.RecordView{})
	errs := make(chan error)
	for i := range 8 {
		go func() {
			value := []string{"未遇", "见到家属"}[i%2]
			errs <- d.acts.Adopt(context.Background(), leader.person, id, page.Seen, choice(page, value))
		}()
	}
	settled := 0
	for range 8 {
		if err := <-errs; err == nil {
			settled++
		} else {
			wantKind(t, "the others", err, syncproto.KindConflict)
		}
	}
	if got := d.page(leader.person, id, web.RecordView{}); settled != 1 || len(got.Clashes) != 0 || len(got.History) != 4 {
		t.Errorf("%d settled it, %d clashes, %d changes", settled, len(got.Clashes), len(got.History))
	}
}

// 作废待裁定: one voided the record, another changed it unaware. An
// administrator says which it is.
func TestVoidIsDecided(t *testing.T) {
	w, a, b, leader := threeDevices(t)
	d := w.desk()
	admin := w.person("竺例敏", "管理员", township, "")
	dispute := func() (syncproto.RecordID, web.RecordPage) {
		id := a.visit(nil)
		a.sync()
		b.pull()
		a.write(id, "", func(e *crdt.Edit) { must(t, e.Delete(value("重复"))) })
		b.write(id, "", func(e *crdt.Edit) { must(t, e.Set("met", value("未遇"))) })
		a.sync()
		b.sync()
		page := d.page(admin, id, web.RecordView{})
		if page.Void == nil || page.Void.Disputed == "" || !page.May.Void {
			t.Fatalf("the page shows %+v, may %+v", page.Void, page.May)
		}
		return id, page
	}
	ctx := t.Context()
	id, page := dispute()
	wantKind(t, "a leader", d.acts.DecideVoid(ctx, leader.person, id, page.Seen, false, ""), syncproto.KindForbidden)
	wantKind(t, "voided without a reason", d.acts.DecideVoid(ctx, admin, id, page.Seen, true, " "), syncproto.KindBadRequest)
	must(t, d.acts.DecideVoid(ctx, admin, id, page.Seen, false, ""))
	if got := d.page(admin, id, web.RecordView{}); got.Void != nil || got.History[0].What != "恢复" || !strings.Contains(shownWords(got), "met=未遇") {
		t.Errorf("restored, it shows %+v", got.Void)
	}
	wantKind(t, "decided twice", d.acts.DecideVoid(ctx, admin, id, page.Seen, false, ""), syncproto.KindConflict)

	id, page = dispute()
	must(t, d.acts.DecideVoid(ctx, admin, id, page.Seen, true, "确实重复"))
	if got := d.page(admin, id, web.RecordView{}); got.Status != "已作废" || got.May != (web.Rights{}) {
		t.Errorf("voided, it is %q", got.Status)
	}

	// Somebody edits while the page is open: that survives the decision.
	id, page = dispute()
	b.sync()
	b.write(id, "", func(e *crdt.Edit) { must(t, e.Set("met", value("仅电话联系"))) })
	b.sync()
	must(t, d.acts.DecideVoid(ctx, admin, id, page.Seen, true, "确实重复"))
	if got := d.page(admin, id, web.RecordView{}); got.Void == nil || got.Void.Disputed == "" {
		t.Error("what the administrator had not seen was voided with the rest")
	}
	for _, dev := range []*device{a, b, leader} {
		dev.sync()
		if dev.digests != 0 {
			t.Errorf("%d digests differ", dev.digests)
		}
	}
}

// A timeline asked for what is not there says what is, and does not look as if
// nothing had been written.
func TestUnknownFiltersAreRefused(t *testing.T) {
	w, a, _, leader := threeDevices(t)
	a.visit(nil)
	a.sync()
	d := w.desk()
	j := reading.JSON{Reading: d.Reading}
	for name, c := range map[string]struct {
		q    httpapi.TimelineQuery
		want string // "" for a query that is answered
	}{
		"a kind":            {httpapi.TimelineQuery{Kinds: []string{"ZF", "HY"}}, ""},
		"no kind":           {httpapi.TimelineQuery{Kinds: []string{"ZF", "ZZ"}}, "ZF"},
		"reference data":    {httpapi.TimelineQuery{Kinds: []string{"person"}}, "ZF"},
		"a village":         {httpapi.TimelineQuery{Places: []string{township + "901"}}, ""},
		"a wider place":     {httpapi.TimelineQuery{Places: []string{"3309"}}, ""},
		"a place not his":   {httpapi.TimelineQuery{Places: []string{"330903102"}}, township},
		"a person":          {httpapi.TimelineQuery{Person: a.person}, ""},
		"nobody":            {httpapi.TimelineQuery{Person: syncproto.NewRecordID(w.now)}, "person"},
		"a filter":          {httpapi.TimelineQuery{Only: []string{"conflict"}}, ""},
		"an unknown filter": {httpapi.TimelineQuery{Only: []string{"ranking"}}, "conflict"},
	} {
		c.q.Order, c.q.Limit = httpapi.ByOccurrence, 20
		_, err := j.Timeline(t.Context(), leader.person, c.q)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		wantKind(t, name, err, syncproto.KindBadRequest)
		if err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q does not say %s", name, err, c.want)
		}
		_, err = d.Timeline(t.Context(), web.Viewer{Person: leader.person}, web.TimelineQuery{Kinds: c.q.Kinds, Places: c.q.Places, Person: c.q.Person, Only: c.q.Only, Limit: 20})
		var told *web.QueryError
		if !errors.As(err, &told) {
			t.Errorf("%s on the page: %v", name, err)
		}
	}
}

// A row that tells a day alone came late when it came long after that day, not
// after the midnight it began with.
func TestRowsOfOneDayTellAlikeHowTheyCame(t *testing.T) {
	w, a, _, leader := threeDevices(t)
	d := w.desk()
	w.now = time.Date(2026, 5, 22, 13, 0, 0, 0, timeline.Zone)
	timed := a.visit(map[string]any{"occurred_at": "2026-05-22T09:00+08:00"})
	day := a.visit(map[string]any{"occurred_at": "2026-05-22"})
	w.now = w.now.Add(4 * time.Hour)
	a.sync()
	before := a.visit(map[string]any{"occurred_at": "2026-05-20"})
	a.sync()
	page, err := d.Timeline(t.Context(), web.Viewer{Person: leader.person}, web.TimelineQuery{Limit: 20})
	must(t, err)
	for _, row := range page.Rows {
		if want := map[syncproto.RecordID]bool{timed: false, day: false, before: true}[row.ID]; (row.Origin.How != "") != want {
			t.Errorf("the row of %+v says %q", row.When, row.Origin.How)
		}
	}
	if len(page.Rows) != 3 {
		t.Errorf("%d rows", len(page.Rows))
	}
}
