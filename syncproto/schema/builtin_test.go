package schema_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/schema"
)

// walk visits every written field and sub-field of a kind, companions apart.
func walk(fields []*schema.Field, visit func(*schema.Field)) {
	for _, f := range fields {
		if !f.Companion() {
			visit(f)
			walk(f.Items, visit)
		}
	}
}

type line struct{ merge, audience, required, who string }

func parseTable(t *testing.T, table string) map[string]line {
	t.Helper()
	out := map[string]line{}
	for _, l := range strings.Split(strings.TrimSpace(table), "\n") {
		c := strings.Split(l, " | ")
		if len(c) != 5 {
			t.Fatalf("table line %q", l)
		}
		if _, twice := out[c[0]]; twice {
			t.Fatalf("table has %s twice", c[0])
		}
		out[c[0]] = line{c[1], c[2], c[3], c[4]}
	}
	return out
}

func lineOf(s *schema.Schema, f *schema.Field) line {
	l := line{merge: f.Merge.String()}
	l.audience = map[syncproto.Audience]string{syncproto.ForScope: "s", syncproto.ForTeam: "t", syncproto.ForAuthor: "a"}[f.Audience]
	if f.AudienceOfField {
		l.audience = "f"
	}
	l.required = map[schema.Required]string{schema.Always: "!", schema.Never: "-", schema.When: "?"}[f.Required]
	for _, id := range f.Who {
		i := slices.IndexFunc(s.Writers, func(w schema.Writer) bool { return w.ID == id })
		l.who += s.Writers[i].Letter
	}
	return l
}

func TestBuiltinHasEveryField(t *testing.T) {
	s := schema.Builtin()
	if got, want := slices.Sorted(maps.Keys(s.Kinds)), slices.Sorted(maps.Keys(tables)); !slices.Equal(got, want) {
		t.Fatalf("kinds %v, want %v", got, want)
	}
	for id, table := range tables {
		k := s.Kinds[id]
		want := map[string]line{}
		if !k.Reference {
			want = parseTable(t, tableCommon)
		}
		maps.Copy(want, parseTable(t, table))
		walk(k.Fields, func(f *schema.Field) {
			// parts of one value have no merge rule and stand in no table
			if f.Merge == (schema.Merge{}) {
				return
			}
			w, ok := want[f.Path()]
			if !ok {
				t.Errorf("%s.%s is not in the table", id, f.Path())
				return
			}
			if got := lineOf(s, f); got != w {
				t.Errorf("%s.%s is %v, the table says %v", id, f.Path(), got, w)
			}
			delete(want, f.Path())
		})
		for key := range want {
			t.Errorf("%s.%s is missing", id, key)
		}
	}
}

func field(t *testing.T, s *schema.Schema, path string) *schema.Field {
	t.Helper()
	words := strings.Split(path, ".")
	k, ok := s.Kind(words[0])
	if !ok {
		t.Fatalf("%s: no kind", path)
	}
	if f, ok := k.Field(strings.Join(words[1:], ".")); ok {
		return f
	}
	f, ok := k.Field(words[1])
	for _, sub := range words[2:] {
		if ok {
			f, ok = f.Item(sub)
		}
	}
	if !ok {
		t.Fatalf("%s: no field", path)
	}
	return f
}

func TestBuiltinEnums(t *testing.T) {
	s := schema.Builtin()
	for path, words := range enums {
		var got []string
		for _, v := range field(t, s, path).Values {
			got = append(got, v.V)
		}
		if strings.Join(got, " ") != words {
			t.Errorf("%s has %v, want %s", path, got, words)
		}
	}
	for _, id := range s.KindIDs() {
		walk(s.Kinds[id].Fields, func(f *schema.Field) {
			seen := map[string]bool{}
			for _, v := range f.Values {
				if seen[v.V] {
					t.Errorf("%s.%s: %s twice", id, f.Path(), v.V)
				}
				seen[v.V] = true
			}
		})
	}
}

// TestBuiltinMarks compares, for each mark, the whole set of fields that have it.
func TestBuiltinMarks(t *testing.T) {
	s := schema.Builtin()
	has := map[string]func(*schema.Field) bool{
		"sensitive":      func(f *schema.Field) bool { return f.Sensitive },
		"off":            func(f *schema.Field) bool { return f.Off },
		"no_names":       func(f *schema.Field) bool { return f.NoNames },
		"max 60":         func(f *schema.Field) bool { return f.Max == 60 },
		"short":          func(f *schema.Field) bool { return f.Short && !strings.Contains(f.Path(), ".") },
		"flag on":        func(f *schema.Field) bool { return f.FlagDefault },
		"flagged team":   func(f *schema.Field) bool { return f.Flag != "" && f.Flagged == syncproto.ForTeam },
		"flagged author": func(f *schema.Field) bool { return f.Flag != "" && f.Flagged == syncproto.ForAuthor },
	}
	for mark, test := range has {
		want := map[string]bool{}
		for _, path := range strings.Fields(marks[mark]) {
			key, everywhere := strings.CutPrefix(path, "*.")
			for _, id := range s.KindIDs() {
				if everywhere && !s.Kinds[id].Reference {
					want[id+"."+key] = true
				}
			}
			if !everywhere {
				want[path] = true
			}
		}
		for _, id := range s.KindIDs() {
			if s.Kinds[id].Reference {
				continue
			}
			walk(s.Kinds[id].Fields, func(f *schema.Field) {
				path := id + "." + f.Path()
				if test(f) != want[path] {
					t.Errorf("%s: %s is %v, want %v", path, mark, test(f), want[path])
				}
				delete(want, path)
			})
		}
		if len(want) > 0 {
			t.Errorf("%s: no fields %v", mark, want)
		}
	}
}

func TestBuiltinInvariants(t *testing.T) {
	s := schema.Builtin()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, id := range s.KindIDs() {
		k := s.Kinds[id]
		walk(k.Fields, func(f *schema.Field) {
			path := id + "." + f.Path()
			if f.Sensitive && f.Audience < syncproto.ForTeam {
				t.Errorf("%s is sensitive and wider than team", path)
			}
			if f.Flag != "" && f.Audience == syncproto.ForScope && f.Flagged <= f.Audience {
				t.Errorf("%s: flagged does not narrow it", path)
			}
			if f.Flag != "" && f.Flagged < f.Audience {
				t.Errorf("%s: flagged widens it", path)
			}
			if f.Purpose == "" || f.Since != 1 || f.Section == "" {
				t.Errorf("%s: purpose %q, since %d, section %q", path, f.Purpose, f.Since, f.Section)
			}
			for _, target := range f.Targets {
				_, isKind := s.Kind(target)
				reserved := slices.ContainsFunc(s.Reserved, func(v schema.Value) bool { return v.V == target })
				if !isKind && !reserved && target != "*" {
					t.Errorf("%s points to %s, which is nothing", path, target)
				}
			}
			for _, limit := range []schema.Type{schema.Geo, schema.Attachments} {
				if f.Type == limit && f.Required != schema.Never {
					t.Errorf("%s is required", path)
				}
			}
		})
	}
}

func TestEveryLongTextHasItsSwitch(t *testing.T) {
	s := schema.Builtin()
	n := 0
	for _, id := range s.KindIDs() {
		k := s.Kinds[id]
		for _, f := range k.Fields {
			if f.Type != schema.LongText {
				continue
			}
			n++
			c, ok := k.Field(f.Key + ".personal")
			if !ok || c.Type != schema.Bool || c.Merge.Code != schema.LWStrict || c.MergeClass() != schema.ClassValue || c.Section != f.Section {
				t.Errorf("%s.%s: companion %+v", id, f.Key, c)
				continue
			}
			if on, _ := c.Strongest([]any{false, true}); on != true {
				t.Errorf("%s: on does not win", c.Key)
			}
			if c.Defaults[0].Value != f.FlagDefault {
				t.Errorf("%s: default %v", c.Key, c.Defaults)
			}
		}
	}
	if n != 17 {
		t.Errorf("%d long texts, counted 17 in the tables", n)
	}
}

func TestVisibilityDefaults(t *testing.T) {
	want := map[string]string{"ZF": "本级及上级", "HY": "本级及上级", "SQ": "本级及上级", "CN": "本级及上级", "TY": "本级及上级", "DD": "本级及上级",
		"HD": "限定人员", "FA": "限定人员", "GB": "限定人员", "RZ": "限定人员", "SJ": "本人",
		"WT": "", "person": "", "unit": "", "place": "", "boat": ""}
	for id, k := range schema.Builtin().Kinds {
		if k.Visibility != want[id] {
			t.Errorf("%s: %q, want %q", id, k.Visibility, want[id])
		}
	}
}

func TestVisitSections(t *testing.T) {
	k, _ := schema.Builtin().Kind("ZF")
	var got []string
	for _, s := range k.Sections[:6] {
		got = append(got, s.Zh)
	}
	want := "谁和哪里 / 情况（问·听·看） / 诉求与承诺 / 办理与慰问 / 后续 / 体会与签字"
	if strings.Join(got, " / ") != want {
		t.Errorf("sections %v", got)
	}
}

func TestMergeClasses(t *testing.T) {
	s := schema.Builtin()
	for path, want := range map[string]schema.Class{
		"ZF.met": schema.ClassValue, "ZF.situation": schema.ClassText, "ZF.visitor_ids": schema.ClassSet,
		"ZF.interviewees": schema.ClassList, "ZF.receipt": schema.ClassLog, "ZF.id": schema.ClassNone,
		"ZF.recorder_id": schema.ClassValue, "ZF.household_id": schema.ClassValue, "ZF.tags": schema.ClassSet,
		"ZF.status": schema.ClassLog, "ZF.visibility": schema.ClassValue, "ZF.attachments": schema.ClassList,
		"HY.statements": schema.ClassList, "HY.statements.text": schema.ClassText, "HY.statements.id": schema.ClassNone,
		"HY.resolutions.co_units": schema.ClassSet, "HY.minutes_doc": schema.ClassText, "HY.session_events": schema.ClassLog,
		"SQ.state": schema.ClassNone, "SQ.due_on": schema.ClassNone, "SQ.events": schema.ClassLog, "SQ.urgency": schema.ClassValue,
		"CN.text": schema.ClassText, "HD.household_type": schema.ClassList, "HD.causes": schema.ClassValue,
		"HD.members.birth": schema.ClassValue, "HD.members.birth.on": schema.ClassNone, "HD.members.presence": schema.ClassNone,
		"HD.file_state": schema.ClassLog, "FA.measures.state": schema.ClassLog, "RZ.goods": schema.ClassValue,
		"RZ.what": schema.ClassValue, "RZ.visit_id": schema.ClassSet, "TY.safety": schema.ClassValue, "ZF.relief_money": schema.ClassValue,
	} {
		if got := field(t, s, path).MergeClass(); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
