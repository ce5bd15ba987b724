package view

import (
	"strings"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/wire"
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
	p, ok := l.Progress()
	if !ok {
		return "", false
	}
	for i := len(p.Events) - 1; i >= 0; i-- {
		if e := &p.Events[i]; e.InForce && e.Name == f.Merge.Arg {
			if s, ok := e.Entry[FixedSub].(string); ok {
				return s, true
			}
		}
	}
	return "", false
}

// FixedSub is the sub-field of an event's entry that holds the text it fixes.
const FixedSub = "fixed"

// Correction is an entry of the record's corrections: a 更正, which is shown in
// place of the field, or a 更正建议, which a writer accepts or declines.
type Correction struct {
	crdt.Stamp
	Field    string
	Kind     string
	Old, New any
	Reason   string
}

// The kinds of corrections.
const (
	Corrects = "更正"
	Suggests = "更正建议"
	Declines = "不采纳"
)

// Corrections lists the entries about a field in their order, about all fields
// for "".
func (l *Look) Corrections(field string) []Correction {
	var out []Correction
	for _, e := range l.Log("corrections") {
		m, ok := Plain(e.Value).(map[string]any)
		if !ok || field != "" && m["field"] != field {
			continue
		}
		c := Correction{Stamp: e.Stamp, Old: m["old"], New: m["new"]}
		c.Field, _ = m["field"].(string)
		c.Kind, _ = m["kind"].(string)
		c.Reason, _ = m["reason"].(string)
		out = append(out, c)
	}
	return out
}

func (l *Look) corrected(field string) *Correction {
	all := l.Corrections(field)
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Kind == Corrects {
			return &all[i]
		}
	}
	return nil
}

// Suggestion is a 更正建议 that nobody has answered: an edit that is joined but
// 未生效, because it came too late or did not know that the text was fixed.
type Suggestion struct {
	Field string
	New   any
	// By are the replicas whose words it adds; empty when it only leaves words
	// out. Author and Wall are known where an entry says it.
	By     []syncproto.ReplicaID
	Author syncproto.PersonID
	Wall   int64
	Reason string
}

// Suggestions lists what waits for a writer to accept (更正) or decline.
func (l *Look) Suggestions() []Suggestion {
	var out []Suggestion
	all := l.Corrections("")
	for i, c := range all {
		if c.Kind == Suggests && !answered(all[i:], c.Field, c.New) {
			out = append(out, Suggestion{Field: c.Field, New: c.New, By: []syncproto.ReplicaID{c.Dot.Replica}, Author: c.Author, Wall: c.Wall, Reason: c.Reason})
		}
	}
	if l.Kind == nil {
		return out
	}
	for _, f := range l.Kind.Fields {
		fixed, ok := l.fixed(f.Key)
		doc := l.Record.Text(f.Key)
		if !ok || doc == nil {
			continue
		}
		if now := doc.String(); now != fixed && !answered(all, f.Key, now) {
			out = append(out, Suggestion{Field: f.Key, New: now, By: adders(fixed, doc), Reason: "写的时候还不知道已经" + f.Merge.Arg + "，或者" + f.Merge.Arg + "以后才写"})
		}
	}
	return out
}

// answered reports whether an entry accepts or declines exactly these words.
func answered(entries []Correction, field string, words any) bool {
	for _, c := range entries {
		if c.Field == field && (c.Kind == Corrects || c.Kind == Declines) && sameWords(c.New, words) {
			return true
		}
	}
	return false
}

func sameWords(a, b any) bool {
	x, errX := wire.EncodeValue(a)
	y, errY := wire.EncodeValue(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// adders are the replicas of the words between what the two texts have in
// common at both ends.
func adders(fixed string, doc *text.Doc) []syncproto.ReplicaID {
	now := doc.String()
	from := 0
	for from < len(fixed) && from < len(now) && fixed[from] == now[from] {
		from++
	}
	to, end := len(now), len(fixed)
	for to > from && end > from && fixed[end-1] == now[to-1] {
		to, end = to-1, end-1
	}
	for from > 0 && from < len(now) && !utf8.RuneStart(now[from]) {
		from--
	}
	for to < len(now) && !utf8.RuneStart(now[to]) {
		to++
	}
	var out []syncproto.ReplicaID
	at := 0
	for _, p := range doc.Passages() {
		begin := at
		if at += len(p.Text); begin < to && at > from {
			out = appendNew(out, p.Replica)
		}
	}
	return out
}

func appendNew(list []syncproto.ReplicaID, r syncproto.ReplicaID) []syncproto.ReplicaID {
	for _, x := range list {
		if x == r {
			return list
		}
	}
	return append(list, r)
}
