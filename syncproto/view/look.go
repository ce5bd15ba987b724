package view

import (
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
)

// Look is a record as people look at it: the one way from a state to what a
// page, the interface for programs and a device show. It only reads, and is no
// safer for concurrent use than its records.
type Look struct {
	*crdt.Record
	Schema *schema.Schema
	Kind   *schema.Kind // nil for a kind that the schema does not know
	// Merged are the records put into this one (并为一份), by id. What people
	// wrote in them is shown in this one's lists.
	Merged []*crdt.Record
	// Siblings are the other records of this kind for the same household: open
	// and ended assignments, the plans of one year.
	Siblings []*crdt.Record
	// Reads leaves out corrections that the reader may not read, by the log that
	// they are kept in; nil lets everything in that the records hold.
	Reads func(rec *crdt.Record, log string) bool
	// Today is the date that due dates are counted from, as 2006-01-02.
	Today string
}

// Of looks at a record.
func Of(s *schema.Schema, rec *crdt.Record, today string) *Look {
	l := &Look{Record: rec, Schema: s, Today: today}
	l.Kind, _ = s.Kind(rec.Kind)
	return l
}

// All lists this record and those put into it.
func (l *Look) All() []*crdt.Record { return append([]*crdt.Record{l.Record}, l.Merged...) }

// of looks at another record the same way.
func (l *Look) of(rec *crdt.Record) *Look { return Of(l.Schema, rec, l.Today) }

func (l *Look) def(name string) *schema.Field {
	if l.Kind == nil {
		return nil
	}
	f, _ := l.Kind.Field(name)
	return f
}

// Field shows one value field: by its merge code, as one value with the other
// keys of its group, with the values of the records put into this one, and
// with the last 更正 in its place.
func (l *Look) Field(name string) Shown {
	f := l.def(name)
	if f == nil {
		out := Field(l.Record, name, nil)
		out.from(l.ID)
		return out
	}
	out := Field(l.Record, name, f)
	if keys := f.Group(); len(keys) > 1 {
		out = group(l.Record, keys, name)
	}
	out.from(l.ID)
	if f.Merge.Code != schema.FX && name != "merged_into" && !slices.Equal(f.Who, []string{"system"}) {
		for _, m := range l.Merged {
			other := Field(m, name, f)
			other.from(m.ID)
			out.beside(other)
		}
	}
	if c := l.corrected(name); c != nil {
		out.Value, out.Chip, out.Corrected = c.New, "", c
	}
	return out
}

func (s *Shown) from(id syncproto.RecordID) {
	for i := range s.All {
		s.All[i].Record = id
	}
}

// beside adds the values of a record that was put into this one. Its own go on
// being shown, by whatever rule.
func (s *Shown) beside(other Shown) {
	for _, v := range other.All {
		v.Shown = false
		s.All = append(s.All, v)
	}
	if s.Value == nil && s.Chip == "" && len(other.All) > 0 {
		s.Value, s.Chip = other.Value, other.Chip
		for i := range s.All {
			s.All[i].Shown = other.Chip == "" && string(s.All[i].Raw) == string(other.All[0].Raw)
		}
	}
	if s.Chip == "" && s.differ() {
		s.Chip = ChipDiffers
	}
}

// group shows one key of a group (LW-group): every key is taken from the
// writer whose value of the first key is shown first, never mixed, also where
// another wrote only some of the keys. A key that this writer's change no
// longer says is empty.
func group(r Values, keys []string, name string) Shown {
	type writer struct {
		replica syncproto.ReplicaID
		seq     syncproto.Seq
	}
	at := func(s crdt.Stamp) writer { return writer{s.Dot.Replica, s.Dot.Seq} }
	var lead *crdt.Entry
	wrote := map[writer]map[string]crdt.Entry{}
	var writers []crdt.Stamp
	for _, key := range keys {
		if e, ok := r.Value(key); ok && lead == nil {
			lead = &e
		}
		for _, e := range r.Values(key) {
			w := at(e.Stamp)
			if wrote[w] == nil {
				wrote[w] = map[string]crdt.Entry{}
				writers = append(writers, e.Stamp)
			}
			wrote[w][key] = e
		}
	}
	if lead == nil {
		return Shown{}
	}
	slices.SortFunc(writers, func(a, b crdt.Stamp) int { return a.Dot.Compare(b.Dot) })
	var out Shown
	for _, s := range writers {
		v := Version{Stamp: s, Shown: at(s) == at(lead.Stamp)}
		if e, ok := wrote[at(s)][name]; ok {
			v.Stamp, v.Raw, v.Value = e.Stamp, e.Value, Plain(e.Value)
		}
		if v.Shown {
			out.Value = v.Value
		}
		out.All = append(out.All, v)
		for _, key := range keys {
			if string(wrote[at(s)][key].Value) != string(wrote[at(writers[0])][key].Value) {
				out.Chip = ChipDiffers
			}
		}
	}
	if out.Chip == "" {
		out.All = out.All[:1]
		out.All[0].Shown = true
	}
	return out
}

// Set lists the members of a set field, those of the records put into this one
// with them, ordered by value.
func (l *Look) Set(name string) []crdt.Member {
	out := l.Record.Set(name)
	for _, m := range l.Merged {
		for _, member := range m.Set(name) {
			i, known := slices.BinarySearchFunc(out, member, func(a, b crdt.Member) int { return slices.Compare(a.Value, b.Value) })
			if known {
				out[i].Adds = append(slices.Clone(out[i].Adds), member.Adds...)
			} else {
				out = slices.Insert(out, i, member)
			}
		}
	}
	return out
}

// Log lists a log's entries, after them those of the records put into this one.
func (l *Look) Log(name string) []crdt.LogEntry {
	out := l.log(l.Record, name)
	if name != "status" {
		for _, m := range l.Merged {
			out = append(out, l.log(m, name)...)
		}
	}
	return out
}

// Items lists a list's items, after them those of the records put into this one.
func (l *Look) Items(name string, includeRemoved bool) []*crdt.Item {
	out := l.Record.Items(name, includeRemoved)
	for _, m := range l.Merged {
		out = append(out, m.Items(name, includeRemoved)...)
	}
	return out
}

// Fields lists what is filled, by name, in this record or one put into it. The
// corrections of all fields are one.
func (l *Look) Fields() []crdt.FieldInfo {
	var out []crdt.FieldInfo
	for _, rec := range l.All() {
		for _, f := range rec.Fields() {
			if _, ok := CorrectedField(f.Name); ok {
				f.Name = CorrectionsField
			}
			i, known := slices.BinarySearchFunc(out, f.Name, func(a crdt.FieldInfo, name string) int {
				if a.Name < name {
					return -1
				} else if a.Name > name {
					return 1
				}
				return 0
			})
			if !known {
				out = slices.Insert(out, i, f)
			}
		}
	}
	return out
}

// MergedInto is the record that this one was put into, zero for none. The one
// with the smaller id stays, whoever pressed 并为一份, so a pointer the other
// way says nothing.
func MergedInto(rec *crdt.Record) syncproto.RecordID {
	e, ok := rec.Value("merged_into")
	if !ok {
		return syncproto.RecordID{}
	}
	if to := AsRef(Plain(e.Value)); !to.IsZero() && to.Compare(rec.ID) < 0 {
		return to
	}
	return syncproto.RecordID{}
}

// Chips lists the chips of the whole record, each once, in order of weight.
func (l *Look) Chips() []string {
	var out []string
	add := func(chip string) {
		if chip != "" && !slices.Contains(out, chip) {
			out = append(out, chip)
		}
	}
	if l.Conflict() != "" {
		add(ChipVoidOpen)
	}
	for _, c := range l.Clashes() {
		add(c.Chip)
	}
	if l.Undecided() {
		add(ChipDecide)
	}
	if len(l.Missing()) > 0 {
		add(ChipComplete)
	}
	if len(l.Suggestions()) > 0 {
		add(ChipSuggested)
	}
	added, changed := l.AfterSigning()
	if changed > 0 {
		add(ChipSignedEdited)
	}
	if added > 0 {
		add(SignedAdded(added))
	}
	slices.SortStableFunc(out, func(a, b string) int { return weight(a) - weight(b) })
	return out
}

func weight(chip string) int {
	order := []string{ChipDecide, ChipVerify, ChipVoidOpen, ChipDiffers, ChipSignedEdited, ChipComplete, ChipSuggested}
	if i := slices.Index(order, chip); i >= 0 {
		return i
	}
	return len(order)
}

// SignedAdded is the chip of a signed record that got n more items afterwards.
func SignedAdded(n int) string { return fmt.Sprintf("签字后补入 %d 条", n) }

// Clash is a value field whose live values differ, as it is shown.
type Clash struct {
	Field string
	Item  syncproto.ElemID // none for a field of the record
	Sub   string
	Def   *schema.Field // of the field, or of the sub-field; nil when unknown
	Shown
}

// Clashes lists the value fields, of the record and of visible items, that
// have something to choose; of a group of fields the first alone.
func (l *Look) Clashes() []Clash {
	var out []Clash
	for _, name := range l.clashing() {
		f := l.def(name)
		if shown := l.Field(name); shown.Chip != "" {
			out = append(out, Clash{Field: name, Def: f, Shown: shown})
		}
	}
	for _, c := range l.Conflicts() {
		if c.Item.IsNone() {
			continue
		}
		var sub *schema.Field
		if f := l.def(c.Field); f != nil {
			sub, _ = f.Item(c.Sub)
		}
		shown := Field(l.Item(c.Field, c.Item), c.Sub, sub)
		shown.from(l.ID)
		if shown.Chip != "" {
			out = append(out, Clash{Field: c.Field, Item: c.Item, Sub: c.Sub, Def: sub, Shown: shown})
		}
	}
	return out
}

// clashing lists the fields of the record that may have something to choose.
func (l *Look) clashing() []string {
	var out []string
	for _, info := range l.Fields() {
		name := info.Name
		if f := l.def(name); f != nil && len(f.Group()) > 1 {
			name = f.Group()[0]
		}
		if info.Class == crdt.ClassValue && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
