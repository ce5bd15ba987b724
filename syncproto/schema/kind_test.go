package schema_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/schema"
)

const (
	scope  = syncproto.ForScope
	team   = syncproto.ForTeam
	author = syncproto.ForAuthor
)

func TestAudience(t *testing.T) {
	s := schema.Builtin()
	on := func(string) bool { return true }
	off := func(string) bool { return false }
	for _, c := range []struct {
		kind, field, sub string
		flagged          func(string) bool
		want             syncproto.Audience
	}{
		{"ZF", "met", "", off, scope},
		{"ZF", "place_text", "", off, team},
		{"ZF", "situation", "", off, scope},
		{"ZF", "situation", "", on, team},
		{"ZF", "situation", "", nil, team},
		{"ZF", "situation.personal", "", on, scope},
		{"ZF", "impression", "", off, author},
		{"ZF", "impression", "", on, author},
		{"ZF", "attachments", "", off, scope},
		{"ZF", "attachments", "", on, team},
		{"ZF", "attachments", "caption", on, team},
		{"ZF", "interviewees", "phone", off, team},
		{"HY", "statements", "", off, team},
		{"HY", "statements", "speaker", on, author},
		{"HY", "statements", "text", off, team},
		{"HY", "statements", "text", on, author},
		{"SQ", "content", "", on, team},
		{"SQ", "about_person_ids", "", off, author},
		{"SQ", "feedback", "rating", off, scope},
		{"SQ", "feedback", "said", off, team},
		{"CN", "promised_to", "", off, scope},
		{"CN", "promised_to", "", on, team},
		{"CN", "events", "evidence", off, team},
		{"HD", "members", "name", off, scope},
		{"HD", "members", "health", off, team},
		{"HD", "members", "name", on, team},
		{"HD", "causes", "", off, team},
		{"SJ", "self_check", "", off, author},
		{"SJ", "heard", "", off, scope},
		{"SJ", "heard", "", on, author},
		{"ZF", "corrections", "", off, author},
		{"ZF", "of_a_newer_form", "", off, author},
		{"HD", "members", "of_a_newer_form", off, author},
		{"person", "phone", "", off, team},
	} {
		k, _ := s.Kind(c.kind)
		if got := k.Audience(c.field, c.sub, c.flagged); got != c.want {
			t.Errorf("%s.%s.%s: %v, want %v", c.kind, c.field, c.sub, got, c.want)
		}
	}
	reader := scope | team
	if k, _ := s.Kind("ZF"); !reader.Has(k.Audience("receipt", "", off)) || reader.Has(k.Audience("impression", "", off)) {
		t.Error("a class does not test as a bit")
	}
}

func TestFlagFunc(t *testing.T) {
	s := schema.Builtin()
	for _, c := range []struct {
		kind, field string
		values      map[string]any
		want        syncproto.Audience
	}{
		{"ZF", "situation", nil, team}, // on by default
		{"ZF", "situation", map[string]any{"situation.personal": false}, scope},
		{"ZF", "scene", nil, scope},
		{"ZF", "scene", map[string]any{"scene.personal": true}, team},
		{"ZF", "scene", map[string]any{"scene.personal": "yes"}, scope}, // not a switch at all: the default
		{"HY", "statements", map[string]any{"contains_personal": true}, author},
		{"HY", "statements", map[string]any{"text": "x"}, team},
		{"CN", "promised_to", map[string]any{"promised_to": "330903105901"}, scope},
		{"CN", "promised_to", map[string]any{"promised_to": "01890a5d-ac96-774b-bcce-b302099a8057"}, team},
		{"CN", "promised_to", map[string]any{"promised_to": "曾某某"}, team},
		{"HD", "members", map[string]any{"birth": map[string]any{"on": "2019"}, "@today": "2026-05-18"}, team},
		{"HD", "members", map[string]any{"birth": map[string]any{"on": "1968"}, "@today": "2026-05-18"}, scope},
		{"HD", "members", nil, team},
	} {
		k, _ := s.Kind(c.kind)
		if got := k.Audience(c.field, "", k.FlagFunc(c.field, getter(c.values))); got != c.want {
			t.Errorf("%s.%s with %v: %v, want %v", c.kind, c.field, c.values, got, c.want)
		}
	}
}

func TestOpened(t *testing.T) {
	f := field(t, schema.Builtin(), "HY.minutes_doc")
	if a := f.Opened(team, getter(map[string]any{"minutes_doc.state": "已签发"})); a != team {
		t.Errorf("signed off: %v", a)
	}
	if a := f.Opened(team, getter(map[string]any{"minutes_doc.state": "已印发"})); a != scope {
		t.Errorf("circulated: %v", a)
	}
	if a := field(t, schema.Builtin(), "HY.agenda").Opened(team, getter(nil)); a != team {
		t.Errorf("agenda: %v", a)
	}
}

func TestStrongestAndGroup(t *testing.T) {
	s := schema.Builtin()
	for path, c := range map[string]struct{ values, want any }{
		"ZF.visibility":                   {[]any{"本级", "限定人员"}, "限定人员"},
		"SQ.urgency":                      {[]any{"较急", "紧急", "一般"}, "紧急"},
		"HY.statements.contains_personal": {[]any{false, true}, true},
	} {
		got, ok := field(t, s, path).Strongest(c.values.([]any))
		if !ok || got != c.want {
			t.Errorf("%s: %v", path, got)
		}
	}
	if _, ok := field(t, s, "SQ.urgency").Strongest([]any{"火急"}); ok {
		t.Error("an unknown value was ranked")
	}
	if g := field(t, s, "ZF.household_mask").Group(); !slices.Equal(g, []string{"household_id", "household_mask"}) {
		t.Errorf("group %v", g)
	}
	if field(t, s, "ZF.met").Group() != nil {
		t.Error("met stands in a group")
	}
}

func paths(fields []*schema.Field) string {
	var out []string
	for _, f := range fields {
		out = append(out, f.Path())
	}
	return strings.Join(out, " ")
}

// baseRecord is what the program fills in by itself.
func baseRecord(more map[string]any) map[string]any {
	m := map[string]any{"local_no": "ZF-330903105-20260518-A7-003", "owner_unit": "u", "place_code": "330903105901",
		"occurred_at": "2026-05-18", "recorder_id": "p", "visibility": "本级及上级"}
	maps.Copy(m, more)
	return m
}

func TestMissing(t *testing.T) {
	s := schema.Builtin()
	visit := map[string]any{"visit_type": "结对走访", "visit_mode": "上门", "met": "见到本人", "visitor_ids": []any{"p"}, "household_id": "h",
		"household_mask": "曾某某户", "situation": "吃药。", "interviewees": []any{map[string]any{"person": "x"}}}
	without := func(m map[string]any, keys ...string) map[string]any {
		m = maps.Clone(m)
		for _, k := range keys {
			delete(m, k)
		}
		return m
	}
	with := func(m map[string]any, more map[string]any) map[string]any {
		m = maps.Clone(m)
		maps.Copy(m, more)
		return m
	}
	meeting := map[string]any{"meeting_type": "道地会", "title": "t", "host_id": "p", "recorder_ids": []any{"p"},
		"session_events": []any{map[string]any{"event": "开会", "at": "x"}, map[string]any{"event": "散会", "at": "x"}},
		"attendees":      []any{map[string]any{"person": "p", "role": "出席"}},
		"statements":     []any{map[string]any{"speaker": "p", "mode": "原话", "text": "x", "recorder_id": "p"}}}
	note := map[string]any{"on": "2026-05-20", "heard": "船和水"}
	for name, c := range map[string]struct {
		kind   string
		record map[string]any
		want   string
	}{
		"whole visit":          {"ZF", visit, ""},
		"nothing":              {"ZF", nil, "visit_type visit_mode met visitor_ids interviewees situation"},
		"not met":              {"ZF", with(without(visit, "situation", "interviewees"), map[string]any{"met": "未遇"}), ""},
		"met, nothing said":    {"ZF", without(visit, "situation"), "situation"},
		"empty text":           {"ZF", with(visit, map[string]any{"situation": " "}), "situation"},
		"home without house":   {"ZF", without(visit, "household_id", "household_mask"), "household_id"},
		"boat without boat":    {"ZF", with(visit, map[string]any{"visit_type": "船上走访"}), "boat_id"},
		"relief without":       {"ZF", with(visit, map[string]any{"visit_type": "慰问走访"}), "relief_money"},
		"relief goods":         {"ZF", with(visit, map[string]any{"visit_type": "慰问走访", "relief_goods": []any{map[string]any{"name": "米", "qty": 1.0}}}), ""},
		"money unsigned":       {"ZF", with(visit, map[string]any{"relief_money": int64(30000)}), "receipt"},
		"no money":             {"ZF", with(visit, map[string]any{"relief_money": int64(0)}), ""},
		"word of mouth":        {"ZF", with(visit, map[string]any{"relief_money": int64(1), "receipt": []any{map[string]any{"by": "x", "mode": "口头确认", "at": "x"}}}), "receipt.witness"},
		"phone in a gale":      {"ZF", with(visit, map[string]any{"visit_mode": "电话", "@sailing_stopped": true}), "sailing_note"},
		"new person":           {"ZF", with(visit, map[string]any{"@new_person": true}), "notice_given"},
		"told no":              {"ZF", with(visit, map[string]any{"@new_person": true, "notice_given": false}), ""},
		"on behalf, submitted": {"ZF", with(visit, map[string]any{"on_behalf_of": "p"}), ""},
		"on behalf, archived":  {"ZF", with(visit, map[string]any{"on_behalf_of": "p", "@step": "归档"}), "confirmed"},
		"guest without name":   {"ZF", with(visit, map[string]any{"interviewees": []any{map[string]any{"relation": "邻居"}}}), "interviewees.person"},
		"whole meeting":        {"HY", meeting, ""},
		"never closed":         {"HY", with(meeting, map[string]any{"session_events": []any{map[string]any{"event": "开会", "at": "x"}}}), "session_events"},
		"nobody attends":       {"HY", with(meeting, map[string]any{"attendees": []any{map[string]any{"person": "p", "role": "群众代表"}}}), "attendees"},
		"on a boat":            {"HY", with(meeting, map[string]any{"meeting_type": "船头会"}), "boat_id mooring"},
		"no statements":        {"HY", with(meeting, map[string]any{"statements": []any{}}), "statements"},
		"host alone signs":     {"HY", with(meeting, map[string]any{"@step": "归档", "signatures": []any{map[string]any{"by": "p", "as": "主持人", "mode": "屏幕手写", "at": "x", "covers": []any{"x"}}}}), "signatures"},
		"demand":               {"SQ", map[string]any{"content": "x", "category": "供水", "raised_by": []any{"匿名"}, "source_channel": "其他", "urgency": "一般", "events": []any{map[string]any{"event": "登记", "at": "x", "by": "p"}}, "@alone": true}, ""},
		"demand from a visit":  {"SQ", map[string]any{"content": "x", "category": "供水", "raised_by": []any{"匿名"}, "source_channel": "走访", "urgency": "一般", "events": []any{map[string]any{"event": "登记", "at": "x", "by": "p"}}}, "source_ref"},
		"note":                 {"SJ", note, ""},
		"empty note":           {"SJ", without(note, "heard"), "seen heard felt learned"},
	} {
		k, _ := s.Kind(c.kind)
		if got := paths(k.Missing(getter(baseRecord(c.record)))); got != c.want {
			t.Errorf("%s: missing %q, want %q", name, got, c.want)
		}
	}
}

func TestMissingLeavesOutWhatIsOff(t *testing.T) {
	s, err := schema.Builtin().With(oneFile(`{"patch":"SJ","fields":[{"key":"on","off":true}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := paths(s.Kinds["SJ"].Missing(getter(baseRecord(map[string]any{"heard": "x"})))); got != "" {
		t.Errorf("missing %q", got)
	}
}

func TestShortForm(t *testing.T) {
	k, _ := schema.Builtin().Kind("ZF")
	// situation brings its switch: the person sees that the sentence is kept narrow
	if got := paths(k.ShortForm()); got != "met situation situation.personal demands" {
		t.Errorf("short form %s", got)
	}
	if got := strings.Join(k.Keys(author), " "); got != "impression impression.personal" {
		t.Errorf("author part %s", got)
	}
}

func TestSensitive(t *testing.T) {
	s := schema.Builtin()
	k, _ := s.Kind("HD")
	if !k.IsSensitive("causes", "") || !k.IsSensitive("members", "id_no") || !k.IsSensitive("income_year", "wages") || k.IsSensitive("members", "name") || k.IsSensitive("nothing", "") {
		t.Error("wrong fields are sealed")
	}
}
