package text

import (
	"fmt"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
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
	for n := int32(0); n >= 0; n = d.nodes[n].next {
		for _, slot := range d.nodes[n].kids[:d.nodes[n].n] {
			it := &d.items[slot]
			for k := range it.n {
				out = append(out, Elem{d.id(it.element(k)), d.id(it.leftOf(k)), d.id(it.right), it.size > 0})
			}
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
	if _, err := c.node(d.root, -1); err != nil {
		return err
	}
	switch {
	case c.visible != d.chars || c.bytes != d.live || len(c.items) != len(d.items) || c.elements != d.elements:
		return fmt.Errorf("found %d items, %d elements, %d visible, %d bytes; recorded %d, %d, %d, %d",
			len(c.items), c.elements, c.visible, c.bytes, len(d.items), d.elements, d.chars, d.live)
	case len(c.leaves) > 0 && c.leaves[0] != 0:
		return fmt.Errorf("first leaf is %d", c.leaves[0])
	}
	for i, n := range c.leaves {
		next := int32(-1)
		if i+1 < len(c.leaves) {
			next = c.leaves[i+1]
		}
		if d.nodes[n].next != next {
			return fmt.Errorf("leaf %d followed by %d, not %d", n, d.nodes[n].next, next)
		}
	}
	owned := 0
	for a := range d.authors {
		owned += int(d.authors[a].n)
		if got := len(d.authors[a].where); d.indexed && got != int(d.authors[a].n) {
			return fmt.Errorf("author %d has %d elements, %d in the index", a, d.authors[a].n, got)
		}
	}
	if owned != c.elements {
		return fmt.Errorf("authors have %d elements, the text %d", owned, c.elements)
	}
	return c.origins()
}

type checker struct {
	*Doc
	at                       map[ref]int // place of each element, from 1
	items                    []int32
	leaves                   []int32
	visible, bytes, elements int
	level                    int
	deep                     int
}

func (c *checker) node(n, parent int32) (vis int32, err error) {
	nd := &c.nodes[n]
	if nd.parent != parent {
		return 0, fmt.Errorf("node %d has parent %d, not %d", n, nd.parent, parent)
	}
	if nd.n == 0 && len(c.Doc.items) > 0 {
		return 0, fmt.Errorf("node %d is empty", n)
	}
	c.level++
	defer func() { c.level-- }()
	if nd.leaf {
		if c.deep == 0 {
			c.deep = c.level
		}
		if c.deep != c.level {
			return 0, fmt.Errorf("leaf %d at level %d, others at %d", n, c.level, c.deep)
		}
		c.leaves = append(c.leaves, n)
	}
	for i, kid := range nd.kids[:nd.n] {
		v := int32(0)
		if nd.leaf {
			v, err = c.item(kid, n)
		} else {
			v, err = c.node(kid, n)
		}
		if err == nil && v != nd.vis[i] {
			err = fmt.Errorf("node %d counts %d visible in %d, not %d", n, nd.vis[i], kid, v)
		}
		if err != nil {
			return 0, err
		}
		vis += v
	}
	for _, v := range nd.vis[nd.n:] {
		if v != 0 {
			return 0, fmt.Errorf("node %d counts elements of no kid", n)
		}
	}
	return vis, nil
}

func (c *checker) item(slot, leaf int32) (int32, error) {
	it := &c.Doc.items[slot]
	if it.leaf != leaf || it.n < 1 || it.n > maxItem {
		return 0, fmt.Errorf("item %d of %d elements in leaf %d believes itself in %d", slot, it.n, leaf, it.leaf)
	}
	for k := range it.n {
		if got := c.slot(it.element(k)); got != slot {
			return 0, fmt.Errorf("element %v is in item %d, the table says %d", it.element(k), slot, got)
		}
		c.elements++
		c.at[it.element(k)] = c.elements
	}
	if text := c.buf[it.off : it.off+it.size]; it.size > 0 && (!utf8.Valid(text) || utf8.RuneCount(text) != int(it.n)) {
		return 0, fmt.Errorf("item %d of %d elements has text %q", slot, it.n, text)
	}
	c.items = append(c.items, slot)
	c.visible += int(it.visible())
	c.bytes += int(it.size)
	return it.visible(), nil
}

func (c *checker) origins() error {
	for _, slot := range c.items {
		it := &c.Doc.items[slot]
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

// Replicas lists who wrote the text.
func (d *Doc) Replicas() []syncproto.ReplicaID {
	d.open()
	var out []syncproto.ReplicaID
	for i := range d.authors {
		out = append(out, d.authors[i].id)
	}
	return out
}

// Merge is what a Merger makes of the edits.
func Merge(edits ...Edit) Edit {
	var m Merger
	for _, e := range edits {
		m.Add(e)
	}
	return m.Edit()
}

// Search makes the text search for every place, or scan for every one.
func (d *Doc) Search(always bool) {
	d.open()
	if d.few = 0; !always {
		d.few = maxElements
	}
}

// Steps is how many steps it took to place runs.
func (d *Doc) Steps() int { return d.steps }
