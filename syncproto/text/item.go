package text

import "unicode/utf8"

// item is a run of one author's elements that stand side by side, each but
// the first with the one before it as left origin, all with the same right
// origin, all visible or all deleted.
type item struct {
	author    int32
	index, n  int32 // first element, and how many
	off, size int32 // its text in Doc.buf; size 0 means deleted
	// depth is 1 more than the deeper of the origins, or that of the element
	// before in the same run: see FORMAT.md. It is fixed when the run comes in.
	depth       int32
	left, right ref
}

// maxItem bounds the elements of an item, and so the cost of cutting it.
const maxItem = 256

func (it *item) element(off int32) ref { return ref{Author: it.author, Index: it.index + off} }

// leftOf is the left origin of an element of the item.
func (it *item) leftOf(off int32) ref {
	if off > 0 {
		return it.element(off - 1)
	}
	return it.left
}

func (it *item) visible() int32 {
	if it.size == 0 {
		return 0
	}
	return it.n
}

// fewItems is up to when a walk over the items serves as index by id.
const fewItems = 32

// slot is the item that holds an element.
func (d *Doc) slot(r ref) int32 {
	if d.elems.Indexed() {
		return d.elems.Holder(r)
	}
	for i := range d.items {
		if it := &d.items[i]; it.author == r.Author && r.Index >= it.index && r.Index < it.index+it.n {
			return int32(i)
		}
	}
	panic("text: element without its item")
}

func (d *Doc) item(r ref) *item { return &d.items[d.slot(r)] }

// hold enters that an item holds n elements from first on.
func (d *Doc) hold(slot int32, first ref, n int32) {
	if d.elems.Indexed() {
		d.elems.Hold(slot, first, n)
	} else if len(d.items) > fewItems {
		d.elems.Index()
		for i := range d.items {
			d.elems.Hold(int32(i), d.items[i].element(0), d.items[i].n)
		}
	}
}

// continues tells whether b goes on where a ends, as one run.
func (b *item) continues(a *item) bool {
	return b.author == a.author && b.index == a.index+a.n && b.left == b.element(-1) && b.right == a.right
}

// bytes is the length in bytes of the first n code points of an item's text.
func (d *Doc) bytes(it *item, n int32) int32 {
	switch {
	case it.size == it.n || it.size == 0:
		return min(n, it.size)
	case n == it.n:
		return it.size
	}
	return int32(runes(d.buf[it.off:it.off+it.size], int(n)))
}

// runes is the length in bytes of the first n code points of valid UTF-8.
func runes(b []byte, n int) int {
	i := 0
	for ; n > 0; n-- {
		switch c := b[i]; {
		case c < 0x80:
			i++
		case c < 0xe0:
			i += 2
		case c < 0xf0:
			i += 3
		default:
			i += 4
		}
	}
	return i
}

// cut splits an item in two after its first n elements.
func (d *Doc) cut(slot, n int32) {
	it := &d.items[slot]
	rest := *it
	size := d.bytes(it, n)
	rest.index, rest.n, rest.left = it.index+n, it.n-n, it.element(n-1)
	rest.off, rest.size = it.off+size, it.size-size
	it.n, it.size = n, size
	d.order.Split(slot, rest.visible())
	d.newItem(rest)
}

// newItem takes in the item that was just given its place in the order.
func (d *Doc) newItem(it item) {
	slot := int32(len(d.items))
	d.items = append(d.items, it)
	d.hold(slot, it.element(0), it.n)
	if d.ways != nil {
		d.ways = append(d.ways, d.wayOf(slot))
	}
}

// integrate inserts the author's next elements between their origins.
func (d *Doc) integrate(author int32, left, right ref, text string) {
	if !d.neighbours(left, right) {
		right = d.rightOf(left)
	}
	index := d.elems.Count(author)
	start := d.after(left)
	p := d.place(start, ref{Author: author, Index: index}, left, right)
	depth := d.depthOf(left, right)
	chained := left != none && left == (ref{Author: author, Index: index - 1}) && d.item(left).right == right
	if chained {
		depth = d.item(left).depth
		if p == start && d.extend(left, text) {
			return
		}
	}
	if p.off > 0 {
		slot := d.order.At(p.at)
		d.cut(slot, p.off)
		p.at = d.order.After(slot)
	}
	for len(text) > 0 {
		size, n := chunk(text)
		it := item{author: author, index: index, n: n, off: int32(len(d.buf)), size: size, depth: depth, left: left, right: right}
		d.buf = append(d.buf, text[:size]...)
		text = text[size:]
		slot := d.order.Insert(p.at, n)
		d.newItem(it)
		d.count(author, n, size)
		index += n
		left = it.element(n - 1)
		p.at = d.order.After(slot)
	}
}

// neighbours tells whether x and y stood side by side in some version of the
// text: x is the left origin of y, or y the right origin of x, or neither knew
// of the other, that is the left origin of y stands before x and the right
// origin of x after y. Honest origins always did. Only for such pairs do all
// orders of arrival end alike, so for others integrate takes the right origin
// of x for y: edits that refer to stand-ins of lost elements still find a
// place, the same one everywhere.
func (d *Doc) neighbours(x, y ref) bool {
	leftOfY, rightOfX := d.leftOf(y), d.rightOf(x)
	if leftOfY == x || rightOfX == y {
		return true
	}
	return x != none && y != none && d.before(x, y) &&
		(leftOfY == none || d.before(leftOfY, x)) && (rightOfX == none || d.before(y, rightOfX))
}

// leftOf is the left origin of an element; that of the end is the start.
func (d *Doc) leftOf(r ref) ref {
	if r == none {
		return none
	}
	it := d.item(r)
	return it.leftOf(r.Index - it.index)
}

// rightOf is the right origin of an element; that of the start is the end.
func (d *Doc) rightOf(r ref) ref {
	if r == none {
		return none
	}
	return d.item(r).right
}

// extend adds to the item that ends with element last, if its text can grow.
func (d *Doc) extend(last ref, text string) bool {
	slot := d.slot(last)
	it := &d.items[slot]
	if last.Index != it.index+it.n-1 || it.size == 0 || int(it.off+it.size) != len(d.buf) || len(text) > maxItem {
		return false
	}
	n := int32(utf8.RuneCountInString(text))
	if it.n+n > maxItem {
		return false
	}
	d.buf = append(d.buf, text...)
	d.hold(slot, it.element(it.n), n)
	it.n += n
	it.size += int32(len(text))
	d.order.Add(slot, n)
	d.count(it.author, n, int32(len(text)))
	return true
}

// count enters that n elements of size bytes were inserted.
func (d *Doc) count(author, n, size int32) {
	d.elems.Grow(author, n)
	d.elements += int(n)
	d.chars += int(n)
	d.live += int(size)
}

func chunk(text string) (size, n int32) {
	if len(text) <= maxItem {
		return int32(len(text)), int32(utf8.RuneCountInString(text))
	}
	for i := range text {
		if n == maxItem {
			return int32(i), n
		}
		n++
	}
	return int32(len(text)), n
}

func (d *Doc) depthOf(left, right ref) int32 {
	var depth int32
	if left != none {
		depth = d.item(left).depth
	}
	if right != none {
		depth = max(depth, d.item(right).depth)
	}
	return depth + 1
}
