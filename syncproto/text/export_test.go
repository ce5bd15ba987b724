package text

import (
	"fmt"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/edit"
	"github.com/chuantou/chuantou/syncproto/text/strict"
)

// Open builds the items of a decoded text.
func (d *Doc) Open() { d.open() }

// Elem is one element as the engine holds it.
type Elem struct {
	ID, Left, Right syncproto.ElemID
	Visible         bool
}

// Elements lists all elements in order, tombstones included.
func (d *Doc) Elements() []Elem {
	d.open()
	var out []Elem
	for slot := range d.order.All() {
		it := &d.items[slot]
		for k := range it.n {
			out = append(out, Elem{d.elems.ID(it.element(k)), d.elems.ID(it.leftOf(k)), d.elems.ID(it.right), it.size > 0})
		}
	}
	return out
}

// DbgCheck looks for broken invariants.
func (d *Doc) DbgCheck() error {
	if d.raw != nil {
		return nil
	}
	c := checker{Doc: d, at: map[ref]int{none: 0}}
	last := int32(-1)
	for slot := range d.order.All() {
		if err := c.item(slot); err != nil {
			return err
		}
		if last >= 0 && (!d.order.Less(last, slot) || d.order.Less(slot, last)) {
			return fmt.Errorf("items %d and %d are out of order", last, slot)
		}
		last = slot
	}
	if c.visible != d.chars || c.bytes != d.live || len(c.slots) != len(d.items) || c.elements != d.elements {
		return fmt.Errorf("found %d items, %d elements, %d visible, %d bytes; recorded %d, %d, %d, %d",
			len(c.slots), c.elements, c.visible, c.bytes, len(d.items), d.elements, d.chars, d.live)
	}
	owned := 0
	for a := range int32(d.elems.Len()) {
		owned += int(d.elems.Count(a))
	}
	if owned != c.elements {
		return fmt.Errorf("authors have %d elements, the text %d", owned, c.elements)
	}
	return c.origins()
}

type checker struct {
	*Doc
	at                       map[ref]int // place of each element, from 1
	slots                    []int32
	visible, bytes, elements int
}

func (c *checker) item(slot int32) error {
	it := &c.items[slot]
	if it.n < 1 || it.n > maxItem {
		return fmt.Errorf("item %d of %d elements", slot, it.n)
	}
	for k := range it.n {
		if got := c.slot(it.element(k)); got != slot {
			return fmt.Errorf("element %v is in item %d, the table says %d", it.element(k), slot, got)
		}
		c.elements++
		c.at[it.element(k)] = c.elements
	}
	if text := c.buf[it.off : it.off+it.size]; it.size > 0 && (!utf8.Valid(text) || utf8.RuneCount(text) != int(it.n)) {
		return fmt.Errorf("item %d of %d elements has text %q", slot, it.n, text)
	}
	c.slots = append(c.slots, slot)
	c.visible += int(it.visible())
	c.bytes += int(it.size)
	if got := c.order.Rank(slot); got != c.visible {
		return fmt.Errorf("%d visible elements up to item %d, the order says %d", c.visible, slot, got)
	}
	if it.size > 0 {
		if got, off := c.order.Find(c.visible - 1); got != slot || off != it.n-1 {
			return fmt.Errorf("visible element %d is in item %d at %d, found in %d at %d", c.visible-1, slot, it.n-1, got, off)
		}
	}
	return nil
}

func (c *checker) origins() error {
	for _, slot := range c.slots {
		it := &c.items[slot]
		at := c.at[it.element(0)]
		if c.at[it.left] >= at || it.right != none && c.at[it.right] <= at {
			return fmt.Errorf("item %d is not between its origins", slot)
		}
		want := c.depthOf(it.left, it.right)
		if it.left != none && it.left == it.element(-1) && c.rightOf(it.left) == it.right {
			want = c.Doc.item(it.left).depth
		}
		if it.depth != want {
			return fmt.Errorf("item %d at depth %d, not %d", slot, it.depth, want)
		}
	}
	return nil
}

// Merge is what a Merger makes of the edits.
func Merge(edits ...Edit) Edit {
	var m edit.Merger
	for _, e := range edits {
		m.Add(e)
	}
	return m.Edit()
}

// Search makes the text search for every place, or scan for every one.
func (d *Doc) Search(always bool) {
	d.open()
	if d.few = 0; !always {
		d.few = strict.MaxElements
	}
}

// Steps is how many steps it took to place runs.
func (d *Doc) Steps() int { return d.steps }
