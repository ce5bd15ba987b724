package crdt

import (
	"cmp"
	"math"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
)

// placeRune stands for one place in the text that orders a list's places.
const placeRune = "."

// list is a list field. Its places are the elements of a text of
// placeholders, none of which is ever deleted: so concurrent inserts and moves
// are ordered, and not interleaved, by the one text engine.
type list struct {
	places textField
	items  []*item // by id
	order  []*item // as shown, all of them; nil when it must be found anew
}

// item is one item of a list, named by its first place.
type item struct {
	id syncproto.ElemID
	// life are the live dots of its insert, edits and moves: each replaces
	// those it knows, a remove drops those it knows. None left: struck out.
	life []ref
	// places is a register of moves. A stub of a projection has none.
	places []place
	fields fieldSet
}

// place is one live place of an item.
type place struct {
	ref
	at syncproto.ElemID
}

func (l *list) search(id syncproto.ElemID) (int, bool) {
	return slices.BinarySearchFunc(l.items, id, func(it *item, id syncproto.ElemID) int { return it.id.Compare(id) })
}

func (l *list) find(id syncproto.ElemID) *item {
	if i, ok := l.search(id); ok {
		return l.items[i]
	}
	return nil
}

func (l *list) clone() *list {
	if l == nil {
		return nil
	}
	out := &list{places: *l.places.clone(), items: make([]*item, len(l.items))}
	for i, it := range l.items {
		out.items[i] = &item{id: it.id, life: slices.Clone(it.life), places: slices.Clone(it.places), fields: it.fields.clone()}
	}
	return out
}

func (l *list) eachRef(visit func(*ref)) {
	for _, it := range l.items {
		for i := range it.life {
			visit(&it.life[i])
		}
		for i := range it.places {
			visit(&it.places[i].ref)
		}
		it.fields.eachRef(visit)
	}
}

// add takes the new place of an insert or move into the step.
func (s *listStep) add(op *syncproto.Op) error {
	if op.Counter <= s.last {
		return invalid("place counter %d after %d", op.Counter, s.last)
	}
	s.last = op.Counter
	s.edit.Inserts = append(s.edit.Inserts, text.Insert{Counter: op.Counter, Left: op.Left, Right: op.Right, Text: placeRune})
	if op.Kind == syncproto.OpItemInsert {
		s.fresh = append(s.fresh, op.Counter)
	}
	return nil
}

func (s *listStep) inserts(counter uint64) bool {
	_, ok := slices.BinarySearch(s.fresh, counter)
	return ok
}

// integrate adds the step's places and new items, these without life yet.
func (l *list) integrate(author syncproto.ReplicaID, s *listStep) {
	l.places.apply(author, s.edit)
	for _, n := range s.fresh {
		l.insert(syncproto.ElemID{Replica: author, Counter: n})
	}
	l.order = nil
}

func (l *list) insert(id syncproto.ElemID) *item {
	it := &item{id: id}
	i, _ := l.search(id)
	l.items = slices.Insert(l.items, i, it)
	return it
}

// apply carries out an insert, remove or move on an item that is there.
func (l *list) apply(c *context, op *syncproto.Op) {
	switch op.Kind {
	case syncproto.OpItemInsert:
		it := l.find(syncproto.ElemID{Replica: c.replica, Counter: op.Counter})
		it.life = append(it.life, c.dot())
		it.places = append(it.places, place{c.dot(), it.id})
	case syncproto.OpItemRemove:
		it := l.find(op.Item)
		it.life = c.dropRefs(it.life)
		it.strike(c)
	case syncproto.OpItemMove:
		it := l.find(op.Item)
		it.touch(c)
		it.places = slices.DeleteFunc(it.places, func(p place) bool { return c.covers(p.ref, c.blind&blindField != 0) })
		p := place{c.dot(), syncproto.ElemID{Replica: c.replica, Counter: op.Counter}}
		i, _ := slices.BinarySearchFunc(it.places, p, func(a, b place) int { return c.r.compareRefs(a.ref, b.ref) })
		it.places = slices.Insert(it.places, i, p)
		l.order = nil
	}
}

// touch gives the item the life of the present op.
func (it *item) touch(c *context) {
	it.life = c.dropRefs(it.life)
	x := c.dot()
	i, _ := slices.BinarySearchFunc(it.life, x, c.r.compareRefs)
	it.life = slices.Insert(it.life, i, x)
}

// strike marks the values that the remove knows: should an edit that did not
// know of it bring the item back, what is new is shown before them.
func (it *item) strike(c *context) {
	for i := range it.fields {
		f := &it.fields[i]
		for j := range f.entries {
			if e := &f.entries[j]; f.class == ClassValue && c.covers(e.ref, c.blind&blindField != 0) {
				e.struck = true
			}
		}
	}
}

// dropRefs removes the covered life dots. The item belongs to the list, so it
// is the list that a blind author could not read.
func (c *context) dropRefs(refs []ref) []ref {
	return slices.DeleteFunc(refs, func(x ref) bool { return c.covers(x, c.blind&blindField != 0) })
}

// shownPlace is where the item stands: of several concurrent moves the one
// shown first; of a stub the place it was born at.
func (it *item) shownPlace(r *Record) syncproto.ElemID {
	switch len(it.places) {
	case 0:
		return it.id
	case 1:
		return it.places[0].at
	}
	return it.places[shownFirst(len(it.places), r.ID, "", func(i int) (syncproto.Dot, int64) {
		x := it.places[i].ref
		return r.dot(x), r.changes[x.ch].wall
	})].at
}

// ordered lists all items, struck-out ones and stubs too, in shown order.
func (l *list) ordered(r *Record) []*item {
	if l.order != nil || len(l.items) == 0 {
		return l.order
	}
	if len(l.items) == 1 {
		l.order = l.items[:1:1]
		return l.order
	}
	index, err := l.index()
	if err != nil {
		return nil
	}
	type placed struct {
		at int
		it *item
	}
	all := make([]placed, len(l.items))
	for i, it := range l.items {
		all[i] = placed{index.position(it.shownPlace(r)), it}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.at, b.at) })
	l.order = make([]*item, len(all))
	for i := range all {
		l.order[i] = all[i].it
	}
	return l.order
}

// span is a run of consecutive places by one replica.
type span struct {
	from syncproto.ElemID
	n    uint64
	at   int // position of the first
}

// placeIndex finds positions by id.
type placeIndex []span

// index reads the order of places off the text, by id.
func (l *list) index() (placeIndex, error) {
	doc, err := l.places.open()
	if err != nil {
		return nil, err
	}
	var out placeIndex
	at := 0
	for _, p := range doc.Passages() {
		n := len(p.Text) // placeholders are one byte each
		out = append(out, span{from: p.First, n: uint64(n), at: at})
		at += n
	}
	slices.SortFunc(out, func(a, b span) int { return a.from.Compare(b.from) })
	return out, nil
}

// position is where the place stands among all places. A place that is not
// there (in a state that this package did not write) stands after all others.
func (x placeIndex) position(id syncproto.ElemID) int {
	i, ok := slices.BinarySearchFunc(x, id, func(s span, id syncproto.ElemID) int { return s.from.Compare(id) })
	if !ok {
		i--
	}
	if i < 0 || x[i].from.Replica != id.Replica || id.Counter-x[i].from.Counter >= x[i].n {
		return math.MaxInt
	}
	return x[i].at + int(id.Counter-x[i].from.Counter)
}
