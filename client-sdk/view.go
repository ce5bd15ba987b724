package clientsdk

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/view"
)

// View is a record as a page shows it. It is a copy and stays as it is.
type View struct {
	Record   syncproto.RecordID `json:"record"`
	Kind     string             `json:"kind"`
	KindName string             `json:"kind_name"`
	Title    string             `json:"title"`
	Number   string             `json:"number,omitempty"`
	Code     string             `json:"code,omitempty"` // joining code of a meeting
	Status   RecordStatus       `json:"status,omitempty"`
	Sync     SyncState          `json:"sync"`
	Reasons  []string           `json:"reasons,omitempty"`
	// State is what the record's events give: 待梳理, 未到期 … and the mark beside it.
	State string `json:"state,omitempty"`
	Mark  string `json:"mark,omitempty"`
	// Chips says what somebody has to look at, in order of weight: 待裁定, 待核,
	// 作废待裁定, 有不同修改, 签字后有修改, 待补, 更正建议, 签字后补入 n 条.
	Chips []string `json:"chips,omitempty"`
	// Missing names the required fields that a merge left empty (待补).
	Missing []string `json:"missing,omitempty"`
	// Suggestions are edits that came too late to count (更正建议).
	Suggestions []Suggestion `json:"suggestions,omitempty"`
	// MergedInto is the record that this one was put into (并为一份); Merged are
	// those put into this one: what they say stands among this one's fields.
	MergedInto syncproto.RecordID   `json:"merged_into,omitzero"`
	Merged     []syncproto.RecordID `json:"merged,omitempty"`
	// VoidedAndEdited: one person voided it, another edited unaware: 作废待裁定.
	VoidedAndEdited bool     `json:"voided_and_edited,omitempty"`
	VoidReasons     []string `json:"void_reasons,omitempty"`
	Partial         bool     `json:"partial,omitempty"` // fields that this reader may not see are left out
	Fields          []Field  `json:"fields"`            // in form order, then unknown ones by name
	// SettledAt is when the window for ordinary edits of a submitted record
	// closes, as far as this device can tell: the server judges, by the rule of
	// SPEC.md §1.9. An edit saved later counts for nothing and becomes one of the
	// Suggestions: write a Correct instead. Zero while the record is a draft.
	SettledAt time.Time `json:"settled_at,omitzero"`
}

// Field is one field as shown.
type Field struct {
	Key     string `json:"key"`
	Label   string `json:"label"`
	Section string `json:"section,omitempty"`
	// Value is what is shown, in the Go values of package schema: of a list the
	// items as maps with their "id". Masked stands for what this device holds
	// no key for. nil while Mark says that no value counts.
	Value any `json:"value"`
	// All are the values to choose from when there are several.
	All []Shown `json:"all,omitempty"`
	// Mark is a chip: 有不同修改, 待核, 待裁定.
	Mark string `json:"mark,omitempty"`
	// Removed are the items of a list that were struck out.
	Removed []any `json:"removed,omitempty"`
	// Passages is a text by author, when several wrote in it.
	Passages []Passage `json:"passages,omitempty"`
	// Same pairs statements, by their places in Value, that two recorders may
	// have taken of one speech (疑似重复).
	Same [][2]int `json:"same,omitempty"`
	// Notes are what there is to say: 更正, 已确认, 已签发; of an entry of a log: 未生效
	// with its reason, 签字后补入 1 条.
	Notes []Note `json:"notes,omitempty"`
}

// Passage is a run of text that one device wrote.
type Passage struct {
	Text    string              `json:"text"`
	Replica syncproto.ReplicaID `json:"replica"`
	// Check: two people replaced the same words, 〔两处修改，请核对〕.
	Check bool `json:"check,omitempty"`
}

// Note is a remark on a field, or with Entry not negative on an entry of a log.
type Note struct {
	Entry int    `json:"entry"`
	Text  string `json:"text"`
}

// Suggestion is a 更正建议: Client.Correct takes it, Client.Decline does not.
type Suggestion struct {
	Field    string                `json:"field"`
	Label    string                `json:"label"`
	New      any                   `json:"new"`
	Author   syncproto.PersonID    `json:"author,omitzero"` // zero: not known here
	Replicas []syncproto.ReplicaID `json:"replicas,omitempty"`
	When     time.Time             `json:"when,omitzero"`
	Reason   string                `json:"reason"`
}

// Shown is one of several versions of a value: who saved it, when, on which device.
type Shown struct {
	Version syncproto.Dot       `json:"version"` // names it in a Resolution
	Value   any                 `json:"value"`
	Author  syncproto.PersonID  `json:"author"`
	Name    string              `json:"name,omitempty"` // the author's, if this device knows it
	When    time.Time           `json:"when"`           // claimed
	Replica syncproto.ReplicaID `json:"replica"`
	Device  string              `json:"device,omitempty"` // 网页登录, or empty: Replica tells whether it is this one
	// Elsewhere: it stands in a record put into this one, or its writer said
	// another key of the value alone. It is shown and cannot be chosen here.
	Elsewhere bool `json:"elsewhere,omitempty"`
	// Item and Sub name the place in a list, when it is one.
	Item ItemRef `json:"item,omitempty"`
	Sub  string  `json:"sub,omitempty"`
}

// Masked is shown in place of a sensitive value that this device cannot open.
type Masked struct{}

// String is what a page prints.
func (Masked) String() string { return "（已加密）" }

// MarshalJSON tells a masked value from every plain one.
func (Masked) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]bool{"masked": true}) }

// Get returns a record as shown: the server's view with the device's own work
// on top.
func (c *Client) Get(id syncproto.RecordID) (*View, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	h, err := c.visible(id)
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	v := c.viewOf(h.shown)
	s := c.syncState(id)
	v.Sync, v.Reasons = s.Sync, s.Reasons
	return v, nil
}

// View shows a draft as it stands, prefilled values included.
func (d *Draft) View() (*View, error) {
	c := d.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	s := &save{c: c, counts: c.counts.clone()}
	if c.id != nil {
		s.header.Replica = c.id.Replica
	}
	k, err := c.newCompiler(d, s)
	if err == nil {
		err = k.apply()
	}
	if err == nil {
		err = k.defaults()
	}
	if err != nil {
		return nil, fmt.Errorf("draft: %w", err)
	}
	v := c.viewOf(k.e.Record())
	v.Sync = SyncDraft
	if v.Status == "" {
		v.Status = StatusDraft
	}
	return v, nil
}

func (c *Client) viewOf(rec *crdt.Record) *View {
	row := c.rowOf(rec)
	l := c.look(rec)
	v := &View{Record: rec.ID, Kind: rec.Kind, KindName: rec.Kind, Title: row.Title, Number: row.Number, Status: RecordStatus(l.Status()),
		VoidedAndEdited: rec.Conflict() != "", Partial: rec.Partial, Chips: l.Chips(), MergedInto: view.MergedInto(rec)}
	v.Code, _ = Code(rec.ID)
	for _, m := range rec.DeleteMarks() {
		if s, ok := view.Plain(m.Reason).(string); ok && s != "" {
			v.VoidReasons = append(v.VoidReasons, s)
		}
	}
	if p, ok := l.Progress(); ok {
		v.State, v.Mark = p.State, p.Mark
	}
	for _, f := range l.Missing() {
		v.Missing = append(v.Missing, f.Path())
	}
	for _, m := range l.Merged {
		v.Merged = append(v.Merged, m.ID)
	}
	v.Suggestions, v.SettledAt = suggestions(l), settledAt(l)
	seen, filled := map[string]bool{seal.KeysField: true}, l.Fields()
	if l.Kind != nil {
		v.KindName = l.Kind.Zh
		for _, f := range l.Kind.Fields {
			seen[f.Key] = true
			if shown, ok := c.shown(l, filled, f.Key, f); ok {
				v.Fields = append(v.Fields, shown)
			}
		}
	}
	for _, f := range filled {
		if !seen[f.Name] {
			if shown, ok := c.shown(l, filled, f.Name, nil); ok {
				v.Fields = append(v.Fields, shown)
			}
		}
	}
	return v
}

func suggestions(l *view.Look) (out []Suggestion) {
	for _, s := range l.Suggestions() {
		x := Suggestion{Field: s.Field, Label: s.Field, New: s.New, Author: s.Author, Replicas: s.By, Reason: s.Reason}
		if s.Wall != 0 {
			x.When = time.UnixMilli(s.Wall)
		}
		if l.Kind != nil {
			if f, ok := l.Kind.Field(s.Field); ok {
				x.Label = f.Zh
			}
		}
		out = append(out, x)
	}
	return out
}

// Field finds a field of the view by its key.
func (v *View) Field(key string) (Field, bool) {
	for _, f := range v.Fields {
		if f.Key == key {
			return f, true
		}
	}
	return Field{}, false
}

// Value is the shown value of a field, nil when there is none.
func (v *View) Value(key string) any {
	f, _ := v.Field(key)
	return f.Value
}

// shown makes one field; f is nil for one that the schema does not know.
func (c *Client) shown(l *view.Look, filled []crdt.FieldInfo, name string, f *schema.Field) (Field, bool) {
	out := Field{Key: name, Label: name}
	if f != nil {
		out.Label, out.Section = f.Zh, f.Section
	}
	class, ok := classIn(filled, name)
	if !ok {
		if f != nil {
			out.Value = l.Computed(f)
		}
		return out, out.Value != nil
	}
	switch class {
	case crdt.ClassValue:
		c.value(l, &out)
	case crdt.ClassText:
		longText(l, &out, f)
	case crdt.ClassList:
		c.items(l, &out, f)
	default:
		c.many(l, &out, class)
	}
	return out, true
}

// value fills in a value field, and what there is to choose from.
func (c *Client) value(l *view.Look, out *Field) {
	shown := l.Field(out.Key)
	if shown.Corrected != nil {
		out.Value, out.Notes = shown.Value, []Note{correction(shown.Corrected)}
		return
	}
	first := shown.First()
	if first == nil && len(shown.All) > 0 {
		first = &shown.All[0]
	}
	if first != nil {
		out.Value = masked(reader{c, &crdt.Record{ID: first.Record}}.version(out.Key, syncproto.ElemID{}, "", first))
	}
	if shown.Chip == "" {
		return
	}
	all := c.choices(l.ID, out.Key, syncproto.ElemID{}, "", shown)
	if len(all) == 0 {
		return
	}
	out.Mark, out.All, out.Value = shown.Chip, all, nil
	if shown.Value != nil {
		for i, v := range shown.All {
			if v.Shown {
				out.Value = all[i].Value
			}
		}
	}
}

func correction(c *view.Correction) Note {
	return Note{-1, "更正：原为“" + fmt.Sprint(c.Old) + "”，" + c.Reason}
}

func longText(l *view.Look, out *Field, f *schema.Field) {
	t := l.Text(out.Key)
	if t == nil {
		return
	}
	out.Value = t.String()
	for _, p := range t.Passages {
		out.Passages = append(out.Passages, Passage{p.Text, p.Replica, p.Check})
	}
	if len(out.Passages) < 2 {
		out.Passages = nil
	}
	if t.Fixed {
		out.Notes = append(out.Notes, Note{-1, "已" + f.Merge.Arg})
	}
	if t.Corrected != nil {
		out.Notes = append(out.Notes, correction(t.Corrected))
	}
}

// items fills in a list. An item of a record put into this one names it.
func (c *Client) items(l *view.Look, out *Field, f *schema.Field) {
	shown := []any{}
	add := func(rec *crdt.Record, item *crdt.Item) {
		m := reader{c, rec}.item(out.Key, item)
		if rec != l.Record {
			m["record"] = rec.ID.String()
		}
		if f != nil && out.Key == "members" && rec.Kind == "HD" {
			m["presence"] = l.Presence(item.ID)
		}
		if item.Removed {
			out.Removed = append(out.Removed, masked(m))
		} else {
			shown = append(shown, masked(m))
		}
	}
	statements := out.Key == "statements"
	if statements {
		all := l.Statements()
		for _, s := range all {
			add(s.Of, s.Item)
		}
		out.Same = view.Duplicates(all)
	}
	for _, rec := range l.All() {
		for _, item := range rec.Items(out.Key, true) {
			if item.Removed || !statements {
				add(rec, item)
			}
		}
	}
	if len(shown) > 0 {
		out.Value = shown
	}
	for _, clash := range l.Clashes() {
		if clash.Field == out.Key && !clash.Item.IsNone() {
			out.All = append(out.All, c.choices(l.ID, clash.Field, clash.Item, clash.Sub, clash.Shown)...)
			out.Mark = cmp.Or(out.Mark, clash.Chip)
		}
	}
}

// many fills in a set or a log, with what the records put into this one add.
func (c *Client) many(l *view.Look, out *Field, class crdt.Class) {
	var values []any
	for _, rec := range l.All() {
		v, _ := reader{c, rec}.field(out.Key, class)
		more, _ := masked(v).([]any)
		for _, x := range more {
			if class == crdt.ClassLog || !slices.ContainsFunc(values, func(y any) bool { return reflect.DeepEqual(x, y) }) {
				values = append(values, x)
			}
		}
	}
	if values != nil {
		out.Value = values
	}
	if class != crdt.ClassLog {
		return
	}
	for i, e := range l.Log(out.Key) {
		if note := l.EntryNote(out.Key, e.Dot); note != "" {
			out.Notes = append(out.Notes, Note{i, note})
		}
	}
}

// choices opens the values of a conflict. Sealed values that read the same are
// no conflict to a person, though they differ to the merge.
func (c *Client) choices(record syncproto.RecordID, field string, item syncproto.ElemID, sub string, shown view.Shown) []Shown {
	var out []Shown
	differ := false
	for i := range shown.All {
		v := &shown.All[i]
		s := Shown{Version: v.Dot, Value: masked(reader{c, &crdt.Record{ID: v.Record}}.version(field, item, sub, v)), Author: v.Author, Name: c.nameOf(v.Author),
			When: time.UnixMilli(v.Wall), Replica: v.Dot.Replica, Device: deviceWords(v.Dot.Replica), Elsewhere: v.Raw == nil || v.Record != record, Sub: sub}
		if !item.IsNone() {
			s.Item = ItemRef(item.String())
		}
		out = append(out, s)
		differ = differ || !reflect.DeepEqual(s.Value, out[0].Value)
	}
	if !differ {
		return nil
	}
	return out
}

// version opens one of the values of a field.
func (r reader) version(field string, item syncproto.ElemID, sub string, v *view.Version) any {
	if v.Raw == nil {
		return nil
	}
	return r.plain(v.Raw, placeOf(field, item, sub, v.Dot))
}

// nameOf is a person's name, "" when this device does not know it.
func (c *Client) nameOf(p syncproto.PersonID) string {
	if p == view.System {
		return view.SystemName
	}
	name, _ := c.fieldOf(p, "name").(string)
	return name
}

// deviceWords says on what a replica writes, as far as every device can tell.
func deviceWords(r syncproto.ReplicaID) string {
	if r.IsPen() {
		return "网页登录"
	}
	return ""
}

// masked puts Masked in place of what could not be opened.
func masked(v any) any {
	switch v := v.(type) {
	case sealedMark:
		return Masked{}
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = masked(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = masked(e)
		}
		return out
	case syncproto.Sealed:
		return Masked{}
	}
	return v
}
