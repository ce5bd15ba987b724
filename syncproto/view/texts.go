package view

import (
	"strings"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/text"
)

// Passage is a run of text that one replica wrote.
type Passage struct {
	Text    string
	Replica syncproto.ReplicaID // zero for what stands fixed
	// First is its first element, none for what stands fixed or in another record.
	First syncproto.ElemID
	// Check asks to draw 〔两处修改，请核对〕 after it: two people replaced the
	// same words, and both replacements stand.
	Check bool
}

// Passages shows a text with its authors.
func Passages(doc *text.Doc) []Passage {
	if doc == nil {
		return nil
	}
	runs := doc.Passages()
	out := make([]Passage, 0, len(runs))
	for i, p := range runs {
		next := i+1 < len(runs) && runs[i+1].Contested
		out = append(out, Passage{Text: p.Text, Replica: p.Replica, First: p.First, Check: p.Contested && !next})
	}
	return out
}

// Text is a long text as it is shown.
type Text struct {
	Passages []Passage
	// Fixed says that an event has fixed it (TX-FX): what the text itself says
	// beyond that is a suggestion.
	Fixed bool
	// Corrected is the 更正 that is shown in its place, nil for none.
	Corrected *Correction
}

// String is the text alone.
func (t *Text) String() string {
	var b strings.Builder
	for _, p := range t.Passages {
		b.WriteString(p.Text)
	}
	return b.String()
}

// Text shows one text field, nil when there is none. Those of records put into
// this one stand below it, a line each.
func (l *Look) Text(name string) *Text {
	doc := l.Record.Text(name)
	out := &Text{Passages: Passages(doc)}
	if fixed, ok := l.fixed(name); ok {
		out.Fixed = true
		if fixed != out.String() {
			out.Passages = []Passage{{Text: fixed}}
		}
	}
	if c := l.corrected(name); c != nil {
		if s, ok := c.New.(string); ok {
			out.Corrected, out.Passages = c, []Passage{{Text: s}}
		}
	}
	for _, m := range l.Merged {
		if t := m.Text(name); t != nil && t.Len() > 0 {
			doc = t
			if len(out.Passages) > 0 {
				out.Passages = append(out.Passages, Passage{Text: "\n"})
			}
			for _, p := range Passages(t) {
				p.First = syncproto.ElemID{}
				out.Passages = append(out.Passages, p)
			}
		}
	}
	if doc == nil {
		return nil
	}
	return out
}

// fixed is the text that an event has fixed. The entry carries the words that
// its author saw: so everybody, whatever he has of the history, shows the same
// text, and a later entry of the same event fixes later words.
func (l *Look) fixed(name string) (string, bool) {
	f := l.def(name)
	if f == nil || f.Merge.Code != schema.TXFX {
		return "", false
	}
	entries := l.fixing(f)
	for i := len(entries) - 1; i >= 0; i-- {
		if s, ok := entries[i][FixedSub].(string); ok && entries[i]["event"] == f.Merge.Arg {
			return s, true
		}
	}
	return "", false
}

// fixing lists the entries that may fix a text: the events of the kind that are
// in force, or the text's own log of them.
func (l *Look) fixing(f *schema.Field) (out []map[string]any) {
	if l.def(FixedOf(f.Key)) != nil {
		for _, e := range InForce(l.Record, l.Record.Log(FixedOf(f.Key))) {
			if m, ok := Plain(e.Value).(map[string]any); ok {
				out = append(out, m)
			}
		}
		return out
	}
	p, _ := l.Progress()
	for i := range p.Events {
		if p.Events[i].InForce {
			out = append(out, p.Events[i].Entry)
		}
	}
	return out
}

// FixedOf names the log of what fixed a text, of a kind that has no table of
// states with such an event.
func FixedOf(field string) string { return field + ".fixed" }

// FixedSub is the sub-field of such an entry that holds the text it fixes.
const FixedSub = "fixed"
