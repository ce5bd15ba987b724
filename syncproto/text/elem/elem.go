// Package elem numbers the elements of one text: replicas become small numbers,
// and of every element it is known which item of the text holds it.
package elem

import (
	"maps"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
)

// Ref is an element inside one text: whose, as its Table numbers them, and
// which of his.
type Ref struct{ Author, Index int32 }

// None stands for the start as a left origin, for the end as a right origin.
var None = Ref{Author: -1}

// Table holds the elements of a text. The zero value has none. Not safe for
// concurrent use.
type Table struct {
	authors []author
	byID    map[syncproto.ReplicaID]int32 // first entry in authors, once they are many
	indexed bool
}

// author is a replica's elements. A replica has one entry; in a scratch copy of
// a text, which misses some of them, one more for each gap in its counters.
type author struct {
	id     syncproto.ReplicaID
	base   uint64  // counter of the first element, less one
	n      int32   // how many elements
	next   int32   // the same replica's next entry, -1 if there is none
	holder []int32 // of each element, once the table is indexed
}

func (a *author) highest() uint64 { return a.base + uint64(a.n) }

// manyAuthors is from when on a map finds authors faster than a walk.
const manyAuthors = 8

// entry is the first entry of r, -1 if it has none.
func (t *Table) entry(r syncproto.ReplicaID) int32 {
	if t.byID != nil {
		if a, ok := t.byID[r]; ok {
			return a
		}
		return -1
	}
	for i := range t.authors {
		if t.authors[i].id == r {
			return int32(i)
		}
	}
	return -1
}

func (t *Table) last(r syncproto.ReplicaID) int32 {
	a := t.entry(r)
	for a >= 0 && t.authors[a].next >= 0 {
		a = t.authors[a].next
	}
	return a
}

// For is the author that takes r's element counter, which is new.
func (t *Table) For(r syncproto.ReplicaID, counter uint64) int32 {
	last := t.last(r)
	if last >= 0 && t.authors[last].highest() == counter-1 {
		return last
	}
	a := t.Add(r, counter-1, 0)
	if last >= 0 {
		t.authors[last].next = a
	}
	return a
}

// Add enters a replica with n elements above counter base.
func (t *Table) Add(r syncproto.ReplicaID, base uint64, n int32) int32 {
	a := int32(len(t.authors))
	t.authors = append(t.authors, author{id: r, base: base, n: n, next: -1})
	if len(t.authors) == manyAuthors {
		t.byID = make(map[syncproto.ReplicaID]int32)
		for i, a := range slices.Backward(t.authors) {
			t.byID[a.id] = int32(i)
		}
	} else if t.byID != nil {
		if _, ok := t.byID[r]; !ok {
			t.byID[r] = a
		}
	}
	return a
}

// Len is how many authors there are, numbered from 0.
func (t *Table) Len() int { return len(t.authors) }

// Replica is the id of an author.
func (t *Table) Replica(a int32) syncproto.ReplicaID { return t.authors[a].id }

// Count is how many elements an author has.
func (t *Table) Count(a int32) int32 { return t.authors[a].n }

// Base is the counter before an author's first element: up to it all were
// folded away.
func (t *Table) Base(a int32) uint64 { return t.authors[a].base }

// Floor is Base of a replica, 0 if it is not here.
func (t *Table) Floor(r syncproto.ReplicaID) uint64 {
	if a := t.entry(r); a >= 0 {
		return t.authors[a].base
	}
	return 0
}

// Highest is a replica's highest counter, 0 if it is not here.
func (t *Table) Highest(r syncproto.ReplicaID) uint64 {
	if a := t.last(r); a >= 0 {
		return t.authors[a].highest()
	}
	return 0
}

// Ref finds an element, None if it is not here.
func (t *Table) Ref(id syncproto.ElemID) Ref {
	if id.IsNone() {
		return None
	}
	for a := t.entry(id.Replica); a >= 0; a = t.authors[a].next {
		if e := &t.authors[a]; id.Counter > e.base && id.Counter <= e.highest() {
			return Ref{a, int32(id.Counter - e.base - 1)}
		}
	}
	return None
}

// ID is the inverse of Ref.
func (t *Table) ID(r Ref) syncproto.ElemID {
	if r == None {
		return syncproto.ElemID{}
	}
	a := &t.authors[r.Author]
	return syncproto.ElemID{Replica: a.id, Counter: a.base + uint64(r.Index) + 1}
}

// Less is the order of ids: by replica, then counter.
func (t *Table) Less(x, y Ref) bool {
	if x.Author == y.Author {
		return x.Index < y.Index
	}
	return t.ID(x).Compare(t.ID(y)) < 0
}

// Grow gives an author n elements more.
func (t *Table) Grow(a, n int32) { t.authors[a].n += n }

// Index makes the table keep which item holds each element, from now on: the
// caller enters those that are there by Hold.
func (t *Table) Index() {
	t.indexed = true
	for i := range t.authors {
		t.authors[i].holder = make([]int32, t.authors[i].n)
	}
}

// Indexed reports whether Holder may be asked. A text of few items is faster
// looked through than indexed.
func (t *Table) Indexed() bool { return t.indexed }

// Holder is the item that holds an element.
func (t *Table) Holder(r Ref) int32 { return t.authors[r.Author].holder[r.Index] }

// Hold enters, once the table is indexed, that an item holds n elements from
// first on; they leave no gap to those held already.
func (t *Table) Hold(item int32, first Ref, n int32) {
	a := &t.authors[first.Author]
	if more := int(first.Index+n) - len(a.holder); more > 0 {
		a.holder = slices.Grow(a.holder, more)[:first.Index+n]
	}
	part := a.holder[first.Index : first.Index+n]
	for i := range part {
		part[i] = item
	}
}

// Clone returns an independent copy.
func (t *Table) Clone() Table {
	out := Table{authors: slices.Clone(t.authors), byID: maps.Clone(t.byID), indexed: t.indexed}
	for i := range out.authors {
		out.authors[i].holder = slices.Clone(out.authors[i].holder)
	}
	return out
}
