package view_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// phones are replicas that write one record while apart: each edit is made on
// what its phone has seen, meet brings all of them together.
type phones struct {
	t       *testing.T
	id      syncproto.RecordID
	kind    string
	at      map[byte]*crdt.Record
	changes []change
	clock   int64
}

type change struct {
	header syncproto.Header
	part   syncproto.Part
}

func newPhones(t *testing.T, kind string) *phones {
	return &phones{t: t, id: id(200), kind: kind, at: map[byte]*crdt.Record{}, clock: 1_779_264_600_000}
}

func id(n byte) (out syncproto.RecordID) {
	out[6], out[8], out[15] = 0x70, 0x80, n
	return out
}

func (p *phones) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func value(v any) syncproto.Value { return wire.Must(wire.EncodeValue(v)) }

func (p *phones) phone(n byte) *crdt.Record {
	if p.at[n] == nil {
		p.at[n] = crdt.New(p.id)
	}
	return p.at[n]
}

// write saves one change on a phone, whose person has the phone's number.
func (p *phones) write(n byte, edit func(e *crdt.Edit)) {
	p.t.Helper()
	rec := p.phone(n)
	e := rec.Clone().Edit(syncproto.ReplicaID(id(n)), rec)
	if rec.Kind == "" {
		p.must(e.Create(p.kind))
	}
	edit(e)
	part, _ := e.Part()
	p.clock += 1000
	c := change{syncproto.Header{Replica: syncproto.ReplicaID(id(n)), Seq: rec.Version.Of(syncproto.ReplicaID(id(n))) + 1, Author: id(n), Wall: p.clock}, part}
	p.must(rec.Join(c.header, &c.part, crdt.Options{}))
	p.changes = append(p.changes, c)
}

func (p *phones) set(n byte, fields map[string]any) {
	p.t.Helper()
	p.write(n, func(e *crdt.Edit) {
		for name, v := range fields {
			p.must(e.Set(name, value(v)))
		}
	})
}

func (p *phones) log(n byte, field string, entry map[string]any) {
	p.t.Helper()
	p.write(n, func(e *crdt.Edit) { p.must(e.Log(field, value(entry))) })
}

// meet gives every phone what it lacks, in the order written, and looks.
func (p *phones) meet() *view.Look {
	p.t.Helper()
	var any *crdt.Record
	for _, rec := range p.at {
		for i := range p.changes {
			c := &p.changes[i]
			if !rec.Version.Covers(c.header.Replica, c.header.Seq) {
				p.must(rec.Join(c.header, &c.part, crdt.Options{}))
			}
		}
		any = rec
	}
	return view.Of(schema.Builtin(), any, "2026-05-22")
}

// The keys of a group come from one writer, also where the other wrote only one
// of them, and where no key has two values though two people wrote.
func TestGroupIsNeverMixed(t *testing.T) {
	pair := func(household byte, mask string) map[string]any {
		out := map[string]any{}
		if household != 0 {
			out["household_id"] = id(household).String()
		}
		if mask != "" {
			out["household_mask"] = mask
		}
		return out
	}
	for name, c := range map[string]struct {
		a, b map[string]any
		want string // household and mask shown, chip
	}{
		"both whole":             {pair(11, "陈某某户"), pair(12, "林某某户"), "12 林某某户 有不同修改"},
		"the same twice":         {pair(11, "陈某某户"), pair(11, "陈某某户"), "11 陈某某户 "},
		"the later only the id":  {pair(11, "陈某某户"), pair(12, ""), "12 <nil> 有不同修改"},
		"one the id, one a mask": {pair(11, ""), pair(0, "林某某户"), "11 <nil> 有不同修改"},
	} {
		p := newPhones(t, "ZF")
		p.set(1, pair(10, "曾某某户"))
		p.meet()
		p.phone(2)
		p.meet()
		p.set(1, c.a)
		p.set(2, c.b)
		l := p.meet()
		h, m := l.Field("household_id"), l.Field("household_mask")
		got := fmt.Sprintf("%d %v %s", view.AsRef(h.Value)[15], m.Value, h.Chip)
		if got != c.want || h.Chip != m.Chip {
			t.Errorf("%s: %q (%q), want %q", name, got, m.Chip, c.want)
		}
		if n := len(l.Clashes()); h.Chip != "" && n != 1 {
			t.Errorf("%s: %d clashes for one value", name, n)
		}
	}
}

// What counts of two values, by merge code.
func TestShownByMergeCode(t *testing.T) {
	for _, c := range []struct {
		kind, field string
		a, b        any
		want        any
		chip        string
	}{
		{"ZF", "met", "见到本人", "见到家属", "见到家属", view.ChipDiffers},
		{"ZF", "met", "见到本人", "见到本人", "见到本人", ""},
		{"ZF", "relief_money", int64(30000), int64(50000), nil, view.ChipVerify},
		{"ZF", "place_code", "330903105901", "330903105902", nil, view.ChipDecide},
		{"SQ", "urgency", "紧急", "一般", "紧急", view.ChipDiffers},
		{"SQ", "visibility", "本级", "限定人员", "限定人员", view.ChipDiffers},
		{"SQ", "content.personal", true, false, true, view.ChipDiffers},
		{"CN", "due_on", "2026-06-05", "2026-06-10", nil, view.ChipDecide}, // FX
		{"ZF", "unheard_of", "一", "二", "二", view.ChipDiffers},
	} {
		p := newPhones(t, c.kind)
		p.set(1, map[string]any{c.field: c.a})
		p.set(2, map[string]any{c.field: c.b})
		l := p.meet()
		got := l.Field(c.field)
		if got.Value != c.want || got.Chip != c.chip {
			t.Errorf("%s.%s: %v %q, want %v %q", c.kind, c.field, got.Value, got.Chip, c.want, c.chip)
		}
		if counts := got.Counts(); counts != (c.want != nil) {
			t.Errorf("%s.%s counts: %v", c.kind, c.field, counts)
		}
		if c.chip != "" && !reflect.DeepEqual(l.Chips(), []string{c.chip}) {
			t.Errorf("%s.%s: chips %v", c.kind, c.field, l.Chips())
		}
	}
}

// Two events that exclude each other: in the order of the log the first counts,
// the other is kept, not in force, with the reason.
func TestEventThatNoLongerFits(t *testing.T) {
	p := newPhones(t, "SQ")
	event := func(name string, more ...any) map[string]any {
		m := map[string]any{"event": name}
		for i := 0; i < len(more); i += 2 {
			m[more[i].(string)] = more[i+1]
		}
		return m
	}
	p.log(1, "events", event("登记"))
	p.meet()
	p.phone(2)
	p.meet()
	p.log(1, "events", event("分办", "outcome", "直接办理", "due_on", "2026-06-20"))
	p.log(2, "events", event("不办", "outcome", "不属受理范围", "reason", "归海事管"))
	l := p.meet()
	got, ok := l.Progress()
	if !ok || len(got.Events) != 3 || got.Events[2].InForce == got.Events[1].InForce {
		t.Fatalf("%+v", got)
	}
	last := got.Events[2]
	if last.InForce || !strings.Contains(last.Why, got.Events[1].State) {
		t.Errorf("the second of two that exclude each other: %+v", last)
	}
	if note := l.EntryNote("events", last.Dot); !strings.HasPrefix(note, "未生效：") {
		t.Errorf("note %q", note)
	}
	for _, f := range []string{"outcome", "state"} {
		def, _ := l.Kind.Field(f)
		if v := l.Computed(def); v == nil || v == last.Entry[f] {
			t.Errorf("%s is %v", f, v)
		}
	}
}

// A promise is confirmed by its promiser alone.
func TestOnlyThePromiserConfirms(t *testing.T) {
	p := newPhones(t, "CN")
	p.set(1, map[string]any{"promiser_id": id(2).String(), "recorder_id": id(1).String(), "due_on": "2026-05-20"})
	p.log(1, "events", map[string]any{"event": "确认"})
	if got, _ := p.meet().Progress(); got.State != "待确认" || got.Events[0].InForce {
		t.Errorf("confirmed by the recorder: %+v", got)
	}
	p.phone(2)
	p.meet()
	p.log(2, "events", map[string]any{"event": "确认"})
	if got, _ := p.meet().Progress(); got.State != "逾期未兑现" {
		t.Errorf("two days after it was due: %s", got.State)
	}
	p.log(2, "events", map[string]any{"event": "变更", "reason": "停航", "due_on": "2026-05-25"})
	if got, _ := p.meet().Progress(); got.State != "即将到期" || got.Mark != "已变更" {
		t.Errorf("after 变更: %s %s", got.State, got.Mark)
	}
}

func TestDecideWhoAnswers(t *testing.T) {
	row := func(n, cadre byte, from, ended string) view.Assignment {
		return view.Assignment{ID: id(n), Cadre: id(cadre), FromOn: from, EndedOn: ended}
	}
	for name, c := range map[string]struct {
		rows   []view.Assignment
		holder byte // 0: nobody
		open   int
	}{
		"nobody yet":              {nil, 0, 0},
		"one":                     {[]view.Assignment{row(1, 4, "2026-01-01", "")}, 4, 1},
		"handed over":             {[]view.Assignment{row(1, 4, "2026-01-01", "2026-06-01"), row(2, 5, "2026-06-01", "")}, 5, 1},
		"two on one day":          {[]view.Assignment{row(1, 4, "2026-01-01", "2026-06-01"), row(2, 5, "2026-06-01", ""), row(3, 3, "2026-06-01", "")}, 4, 2},
		"two on different days":   {[]view.Assignment{row(1, 4, "2026-01-01", "2026-06-03"), row(2, 5, "2026-06-01", ""), row(3, 3, "2026-06-03", "")}, 4, 2},
		"the old one never ended": {[]view.Assignment{row(1, 4, "2026-01-01", ""), row(2, 5, "2026-06-01", "")}, 4, 2},
		"an old end long ago":     {[]view.Assignment{row(1, 4, "2026-01-01", "2026-03-01"), row(2, 5, "2026-03-01", ""), row(3, 3, "2026-06-01", "")}, 5, 2},
		"two and nobody before":   {[]view.Assignment{row(2, 5, "2026-06-01", ""), row(3, 3, "2026-06-01", "")}, 0, 2},
		"one of two closed":       {[]view.Assignment{row(1, 4, "2026-01-01", "2026-06-01"), row(2, 5, "2026-06-01", ""), row(3, 3, "2026-06-01", "2026-06-02")}, 5, 1},
	} {
		d := view.Decide(c.rows)
		var got byte
		if d.Holder != nil {
			got = d.Holder.Cadre[15]
		}
		if got != c.holder || len(d.Open) != c.open || d.Undecided() != (c.open > 1) {
			t.Errorf("%s: %d, %d open, want %d, %d", name, got, len(d.Open), c.holder, c.open)
		}
	}
}

// A signature knows what was added, changed and struck out since, item by item;
// marking an item as personal is no change of what was signed.
func TestSignatureChecksItems(t *testing.T) {
	p := newPhones(t, "HY")
	say := func(n byte, text string) (out syncproto.ElemID) {
		p.write(n, func(e *crdt.Edit) {
			item, err := e.InsertItem("statements", len(e.Record().List("statements")))
			p.must(err)
			p.must(e.Item("statements", item).SetText("text", text))
			out = item
		})
		return out
	}
	first, second := say(1, "码头灯坏了"), say(1, "冰库电费太贵")
	kind, _ := schema.Builtin().Kind("HY")
	covers := view.Covers(kind, p.phone(1), "signatures", [16]byte{1})
	p.log(1, "signatures", map[string]any{"by": id(1).String(), "as": "主持人", view.CoversSub: covers})
	check := func(what string, added, changed int) {
		t.Helper()
		if a, c := p.meet().AfterSigning(); a != added || c != changed {
			t.Errorf("%s: %d added, %d changed, want %d and %d", what, a, c, added, changed)
		}
	}
	check("signed", 0, 0)
	p.write(1, func(e *crdt.Edit) {
		p.must(e.Item("statements", first).Set("contains_personal", value(true)))
	})
	check("marked as personal", 0, 0)
	p.phone(2)
	p.meet()
	say(2, "垃圾船一礼拜来一趟")
	check("another's addition", 1, 0)
	p.write(2, func(e *crdt.Edit) { p.must(e.Item("statements", first).SetText("text", "码头灯坏了两盏")) })
	check("a signed one changed", 1, 1)
	p.write(2, func(e *crdt.Edit) { p.must(e.RemoveItem("statements", second)) })
	check("and one struck out", 1, 2)
	again := view.Covers(kind, p.phone(2), "signatures", [16]byte{2})
	p.log(2, "signatures", map[string]any{"by": id(1).String(), "as": "主持人", view.CoversSub: again})
	check("signed again", 0, 0)
}

// Both replacements of the same words stand, and the hint is drawn once, never
// stored.
func TestBothReplacedTheSameWords(t *testing.T) {
	p := newPhones(t, "ZF")
	p.write(1, func(e *crdt.Edit) { p.must(e.SetText("situation", "隔天来水。")) })
	p.phone(2)
	p.phone(3)
	p.meet()
	p.write(1, func(e *crdt.Edit) { p.must(e.SetText("situation", "每天来水。")) })
	p.write(2, func(e *crdt.Edit) { p.must(e.SetText("situation", "三天来水。")) })
	p.write(3, func(e *crdt.Edit) { p.must(e.SetText("situation", "五天来水。")) })
	text := p.meet().Text("situation")
	checks := 0
	for _, passage := range text.Passages {
		if passage.Check {
			checks++
		}
	}
	if checks != 1 || strings.Contains(text.String(), "核对") || len([]rune(text.String())) != len([]rune("每三五天来水。")) {
		t.Errorf("%d hints in %q", checks, text.String())
	}
}

// Fields that a merge leaves empty are named; nothing is un-submitted by it.
func TestMergeThatLeavesARequiredFieldEmpty(t *testing.T) {
	p := newPhones(t, "HY")
	var items []syncproto.ElemID
	p.write(1, func(e *crdt.Edit) {
		for i := range 2 {
			item, err := e.InsertItem("attendees", i)
			p.must(err)
			p.must(e.Item("attendees", item).Set("role", value("出席")))
			p.must(e.Item("attendees", item).Set("person", value(id(byte(20+i)).String())))
			items = append(items, item)
		}
		p.must(e.Log("status", value(view.Submitted)))
	})
	p.phone(2)
	missing := func() bool {
		for _, f := range p.meet().Missing() {
			if f.Key == "attendees" {
				return true
			}
		}
		return false
	}
	if missing() {
		t.Error("missing before")
	}
	p.write(1, func(e *crdt.Edit) { p.must(e.RemoveItem("attendees", items[0])) })
	p.write(2, func(e *crdt.Edit) { p.must(e.RemoveItem("attendees", items[1])) })
	if !missing() {
		t.Error("both struck out another and nothing is missing")
	}
	if l := p.meet(); l.Status() != view.Submitted {
		t.Errorf("it is %s", l.Status())
	}
}
