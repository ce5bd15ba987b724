package clientsdk

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
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
	// VoidedAndEdited: one person voided it, another edited unaware: 作废待裁定.
	VoidedAndEdited bool     `json:"voided_and_edited,omitempty"`
	VoidReasons     []string `json:"void_reasons,omitempty"`
	Partial         bool     `json:"partial,omitempty"` // fields that this reader may not see are left out
	Fields          []Field  `json:"fields"`            // in form order, then unknown ones by name
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
}

// Shown is one of several values: who saved it, when, on which device.
type Shown struct {
	Value   any                 `json:"value"`
	Author  syncproto.PersonID  `json:"author"`
	When    time.Time           `json:"when"` // claimed
	Replica syncproto.ReplicaID `json:"replica"`
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
	v := &View{Record: rec.ID, Kind: rec.Kind, KindName: rec.Kind, Title: row.Title, Number: row.Number, Status: shownStatus(rec),
		VoidedAndEdited: rec.Conflict() != "", Partial: rec.Partial}
	v.Code, _ = Code(rec.ID)
	for _, m := range rec.DeleteMarks() {
		if s, ok := view.Plain(m.Reason).(string); ok && s != "" {
			v.VoidReasons = append(v.VoidReasons, s)
		}
	}
	k, known := c.schema.Kind(rec.Kind)
	rd := reader{c, rec}
	seen := map[string]bool{seal.KeysField: true}
	if known {
		v.KindName = k.Zh
		for _, f := range k.Fields {
			seen[f.Key] = true
			if shown, ok := rd.shown(f.Key, f); ok {
				v.Fields = append(v.Fields, shown)
			}
		}
	}
	for _, f := range rec.Fields() {
		if !seen[f.Name] {
			if shown, ok := rd.shown(f.Name, nil); ok {
				v.Fields = append(v.Fields, shown)
			}
		}
	}
	return v
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
func (r reader) shown(name string, f *schema.Field) (Field, bool) {
	class, ok := classOf(r.rec, name)
	if !ok {
		return Field{}, false
	}
	out := Field{Key: name, Label: name}
	if f != nil {
		out.Label, out.Section = f.Zh, f.Section
	}
	v, _ := r.field(name, class)
	out.Value = masked(v)
	if class == crdt.ClassList {
		for _, item := range r.rec.Items(name, true) {
			if item.Removed {
				out.Removed = append(out.Removed, masked(r.item(name, item)))
			}
		}
	}
	r.conflicts(&out, f)
	return out, true
}

// conflicts fills in what there is to choose from, by the rules of package view.
func (r reader) conflicts(out *Field, f *schema.Field) {
	for _, conflict := range r.rec.Conflicts() {
		if conflict.Field != out.Key {
			continue
		}
		var values view.Values = r.rec
		name, rule := conflict.Field, f
		if !conflict.Item.IsNone() {
			values, name = r.rec.Item(conflict.Field, conflict.Item), conflict.Sub
			if f != nil {
				rule, _ = f.Item(conflict.Sub)
			}
		}
		shown := view.Field(values, name, rule)
		all := r.choices(&conflict, shown)
		if len(all) == 0 {
			continue
		}
		out.All = append(out.All, all...)
		if !conflict.Item.IsNone() {
			out.Mark = cmp.Or(out.Mark, shown.Chip)
			continue
		}
		out.Mark, out.Value = shown.Chip, nil
		if shown.Value != nil {
			for i, v := range shown.All {
				if v.Shown {
					out.Value = all[i].Value
				}
			}
		}
	}
}

// choices opens the values of a conflict. Sealed values that read the same are
// no conflict to a person, though they differ to the merge.
func (r reader) choices(c *crdt.FieldConflict, shown view.Shown) []Shown {
	var out []Shown
	differ := false
	for _, v := range shown.All {
		s := Shown{Value: masked(r.plain(v.Raw, placeOf(c.Field, c.Item, c.Sub, v.Dot))), Author: v.Author, When: time.UnixMilli(v.Wall),
			Replica: v.Dot.Replica, Sub: c.Sub}
		if !c.Item.IsNone() {
			s.Item = ItemRef(c.Item.String())
		}
		out = append(out, s)
		differ = differ || !reflect.DeepEqual(s.Value, out[0].Value)
	}
	if !differ {
		return nil
	}
	return out
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
