package crdt

import (
	"bytes"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
)

// Stamp says which op left something, who saved it, and when by his clock.
type Stamp struct {
	Dot    syncproto.Dot
	Author syncproto.PersonID
	Wall   int64 // claimed time, Unix milliseconds
}

// Entry is one live value of a value field.
type Entry struct {
	Stamp
	Value syncproto.Value
}

// Member is one member of a set, with the adds that keep it there.
type Member struct {
	Value syncproto.Value
	Adds  []Stamp
}

// LogEntry is one entry of a log.
type LogEntry struct {
	Stamp
	Value   syncproto.Value
	Lamport uint64
}

// FieldInfo names one field and the class it is presented in.
type FieldInfo struct {
	Name  string
	Class Class
}

// FieldConflict is a value field with several distinct live values.
type FieldConflict struct {
	Field   string
	Item    syncproto.ElemID // none for a field of the record
	Sub     string
	Entries []Entry // all live ones, as Values gives them
}

// Item is one item of a list.
type Item struct {
	ID syncproto.ElemID
	// Removed says that it is struck out: kept, readable, restorable.
	Removed bool

	r  *Record
	it *item
}

func (r *Record) stamp(x ref) Stamp {
	c := &r.changes[x.ch]
	return Stamp{Dot: syncproto.Dot{Replica: c.replica, Seq: c.seq, Op: x.op}, Author: c.author, Wall: c.wall}
}

// Fields lists the record's fields by name, one row a name.
func (r *Record) Fields() []FieldInfo { return r.fields.infos() }

// Value returns the shown value of a value field and whether there is one.
func (r *Record) Value(name string) (Entry, bool) { return r.fields.value(r, name) }

// Values lists every live value of a value field, ordered by value bytes, then
// dot. Devices that set the same value concurrently give one entry each; see
// Distinct.
func (r *Record) Values(name string) []Entry { return r.fields.values(r, name) }

// Text returns a text field, nil when there is none (or its stored bytes are
// damaged, which Verify tells). It must not be written.
func (r *Record) Text(name string) *text.Doc { return r.fields.doc(name) }

// Set lists the members of a set field, ordered by value bytes.
func (r *Record) Set(name string) []Member { return r.fields.members(r, name) }

// Log lists a log field's entries in their order.
func (r *Record) Log(name string) []LogEntry { return r.fields.log(r, name) }

// List lists the items of a list field that are not struck out, as shown.
func (r *Record) List(name string) []*Item { return r.Items(name, false) }

// Count is how many items List gives.
func (r *Record) Count(name string) int {
	n := 0
	if f := r.fields.find(name, ClassList); f != nil {
		for _, it := range f.list.items {
			if len(it.life) > 0 {
				n++
			}
		}
	}
	return n
}

// Items lists a list field's items as shown, with includeRemoved the
// struck-out ones too. Stubs of items that a projection hides are left out.
func (r *Record) Items(name string, includeRemoved bool) []*Item {
	f := r.fields.find(name, ClassList)
	if f == nil {
		return nil
	}
	all := f.list.ordered(r)
	items := make([]Item, 0, len(all))
	out := make([]*Item, 0, len(all))
	for _, it := range all {
		if it.hidden() || len(it.life) == 0 && !includeRemoved {
			continue
		}
		items = append(items, Item{ID: it.id, Removed: len(it.life) == 0, r: r, it: it})
		out = append(out, &items[len(items)-1])
	}
	return out
}

// Item finds one item of a list field, struck out or not; nil if it is not
// there or hidden by a projection.
func (r *Record) Item(name string, id syncproto.ElemID) *Item {
	f := r.fields.find(name, ClassList)
	if f == nil {
		return nil
	}
	it := f.list.find(id)
	if it == nil || it.hidden() {
		return nil
	}
	return &Item{ID: id, Removed: len(it.life) == 0, r: r, it: it}
}

// hidden reports whether the item is a mere stub.
func (it *item) hidden() bool { return len(it.places) == 0 && len(it.life) == 0 }

// Fields lists the item's fields by name, one row a name.
func (i *Item) Fields() []FieldInfo { return i.it.fields.infos() }

// Value is Record.Value for a field of the item.
func (i *Item) Value(sub string) (Entry, bool) { return i.it.fields.value(i.r, sub) }

// Values is Record.Values for a field of the item.
func (i *Item) Values(sub string) []Entry { return i.it.fields.values(i.r, sub) }

// Text is Record.Text for a field of the item.
func (i *Item) Text(sub string) *text.Doc { return i.it.fields.doc(sub) }

// Set is Record.Set for a field of the item.
func (i *Item) Set(sub string) []Member { return i.it.fields.members(i.r, sub) }

// Log is Record.Log for a field of the item.
func (i *Item) Log(sub string) []LogEntry { return i.it.fields.log(i.r, sub) }

// Life lists what keeps the item visible: its insert, or the edits and moves
// that took its place. Empty when the item is struck out.
func (i *Item) Life() []Stamp {
	out := make([]Stamp, len(i.it.life))
	for j, x := range i.it.life {
		out[j] = i.r.stamp(x)
	}
	return out
}

// Conflicts lists the value fields, of the record and of visible items, that
// have several distinct live values.
func (r *Record) Conflicts() []FieldConflict {
	out := r.fields.conflicts(r, nil, FieldConflict{})
	for i := range r.fields {
		f := &r.fields[i]
		if f.list == nil {
			continue
		}
		for _, it := range f.list.ordered(r) {
			if len(it.life) > 0 {
				out = it.fields.conflicts(r, out, FieldConflict{Field: f.name, Item: it.id})
			}
		}
	}
	return out
}

func (s fieldSet) conflicts(r *Record, out []FieldConflict, at FieldConflict) []FieldConflict {
	for i := range s {
		f := &s[i]
		if f.class != ClassValue || !differ(f.entries) {
			continue
		}
		if at.Item.IsNone() {
			at.Field = f.name
		} else {
			at.Sub = f.name
		}
		at.Entries = s.values(r, f.name)
		out = append(out, at)
	}
	return out
}

func differ(entries []entry) bool {
	for i := 1; i < len(entries); i++ {
		if !bytes.Equal(entries[i].value, entries[0].value) {
			return true
		}
	}
	return false
}

// Distinct lists the distinct values of entries that Values returned, in order.
func Distinct(entries []Entry) []syncproto.Value {
	var out []syncproto.Value
	for i := range entries {
		if i == 0 || !bytes.Equal(entries[i].Value, entries[i-1].Value) {
			out = append(out, entries[i].Value)
		}
	}
	return out
}

func (s fieldSet) infos() []FieldInfo {
	out := make([]FieldInfo, 0, len(s))
	for i := range s {
		if i == 0 || s[i].name != s[i-1].name {
			out = append(out, FieldInfo{s[i].name, s[i].class})
		}
	}
	return out
}

func (s fieldSet) value(r *Record, name string) (Entry, bool) {
	f := s.find(name, ClassValue)
	if f == nil || len(f.entries) == 0 {
		return Entry{}, false
	}
	entries := unstruck(f.entries)
	i := shownFirst(len(entries), r.ID, name, func(i int) (syncproto.Dot, int64) {
		x := entries[i].ref
		return r.dot(x), r.changes[x.ch].wall
	})
	return Entry{r.stamp(entries[i].ref), entries[i].value}, true
}

// unstruck are the values that no remove of their item knows, all if it knows
// them all.
func unstruck(entries []entry) []entry {
	if !slices.ContainsFunc(entries, func(e entry) bool { return e.struck }) || !slices.ContainsFunc(entries, func(e entry) bool { return !e.struck }) {
		return entries
	}
	return slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return e.struck })
}

func (s fieldSet) values(r *Record, name string) []Entry {
	f := s.find(name, ClassValue)
	if f == nil {
		return nil
	}
	out := make([]Entry, len(f.entries))
	for i := range f.entries {
		out[i] = Entry{r.stamp(f.entries[i].ref), f.entries[i].value}
	}
	slices.SortStableFunc(out, func(a, b Entry) int { return bytes.Compare(a.Value, b.Value) })
	return out
}

func (s fieldSet) doc(name string) *text.Doc {
	f := s.find(name, ClassText)
	if f == nil {
		return nil
	}
	doc, err := f.text.open()
	if err != nil {
		return nil
	}
	return doc
}

func (s fieldSet) members(r *Record, name string) []Member {
	f := s.find(name, ClassSet)
	if f == nil {
		return nil
	}
	var out []Member
	for i := range f.entries {
		e := &f.entries[i]
		if i == 0 || !bytes.Equal(e.value, f.entries[i-1].value) {
			out = append(out, Member{Value: e.value})
		}
		m := &out[len(out)-1]
		m.Adds = append(m.Adds, r.stamp(e.ref))
	}
	return out
}

func (s fieldSet) log(r *Record, name string) []LogEntry {
	f := s.find(name, ClassLog)
	if f == nil {
		return nil
	}
	out := make([]LogEntry, len(f.entries))
	for i := range f.entries {
		e := &f.entries[i]
		out[i] = LogEntry{Stamp: r.stamp(e.ref), Value: e.value, Lamport: e.lamport}
	}
	return out
}

// Verify opens every text of the state and returns the first that is damaged.
// Decode leaves them closed.
func (r *Record) Verify() error { return r.fields.verify() }

func (s fieldSet) verify() error {
	for i := range s {
		f := &s[i]
		if f.text != nil {
			if _, err := f.text.open(); err != nil {
				return err
			}
		}
		if f.list == nil {
			continue
		}
		if _, err := f.list.places.open(); err != nil {
			return err
		}
		for _, it := range f.list.items {
			if err := it.fields.verify(); err != nil {
				return err
			}
		}
	}
	return nil
}
