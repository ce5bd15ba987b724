package simtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

func TestAsOfEveryChange(t *testing.T) {
	w, a, _, leader := threeDevices(t)
	d := w.desk()
	id := a.visit(map[string]any{"met": "见到本人", "situation": "隔天来水。", "situation.personal": false})
	a.sync()
	for i := range 5 {
		a.write(id, "", func(e *crdt.Edit) {
			must(t, e.Set("met", value(fmt.Sprint("第", i))))
			must(t, e.SetText("situation", fmt.Sprint("隔天来水。", i)))
		})
		a.sync()
	}
	page := d.page(leader.person, id, web.RecordView{})
	if len(page.History) != 6 || page.History[0].Change != page.Seen {
		t.Fatalf("%d changes, the latest %s, seen %s", len(page.History), page.History[0].Change, page.Seen)
	}
	for i := range 5 {
		entry := page.History[4-i]
		then := d.asOf(leader.person, id, entry.Change)
		got := shownWords(then)
		if !strings.Contains(got, fmt.Sprint("met=第", i)) || !strings.Contains(got, fmt.Sprint("situation=隔天来水。", i)) {
			t.Errorf("as of change %d: %s", i+1, got)
		}
		if then.AsOf == nil || then.AsOf.Entry.Change != entry.Change || len(then.History) != i+2 || then.AsOf.Before != page.History[5-i].Change || then.May != (web.Rights{}) {
			t.Errorf("as of change %d the page says %+v, %d lines", i+1, then.AsOf, len(then.History))
		}
		want := "见到本人"
		if i > 0 {
			want = fmt.Sprint("第", i-1)
		}
		if s := entry.Steps[0]; s.Old != want || s.New != fmt.Sprint("第", i) {
			t.Errorf("line %d tells %q to %q", i, s.Old, s.New)
		}
	}
	other := a.visit(nil)
	a.sync()
	foreign := d.page(leader.person, other, web.RecordView{}).Seen
	for what, c := range map[string]syncproto.ChangeID{"of another record": foreign, "of nobody": {Replica: leader.replica, Seq: 9}} {
		for _, at := range []web.RecordView{{AsOf: c}, {Before: c}} {
			if _, err := d.Record(t.Context(), web.Viewer{Person: leader.person}, id, at); err != web.ErrNotFound {
				t.Errorf("a change %s: %v", what, err)
			}
		}
	}
}

// What is hidden now was never open: neither as of an earlier change nor in a
// line of the history.
func TestThePastHidesWhatIsHiddenNow(t *testing.T) {
	w, a, _, leader := threeDevices(t)
	county := w.person("方例山", "县（区）领导", "330903", "")
	d := w.desk()
	const secret = "透析"
	id := a.visit(map[string]any{"situation": "她在做透析。", "situation.personal": false})
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("relief_money", value(int64(30000)))) })
	a.sync()
	first := d.page(county, id, web.RecordView{})
	if !strings.Contains(shownWords(first), secret) || strings.Contains(shownWords(first), "300") {
		t.Fatalf("a scope reader sees %s", shownWords(first))
	}
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("situation.personal", value(true))) })
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("relief_money", value(int64(50000)))) })
	a.sync()
	for _, h := range d.page(leader.person, id, web.RecordView{}).History {
		got := shownWords(d.asOf(county, id, h.Change))
		if strings.Contains(got, secret) || strings.Contains(got, "300") || strings.Contains(got, "500") {
			t.Errorf("as of %s a scope reader sees %s", h.Change, got)
		}
	}
	now := shownWords(d.page(county, id, web.RecordView{}))
	if strings.Contains(now, secret) || strings.Contains(now, "00元") {
		t.Errorf("a scope reader sees %s", now)
	}
	if got := shownWords(d.page(leader.person, id, web.RecordView{})); !strings.Contains(got, "300.00元 500.00元") {
		t.Errorf("the team reader's history says %s", got)
	}
	// Opened again, the present is open and what stood while it was hidden is not.
	a.write(id, "", func(e *crdt.Edit) {
		must(t, e.SetText("situation", "看病不便。"))
		must(t, e.Set("situation.personal", value(false)))
	})
	a.sync()
	for _, h := range d.page(county, id, web.RecordView{}).History[1:] {
		if got := shownWords(d.asOf(county, id, h.Change)); strings.Contains(got, secret) {
			t.Errorf("what was hidden once is shown: %s", got)
		}
	}
}

// A record that was shared as a draft, or its writers' alone, does not open its
// past with its present.
func TestThePastOfADraftIsItsWriters(t *testing.T) {
	w, a, _, leader := threeDevices(t)
	d := w.desk()
	id := a.visit(map[string]any{"status": "草稿", "summary": "王例福家的事"})
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("summary", value("李例福家的事"))) })
	a.write(id, "", func(e *crdt.Edit) {
		must(t, e.Set("status", value("已提交")))
		must(t, e.Set("summary", value("一户人家的事")))
	})
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("summary", value("一户人家用水的事"))) })
	a.sync()
	page := d.page(leader.person, id, web.RecordView{})
	got := shownWords(page)
	if strings.Contains(got, "王例福") || strings.Contains(got, "李例福") || !strings.Contains(got, "一户人家的事 一户人家用水的事") && !strings.Contains(got, "一户人家用水的事") {
		t.Errorf("a leader reads of the draft: %s", got)
	}
	if len(page.History) != 4 || !page.History[3].Change.IsZero() || page.History[1].Change.IsZero() {
		t.Errorf("changes that can be opened: %+v", page.History)
	}
	own := d.page(a.person, id, web.RecordView{})
	if len(own.History) != 4 || own.History[3].Change.IsZero() {
		t.Fatal("its writer does not see the draft's history")
	}
	for _, h := range own.History[2:] {
		if _, err := d.Record(t.Context(), web.Viewer{Person: leader.person}, id, web.RecordView{AsOf: h.Change}); err != web.ErrNotFound {
			t.Errorf("a leader opens the draft as of %s: %v", h.Change, err)
		}
		if got := shownWords(d.asOf(a.person, id, h.Change)); !strings.Contains(got, "例福") {
			t.Errorf("the writer reads %s", got)
		}
	}
}

func TestLongHistoryComesInPages(t *testing.T) {
	w, a, _, leader := threeDevices(t)
	d := w.desk()
	id := a.visit(nil)
	for i := range 450 {
		a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("met", value(fmt.Sprint(i)))) })
	}
	a.pushAll(100)
	seen := map[syncproto.ChangeID]bool{}
	at, pages := web.RecordView{}, 0
	for {
		page := d.page(leader.person, id, at)
		if pages++; len(page.History) > 200 {
			t.Fatalf("a page of %d lines", len(page.History))
		}
		for _, h := range page.History {
			if seen[h.Change] {
				t.Fatalf("%s comes twice", h.Change)
			}
			seen[h.Change] = true
		}
		if page.Earlier.IsZero() {
			break
		}
		at.Before = page.Earlier
	}
	if len(seen) != 451 || pages != 3 {
		t.Errorf("%d changes on %d pages", len(seen), pages)
	}
}

// Each passage of a text that two wrote says who wrote it and when.
func TestPassagesHaveTheirAuthors(t *testing.T) {
	w, a, b, leader := threeDevices(t)
	d := w.desk()
	id := a.visit(map[string]any{"situation": "隔天来水。", "situation.personal": false})
	a.sync()
	b.pull()
	w.now = w.now.AddDate(0, 0, 1)
	b.write(id, "", func(e *crdt.Edit) { must(t, e.SetText("situation", "独居老人，隔天来水。")) })
	b.sync()
	a.sync()
	w.now = w.now.AddDate(0, 0, 1)
	a.write(id, "", func(e *crdt.Edit) {
		must(t, e.SetText("situation", "独居老人，隔天来水。水缸要人挑。"))
	})
	a.sync()
	for i := range 60 { // words that were typed and taken back, here and there
		a.write(id, "", func(e *crdt.Edit) { must(t, e.Replace("situation", i%10, 0, "又")) })
		a.write(id, "", func(e *crdt.Edit) { must(t, e.Replace("situation", i%10, 1, "")) })
	}
	a.sync()
	w.fold(id) // the state forgets whose elements were whose; the log does not
	page := d.page(leader.person, id, web.RecordView{})
	var got []web.Passage
	for _, s := range page.Sections {
		for _, f := range s.Fields {
			if f.Key == "situation" {
				got = f.Passages
			}
		}
	}
	if len(got) != 2 || got[0].Text != "独居老人，" || got[0].By.Name != "乐例红" || got[1].Text != "隔天来水。水缸要人挑。" || got[1].By.Name != "吴例舟" ||
		got[0].Author == got[1].Author || got[0].From.Day() != 23 || got[1].From.Day() != 22 || got[1].To.Day() != 24 {
		t.Errorf("passages are %+v", got)
	}
}
