package main

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/syncproto"
)

// golden is one golden merge of the sample: what happens, and what the product
// then shows. What the engine must read byte for byte is tested beside it
// (syncproto/cmd/mergedriver/driver).
type golden struct {
	ID     int              `yaml:"id"`
	Ops    []map[string]any `yaml:"ops"`
	SaidAt map[string][]any `yaml:"said_at"`
	Shown  map[string]any   `yaml:"shown"`
}

// cast says who holds the replicas of a golden merge, and what the records of
// its script are.
type cast struct {
	people  map[string]string // replica -> person
	records map[string]part   // record -> kind and what its form has besides
	log     func(g *goldenRun, r, rec, entry string) row
	skip    map[string]string // records that are on the island already, by what they are called there
	before  func(t *testing.T, g *goldenRun)
	submits bool // meetings are submitted as soon as something is said
}

func visitAt(household, met string) part {
	return part{Kind: "ZF", Fields: row{"visit_type": "入户走访", "visit_mode": "上门", "met": met, "household_id": "@" + household, "household_mask": "某某户",
		"place_code": "330903105902", "occurred_at": "2026-05-20T10:00", "interviewees": []any{row{"person": "@" + household + "-1"}}, "visitor_ids": []any{"@C5", "@C6"},
		"owner_unit": "@U3", "situation": "（还没有写）", "notice_given": true}}
}

func meetingAt(host string) part {
	return part{Kind: "HY", Fields: row{"meeting_type": "道地会", "title": "石屋岙村道地会", "place_code": "330903105902", "hamlet": "石屋岙", "host_id": "@" + host,
		"owner_unit": "@U3", "occurred_at": "2026-05-21T18:30", "ended_at": "2026-05-21T20:00", "attendees": []any{row{"person": "@" + host, "role": "出席"}},
		"session_events": []any{row{"event": "开会", "at": "2026-05-21T18:30"}, row{"event": "散会", "at": "2026-05-21T20:00"}}}}
}

func shared(p part) part {
	p.Fields["recorder_ids"] = []any{"@C5", "@C6"}
	return p
}

func assignment(household, cadre, from string) part {
	return part{Kind: "GB", Fields: row{"household_id": "@" + household, "cadre_id": "@" + cadre, "unit": "@U3", "unit_level": "乡镇", "phone": "00000000000",
		"from_on": from, "cycle": row{"window": "每季", "required": 1}, "place_code": "330903105902", "owner_unit": "@U3", "occurred_at": from}}
}

var two = map[string]string{"A": "C5", "B": "C6"}

// casts by number. Number 6 needs the problem ledger, which is not installed.
var casts = map[int]cast{
	1: {people: two, records: map[string]part{"V04": visitAt("H05", "见到本人")}},
	2: {people: two, records: map[string]part{"V05": visitAt("H06", "未遇")}},
	3: {people: two, records: map[string]part{"V06": visitAt("H05", "见到本人")}},
	4: {people: two, records: map[string]part{"M2": shared(meetingAt("C3"))}},
	5: {people: map[string]string{"X1": "A1", "Y1": "A2"}, records: map[string]part{"G07": assignment("H07", "C4", "2026-01-01"), "G13": assignment("H07", "C5", "2026-06-01"), "G14": assignment("H07", "C3", "2026-06-01")},
		log: func(g *goldenRun, r, _, entry string) row {
			return row{"to_on": "2026-06-01", "reason": entry, "by": g.s.ids[g.people[r]].String()}
		}},
	7:  {people: map[string]string{"C": "C5", "D": "C6"}, records: map[string]part{"V01": visitAt("H05", "见到本人")}},
	8:  {people: two, records: map[string]part{"M3": meetingAt("C3")}},
	9:  {people: map[string]string{"A": "C5", "B": "C3"}, submits: true, records: map[string]part{"M4": meetingAt("C3"), "M5": meetingAt("C3")}},
	10: {people: map[string]string{"A": "C5", "B": "A1"}, records: map[string]part{"D06": {Kind: "SQ", Fields: row{"content": "停航急煞人", "category": "医疗", "raised_by": []any{"@H06-1"}, "source_channel": "道地会", "place_code": "330903105902", "owner_unit": "@U3", "occurred_at": "2026-05-21T19:00"}}}},
	11: {people: map[string]string{"A": "A1", "B": "C5"}, skip: map[string]string{"H05": "H08"}, records: map[string]part{"G05": assignment("H08", "C5", "2026-01-01")},
		before: func(t *testing.T, g *goldenRun) { // C5 answers for the household
			g.create(t, "A", "G05")
			g.s.sync(g.device("A"), g.device("B"))
		}},
	12: {people: map[string]string{"A": "C3", "B": "C5"}, records: map[string]part{"P4": {Kind: "CN", Fields: row{"promiser_id": "@C3", "recorder_id": "@C5", "text": "（还没有写）", "due_on": "2026-06-05", "public": true,
		"place_code": "330903105902", "owner_unit": "@U3", "occurred_at": "2026-05-21T19:00"}}},
		log: func(g *goldenRun, r, _, entry string) row {
			return row{"event": entry, "at": "2026-05-25T09:05+08:00", "by": g.s.ids[g.people[r]].String()}
		}},
	13: {people: two, records: map[string]part{"M6": shared(meetingAt("C5"))},
		log: func(g *goldenRun, r, _, _ string) row {
			return row{"by": g.s.ids[g.people[r]].String(), "as": "主持人", "mode": "屏幕手写", "at": "2026-05-21T20:05+08:00"}
		}},
	14: {people: two, records: map[string]part{"M7": shared(meetingAt("C3"))}},
}

// goldenRun plays one golden merge on real devices and the real server.
type goldenRun struct {
	golden
	cast
	s     *island
	ids   map[string]syncproto.RecordID
	items map[string]clientsdk.ItemRef // by the script's names
	said  map[string]int
}

// TestGoldenMergesShown plays the sample's golden merges on devices and the
// server and checks what the sample says is shown: on the devices, by /v1, and
// the words of the pages.
func TestGoldenMergesShown(t *testing.T) {
	var file struct {
		Merges []golden `yaml:"golden_merges"`
	}
	if err := yaml.Unmarshal(sampleFile, &file); err != nil {
		t.Fatal(err)
	}
	checks := map[int]func(*testing.T, *goldenRun){1: shown1, 2: shown2, 3: shown3, 4: shown4, 5: shown5, 7: shown7, 8: shown8, 9: shown9, 10: shown10,
		11: shown11, 12: shown12, 13: shown13, 14: shown14}
	s := newIsland(t)
	played := 0
	for _, g := range file.Merges {
		c, ok := casts[g.ID]
		if !ok {
			continue
		}
		played++
		t.Run(fmt.Sprint(g.ID), func(t *testing.T) {
			s.t = t
			s.setClock("2026-05-22T09:00")
			run := &goldenRun{golden: g, cast: c, s: s, ids: map[string]syncproto.RecordID{}, items: map[string]clientsdk.ItemRef{}, said: map[string]int{}}
			for name, there := range c.skip {
				run.ids[name] = s.ids[there]
			}
			if c.before != nil {
				c.before(t, run)
			}
			for _, op := range g.Ops {
				run.play(t, op)
			}
			for _, r := range []string{"A", "B", "X1", "Y1", "C", "D"} {
				if c.people[r] != "" {
					run.device(r).clock.Store(0)
				}
			}
			checks[g.ID](t, run)
		})
	}
	if played != len(checks) {
		t.Errorf("%d golden merges were played, of %d", played, len(checks))
	}
}

func (g *goldenRun) device(r string) *islander { return g.s.device(g.people[r]) }

func text1(op map[string]any, key string) string { s, _ := op[key].(string); return s }

func number1(op map[string]any, key string) int {
	switch n := op[key].(type) {
	case uint64:
		return int(n)
	case int64:
		return int(n)
	case int:
		return n
	}
	return 0
}

// play carries out one command of the script.
func (g *goldenRun) play(t *testing.T, op map[string]any) {
	t.Helper()
	r, rec, f := text1(op, "r"), text1(op, "rec"), text1(op, "f")
	switch op["op"] {
	case "replica":
		g.s.sync(g.device(r))
	case "clock":
		g.device(r).clock.Store(int64(number1(op, "now")))
	case "sync":
		a, b := g.device(text1(op, "a")), g.device(text1(op, "b"))
		g.s.sync(a, b, a)
	case "create":
		g.create(t, r, rec)
	case "delete":
		g.s.must(g.device(r).Void(t.Context(), g.ids[rec], "写错户"))
	case "ins":
		g.edit(t, r, rec, func(d *clientsdk.Draft, v *clientsdk.View) {
			now, _ := v.Value(f).(string)
			now = strings.TrimSuffix(now, "（还没有写）")
			runes := []rune(now)
			at := number1(op, "at")
			d.Set(f, string(runes[:at])+text1(op, "text")+string(runes[at:]))
		})
	case "set":
		g.edit(t, r, rec, func(d *clientsdk.Draft, _ *clientsdk.View) { d.Set(f, g.value(f, op["value"])) })
	case "log":
		g.edit(t, r, rec, func(d *clientsdk.Draft, _ *clientsdk.View) { d.Log(f, g.log(g, r, rec, text1(op, "entry"))) })
	case "lins", "lset", "ldel":
		g.statement(t, op)
	default:
		t.Fatalf("command %v", op["op"])
	}
}

// value turns the script's names into the product's values.
func (g *goldenRun) value(f string, v any) any {
	switch {
	case f == "merged_into" || f == "cadre_id":
		if id, ok := g.ids[v.(string)]; ok {
			return id.String()
		}
		return g.s.ids[v.(string)].String()
	case f == "causes":
		var out []any
		for _, s := range strings.Split(v.(string), "、") {
			out = append(out, s)
		}
		return out
	}
	if n, ok := v.(uint64); ok {
		return int64(n)
	}
	return v
}

// create writes a new record with what its form needs; a meeting that another
// device has opened and nobody has seen is joined by its code.
func (g *goldenRun) create(t *testing.T, r, rec string) {
	t.Helper()
	if g.skip[rec] != "" {
		return
	}
	p := g.records[rec]
	c := g.device(r)
	if id, ok := g.ids[rec]; ok {
		code, err := clientsdk.Code(id)
		g.s.must(err)
		d, err := c.Join(code)
		g.s.must(err)
		g.s.must(c.Share(t.Context(), d))
		return
	}
	g.s.now.Add(time.Minute.Milliseconds()) // ids are in the order of their times
	d, err := c.Create(p.Kind)
	g.s.must(err)
	g.ids[rec] = d.Record()
	fields, err := resolve(plainJSON(t, p.Fields).(map[string]any), g.s.ids)
	g.s.must(err)
	write(d, fields)
	g.s.must(d.Err())
	if p.Kind == "HY" {
		g.s.must(c.Share(t.Context(), d))
		return
	}
	g.s.must(c.Submit(t.Context(), d))
}

// edit saves one change; one that repeats what is there is none.
func (g *goldenRun) edit(t *testing.T, r, rec string, change func(d *clientsdk.Draft, v *clientsdk.View)) {
	t.Helper()
	c := g.device(r)
	v, err := c.Get(g.ids[rec])
	g.s.must(err)
	d, err := c.Edit(g.ids[rec])
	g.s.must(err)
	change(d, v)
	g.s.must(d.Err())
	save := c.Submit
	if v.Status == clientsdk.StatusDraft && !g.submits {
		save = c.Share
	}
	if err := save(context.Background(), d); err != nil && err.Error() != "submit: "+clientsdk.ErrUnchanged.Error() {
		t.Fatalf("%s, %s: %v", r, rec, err)
	}
}

// statement adds, changes or strikes out a statement.
func (g *goldenRun) statement(t *testing.T, op map[string]any) {
	t.Helper()
	r, rec, name := text1(op, "r"), text1(op, "rec"), text1(op, "item")
	g.edit(t, r, rec, func(d *clientsdk.Draft, _ *clientsdk.View) {
		switch op["op"] {
		case "lins":
			item := map[string]any{"text": op["value"], "mode": "摘要", "speaker": "匿名群众", "recorder_id": g.s.ids[g.people[r]].String()}
			if at := g.SaidAt[r]; at != nil {
				item["said_at"] = "2026-05-21T" + at[g.said[r]].(string) + "+08:00"
				g.said[r]++
			}
			d.AddItem("statements", item)
		case "lset":
			d.SetItem("statements", g.items[name], map[string]any{"text": op["value"]})
		case "ldel":
			d.RemoveItem("statements", g.items[name])
		}
	})
	if op["op"] == "lins" {
		for _, s := range g.statements(t, r, rec) {
			if s["text"] == op["value"] {
				g.items[name] = clientsdk.ItemRef(s["id"].(string))
			}
		}
	}
}

func (g *goldenRun) view(t *testing.T, r, rec string) *clientsdk.View {
	t.Helper()
	v, err := g.device(r).Get(g.ids[rec])
	g.s.must(err)
	return v
}

func (g *goldenRun) statements(t *testing.T, r, rec string) (out []map[string]any) {
	t.Helper()
	list, _ := g.view(t, r, rec).Value("statements").([]any)
	for _, x := range list {
		out = append(out, x.(map[string]any))
	}
	return out
}

// names turns items, as a device or /v1 gives them, into the script's names.
func (g *goldenRun) names(list any, id string) (out []any) {
	l, _ := list.([]any)
	for _, x := range l {
		for name, ref := range g.items {
			if m, ok := x.(map[string]any); ok && m[id] == string(ref) {
				out = append(out, name)
			}
		}
	}
	return out
}

// pairs turns pairs of places into pairs of names.
func pairs(names []any, same [][2]int) (out []any) {
	out = []any{}
	for _, p := range same {
		out = append(out, []any{names[p[0]], names[p[1]]})
	}
	return out
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(plainJSON(t, got), plainJSON(t, want)) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// submit ends a shared draft: then it is seen by more than its recorders.
func (g *goldenRun) submit(t *testing.T, r, rec string) {
	t.Helper()
	d, err := g.device(r).Edit(g.ids[rec])
	g.s.must(err)
	g.s.must(g.device(r).Submit(t.Context(), d))
	for _, p := range g.people {
		g.s.sync(g.s.device(p))
	}
}

// chips checks the chips of a record on every device and by /v1.
func (g *goldenRun) chips(t *testing.T, rec, reader string, want any) {
	t.Helper()
	if want == nil {
		want = []any{}
	}
	for r := range g.people {
		equal(t, "chips on the device of "+r, append([]string{}, g.view(t, r, rec).Chips...), want)
	}
	equal(t, "chips by /v1", append([]string{}, g.s.api(reader, g.ids[rec]).Marks...), want)
}

func shown1(t *testing.T, g *goldenRun) {
	g.chips(t, "V04", "C5", g.Shown["chips"])
	passages, _ := g.view(t, "A", "V04").Field("situation")
	if len(passages.Passages) != 2 || passages.Passages[0].Replica == passages.Passages[1].Replica {
		t.Errorf("authors: %+v", passages.Passages)
	}
	g.s.says(g.s.page("C5", g.ids["V04"]), "吴例舟写的", "乐例红写的")
}

func shown2(t *testing.T, g *goldenRun) {
	g.chips(t, "V05", "C5", g.Shown["chips"])
	other := g.Shown["other_value"].(map[string]any)
	for _, r := range []string{"A", "B"} {
		f, _ := g.view(t, r, "V05").Field("met")
		equal(t, "met on "+r, f.Value, "见到家属")
		by := ""
		for _, s := range f.All {
			if s.Value == other["value"] && s.Author == g.s.ids[g.people[other["by"].(string)]] {
				by = other["by"].(string)
			}
		}
		equal(t, "other value on "+r, by, other["by"])
	}
	f := g.s.api("C5", g.ids["V05"]).field("met")
	equal(t, "met by /v1", f.Value, "见到家属")
	equal(t, "values by /v1", len(f.Values), 2)
	g.s.says(g.s.page("C5", g.ids["V05"]), "有不同修改", "见到本人", "见到家属", "吴例舟", "乐例红", "C5的手机", "C6的手机")
}

func shown3(t *testing.T, g *goldenRun) {
	for _, r := range []string{"A", "B"} {
		f, _ := g.view(t, r, "V06").Field("relief_money")
		equal(t, "chip on "+r, f.Mark, g.Shown["state"])
		equal(t, "value on "+r, f.Value, g.Shown["value"])
		var both []any
		for _, s := range f.All {
			both = append(both, s.Value)
		}
		slices.SortFunc(both, func(a, b any) int { return int(a.(int64) - b.(int64)) })
		equal(t, "both on "+r, both, g.Shown["both"])
	}
	f := g.s.api("C5", g.ids["V06"]).field("relief_money")
	equal(t, "chip by /v1", f.Chip, g.Shown["state"])
	equal(t, "value by /v1", f.Value, nil) // no figure can take one
	equal(t, "values by /v1", len(f.Values), 2)
	g.s.says(g.s.page("C5", g.ids["V06"]), "慰问金待核", "300.00元", "500.00元", "统计一个也不算")
}

func shown4(t *testing.T, g *goldenRun) {
	g.submit(t, "A", "M2")
	for _, r := range []string{"A", "B"} {
		f, _ := g.view(t, r, "M2").Field("statements")
		names := g.names(f.Value, "id")
		equal(t, "order on "+r, names, g.Shown["order"])
		equal(t, "疑似重复 on "+r, pairs(names, f.Same), g.Shown["suspected_duplicates"])
		equal(t, "removed on "+r, len(f.Removed), len(g.Shown["removed"].([]any)))
	}
	f := g.s.api("C5", g.ids["M2"]).field("statements")
	names := g.names(f.Value, "item")
	equal(t, "order by /v1", names, g.Shown["order"])
	equal(t, "疑似重复 by /v1", pairs(names, f.Same), g.Shown["suspected_duplicates"])
	g.s.says(g.s.page("C3", g.ids["M2"]), "疑似重复：与第 2 句", "疑似重复：与第 19 句")
}

func shown5(t *testing.T, g *goldenRun) {
	for _, name := range []string{"G13", "G14"} {
		for _, r := range []string{"X1", "Y1"} {
			equal(t, name+" on "+r, g.view(t, r, name).Chips, []any{g.Shown["state"]})
		}
		equal(t, name+" by /v1", g.s.api("A1", g.ids[name]).Marks, []any{g.Shown["state"]})
		g.s.says(g.s.page("A1", g.ids[name]), "待裁定", "吴例舟", "张例桥", "仍由李例岚负责", "A1的手机", "A2的手机")
	}
	equal(t, "G07", g.s.api("A1", g.ids["G07"]).Marks, nil)
	sees := []any{}
	for _, p := range []string{"C1", "C2", "C4", "C5", "C6"} {
		if g.s.reads(p, g.s.ids["H07"]) && p != "C6" { // C6 is of the village, which reads its own files
			sees = append(sees, p)
		}
	}
	equal(t, "sees the file", sees, g.Shown["sees_file"])
	// What C3 sees he sees by his line of duty: of C5, who has none, all is said.
	g.s.says(g.s.page("C5", g.ids["G13"]), "待裁定", "张例桥", "还看不到这户的档案")
	g.s.says(g.s.page("C5", g.ids["G14"]), "待裁定")
	// A row is closed: then sight moves.
	admin := g.device("X1")
	d, err := admin.Edit(g.ids["G14"])
	g.s.must(err)
	g.s.must(admin.Submit(t.Context(), d.Log("ends", row{"to_on": "2026-06-02", "reason": "由吴例舟负责", "by": g.s.ids["A1"].String()})))
	g.s.sync(admin)
	if !g.s.reads("C5", g.s.ids["H07"]) || g.s.reads("C4", g.s.ids["H07"]) {
		t.Error("the row was closed and sight did not move")
	}
	equal(t, "G13 afterwards", g.s.api("A1", g.ids["G13"]).Marks, nil)
}

func shown7(t *testing.T, g *goldenRun) {
	g.chips(t, "V01", "C5", g.Shown["chips"])
	for _, r := range []string{"C", "D"} {
		equal(t, "situation on "+r, g.view(t, r, "V01").Value("situation"), "户主胃病常年吃药，儿子在外打工。")
	}
	g.s.says(g.s.page("C5", g.ids["V01"]), "作废待裁定", "儿子在外打工。", "写错户")
}

func shown8(t *testing.T, g *goldenRun) {
	var want []string
	for _, r := range g.Shown["recorder_ids"].([]any) {
		want = append(want, g.s.ids[g.people[r.(string)]].String())
	}
	slices.Sort(want)
	for _, r := range []string{"A", "B"} {
		equal(t, "recorders on "+r, sorted(g.view(t, r, "M3").Value("recorder_ids")), want)
		equal(t, "statements on "+r, len(g.statements(t, r, "M3")), 2)
	}
	api := g.s.api("C5", g.ids["M3"])
	equal(t, "recorders by /v1", sorted(api.field("recorder_ids").Value), want)
	equal(t, "suggested by /v1", append([]string{}, api.PerhapsSame...), g.Shown["suggested_same"])
}

func sorted(list any) (out []string) {
	l, _ := list.([]any)
	for _, x := range l {
		out = append(out, fmt.Sprint(x))
	}
	slices.Sort(out)
	return out
}

func shown9(t *testing.T, g *goldenRun) {
	stays := g.Shown["stays"].(string)
	want := g.Shown["statements_of"].(map[string]any)[stays]
	kept := g.Shown["recorder_kept"].(map[string]any)
	for _, r := range []string{"A", "B"} {
		f, _ := g.view(t, r, stays).Field("statements")
		names := g.names(f.Value, "id")
		equal(t, "statements on "+r, names, want)
		equal(t, "疑似重复 on "+r, pairs(names, f.Same), g.Shown["suspected_duplicates"])
		for i, x := range f.Value.([]any) {
			by := x.(map[string]any)["recorder_id"]
			equal(t, "recorder on "+r, by, g.s.ids[g.people[kept[names[i].(string)].(string)]].String())
		}
		equal(t, "points on "+r, g.view(t, r, "M5").MergedInto, g.ids[stays])
	}
	api := g.s.api("C5", g.ids[stays])
	names := g.names(api.field("statements").Value, "item")
	equal(t, "statements by /v1", names, want)
	equal(t, "疑似重复 by /v1", pairs(names, api.field("statements").Same), g.Shown["suspected_duplicates"])
	equal(t, "merged by /v1", api.Merged, []string{g.ids["M5"].String()})
	g.s.says(g.s.page("C5", g.ids[stays]), "码头灯坏了", "码头的灯坏了", "冰库电费太贵")
	// 拆开: the pointer is cleared, each has its own again.
	admin := g.s.device("A1")
	g.s.sync(admin)
	g.s.must(admin.Split(t.Context(), g.ids["M5"]))
	g.s.sync(admin, g.device("A"))
	equal(t, "after 拆开", len(g.statements(t, "A", "M4")), 1)
	api = g.s.api("C5", g.ids["M4"])
	equal(t, "after 拆开 by /v1", len(api.Merged), 0)
	if !slices.Contains(api.PerhapsSame, g.ids["M5"].String()) {
		t.Errorf("not suggested as the same meeting: %v", api.PerhapsSame)
	}
	g.s.says(g.s.page("C5", g.ids["M4"]), "可能是同一次会议")
	// 并为一份 again, named the other way round: the smaller id stays.
	stayed, err := admin.Merge(t.Context(), g.ids["M5"], g.ids["M4"])
	g.s.must(err)
	g.s.sync(admin, g.device("A"))
	equal(t, "stays", stayed, g.ids[stays])
	equal(t, "once more", len(g.statements(t, "A", "M4")), 3)
}

func shown10(t *testing.T, g *goldenRun) {
	keys := map[string][]string{"A": {"visibility", "urgency", "content.personal"}, "B": {"visibility", "urgency"}} // 限定人员 closes the rest to an administrator
	for r := range keys {
		v := g.view(t, r, "D06")
		for _, key := range keys[r] {
			equal(t, key+" on "+r, v.Value(key), g.Shown[key])
		}
	}
	g.chips(t, "D06", "C5", g.Shown["chips"])
	api := g.s.api("C5", g.ids["D06"])
	for _, key := range keys["A"] {
		equal(t, key+" by /v1", api.field(key).Value, g.Shown[key])
	}
}

func shown11(t *testing.T, g *goldenRun) {
	f, _ := g.view(t, "B", "H05").Field("causes")
	equal(t, "causes", f.Value, g.Shown["causes"])
	equal(t, "chip", []string{f.Mark}, g.Shown["chips"])
	equal(t, "pairs", len(f.All), 2)
	// Sensitive: a page says that there are two, not which.
	if s := g.s.page("C3", g.ids["H05"]); strings.Contains(s, "缺劳力") || !strings.Contains(s, "有不同修改") {
		t.Error("the page tells the causes, or not that they differ")
	}
}

func shown12(t *testing.T, g *goldenRun) {
	want := g.Shown["correction_suggested"].(map[string]any)
	for _, r := range []string{"A", "B"} {
		v := g.view(t, r, "P4")
		equal(t, "text on "+r, v.Value("text"), g.Shown["text"])
		equal(t, "state on "+r, v.State, g.Shown["state"])
		if len(v.Suggestions) != 1 || len(v.Suggestions[0].Replicas) != 1 {
			t.Fatalf("suggestions on %s: %+v", r, v.Suggestions)
		}
		equal(t, "suggested on "+r, v.Suggestions[0].New, want["text"])
		by, _ := g.device(want["by"].(string)).Identity()
		equal(t, "suggested by, on "+r, v.Suggestions[0].Replicas[0], by.Replica)
	}
	api := g.s.api("C5", g.ids["P4"])
	equal(t, "text by /v1", api.field("text").Value, g.Shown["text"])
	equal(t, "state by /v1", api.State, g.Shown["state"])
	equal(t, "suggested by /v1", len(api.Suggestions), 1)
	equal(t, "suggested by, by /v1", api.Suggestions[0].By, []string{"吴例舟"})
	g.s.says(g.s.page("C5", g.ids["P4"]), "更正建议", "未生效", "6月5日前修好水泵和水管", "吴例舟", "已确认")
	// A writer declines it; then it is suggested no more, and the text stays.
	b := g.device("B")
	g.s.must(b.Decline(t.Context(), g.ids["P4"], "text", want["text"], "只答应了水泵"))
	g.s.sync(b, g.device("A"))
	equal(t, "declined, on B", len(g.view(t, "B", "P4").Suggestions), 0)
	equal(t, "declined, by /v1", len(g.s.api("C3", g.ids["P4"]).Suggestions), 0)
	equal(t, "text on A", g.view(t, "A", "P4").Value("text"), g.Shown["text"])
	// Another takes it after all: a 更正, with the old words to be seen.
	g.s.must(b.Correct(t.Context(), g.ids["P4"], "text", want["text"], "水管也答应了"))
	g.s.sync(b)
	equal(t, "text after 更正", g.view(t, "B", "P4").Value("text"), want["text"])
	equal(t, "text after 更正 by /v1", g.s.api("C5", g.ids["P4"]).field("text").Value, want["text"])
	g.s.says(g.s.page("C5", g.ids["P4"]), "更正：原为“6月5日前修好水泵”", "水管也答应了")
}

func shown13(t *testing.T, g *goldenRun) {
	sig := g.Shown["signature"].(map[string]any)
	g.submit(t, "A", "M6")
	g.chips(t, "M6", "C5", []any{sig["label"]})
	for _, r := range []string{"A", "B"} {
		f, _ := g.view(t, r, "M6").Field("signatures")
		equal(t, "label on "+r, f.Notes, []clientsdk.Note{{Entry: 0, Text: sig["label"].(string)}})
	}
	g.s.says(g.s.page("C5", g.ids["M6"]), "签字后补入 1 条")
	// A signed one changed.
	g.play(t, map[string]any{"op": "lset", "r": "B", "rec": "M6", "item": "a1", "value": "码头灯坏了两盏"})
	g.s.sync(g.device("B"), g.device("A"))
	then := g.Shown["then_if_a1_is_changed"].(map[string]any)["label"]
	for _, r := range []string{"A", "B"} {
		if chips := g.view(t, r, "M6").Chips; !slices.Contains(chips, then.(string)) {
			t.Errorf("chips on %s: %v", r, chips)
		}
	}
	f := g.s.api("C5", g.ids["M6"]).field("signatures")
	equal(t, "label by /v1", f.Notes[0].Text, then)
	g.s.says(g.s.page("C5", g.ids["M6"]), then.(string))
}

func shown14(t *testing.T, g *goldenRun) {
	for _, r := range []string{"A", "B"} {
		f, _ := g.view(t, r, "M7").Field("statements")
		equal(t, "restored on "+r, g.names(f.Value, "id"), g.Shown["restored"])
		equal(t, "struck out on "+r, len(f.Removed), 0)
	}
	f := g.s.api("C5", g.ids["M7"]).field("statements")
	equal(t, "restored by /v1", g.names(f.Value, "item"), g.Shown["restored"])
	g.s.says(g.s.page("C5", g.ids["M7"]), "码头灯坏了两盏")
}
