package schema_test

import (
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto/schema"
)

func getter(m map[string]any) schema.Getter {
	return func(name string) (any, bool) { v, ok := m[name]; return v, ok }
}

func TestConditions(t *testing.T) {
	const id = "01890a5d-ac96-774b-bcce-b302099a8057"
	for _, c := range []struct {
		cond   string
		record map[string]any
		want   bool
	}{
		{`{"unless":{"met":["未遇"]}}`, map[string]any{"met": "见到本人"}, true},
		{`{"unless":{"met":["未遇"]}}`, map[string]any{"met": "未遇"}, false},
		{`{"unless":{"met":["未遇"]}}`, nil, true},
		{`{"when":{"t":["a","b"]}}`, map[string]any{"t": "b"}, true},
		{`{"when":{"t":["a","b"]}}`, map[string]any{"t": "c"}, false},
		{`{"when":{"t":["a"]}}`, map[string]any{"t": []any{"c", "a"}}, true},
		{`{"when":{"t":["a"],"u":true}}`, map[string]any{"t": "a"}, false},
		{`{"when":{"t":["a"],"u":true}}`, map[string]any{"t": "a", "u": "x"}, true},
		{`{"when":[{"t":["a"]},{"u":true}]}`, map[string]any{"u": "x"}, true},
		{`{"when":{"u":false}}`, map[string]any{"u": "  "}, true},
		{`{"when":{"u":false}}`, map[string]any{"u": false}, false},
		{`{"when":{"n":{"over":0}}}`, map[string]any{"n": int64(0)}, false},
		{`{"when":{"n":{"over":0}}}`, map[string]any{"n": 0.5}, true},
		{`{"when":{"n":{"over":0}}}`, map[string]any{"n": "5"}, false},
		{`{"when":{"n":[2]}}`, map[string]any{"n": 2.0}, true},
		{`{"when":{"b":[false]}}`, map[string]any{"b": false}, true},
		{`{"when":{"b":[false]}}`, nil, false},
		{`{"when":{"t":["a"]},"unless":{"u":true}}`, map[string]any{"t": "a", "u": "x"}, false},
		{`{"when":{"p":{"ref":["place"]}}}`, map[string]any{"p": "330903105901"}, true},
		{`{"when":{"p":{"ref":["place"]}}}`, map[string]any{"p": id}, false},
		{`{"when":{"p":{"ref":["person"]}}}`, map[string]any{"p": id}, true},
		{`{"when":{"@today":["2026-05-18"]}}`, nil, false},
		{`{"when":{"b":{"age_under":14}}}`, map[string]any{"b": "2012-05-18", "@today": "2026-05-18"}, false},
		{`{"when":{"b":{"age_under":14}}}`, map[string]any{"b": "2012-05-19", "@today": "2026-05-18"}, true},
		{`{"when":{"b":{"age_under":14}}}`, map[string]any{"b": map[string]any{"on": "2012", "calendar": "公历"}, "@today": "2026-05-18"}, true},
		{`{"when":{"b":{"age_under":14}}}`, map[string]any{"b": map[string]any{"on": "1968"}, "@today": "2026-05-18"}, false},
		{`{"when":{"b":{"age_under":14}}}`, map[string]any{"b": map[string]any{"on": "2012-04-30", "calendar": "农历"}, "@today": "2026-05-18"}, true},
		{`{"when":{"b":{"age_under":14}}}`, map[string]any{"b": "1968"}, true}, // today unknown: the careful answer
		{`{"when":{"b":{"age_under":14}}}`, map[string]any{"@today": "2026-05-18"}, true},
		{`{"when":{"b":{"age_under":14}}}`, map[string]any{"b": "rubbish", "@today": "2026-05-18"}, true},
	} {
		p, err := schema.ParseCond([]byte(c.cond))
		if err != nil {
			t.Errorf("%s: %v", c.cond, err)
			continue
		}
		if got := p.Holds(getter(c.record)); got != c.want {
			t.Errorf("%s of %v is %v", c.cond, c.record, got)
		}
	}
	if !(*schema.Cond)(nil).Holds(getter(nil)) {
		t.Error("no condition must hold")
	}
}

func TestConditionsRefused(t *testing.T) {
	many := `{"when":{"t":[` + strings.Repeat(`"a",`, 40) + `"a"]}}`
	for _, text := range []string{
		``, `{}`, `[]`, `{"if":{"t":true}}`, `{"when":{}}`, `{"when":[]}`, `{"when":3}`, `{"when":{"t":[]}}`, `{"when":{"t":"a"}}`,
		`{"when":{"t":[["a"]]}}`, `{"when":{"t":[null]}}`, `{"when":{"t":{"over":"1"}}}`, `{"when":{"t":{"near":1}}}`,
		`{"when":{"t":{"over":1,"ref":["x"]}}}`, `{"when":{"t":{"age_under":-1}}}`, `{"when":{"t":{"ref":[]}}}`, `{"when":{"t":true},"else":{}}`, many,
	} {
		if c, err := schema.ParseCond([]byte(text)); err == nil || c != nil {
			t.Errorf("%s: accepted", text)
		}
	}
}

func FuzzCond(f *testing.F) {
	for _, text := range []string{
		`{"unless":{"met":["未遇"]}}`, `{"when":[{"t":["a",1,true]},{"u":false}],"unless":{"n":{"over":-1.5}}}`,
		`{"when":{"p":{"ref":["place","HD"]},"b":{"age_under":14}}}`,
	} {
		f.Add([]byte(text), "t", "2012")
	}
	f.Fuzz(func(t *testing.T, b []byte, name, value string) {
		c, err := schema.ParseCond(b)
		if err != nil {
			return
		}
		if len(c.Names()) == 0 {
			t.Fatal("a condition on nothing")
		}
		values := []any{nil, value, 1.5, int64(-3), true, []any{value, 1.0}, map[string]any{"on": value, "calendar": name}}
		for _, v := range values {
			get := func(n string) (any, bool) { return v, n == name || v != nil }
			first := c.Holds(get)
			if second := c.Holds(get); first != second {
				t.Fatal("the answer changes")
			}
		}
	})
}
