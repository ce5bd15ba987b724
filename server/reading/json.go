package reading

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"time"

	"github.com/chuantou/chuantou/server/acting"
	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/view"
)

// JSON is httpapi.Reader over the same reads.
type JSON struct{ *Reading }

// Timeline is httpapi.Reader.
func (j JSON) Timeline(ctx context.Context, viewer syncproto.PersonID, q httpapi.TimelineQuery) (httpapi.Timeline, error) {
	query := timeline.Query{Order: timeline.ByOccurrence, Places: q.Places, Kinds: q.Kinds, Person: q.Person, Token: q.After, Limit: q.Limit}
	if q.Order == httpapi.ByArrival {
		query.Order = timeline.ByArrival
	}
	if !q.Since.IsZero() {
		query.From = q.Since.UnixMilli()
	}
	if !q.Until.IsZero() {
		query.To = q.Until.AddDate(0, 0, 1).UnixMilli()
	}
	for _, only := range q.Only {
		query.Clashes = query.Clashes || only == "conflict"
		query.Demands = query.Demands || only == "demand"
		query.ToConfirm = query.ToConfirm || only == "confirm"
	}
	v := j.viewer(viewer)
	if err := j.checkFilters(v, q.Kinds, q.Places, q.Only, q.Person); err != nil {
		return httpapi.Timeline{}, err
	}
	page, err := timeline.Read(ctx, j.Store, v, query)
	if err != nil {
		return httpapi.Timeline{}, err
	}
	out := httpapi.Timeline{Rows: []httpapi.Row{}}
	if page.More {
		out.Next = page.Token
		if len(page.Rows) < query.Limit {
			at := time.UnixMilli(page.Looked).In(timeline.Zone)
			out.LookedTo = &at
		}
	}
	for i := range page.Rows {
		out.Rows = append(out.Rows, j.jsonRow(&page.Rows[i], v))
	}
	return out, nil
}

func (j JSON) jsonRow(w *timeline.Row, v *authz.Viewer) httpapi.Row {
	row := j.row(w, v, time.Time{})
	out := httpapi.Row{Record: w.Record, Kind: w.Kind, Label: row.Kind.Label, Title: row.Title, Summary: row.Summary,
		Occurred: time.UnixMilli(w.Occurred).In(timeline.Zone), DateOnly: w.DateOnly, Received: row.Received, Place: w.Place,
		Where: row.Where.Words(), Status: row.Status, Conflicts: w.Clashes, Held: w.Waiting}
	for _, p := range row.Who {
		out.Who = append(out.Who, p.Name)
	}
	for _, c := range row.Marks.Chips() {
		out.Marks = append(out.Marks, c.Text)
	}
	return out
}

// Record is httpapi.Reader.
func (j JSON) Record(ctx context.Context, viewer syncproto.PersonID, id syncproto.RecordID, asOf syncproto.ChangeID) (httpapi.Record, error) {
	l, err := j.open(ctx, viewer, id, when{asOf: asOf})
	if err != nil {
		return httpapi.Record{}, err
	}
	out, err := j.record(ctx, l)
	out.AsOf = asOf
	return out, err
}

// Opened is httpapi.Reader.
func (j JSON) Opened(ctx context.Context, viewer syncproto.PersonID, id syncproto.RecordID, reason string) (httpapi.Record, error) {
	g, l, err := j.openFor(ctx, viewer, id, reason)
	if err != nil {
		return httpapi.Record{}, err
	}
	out, err := JSON{g}.record(ctx, l)
	out.Opens = false
	return out, err
}

func (j JSON) record(ctx context.Context, l *loaded) (httpapi.Record, error) {
	if l.rowOnly() {
		return j.rowRecord(l), nil
	}
	out := httpapi.Record{ID: l.rec.ID, Opens: l.opens(), Kind: l.rec.Kind, Label: j.kindLabel(l.rec.Kind), Title: j.title(l), Number: j.number(l),
		Place: l.facts.Place, Status: cmp.Or(l.look.Status(), view.Submitted), Deleted: l.rec.Deleted(), Version: maps.Collect(l.rec.Version.All()), Fields: []httpapi.Field{}, Latest: l.latest}
	out.Marks = l.look.Chips()
	if p, ok := l.look.Progress(); ok {
		out.State, out.StateMark = p.State, p.Mark
	}
	for _, f := range l.look.Missing() {
		out.Missing = append(out.Missing, f.Path())
	}
	for _, s := range l.look.Suggestions() {
		if l.closedField(s.Field) == syncproto.ForNobody {
			out.Suggestions = append(out.Suggestions, j.jsonSuggestion(&s))
		}
	}
	if to := view.MergedInto(l.rec); !to.IsZero() {
		out.MergedInto = to.String()
	}
	for _, m := range l.look.Merged {
		out.Merged = append(out.Merged, m.ID)
	}
	for _, info := range l.look.Fields() {
		out.Fields = append(out.Fields, j.jsonField(l, info))
	}
	j.computed(l, &out)
	same, err := j.same(ctx, l)
	if err != nil {
		return httpapi.Record{}, err
	}
	for _, ref := range same {
		out.PerhapsSame = append(out.PerhapsSame, ref.ID)
	}
	may := acting.May(l.viewer, l.rec, l.facts)
	if l.now != nil {
		may = acting.Rights{}
	}
	out.May = httpapi.Rights{Comment: may.Comment, Confirm: may.Confirm, Void: may.Void}
	for _, c := range j.readable(l) {
		out.Conflicts = append(out.Conflicts, j.jsonConflict(l, &c, may.Decide))
	}
	for i := range l.held {
		out.Held = append(out.Held, j.jsonHeld(&l.held[i]))
	}
	return out, nil
}

func (j JSON) jsonConflict(l *loaded, c *view.Clash, decides bool) httpapi.Conflict {
	w := j.clash(l, c, decides)
	out := httpapi.Conflict{Field: c.Field, Item: c.Item, Sub: c.Sub, Label: w.Label, Mark: c.Chip, MayChoose: w.Choose}
	for i := range c.All {
		out.Values = append(out.Values, j.jsonValue(&w.Values[i], c.All[i].Author, j.plain(c.Def, c.All[i].Value)))
	}
	return out
}

func (j JSON) jsonValue(w *web.Version, author syncproto.PersonID, v any) httpapi.FieldValue {
	out := httpapi.FieldValue{Version: w.Dot, Masked: w.Masked, Author: author, By: w.By.Name, Device: w.Device, Written: w.Written,
		Received: w.Received, Shown: w.Shown}
	if w.Masked == "" {
		out.Value = asJSON(v)
	}
	return out
}

func (j JSON) jsonSuggestion(s *view.Suggestion) httpapi.Suggestion {
	out := httpapi.Suggestion{Field: s.Field, New: asJSON(s.New), Reason: s.Reason}
	if !s.Author.IsZero() {
		out.By = append(out.By, j.person(s.Author).Name)
		return out
	}
	for _, r := range s.By {
		owner, _ := j.Devices.DeviceName(r)
		out.By = append(out.By, j.person(owner).Name)
	}
	return out
}

// computed adds the fields that events give.
func (j JSON) computed(l *loaded, out *httpapi.Record) {
	if l.kind == nil {
		return
	}
	for _, f := range l.kind.Fields {
		if f.MergeClass() != schema.ClassNone {
			continue
		}
		if v := l.look.Computed(f); v != nil {
			out.Fields = append(out.Fields, j.computedField(l, f, v))
		}
	}
}

func (j JSON) computedField(l *loaded, f *schema.Field, v any) httpapi.Field {
	out := httpapi.Field{Key: f.Key, Label: f.Zh}
	if a := l.class(f.Key, syncproto.ElemID{}, ""); !l.classes.Has(a) {
		out.Masked = maskedWords(a)
	} else {
		out.Value = asJSON(v)
	}
	return out
}

func (j JSON) jsonField(l *loaded, info crdt.FieldInfo) httpapi.Field {
	f := l.field(info.Name)
	out := httpapi.Field{Key: info.Name}
	if f != nil {
		out.Label = f.Zh
	}
	if a := l.closedField(info.Name); a != syncproto.ForNobody {
		out.Masked = maskedWords(a)
		return out
	}
	switch info.Class {
	case crdt.ClassText:
		t := l.look.Text(info.Name)
		out.Value = asJSON(t.String())
		if t.Fixed {
			out.Notes = append(out.Notes, httpapi.Note{Entry: -1, Text: "已" + f.Merge.Arg})
		}
		out.Notes = j.corrected(f, t.Corrected, out.Notes)
		for _, p := range j.passages(l, textAt{field: info.Name}, t.Passages, &authorList{g: j.Reading}) {
			if p.Author > 0 {
				out.Passages = append(out.Passages, httpapi.Passage{Text: p.Text, By: p.By.Name, From: p.From, To: p.To})
			}
		}
	case crdt.ClassSet:
		members := []any{}
		for _, m := range l.look.Set(info.Name) {
			members = append(members, view.Plain(m.Value))
		}
		out.Value = asJSON(members)
	case crdt.ClassLog:
		j.entries(l, info.Name, &out)
	case crdt.ClassList:
		out.Value = asJSON(j.items(l, info.Name))
		if info.Name == "statements" {
			out.Same = view.Duplicates(l.look.Statements())
		}
	default:
		shown := l.look.Field(info.Name)
		out.Chip, out.Notes = shown.Chip, j.corrected(f, shown.Corrected, nil)
		if out.Masked = sealedWords(shown.Value); out.Masked == "" {
			out.Value = asJSON(j.plain(f, shown.Value))
		}
		if shown.Chip != "" {
			out.Values = j.values(l, f, shown)
		}
	}
	return out
}

func (j JSON) corrected(f *schema.Field, c *view.Correction, notes []httpapi.Note) []httpapi.Note {
	if c == nil {
		return notes
	}
	return append(notes, httpapi.Note{Entry: -1, Text: j.correction(f, c)})
}

func (j JSON) entries(l *loaded, field string, out *httpapi.Field) {
	entries := []any{}
	for i, e := range l.look.Log(field) {
		entries = append(entries, view.Plain(e.Value))
		if note := l.look.EntryNote(field, e.Dot); note != "" {
			out.Notes = append(out.Notes, httpapi.Note{Entry: i, Text: note})
		}
	}
	out.Value = asJSON(entries)
}

func (j JSON) values(l *loaded, f *schema.Field, shown view.Shown) (out []httpapi.FieldValue) {
	for _, v := range shown.All {
		w := j.version(l, f, v)
		out = append(out, j.jsonValue(&w, v.Author, j.plain(f, v.Value)))
	}
	return out
}

// items lists a list's items as shown; one of a record put into this one names
// that record.
func (j JSON) items(l *loaded, field string) []map[string]any {
	out := []map[string]any{}
	if field == "statements" {
		for _, s := range l.look.Statements() {
			out = append(out, j.item(l, s.Of, field, s.Item))
		}
		return out
	}
	for _, rec := range l.look.All() {
		for _, item := range rec.List(field) {
			out = append(out, j.item(l, rec, field, item))
		}
	}
	return out
}

func (j JSON) item(l *loaded, rec *crdt.Record, field string, item *crdt.Item) map[string]any {
	m := map[string]any{"item": item.ID.String()}
	if rec != l.rec {
		m["record"] = rec.ID.String()
	}
	for _, info := range item.Fields() {
		if l.closed(rec, field, item.ID, info.Name) != syncproto.ForNobody {
			continue
		}
		if doc := item.Text(info.Name); info.Class == crdt.ClassText && doc != nil {
			m[info.Name] = doc.String()
		} else if v := j.itemPlain(l, field, item, info.Name); sealedWords(v) == "" {
			m[info.Name] = forJSON(v)
		}
	}
	if field == "members" && rec.Kind == "HD" && l.closed(rec, field, item.ID, "presence") == syncproto.ForNobody {
		m["presence"] = l.look.Presence(item.ID)
	}
	return m
}

// asJSON encodes plain Go with references in their dashed form. Sealed values
// are left out: they never leave the server by this way.
func asJSON(v any) json.RawMessage {
	b, err := json.Marshal(forJSON(v))
	if err != nil {
		return nil
	}
	return b
}

func forJSON(v any) any {
	switch v := v.(type) {
	case []byte:
		if id := records.AsRef(v); !id.IsZero() {
			return id.String()
		}
		return v
	case []any:
		out := make([]any, 0, len(v))
		for _, x := range v {
			out = append(out, forJSON(x))
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[k] = forJSON(x)
		}
		return out
	case syncproto.Sealed:
		return nil
	}
	return v
}

// History is httpapi.Reader.
func (j JSON) History(ctx context.Context, viewer syncproto.PersonID, id syncproto.RecordID, before syncproto.ChangeID) (httpapi.History, error) {
	l, err := j.open(ctx, viewer, id, when{before: before})
	if err != nil {
		return httpapi.History{}, err
	}
	out := httpapi.History{Entries: []httpapi.HistoryEntry{}}
	if l.earlier && len(l.history) > 0 {
		out.Earlier = l.history[0].id()
	}
	for i := range l.history {
		out.Entries = append(out.Entries, j.jsonEntry(l, &l.history[i]))
	}
	return out, nil
}

func (j JSON) jsonEntry(l *loaded, c *change) httpapi.HistoryEntry {
	w := j.historyEntry(l, c)
	h := &c.header
	out := httpapi.HistoryEntry{Change: c.id(), Replica: h.Replica, Seq: h.Seq, Author: h.Author, By: w.By.Name, Device: w.Device,
		Written: time.UnixMilli(h.Wall).In(timeline.Zone), OffsetMS: h.Offset, Received: w.Received, What: w.What, Hidden: c.hidden}
	for i, t := range c.touched {
		if t.masked == 0 {
			out.Fields = append(out.Fields, t.field)
			out.Steps = append(out.Steps, httpapi.HistoryStep{Field: t.field, Label: w.Steps[i].Label, Old: t.old, New: t.new})
		}
	}
	return out
}

// Held is httpapi.Reader.
func (j JSON) Held(ctx context.Context, viewer syncproto.PersonID) (httpapi.HeldList, error) {
	parts, more, err := j.held(ctx, j.viewer(viewer), maxHeld)
	out := httpapi.HeldList{Parts: []httpapi.HeldPart{}, More: more}
	for i := range parts {
		out.Parts = append(out.Parts, j.jsonHeld(&parts[i]))
	}
	return out, err
}

func (j JSON) jsonHeld(p *heldPart) httpapi.HeldPart {
	var w web.HeldPart = j.heldPart(p)
	return httpapi.HeldPart{Replica: p.Replica, Seq: p.Seq, Record: p.hold.Record, Kind: p.kind, Place: p.place, By: w.By.Name, Device: w.Device,
		Reason: p.hold.Reason, Words: w.Reason, Written: w.Written, Received: w.Received}
}
