package simtest

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/view"
)

// submitted is a visit by two that one of them submitted, not yet pushed.
func (d *device) submitted(with syncproto.PersonID) syncproto.RecordID {
	d.w.t.Helper()
	id := d.visit(map[string]any{"situation": "隔天来水。", "situation.personal": false, "purpose": "看用水"})
	d.write(id, "", func(e *crdt.Edit) {
		must(d.w.t, e.Add("visitor_ids", value(d.person.String())))
		must(d.w.t, e.Add("visitor_ids", value(with.String())))
		item, err := e.InsertItem("policy_explained", 0)
		must(d.w.t, err)
		must(d.w.t, e.Item("policy_explained", item).Set("topic", value("修水泵")))
		must(d.w.t, e.Log("status", value(view.Submitted)))
	})
	return id
}

func look(rec *crdt.Record) *view.Look { return view.Of(schema.Builtin(), rec, "2026-05-25") }

func (d *device) shows(id syncproto.RecordID, field string) any {
	l := look(d.base[id])
	if t := l.Text(field); t != nil {
		return t.String()
	}
	return l.Field(field).Value
}

// suggestions are the 更正建议 that a device shows, as FIELD: NEW.
func (d *device) suggestions(id syncproto.RecordID) map[string]view.Suggestion {
	out := map[string]view.Suggestion{}
	for _, s := range look(d.base[id]).Suggestions() {
		out[s.Field] = s
	}
	return out
}

func TestLateEditIsASuggestion(t *testing.T) {
	w, a, b, leader := threeDevices(t)
	id := a.submitted(b.person)
	a.sync()
	b.pull()
	w.now = w.now.Add(24*time.Hour + time.Minute)
	item := b.base[id].List("policy_explained")[0].ID
	b.write(id, "", func(e *crdt.Edit) {
		must(t, e.Set("met", value("未遇")))
		must(t, e.SetText("situation", "天天来水，不缺。"))
		must(t, e.Remove("visitor_ids", value(a.person.String())))
		must(t, e.Item("policy_explained", item).Set("topic", value("换水泵")))
		added, err := e.InsertItem("policy_explained", 1)
		must(t, err)
		must(t, e.Item("policy_explained", added).Set("topic", value("修水管")))
		must(t, e.Add("tags", value("好做法")))
		must(t, e.Set("situation.personal", value(true)))
	})
	b.sync()
	for range 2 { // and nothing changes when it comes again
		for _, d := range []*device{a, b, leader} {
			d.pull()
			l := look(d.base[id])
			if met, words := d.shows(id, "met"), d.shows(id, "situation"); met != "见到本人" || words != "隔天来水。" {
				t.Errorf("shown as %v, %v", met, words)
			}
			if p := l.Text("situation").Passages; len(p) != 1 || p[0].Replica != a.replica {
				t.Errorf("the words are not their author's any more: %+v", p)
			}
			if m := l.Set("visitor_ids"); len(m) != 2 {
				t.Errorf("the visitors are %v", m)
			}
			if items := l.Items("policy_explained", false); len(items) != 1 || view.Field(items[0], "topic", nil).Value != "修水泵" {
				t.Errorf("%d items", len(items))
			}
			if len(l.Set("tags")) != 1 || l.Field("situation.personal").Value != true {
				t.Error("what may be written at any time was not taken")
			}
			if d.digests != 0 {
				t.Errorf("%d digests differ", d.digests)
			}
		}
		if _, err := b.push(b.bundle(1, b.seq)); err != nil {
			t.Fatal(err)
		}
		w.reopen()
	}
	got := b.suggestions(id)
	for field, want := range map[string]string{"met": "未遇", "situation": "天天来水，不缺。"} {
		if got[field].New != want || !strings.Contains(got[field].Reason, "24 小时") || got[field].Author != b.person {
			t.Errorf("%s: %+v", field, got[field])
		}
	}
	if items, _ := got["policy_explained"].New.([]any); len(items) != 2 || items[0].(map[string]any)["id"] != item.String() || items[1].(map[string]any)["topic"] != "修水管" {
		t.Errorf("policy_explained: %+v", got["policy_explained"])
	}
	if set, _ := got["visitor_ids"].New.([]any); len(set) != 1 || len(got) != 4 {
		t.Errorf("%d suggestions: %+v", len(got), got)
	}
	if chips := look(leader.base[id]).Chips(); !slices.Contains(chips, view.ChipSuggested) {
		t.Errorf("the leader's chips are %v", chips)
	}
	rec, _, _ := w.replay(id)
	if stored, _ := w.stored(id); !bytes.Equal(rec.AppendBinary(nil), stored.State) {
		t.Error("the log gives another state")
	}
	page := shownWords(w.desk().page(leader.person, id, web.RecordView{}))
	for _, words := range []string{"met=见到本人", "隔天来水。"} {
		if !strings.Contains(page, words) {
			t.Errorf("the page does not say %s: %s", words, page)
		}
	}
}

// A late edit of an item that is struck out, here since it came late itself, does
// not bring it back.
func TestLateEditLeavesItemStruckOut(t *testing.T) {
	w, a, b, _ := threeDevices(t)
	id := a.submitted(b.person)
	a.sync()
	b.pull()
	w.now = w.now.Add(24*time.Hour + time.Minute)
	var item syncproto.ElemID
	b.write(id, "", func(e *crdt.Edit) {
		var err error
		item, err = e.InsertItem("policy_explained", 1)
		must(t, err)
		must(t, e.Item("policy_explained", item).Set("topic", value("修水管")))
	})
	b.write(id, "", func(e *crdt.Edit) { must(t, e.Item("policy_explained", item).Set("topic", value("换水管"))) })
	b.sync()
	a.pull()
	if items := look(a.base[id]).Items("policy_explained", false); len(items) != 1 {
		t.Errorf("%d items stand, want the one that came in time", len(items))
	}
	w.asLog(id)
}

// Which clock decides: see SPEC.md §1.9.
func TestLateByWhichClock(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		offsetThen, offset time.Duration // of the writer's clock, at 提交 and at the edit
		between            time.Duration // by a true clock
		sent               bool          // the server has the 提交 before the edit
		late               bool
	}{
		"in time":                              {between: 23 * time.Hour, sent: true},
		"late":                                 {between: 25 * time.Hour, sent: true, late: true},
		"both at sea":                          {between: 3 * day, late: true},
		"in time, both at sea":                 {between: 20 * time.Hour},
		"in time, and came long after":         {between: 2 * time.Hour},
		"a clock two years ahead":              {offsetThen: 730 * day, offset: 730 * day, between: time.Hour},
		"ahead, and long between":              {offsetThen: 730 * day, offset: 730 * day, between: 3 * day, sent: true, late: true},
		"a clock that jumps ahead":             {offset: 3 * day, between: time.Hour, sent: true},
		"a clock that went back to 1970":       {offsetThen: -20000 * day, between: time.Hour, sent: true},
		"went back to 1970 and stayed":         {offsetThen: -20000 * day, offset: -20000 * day, between: 5 * day},
		"goes back to 1970 in between":         {offset: -20000 * day, between: time.Hour},
		"a clock that is put back in between":  {offset: -2 * day, between: time.Hour, sent: true},
		"a clock that is slow by a day or two": {offsetThen: -2 * day, offset: -2 * day, between: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			w, a, b, leader := threeDevices(t)
			dev := w.devices[a.replica]
			dev.Enrolled = w.now.Add(-30 * day).UnixMilli()
			w.devices[a.replica] = dev
			a.offset = c.offsetThen
			id := a.submitted(b.person)
			if c.sent {
				a.pushAll(20)
			}
			w.now = w.now.Add(c.between)
			a.offset = c.offset
			a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("met", value("未遇"))) })
			if !c.sent && !c.late {
				w.now = w.now.Add(9 * day) // it comes when the boat does
			}
			a.sync()
			leader.pull()
			if _, got := leader.suggestions(id)["met"]; got != c.late {
				t.Errorf("late: %v, want %v", got, c.late)
			}
		})
	}
}

// What settles something, or says that it corrects, may be written at any time.
func TestNotLate(t *testing.T) {
	w, a, b, leader := threeDevices(t)
	id := a.submitted(b.person)
	a.sync()
	b.pull()
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("met", value("未遇"))) })
	b.write(id, "", func(e *crdt.Edit) {
		must(t, e.Set("met", value("见到家属")))
		must(t, e.SetText("situation", "隔天来水，水缸要人挑。"))
	})
	a.sync()
	w.now = w.now.Add(72 * time.Hour)
	b.sync() // written in time, and three days under way
	a.pull()
	if got := a.suggestions(id); len(got) != 0 || a.shows(id, "situation") != "隔天来水，水缸要人挑。" {
		t.Fatalf("what was written in time is %+v", got)
	}
	a.write(id, "", func(e *crdt.Edit) { must(t, e.Set("met", value("见到家属"))) })
	a.write(id, "", func(e *crdt.Edit) {
		must(t, e.Set("purpose", value("看水泵")))
		must(t, e.Log("corrections", value(map[string]any{"field": "purpose", "kind": view.Corrects, "old": "看用水", "new": "看水泵", "reason": "写错了"})))
	})
	a.sync()
	leader.pull()
	if got := leader.suggestions(id); len(got) != 0 || leader.shows(id, "met") != "见到家属" || leader.shows(id, "purpose") != "看水泵" {
		t.Errorf("a choice, a correction: %+v, %v, %v", got, leader.shows(id, "met"), leader.shows(id, "purpose"))
	}
}

// Work that waited for a cause is judged by when it came, not by when the way
// was free; late work of two devices is judged for each.
func TestLateWorkThatWaited(t *testing.T) {
	w, a, b, leader := threeDevices(t)
	id := a.submitted(b.person)
	a.sync()
	b.pull()
	b.write(id, "", func(e *crdt.Edit) { must(t, e.Set("met", value("见到家属"))) })
	w.now = w.now.Add(48 * time.Hour)
	b.write(id, "", func(e *crdt.Edit) { must(t, e.Set("met", value("未遇"))) })
	if _, err := b.push(b.bundle(2, 2)); err != nil {
		t.Fatal(err)
	}
	if held := w.held(); len(held) != 1 {
		t.Fatalf("%d parts held", len(held))
	}
	if _, err := b.push(b.bundle(1, 1)); err != nil {
		t.Fatal(err)
	}
	a.write(id, "", func(e *crdt.Edit) { must(t, e.SetText("situation", "天天来水。")) })
	a.sync()
	leader.pull()
	got := leader.suggestions(id)
	if got["met"].New != "未遇" || got["situation"].New != "天天来水。" || leader.shows(id, "met") != "见到家属" || leader.shows(id, "situation") != "隔天来水。" {
		t.Errorf("%+v; shown %v, %v", got, leader.shows(id, "met"), leader.shows(id, "situation"))
	}
	if len(w.held()) != 0 || leader.digests != 0 {
		t.Error("something is held, or digests differ")
	}
}
