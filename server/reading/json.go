package reading

import (
	"context"
	"encoding/json"
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
	out := httpapi.Record{ID: id, Kind: l.rec.Kind, Label: j.kindLabel(l.rec.Kind), Title: j.title(l), Number: j.number(l),
		Place: l.facts.Place, Status: "已提交", Deleted: l.rec.Deleted(), Version: l.rec.Version, Fields: []httpapi.Field{}, Latest: l.latest, AsOf: asOf}
	if out.Deleted {
		out.Status = "已作废"
	}
	for _, info := range l.rec.Fields() {
		out.Fields = append(out.Fields, j.jsonField(l, info))
	}
	may := acting.May(l.viewer, l.rec, l.facts)
	if l.now != nil {
		may = acting.Rights{}
	}
	out.May = httpapi.Rights{Comment: may.Comment, Confirm: may.Confirm}
	for _, c := range j.clashes(l, may.Decide) {
		out.Conflicts = append(out.Conflicts, j.jsonConflict(l, &c))
	}
	for i := range l.held {
		out.Held = append(out.Held, j.jsonHeld(&l.held[i]))
	}
	return out, nil
}

func (j JSON) jsonConflict(l *loaded, c *web.Clash) httpapi.Conflict {
	out := httpapi.Conflict{Field: c.Field, Item: c.Item, Sub: c.Sub, Label: c.Label, Mark: c.Kind.String(), MayChoose: c.Choose}
	var values view.Values = l.rec
	name := c.Field
	if !c.Item.IsNone() {
		values, name = l.rec.Item(c.Field, c.Item), c.Sub
	}
	for _, w := range c.Values {
		for _, e := range values.Values(name) {
			if e.Dot == w.Dot {
				out.Values = append(out.Values, j.jsonValue(&w, e.Author, view.Plain(e.Value)))
			}
		}
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

func (j JSON) jsonField(l *loaded, info crdt.FieldInfo) httpapi.Field {
	f := l.field(info.Name)
	out := httpapi.Field{Key: info.Name}
	if f != nil {
		out.Label = f.Zh
	}
	if a := l.class(info.Name, syncproto.ElemID{}, ""); !l.classes.Has(a) {
		out.Masked = maskedWords(a)
		return out
	}
	switch info.Class {
	case crdt.ClassText:
		doc := l.rec.Text(info.Name)
		out.Value = asJSON(doc.String())
		for _, p := range j.passages(l, textAt{field: info.Name}, doc, &authorList{g: j.Reading}) {
			if p.Author > 0 {
				out.Passages = append(out.Passages, httpapi.Passage{Text: p.Text, By: p.By.Name, From: p.From, To: p.To})
			}
		}
	case crdt.ClassSet:
		out.Value = asJSON(records.Members(l.rec, info.Name))
	case crdt.ClassLog:
		out.Value = asJSON(records.Entries(l.rec, info.Name))
	case crdt.ClassList:
		out.Value = asJSON(j.items(l, info.Name))
	default:
		shown := view.Field(l.rec, info.Name, f)
		if out.Masked = sealedWords(shown.Value); out.Masked == "" {
			out.Value = asJSON(shown.Value)
		}
		if shown.Chip != "" {
			out.Values = j.values(l, f, shown)
		}
	}
	return out
}

func (j JSON) values(l *loaded, f *schema.Field, shown view.Shown) (out []httpapi.FieldValue) {
	for _, v := range shown.All {
		w := j.version(l, f, v)
		out = append(out, j.jsonValue(&w, v.Author, v.Value))
	}
	return out
}

func (j JSON) items(l *loaded, field string) []map[string]any {
	out := []map[string]any{}
	for _, item := range l.rec.List(field) {
		m := map[string]any{"item": item.ID.String()}
		for _, info := range item.Fields() {
			if !l.classes.Has(l.class(field, item.ID, info.Name)) {
				continue
			}
			if doc := item.Text(info.Name); info.Class == crdt.ClassText && doc != nil {
				m[info.Name] = doc.String()
			} else if v := records.ItemPlain(item, info.Name); sealedWords(v) == "" {
				m[info.Name] = forJSON(v)
			}
		}
		out = append(out, m)
	}
	return out
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
	parts, more, err := j.held(ctx, j.viewer(viewer))
	out := httpapi.HeldList{Parts: []httpapi.HeldPart{}, More: more}
	for i := range parts {
		out.Parts = append(out.Parts, j.jsonHeld(&parts[i]))
	}
	return out, err
}

func (j JSON) jsonHeld(p *heldPart) httpapi.HeldPart {
	var w web.HeldPart = j.heldPart(p)
	return httpapi.HeldPart{Replica: p.Replica, Seq: p.Seq, Record: p.hold.Record, Kind: p.hold.Kind, By: w.By.Name, Device: w.Device,
		Reason: p.hold.Reason, Words: w.Reason, Received: w.Received}
}
