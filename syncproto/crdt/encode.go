package crdt

import (
	"cmp"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/fold"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// The format that leads every encoded state: formatMarks of one with delete
// marks, which format 1 once told otherwise. Any other is refused.
const (
	formatPlain = 1
	formatMarks = 2
)

// encodedMembers is how many members the state's array has (SPEC.md §4.5):
// version, id, kind, partial, lamport, replicas, authors, heads, changes,
// marks, fields; and in a projection that a device has written on, counters.
const encodedMembers = 11

// markMembers is how many members each mark has in its array.
const markMembers = 5

// encoder writes a state. Replicas, authors and changes stand once, in tables
// that hold exactly what is referred to, in order of their bytes: the same
// joined changes give the same bytes.
type encoder struct {
	r       *Record
	b       []byte
	authors []syncproto.PersonID
	order   []uint32 // indexes into r.changes of the live ones, in order
	index   []uint32 // their places in order; by index into r.changes
}

// AppendBinary appends the canonical encoding of the state: states with the
// same joined changes have the same bytes, in whatever order they came.
func (r *Record) AppendBinary(b []byte) []byte {
	e := encoder{r: r, b: b}
	e.tables()
	members := encodedMembers
	if len(r.spent) > 0 {
		members++
	}
	format := uint64(formatPlain)
	if len(r.marks) > 0 {
		format = formatMarks
	}
	e.b = wire.AppendUint(wire.AppendArray(e.b, members), format)
	e.b = wire.AppendBytes(e.b, r.ID[:])
	e.b = wire.AppendText(e.b, r.Kind)
	e.b = wire.AppendBool(e.b, r.Partial)
	e.b = wire.AppendUint(e.b, r.Lamport)
	e.replicas()
	e.b = appendIDs(e.b, e.authors)
	e.heads()
	e.changes()
	e.marks()
	e.fields(r.fields)
	if len(r.spent) > 0 {
		e.spent()
	}
	return e.b
}

func appendIDs[T ~[16]byte](b []byte, ids []T) []byte {
	flat := make([]byte, 0, 16*len(ids))
	for i := range ids {
		flat = append(flat, ids[i][:]...)
	}
	return wire.AppendBytes(b, flat)
}

func (e *encoder) replicas() {
	ids := make([]syncproto.ReplicaID, len(e.r.Version))
	for i := range ids {
		ids[i] = e.r.Version[i].Replica
	}
	e.b = appendIDs(e.b, ids)
}

// tables finds what is live and puts it in order.
func (e *encoder) tables() {
	r := e.r
	used := make([]bool, len(r.changes))
	r.eachRef(func(x *ref) { used[x.ch] = true })
	for i, u := range used {
		if u {
			e.order = append(e.order, uint32(i))
			e.authors = append(e.authors, r.changes[i].author)
		}
	}
	slices.SortFunc(e.order, func(a, b uint32) int {
		x, y := &r.changes[a], &r.changes[b]
		if c := x.replica.Compare(y.replica); c != 0 {
			return c
		}
		return cmp.Compare(x.seq, y.seq)
	})
	e.index = make([]uint32, len(r.changes))
	for i, x := range e.order {
		e.index[x] = uint32(i)
	}
	slices.SortFunc(e.authors, syncproto.PersonID.Compare)
	e.authors = slices.Compact(e.authors)
}

func (e *encoder) replica(id syncproto.ReplicaID) uint64 {
	i, _ := e.r.Version.Index(id)
	return uint64(i)
}

func (e *encoder) author(id syncproto.PersonID) uint64 {
	i, _ := slices.BinarySearchFunc(e.authors, id, syncproto.PersonID.Compare)
	return uint64(i)
}

// heads writes, per replica, its latest change and its latest edit: how many
// changes before that (null for never), and which op.
func (e *encoder) heads() {
	e.b = wire.AppendArray(e.b, 3*len(e.r.Version))
	edits := e.r.edits
	for _, x := range e.r.Version {
		e.uint(uint64(x.Seq))
		if len(edits) > 0 && edits[0].replica == x.Replica {
			e.uint(uint64(x.Seq - edits[0].seq))
			e.uint(uint64(edits[0].op))
			edits = edits[1:]
		} else {
			e.b = wire.AppendNil(e.b)
			e.uint(0)
		}
	}
}

// changes writes the table: replica, how far before the replica's latest,
// author, and claimed time as its distance from the record id's.
func (e *encoder) changes() {
	e.b = wire.AppendArray(e.b, 4*len(e.order))
	for _, i := range e.order {
		c := &e.r.changes[i]
		i := e.replica(c.replica)
		e.uint(i)
		e.uint(uint64(e.r.Version[i].Seq - c.seq))
		e.uint(e.author(c.author))
		e.b = wire.AppendInt(e.b, c.wall-e.r.ID.Millis())
	}
}

// marks writes each mark's dot, own (null if lifted), reason, context and open
// edits, these two as (replica, seq).
func (e *encoder) marks() {
	e.b = wire.AppendArray(e.b, markMembers*len(e.r.marks))
	for i := range e.r.marks {
		m := &e.r.marks[i]
		e.ref(m.ref)
		if m.lifted {
			e.b = wire.AppendNil(e.b)
		} else {
			e.b = wire.AppendBool(e.b, m.own)
		}
		e.b = append(e.b, normal(m.reason)...)
		e.vector(m.seen)
		e.vector(m.open)
	}
}

func (e *encoder) vector(v syncproto.VersionVector) {
	e.b = wire.AppendArray(e.b, 2*len(v))
	for _, x := range v {
		e.uint(e.replica(x.Replica))
		e.uint(uint64(x.Seq))
	}
}

func (e *encoder) uint(n uint64) { e.b = wire.AppendUint(e.b, n) }

// ref writes a dot as one number: op × changes + change. For a record written
// by one save that is the op's index.
func (e *encoder) ref(x ref) { e.uint(e.number(x)) }

func (e *encoder) number(x ref) uint64 {
	return uint64(x.op)*uint64(len(e.order)) + uint64(e.index[x.ch])
}

// value writes the dot and value of an entry; of one that a remove of its item
// knows, −1 − the dot.
func (e *encoder) value(x *entry) {
	if x.struck {
		e.b = wire.AppendInt(e.b, -1-int64(e.number(x.ref)))
	} else {
		e.ref(x.ref)
	}
	e.b = append(e.b, x.value...)
}

// fields writes name and content of each field in turn. The commonest content,
// one value, is its dot and the value; any other is an array led by the class.
func (e *encoder) fields(s fieldSet) {
	n := 0
	for i := range s {
		n += 2
		if s[i].single() {
			n++
		}
	}
	e.b = wire.AppendArray(e.b, n)
	for i := range s {
		f := &s[i]
		e.b = wire.AppendText(e.b, f.name)
		if f.single() {
			e.value(&f.entries[0])
			continue
		}
		switch f.class {
		case ClassValue, ClassSet:
			e.class(f, 1+2*len(f.entries))
			for j := range f.entries {
				e.value(&f.entries[j])
			}
		case ClassLog:
			e.class(f, 1+3*len(f.entries))
			for j := range f.entries {
				e.uint(f.entries[j].lamport)
				e.value(&f.entries[j])
			}
		case ClassText:
			e.class(f, 2)
			e.text(f.text)
		case ClassList:
			e.class(f, 2+len(f.list.items))
			e.list(f.list)
		}
	}
}

func (f *field) single() bool { return f.class == ClassValue && len(f.entries) == 1 }

func (e *encoder) class(f *field, members int) {
	e.b = wire.AppendUint(wire.AppendArray(e.b, members), uint64(f.class))
}

func (e *encoder) text(t *textField) {
	raw := t.raw
	if raw == nil {
		raw = t.doc.Closed()
	}
	if raw == nil {
		raw = t.doc.AppendBinary(nil)
	}
	e.b = wire.AppendBytes(e.b, raw)
}

// list writes the places, then each item: id, life, places, fields.
func (e *encoder) list(l *list) {
	e.text(&l.places)
	for _, it := range l.items {
		e.b = wire.AppendArray(e.b, 5)
		e.elem(it.id)
		if len(it.life) == 1 {
			e.ref(it.life[0])
		} else {
			e.b = wire.AppendArray(e.b, len(it.life))
			for _, x := range it.life {
				e.ref(x)
			}
		}
		if len(it.places) == 1 && it.places[0].at == it.id {
			e.ref(it.places[0].ref)
		} else {
			e.b = wire.AppendArray(e.b, 3*len(it.places))
			for _, p := range it.places {
				e.ref(p.ref)
				e.place(p.at)
			}
		}
		e.fields(it.fields)
	}
}

// place writes the id of a place: one of the list's fold as of the replica
// after the last.
func (e *encoder) place(id syncproto.ElemID) {
	if !fold.Is(id.Replica) {
		e.elem(id)
		return
	}
	e.uint(uint64(len(e.r.Version)))
	e.uint(id.Counter)
}

// elem writes an element id as two numbers.
func (e *encoder) elem(id syncproto.ElemID) {
	e.uint(e.replica(id.Replica))
	e.uint(id.Counter)
}
