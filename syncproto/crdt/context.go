package crdt

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
)

// context is what one op knows, and so may remove: SPEC.md §1.2. It moves from
// op to op of a part.
type context struct {
	r       *Record
	seen    syncproto.VersionVector
	all     bool // seen covers every change joined before
	own     bool // seen covers the author's replica's previous change
	replica syncproto.ReplicaID
	ch      uint32 // the change, in the table
	op      uint32
	blind   blindness
	dotted  bool // some op left a dot
	room    []entry
}

// blindness says what of an op's target its author could not read.
type blindness uint8

const (
	blindField blindness = 1 << iota // the field, or the list that holds the item
	blindSub                         // the field of the item
	void                             // a set that counts for nothing
)

func (c *context) at(op uint32, b blindness) { c.op, c.blind = op, b }

// dot is the dot of the present op.
func (c *context) dot() ref {
	c.dotted = true
	return ref{c.ch, c.op}
}

// covers reports whether the present op knows x. Within the part everything
// earlier is known, even to a blind author.
func (c *context) covers(x ref, blind bool) bool {
	if x.ch == c.ch {
		return x.op < c.op
	}
	if blind {
		return false
	}
	if c.all {
		return true
	}
	d := &c.r.changes[x.ch]
	return c.seen.Covers(d.replica, d.seq)
}

// insert puts e where it belongs. The first entry of a field takes its place
// in what room there is: most fields hold one.
func (c *context) insert(entries []entry, class Class, e entry) []entry {
	if n := len(c.room); entries == nil && n < cap(c.room) {
		c.room = append(c.room, e)
		return c.room[n : n+1 : n+1]
	}
	return c.r.insert(entries, class, e)
}

// drop removes the covered entries, in place.
func (c *context) drop(entries []entry, blind bool) []entry {
	return slices.DeleteFunc(entries, func(e entry) bool { return c.covers(e.ref, blind) })
}

func (c *context) apply(op *syncproto.Op) {
	r := c.r
	switch op.Kind {
	case syncproto.OpDelete:
		c.delete(op.Value)
		return
	case syncproto.OpRestore:
		c.restore()
		return
	case syncproto.OpItemInsert, syncproto.OpItemRemove, syncproto.OpItemMove:
		r.fields.find(op.Field, ClassList).list.apply(c, op)
		return
	}
	if op.Item.IsNone() {
		c.edit(&r.fields, op.Field, op, c.blind&blindField != 0)
		return
	}
	it := r.fields.find(op.Field, ClassList).list.find(op.Item)
	it.touch(c)
	c.edit(&it.fields, op.Sub, op, c.blind != 0)
}

// edit applies an op to one field of the record or of an item. The edit of a
// text is integrated apart, see plan.integrate.
func (c *context) edit(s *fieldSet, name string, op *syncproto.Op, blind bool) {
	switch op.Kind {
	case syncproto.OpSet:
		if c.blind&void != 0 {
			return
		}
		f := s.make(name, ClassValue)
		f.entries = c.drop(f.entries, blind)
		f.entries = c.insert(f.entries, ClassValue, entry{ref: c.dot(), value: normal(op.Value)})
	case syncproto.OpAdd:
		f, v := s.make(name, ClassSet), normal(op.Value)
		f.entries = c.dropMember(f.entries, v, blind)
		f.entries = c.insert(f.entries, ClassSet, entry{ref: c.dot(), value: v})
	case syncproto.OpRemove:
		if f := s.find(name, ClassSet); f != nil {
			f.entries = c.dropMember(f.entries, normal(op.Value), blind)
		}
	case syncproto.OpLog:
		f := s.make(name, ClassLog)
		f.entries = c.insert(f.entries, ClassLog, entry{ref: c.dot(), lamport: op.Lamport, value: normal(op.Value)})
		c.r.Lamport = max(c.r.Lamport, op.Lamport)
	}
}

// dropMember removes the covered adds of one value.
func (c *context) dropMember(entries []entry, v syncproto.Value, blind bool) []entry {
	from, to := memberRange(entries, v)
	kept := from
	for i := from; i < to; i++ {
		if !c.covers(entries[i].ref, blind) {
			entries[kept] = entries[i]
			kept++
		}
	}
	return slices.Delete(entries, kept, to)
}

// memberRange finds the adds of one value among a set's entries.
func memberRange(entries []entry, v syncproto.Value) (from, to int) {
	from, _ = slices.BinarySearchFunc(entries, v, func(e entry, v syncproto.Value) int {
		return slices.Compare(e.value, v)
	})
	for to = from; to < len(entries) && string(entries[to].value) == string(v); to++ {
	}
	return from, to
}

// null is the encoding of no value.
var null = syncproto.Value{0xf6}

// normal makes absent and null one value, as the wire does.
func normal(v syncproto.Value) syncproto.Value {
	if len(v) == 0 {
		return null
	}
	return v
}
