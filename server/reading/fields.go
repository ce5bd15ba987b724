package reading

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/view"
)

// sections lists the filled fields of the form, heading by heading. A field
// the viewer may not read stands as a strip that says so: hidden is visible.
func (g *Reading) sections(l *loaded, authors *authorList) []web.Section {
	if l.kind == nil {
		return nil
	}
	filled := map[string]crdt.Class{}
	for _, f := range l.look.Fields() {
		filled[f.Name] = f.Class
	}
	var out []web.Section
	for _, s := range l.kind.Sections {
		section := web.Section{Label: s.Zh}
		for _, f := range l.kind.Fields {
			class, ok := filled[f.Key]
			if f.Section != s.Key || !ok && l.look.Computed(f) == nil || f.Companion() || hiddenField(f.Key) {
				continue
			}
			section.Fields = append(section.Fields, g.field(l, f, class, authors))
		}
		if len(section.Fields) > 0 {
			out = append(out, section)
		}
	}
	return out
}

// hiddenField lists what the page shows elsewhere.
func hiddenField(key string) bool {
	return slices.Contains([]string{"id", "kind", "local_no", "ledger_no", "status", "owner_unit", "household_mask", "visibility", "comments"}, key)
}

// maskedWords says why a field is not shown and who may open it.
func maskedWords(class syncproto.Audience) string {
	if class.Has(syncproto.ForAuthor) {
		return "只有写的人看得到"
	}
	return "含个人情况，只给经办这件事的人看"
}

func sealedWords(v any) string {
	if _, ok := v.(syncproto.Sealed); ok {
		return "敏感信息，网页上不显示"
	}
	return ""
}

func (g *Reading) field(l *loaded, f *schema.Field, class crdt.Class, authors *authorList) web.Field {
	out := web.Field{Key: f.Key, Label: f.Zh}
	if a := l.closedField(f.Key); a != syncproto.ForNobody {
		out.Masked = maskedWords(a)
		return out
	}
	switch class {
	case 0:
		out.Text = g.words(f, l.look.Computed(f))
	case crdt.ClassText:
		g.longText(l, f, &out, authors)
	case crdt.ClassSet:
		g.members(l, l.look.Set(f.Key), f, &out)
	case crdt.ClassList:
		if f.Key == "statements" {
			out.Statements = g.statements(l, f, authors)
		} else {
			out.Table = g.table(l, f)
		}
	case crdt.ClassLog:
		for _, e := range l.look.Log(f.Key) {
			ev := g.event(f, e)
			if f.Key == "corrections" {
				ev = g.correctionEvent(l, e)
			}
			if note := l.look.EntryNote(f.Key, e.Dot); note != "" {
				ev.Notes = append(ev.Notes, note)
			}
			out.Events = append(out.Events, ev)
		}
	default:
		shown := l.look.Field(f.Key)
		if shown.Corrected != nil {
			out.Notes = append(out.Notes, g.correction(f, shown.Corrected))
		}
		if out.Masked = sealedWords(shown.Value); out.Masked == "" {
			out.Text = g.words(f, shown.Value)
			g.link(l, shown.Value, f, &out)
		}
		if shown.Value == nil && shown.Chip != "" {
			out.Text = shown.Chip
		}
	}
	for _, s := range l.look.Suggestions() {
		if s.Field == f.Key {
			out.Notes = append(out.Notes, g.suggestion(f, &s))
		}
	}
	return out
}

// longText is a text in runs of one author, with what there is to say of it.
func (g *Reading) longText(l *loaded, f *schema.Field, out *web.Field, authors *authorList) {
	t := l.look.Text(f.Key)
	if t == nil {
		return
	}
	out.Passages = g.passages(l, textAt{field: f.Key}, t.Passages, authors)
	if t.Fixed {
		out.Notes = append(out.Notes, "已"+f.Merge.Arg)
	}
	if t.Corrected != nil {
		out.Notes = append(out.Notes, g.correction(f, t.Corrected))
	}
}

// correctionEvent says an entry of the corrections: which field, from what to what.
func (g *Reading) correctionEvent(l *loaded, e crdt.LogEntry) web.Event {
	out := web.Event{By: g.person(e.Author), At: time.UnixMilli(e.Wall).In(timeline.Zone)}
	m, _ := view.Plain(e.Value).(map[string]any)
	name, _ := m["field"].(string)
	label, f := name, l.field(name)
	if f != nil {
		label = f.Zh
	}
	kind, _ := m["kind"].(string)
	reason, _ := m["reason"].(string)
	out.What = kind + label
	out.Text = "“" + g.words(f, m["old"]) + "”改为“" + g.words(f, m["new"]) + "”。原因：" + reason
	return out
}

func (g *Reading) correction(f *schema.Field, c *view.Correction) string {
	return "更正：原为“" + g.words(f, c.Old) + "”。" + c.Reason + "（" + g.person(c.Author).Words() + "）"
}

// suggestion says who wanted a text to read how, and why it does not.
func (g *Reading) suggestion(f *schema.Field, s *view.Suggestion) string {
	var by []string
	if !s.Author.IsZero() {
		by = append(by, g.person(s.Author).Words())
	} else {
		for _, r := range s.By {
			owner, _ := g.Devices.DeviceName(r)
			by = append(by, g.person(owner).Words())
		}
	}
	return "更正建议（未生效）：“" + g.words(f, s.New) + "”　" + strings.Join(by, "、") + "，" + s.Reason
}

func (g *Reading) members(l *loaded, set []crdt.Member, f *schema.Field, out *web.Field) {
	var words []string
	for _, m := range set {
		v := view.Plain(m.Value)
		if masked := sealedWords(v); masked != "" {
			out.Masked = masked
			return
		}
		if id := records.AsRef(v); !id.IsZero() && linked(f) {
			out.Refs = append(out.Refs, g.refTo(l, id, f))
			continue
		}
		words = append(words, g.words(f, v))
	}
	out.Text = strings.Join(words, "、")
}

// linked reports whether a reference leads to a record with a page of its own.
func linked(f *schema.Field) bool {
	return len(f.Targets) > 0 && !slices.Contains([]string{"person", "unit", "place", "boat"}, f.Targets[0])
}

func (g *Reading) link(l *loaded, v any, f *schema.Field, out *web.Field) {
	if id := records.AsRef(v); f != nil && !id.IsZero() && linked(f) {
		out.Text = ""
		out.Refs = append(out.Refs, g.refTo(l, id, f))
	}
}

// refTo is a link to another record, with its summary where the viewer may
// read it; without a link where he may not open it.
func (g *Reading) refTo(l *loaded, id syncproto.RecordID, f *schema.Field) web.Ref {
	kind := web.Kind{Code: f.Targets[0], Label: g.kindLabel(f.Targets[0])}
	to, ok := l.linked[id]
	if !ok {
		return web.Ref{Kind: kind, Text: kind.Label}
	}
	return web.Ref{ID: id, Kind: web.Kind{Code: to.kind, Label: g.kindLabel(to.kind)}, Text: to.text}
}

func (g *Reading) statements(l *loaded, f *schema.Field, authors *authorList) []web.Statement {
	all := l.look.Statements()
	recorders := map[syncproto.RecordID]bool{}
	for i := range all {
		recorders[all[i].Recorder] = true
	}
	same := map[int]int{}
	for _, pair := range view.Duplicates(all) {
		same[pair[0]], same[pair[1]] = pair[1], pair[0]
	}
	var out []web.Statement
	for i := range all {
		st := g.statement(l, &all[i], authors, len(recorders) > 1)
		st.Number = i + 1
		if other, ok := same[i]; ok {
			st.Duplicate = fmt.Sprintf("疑似重复：与第 %d 句", other+1)
		}
		out = append(out, st)
	}
	for _, rec := range l.look.All() {
		for _, it := range rec.Items(f.Key, true) {
			if it.Removed {
				st := g.statement(l, &view.Statement{Item: it, Of: rec, Speaker: records.ItemPlain(it, "speaker")}, authors, false)
				st.Struck = true
				out = append(out, st)
			}
		}
	}
	return out
}

func (g *Reading) statement(l *loaded, s *view.Statement, authors *authorList, several bool) web.Statement {
	st := web.Statement{Speaker: g.speaker(s.Speaker), Mode: itemText(s.Item, "mode"), Type: itemText(s.Item, "type")}
	if at, day, ok := timeline.ParseTime(itemText(s.Item, "said_at")); ok && !day {
		st.At = web.At(at)
	}
	if several {
		st.Recorder = authors.number(s.Recorder)
	}
	if l.closed(s.Of, "statements", s.ID, "text") != syncproto.ForNobody {
		st.Masked = "含个人敏感信息，只给记录人和主持人看"
		return st
	}
	doc := s.Text("text")
	if doc == nil {
		st.Text = itemText(s.Item, "text")
		return st
	}
	st.Text = doc.String()
	if runs := g.passages(l, textAt{field: "statements", item: s.ID, sub: "text"}, view.Passages(doc), authors); len(runs) > 1 || len(runs) == 1 && runs[0].Check {
		st.Passages = runs
	}
	return st
}

func itemText(item *crdt.Item, sub string) string {
	s, _ := records.ItemPlain(item, sub).(string)
	return s
}

func (g *Reading) speaker(v any) web.Person {
	if id := records.AsRef(v); !id.IsZero() {
		return g.person(id)
	}
	s, _ := v.(string)
	return web.Person{Name: s}
}

// table is a list of items with its sub-fields as columns; columns nobody filled are left out.
func (g *Reading) table(l *loaded, f *schema.Field) *web.Table {
	items := l.look.Items(f.Key, true)
	t := &web.Table{}
	var subs []*schema.Field
	for _, s := range f.Items {
		if isPresence(f, s) || slices.ContainsFunc(items, func(it *crdt.Item) bool { _, ok := it.Value(s.Key); return ok || it.Text(s.Key) != nil }) {
			subs = append(subs, s)
			t.Columns = append(t.Columns, s.Zh)
		}
	}
	for _, rec := range l.look.All() {
		for _, it := range rec.Items(f.Key, true) {
			row := web.TableRow{Struck: it.Removed}
			for _, s := range subs {
				row.Cells = append(row.Cells, g.cell(l, rec, f, it, s))
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

// isPresence reports whether a sub-field is where a household's member is,
// which the household's changes tell.
func isPresence(f, s *schema.Field) bool {
	return s.Key == "presence" && s.Merge.Code == schema.EV && s.From == "changes" && f.Key == "members"
}

func (g *Reading) cell(l *loaded, rec *crdt.Record, f *schema.Field, it *crdt.Item, s *schema.Field) web.Cell {
	if a := l.closed(rec, f.Key, it.ID, s.Key); a != syncproto.ForNobody {
		return web.Cell{Masked: maskedWords(a)}
	}
	if isPresence(f, s) {
		return web.Cell{Text: l.look.Presence(it.ID)}
	}
	if doc := it.Text(s.Key); doc != nil && doc.Len() > 0 {
		return web.Cell{Text: doc.String()}
	}
	shown := view.Field(it, s.Key, s)
	if masked := sealedWords(shown.Value); masked != "" {
		return web.Cell{Masked: masked}
	}
	if shown.Value == nil && shown.Chip != "" {
		return web.Cell{Text: shown.Chip}
	}
	return web.Cell{Text: g.words(s, shown.Value)}
}

func (g *Reading) event(f *schema.Field, e crdt.LogEntry) web.Event {
	v := view.Plain(e.Value)
	out := web.Event{By: g.person(e.Author), At: time.UnixMilli(e.Wall).In(timeline.Zone)}
	entry, ok := v.(map[string]any)
	if !ok {
		if out.Masked = sealedWords(v); out.Masked == "" {
			out.What = g.words(f, v)
		}
		return out
	}
	var rest []string
	for _, s := range f.Items {
		x, ok := entry[s.Key]
		if !ok || x == nil {
			continue
		}
		switch s.Key {
		case "event", "result", "what", "as", "rating":
			if out.What != "" {
				out.What += "，"
			}
			out.What += g.words(s, x)
		case "by", "who", "leader":
			out.By = g.speaker(x)
		case "at", "on", "to_on":
			if at, day, ok := timeline.ParseTime(fmt.Sprint(x)); ok && day {
				out.At, out.On = time.Time{}, web.DateOf(at)
			} else if ok {
				out.At = at
			}
		case "covers", "image":
		default:
			rest = append(rest, s.Zh+"："+g.words(s, x))
		}
	}
	out.Text = strings.Join(rest, "　")
	return out
}
