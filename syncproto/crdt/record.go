package crdt

import (
	"bytes"
	"slices"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
)

// Class is the merge class of a field, fixed by the ops on it.
type Class uint8

// The classes. Numbers are part of the stored format: append only. Where one
// name has fields of two classes the lowest is the one presented.
const (
	ClassValue Class = 1
	ClassText  Class = 2
	ClassSet   Class = 3
	ClassList  Class = 4
	ClassLog   Class = 5
)

func (c Class) String() string {
	names := [...]string{"?", "value", "text", "set", "list", "log"}
	if int(c) < len(names) {
		return names[c]
	}
	return names[0]
}

// Record is the state of one record: what the joined changes add up to,
// whatever the order they came in. The exported members are for reading.
// Slices that readers hand out belong to the state. Not safe for concurrent
// use: a text is decoded at first sight even by a reader.
type Record struct {
	ID   syncproto.RecordID
	Kind string
	// Version says which changes are joined.
	Version syncproto.VersionVector
	// Lamport is the largest count of any log entry joined.
	Lamport uint64
	// Partial is set on a projection that leaves something out (Project).
	Partial bool

	edits   []lastEdit // per replica that edited, by replica
	marks   []mark     // deletes that no other delete knows, by dot
	changes []change   // the table that refs point into; may hold dead ones
	live    int        // how many of them were alive at the last compaction
	fields  fieldSet
	spent   []spent // see KeepCounters; never modified in place
}

// New returns the empty state of a record that no change has touched yet.
func New(id syncproto.RecordID) *Record { return &Record{ID: id} }

// change is what the state keeps of a change that made a live dot.
type change struct {
	replica syncproto.ReplicaID
	seq     syncproto.Seq
	author  syncproto.PersonID
	wall    int64
}

// ref is a dot as an index into the record's table of changes.
type ref struct{ ch, op uint32 }

// lastEdit is the latest edit dot of a replica: op is the op's index + 1, and
// 0 for the creation itself.
type lastEdit struct {
	replica syncproto.ReplicaID
	seq     syncproto.Seq
	op      uint32
}

// field is one (name, class) with the content of that class.
type field struct {
	name  string
	class Class
	// entries of a value by dot, of a set by (value, dot), of a log by
	// (Lamport, dot).
	entries []entry
	text    *textField
	list    *list
}

// entry is one live value: of a register, a member of a set, a line of a log.
type entry struct {
	ref
	lamport uint64
	value   syncproto.Value
	// struck, of a value in an item, says that a remove of the item knows it.
	struck bool
}

// fieldSet is ordered by name, then class.
type fieldSet []field

// search says where a field stands, or would. Ops come in the order of their
// fields' names, so most that are looked for are the last one or come after it.
func (s fieldSet) search(name string, class Class) (int, bool) {
	if n := len(s); n > 0 {
		last := &s[n-1]
		switch c := strings.Compare(last.name, name); {
		case c < 0 || c == 0 && last.class < class:
			return n, false
		case c == 0 && last.class == class:
			return n - 1, true
		}
	}
	return slices.BinarySearchFunc(s, class, func(f field, class Class) int {
		if c := strings.Compare(f.name, name); c != 0 {
			return c
		}
		return int(f.class) - int(class)
	})
}

// find returns the field, nil if there is none. Like every pointer into the
// set it is good until the next field is made.
func (s fieldSet) find(name string, class Class) *field {
	if i, ok := s.search(name, class); ok {
		return &s[i]
	}
	return nil
}

// make returns the field, new if need be.
func (s *fieldSet) make(name string, class Class) *field {
	i, ok := s.search(name, class)
	if !ok {
		*s = slices.Insert(*s, i, field{name: name, class: class})
	}
	return &(*s)[i]
}

func (s fieldSet) clone() fieldSet {
	if s == nil {
		return nil
	}
	out := make(fieldSet, len(s))
	for i := range s {
		out[i] = s[i].clone()
	}
	return out
}

func (f *field) clone() field {
	return field{name: f.name, class: f.class, entries: slices.Clone(f.entries), text: f.text.clone(), list: f.list.clone()}
}

// Clone returns an independent copy. Values are shared: they never change.
func (r *Record) Clone() *Record {
	c := *r
	c.Version = r.Version.Copy()
	c.edits = slices.Clone(r.edits)
	c.marks = slices.Clone(r.marks) // contexts are never modified
	c.changes = slices.Clone(r.changes)
	c.fields = r.fields.clone()
	return &c
}

// dot is the dot that x stands for.
func (r *Record) dot(x ref) syncproto.Dot {
	c := &r.changes[x.ch]
	return syncproto.Dot{Replica: c.replica, Seq: c.seq, Op: x.op}
}

func (r *Record) compareRefs(x, y ref) int {
	if x.ch == y.ch {
		return int(x.op) - int(y.op)
	}
	return r.dot(x).Compare(r.dot(y))
}

// insert puts e where it belongs in a field of the class.
func (r *Record) insert(entries []entry, class Class, e entry) []entry {
	i, _ := slices.BinarySearchFunc(entries, e, func(a, b entry) int { return r.compareEntries(class, &a, &b) })
	return slices.Insert(entries, i, e)
}

func (r *Record) compareEntries(class Class, a, b *entry) int {
	switch class {
	case ClassSet:
		if c := bytes.Compare(a.value, b.value); c != 0 {
			return c
		}
	case ClassLog:
		if a.lamport != b.lamport {
			if a.lamport < b.lamport {
				return -1
			}
			return 1
		}
	}
	return r.compareRefs(a.ref, b.ref)
}

// eachRef visits every ref of the state.
func (r *Record) eachRef(visit func(*ref)) {
	for i := range r.marks {
		visit(&r.marks[i].ref)
	}
	r.fields.eachRef(visit)
}

func (s fieldSet) eachRef(visit func(*ref)) {
	for i := range s {
		f := &s[i]
		for j := range f.entries {
			visit(&f.entries[j].ref)
		}
		if f.list != nil {
			f.list.eachRef(visit)
		}
	}
}

// compact drops dead changes from the table once they outnumber the live
// ones, so that a record joined a million times does not grow by it.
func (r *Record) compact() {
	if len(r.changes) < 64 || len(r.changes) < 2*r.live {
		return
	}
	const unused = ^uint32(0)
	to := make([]uint32, len(r.changes))
	for i := range to {
		to[i] = unused
	}
	kept := make([]change, 0, len(r.changes)/2)
	r.eachRef(func(x *ref) {
		if to[x.ch] == unused {
			to[x.ch] = uint32(len(kept))
			kept = append(kept, r.changes[x.ch])
		}
		x.ch = to[x.ch]
	})
	r.changes, r.live = kept, len(kept)
}
