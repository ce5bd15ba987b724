package history_test

import (
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto/history"
)

// story is a log of one record, written by two, and what a reader is shown.
type story struct {
	parts []*history.Part
	view  history.View
	blind bool   // the reader may not read any field
	want  string // part of the finding; "" for none
}

func part(by string, fate history.Fate, acts ...history.Act) *history.Part {
	return &history.Part{By: by, Record: "r", Acts: acts, Fate: fate}
}

func set(field, value string, saw ...string) history.Act {
	return history.Act{Kind: history.Set, Field: field, Value: value, Saw: saw}
}

func text(before, after string) history.Act {
	return history.Act{Kind: history.Text, Field: "t", Before: before, After: after}
}

func values(v ...string) history.View { return history.View{Values: map[string][]string{"v": v}} }
func texts(s string) history.View     { return history.View{Texts: map[string]string{"t": s}} }

func TestJudge(t *testing.T) {
	const acked, held, unknown, lost = history.Acked, history.Held, history.Unknown, history.Lost
	items := func(it ...history.Item) history.View { return history.View{Items: map[string][]history.Item{"l": it}} }
	insert, strike := history.Act{Kind: history.Insert, Field: "l", Value: "i"}, history.Act{Kind: history.Strike, Field: "l", Value: "i"}
	for name, c := range map[string]story{
		"one value":                       {parts: []*history.Part{part("a", acked, set("v", "1"))}, view: values("1")},
		"a value is gone":                 {parts: []*history.Part{part("a", acked, set("v", "1"))}, want: "lost"},
		"replaced knowingly":              {parts: []*history.Part{part("a", acked, set("v", "1")), part("b", acked, set("v", "2", "1"))}, view: values("2")},
		"replaced and still there":        {parts: []*history.Part{part("a", acked, set("v", "1")), part("b", acked, set("v", "2", "1"))}, view: values("1", "2"), want: "took it away"},
		"both set unaware":                {parts: []*history.Part{part("a", acked, set("v", "1")), part("b", acked, set("v", "2"))}, view: values("1", "2")},
		"one of both is gone":             {parts: []*history.Part{part("a", acked, set("v", "1")), part("b", acked, set("v", "2"))}, view: values("2"), want: "lost"},
		"held and not shown":              {parts: []*history.Part{part("a", held, set("v", "1"))}},
		"held and shown":                  {parts: []*history.Part{part("a", held, set("v", "1"))}, view: values("1"), want: "not applied"},
		"held work replaces nothing":      {parts: []*history.Part{part("a", acked, set("v", "1")), part("b", held, set("v", "2", "1"))}, view: values(), want: "lost"},
		"nobody was told: there":          {parts: []*history.Part{part("a", unknown, set("v", "1"))}, view: values("1")},
		"nobody was told: not there":      {parts: []*history.Part{part("a", unknown, set("v", "1"))}},
		"went down with a device":         {parts: []*history.Part{part("a", lost, set("v", "1"))}},
		"nobody wrote it":                 {parts: []*history.Part{part("a", acked, set("v", "1"))}, view: values("1", "9"), want: "nobody wrote"},
		"a text":                          {parts: []*history.Part{part("a", acked, text("", "abc")), part("b", acked, text("abc", "axc"))}, view: texts("axc")},
		"a code point is gone":            {parts: []*history.Part{part("a", acked, text("", "abc"))}, view: texts("ac"), want: "lost"},
		"a code point stands twice":       {parts: []*history.Part{part("a", acked, text("", "abc"))}, view: texts("abbc"), want: "2 times"},
		"a deleted one is back":           {parts: []*history.Part{part("a", acked, text("", "abc")), part("b", acked, text("abc", "ac"))}, view: texts("abc"), want: "took it away"},
		"another order":                   {parts: []*history.Part{part("a", acked, text("", "abc"))}, view: texts("acb"), want: "order"},
		"an item":                         {parts: []*history.Part{part("a", acked, insert)}, view: items(history.Item{Name: "i"})},
		"an item is gone":                 {parts: []*history.Part{part("a", acked, insert), part("b", acked, strike)}, want: "is lost"},
		"an item is struck out":           {parts: []*history.Part{part("a", acked, insert), part("b", acked, strike)}, view: items(history.Item{Name: "i", Struck: true})},
		"an item is struck out by itself": {parts: []*history.Part{part("a", acked, insert)}, view: items(history.Item{Name: "i", Struck: true}), want: "nobody did"},
		"a strike does not show":          {parts: []*history.Part{part("a", acked, insert), part("b", acked, strike)}, view: items(history.Item{Name: "i"}), want: "not struck out"},
		"voided by nobody":                {parts: []*history.Part{part("a", acked, set("v", "1"))}, view: history.View{Values: map[string][]string{"v": {"1"}}, Voided: true}, want: "voided"},
		"shown to a stranger":             {parts: []*history.Part{part("a", acked, set("v", "1"))}, view: values("1"), blind: true, want: "may not read"},
		"hidden from a stranger":          {parts: []*history.Part{part("a", acked, set("v", "1"))}, blind: true},
	} {
		t.Run(name, func(t *testing.T) {
			l := history.New()
			for i, p := range c.parts {
				p.Save = i + 1
				l.Note(p)
			}
			wrong := strings.Join(l.Judge("r", history.Reader{Name: "x", May: func(string) bool { return !c.blind }}, &c.view), "\n")
			if (wrong == "") != (c.want == "") || !strings.Contains(wrong, c.want) {
				t.Errorf("found %q, want %q", wrong, c.want)
			}
		})
	}
}

func TestAllReadTheSame(t *testing.T) {
	l := history.New()
	l.Note(part("a", history.Acked, text("", "ab")))
	l.Note(part("b", history.Acked, text("", "cd")))
	may := func(string) bool { return true }
	one, other := texts("abcd"), texts("cdab")
	if w := l.Judge("r", history.Reader{Name: "x", May: may}, &one); w != nil {
		t.Fatal(w)
	}
	if w := l.Judge("r", history.Reader{Name: "y", May: may}, &other); len(w) != 1 || !strings.Contains(w[0], "reads otherwise") {
		t.Errorf("found %q", w)
	}
}
