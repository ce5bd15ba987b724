package text

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
)

// ref is an ElemID inside one Doc: an entry of Doc.authors and an index in it.
type ref struct{ author, index int32 }

// none stands for the start as a left origin, for the end as a right origin.
var none = ref{author: -1}

// author is a replica's elements. A replica has one entry; in a scratch copy
// (see ReplaceFrom) it has one more for each gap in its counters.
type author struct {
	id    syncproto.ReplicaID
	base  uint64  // counter of the first element, less one
	n     int32   // how many elements
	next  int32   // the same replica's next entry, -1 if there is none
	where []int32 // element -> slot of the item that holds it, once Doc.indexed
}

func (a *author) highest() uint64 { return a.base + uint64(a.n) }

// manyAuthors is from when on a map finds authors faster than a walk.
const manyAuthors = 8

// entry is the first entry of r, -1 if it has none.
func (d *Doc) entry(r syncproto.ReplicaID) int32 {
	if d.byID != nil {
		if a, ok := d.byID[r]; ok {
			return a
		}
		return -1
	}
	for i := range d.authors {
		if d.authors[i].id == r {
			return int32(i)
		}
	}
	return -1
}

func (d *Doc) lastEntry(r syncproto.ReplicaID) int32 {
	a := d.entry(r)
	for a >= 0 && d.authors[a].next >= 0 {
		a = d.authors[a].next
	}
	return a
}

// entryFor is the entry that takes r's element counter, which is new.
func (d *Doc) entryFor(r syncproto.ReplicaID, counter uint64) int32 {
	last := d.lastEntry(r)
	if last >= 0 && d.authors[last].highest() == counter-1 {
		return last
	}
	a := d.addAuthor(r, counter-1)
	if last >= 0 {
		d.authors[last].next = a
	}
	return a
}

func (d *Doc) addAuthor(r syncproto.ReplicaID, base uint64) int32 {
	a := int32(len(d.authors))
	d.authors = append(d.authors, author{id: r, base: base, next: -1})
	if len(d.authors) == manyAuthors {
		d.byID = make(map[syncproto.ReplicaID]int32)
		for i := len(d.authors) - 1; i >= 0; i-- {
			d.byID[d.authors[i].id] = int32(i)
		}
	} else if d.byID != nil {
		if _, ok := d.byID[r]; !ok {
			d.byID[r] = a
		}
	}
	return a
}

// ref finds an element, none if it is not here.
func (d *Doc) ref(id syncproto.ElemID) ref {
	if id.IsNone() {
		return none
	}
	for a := d.entry(id.Replica); a >= 0; a = d.authors[a].next {
		if e := &d.authors[a]; id.Counter > e.base && id.Counter <= e.highest() {
			return ref{a, int32(id.Counter - e.base - 1)}
		}
	}
	return none
}

func (d *Doc) id(r ref) syncproto.ElemID {
	if r == none {
		return syncproto.ElemID{}
	}
	a := &d.authors[r.author]
	return syncproto.ElemID{Replica: a.id, Counter: a.base + uint64(r.index) + 1}
}

// less is the order of ids: by replica, then counter.
func (d *Doc) lessID(x, y ref) bool {
	if x.author == y.author {
		return x.index < y.index
	}
	return d.id(x).Compare(d.id(y)) < 0
}

// fewItems is up to when a walk over the items serves as index by id.
const fewItems = 32

// slot is the item that holds the element.
func (d *Doc) slot(r ref) int32 {
	if d.indexed {
		return d.authors[r.author].where[r.index]
	}
	for i := range d.items {
		if it := &d.items[i]; it.author == r.author && r.index >= it.index && r.index < it.index+it.n {
			return int32(i)
		}
	}
	panic("text: element without its item")
}

func (d *Doc) item(r ref) *item { return &d.items[d.slot(r)] }

// own enters elements of an item in the index.
func (d *Doc) own(slot, index, n int32) {
	if !d.indexed {
		if len(d.items) > fewItems {
			d.index()
		}
		return
	}
	a := &d.authors[d.items[slot].author]
	if more := int(index+n) - len(a.where); more > 0 {
		a.where = slices.Grow(a.where, more)[:index+n]
	}
	for i, part := 0, a.where[index:index+n]; i < len(part); i++ {
		part[i] = slot
	}
}

func (d *Doc) index() {
	d.indexed = true
	for i := range d.authors {
		d.authors[i].where = make([]int32, d.authors[i].n)
	}
	for i := range d.items {
		d.own(int32(i), d.items[i].index, d.items[i].n)
	}
}
