package text

import "unicode/utf8"

// item is a run of one author's elements that stand side by side, each but
// the first with the one before it as left origin, all with the same right
// origin, all visible or all deleted.
type item struct {
	author, leaf int32
	index, n     int32 // first element, and how many
	off, size    int32 // its text in Doc.buf; size 0 means deleted
	// depth is 1 more than the deeper of the origins, or that of the element
	// before in the same run: see FORMAT.md. It is fixed when the run comes in.
	depth       int32
	left, right ref
}

// maxItem bounds the elements of an item, and so the cost of cutting it.
const maxItem = 256

func (it *item) element(off int32) ref { return ref{it.author, it.index + off} }

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
	leaf := d.items[slot].leaf
	leaf, i := d.room(leaf, d.nodes[leaf].find(slot))
	it := &d.items[slot]
	rest := *it
	size := d.bytes(it, n)
	rest.index, rest.n, rest.left = it.index+n, it.n-n, it.element(n-1)
	rest.off, rest.size = it.off+size, it.size-size
	it.n, it.size = n, size
	d.nodes[leaf].vis[i] = it.visible()
	d.newItem(rest, leaf, i+1)
}

// newItem puts an item into a leaf that has room. Counts above are the caller's.
func (d *Doc) newItem(it item, leaf int32, i int) int32 {
	slot := int32(len(d.items))
	d.items = append(d.items, it)
	d.own(slot, it.index, it.n)
	d.put(leaf, i, slot, it.visible())
	if d.ways != nil {
		d.ways = append(d.ways, d.wayOf(slot))
	}
	return slot
}

// integrate inserts the author's next elements between their origins.
func (d *Doc) integrate(author int32, left, right ref, text string) {
	if !d.neighbours(left, right) {
		right = d.rightOf(left)
	}
	index := d.authors[author].n
	start := d.after(left)
	p := d.place(start, ref{author, index}, left, right)
	depth := d.depthOf(left, right)
	chained := left != none && left == (ref{author, index - 1}) && d.item(left).right == right
	if chained {
		depth = d.item(left).depth
		if p == start && d.extend(left, text) {
			return
		}
	}
	if p.off > 0 {
		slot := d.nodes[p.n].kids[p.i]
		d.cut(slot, p.off)
		leaf := d.items[slot].leaf
		p = pos{n: leaf, i: d.nodes[leaf].find(slot) + 1}
	}
	for len(text) > 0 {
		size, n := chunk(text)
		it := item{author: author, index: index, n: n, off: int32(len(d.buf)), size: size, depth: depth, left: left, right: right}
		d.buf = append(d.buf, text[:size]...)
		text = text[size:]
		p.n, p.i = d.room(p.n, p.i)
		d.newItem(it, p.n, p.i)
		d.count(p.n, author, n, size)
		index += n
		left = ref{author, index - 1}
		p.i++
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
	return it.leftOf(r.index - it.index)
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
	if last.index != it.index+it.n-1 || it.size == 0 || int(it.off+it.size) != len(d.buf) || len(text) > maxItem {
		return false
	}
	n := int32(utf8.RuneCountInString(text))
	if it.n+n > maxItem {
		return false
	}
	d.buf = append(d.buf, text...)
	d.own(slot, it.index+it.n, n)
	it.n += n
	it.size += int32(len(text))
	nd := &d.nodes[it.leaf]
	nd.vis[nd.find(slot)] += n
	d.count(it.leaf, it.author, n, int32(len(text)))
	return true
}

// count enters that n elements of size bytes were inserted in a leaf.
func (d *Doc) count(leaf, author, n, size int32) {
	d.grow(leaf, n)
	d.authors[author].n += n
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

// deleteRun deletes n elements from first on.
func (d *Doc) deleteRun(first ref, n int32) {
	for k, end := first.index, first.index+n; k < end; {
		slot := d.slot(ref{first.author, k})
		it := &d.items[slot]
		from, to := k-it.index, min(it.n, end-it.index)
		k = it.index + to
		if it.size > 0 {
			d.kill(slot, from, to)
		}
	}
}

// deleteVisible deletes visible elements and says which they were.
func (d *Doc) deleteVisible(at, del int) []Delete {
	out := make([]Delete, 0, 1)
	for del > 0 {
		n, i, off := d.locate(at)
		slot := d.nodes[n].kids[i]
		it := &d.items[slot]
		to := min(it.n, off+int32(min(del, maxItem)))
		out = append(out, Delete{First: d.id(it.element(off)), N: int(to - off)})
		del -= int(to - off)
		d.kill(slot, off, to)
	}
	return joinDeletes(out)
}

// kill turns elements from..to of a visible item into tombstones. If a
// tombstone of the same run is their neighbour, it takes them over, so that a
// run deleted one by one does not fall to pieces.
func (d *Doc) kill(slot, from, to int32) {
	it := &d.items[slot]
	n, size := to-from, d.bytes(it, to)
	if from > 0 {
		size -= d.bytes(it, from)
	}
	d.live -= int(size)
	d.chars -= int(n)
	if from > 0 == (to < it.n) || !d.yield(slot, from > 0, n, size) {
		d.bury(slot, from, to)
	}
}

// yield gives the first or last n elements of an item to the tombstone beside
// it, if that is of the same run and in the same leaf.
func (d *Doc) yield(slot int32, last bool, n, size int32) bool {
	it := &d.items[slot]
	nd := &d.nodes[it.leaf]
	i := nd.find(slot)
	j := i - 1
	if last {
		j = i + 1
	}
	if j < 0 || j >= int(nd.n) {
		return false
	}
	other := &d.items[nd.kids[j]]
	if other.size > 0 || other.n+n > maxItem {
		return false
	}
	if last {
		if !other.continues(it) {
			return false
		}
		other.index -= n
		other.left = other.element(-1)
		d.own(nd.kids[j], other.index, n)
	} else {
		if !it.continues(other) {
			return false
		}
		d.own(nd.kids[j], it.index, n)
		it.index, it.off = it.index+n, it.off+size
		it.left = it.element(-1)
	}
	other.n += n
	it.n, it.size = it.n-n, it.size-size
	nd.vis[i] -= n
	d.grow(it.leaf, -n)
	return true
}

// bury makes elements from..to an item of their own, without text.
func (d *Doc) bury(slot, from, to int32) {
	if to < d.items[slot].n {
		d.cut(slot, to)
	}
	if from > 0 {
		first := d.items[slot].element(from)
		d.cut(slot, from)
		slot = d.slot(first)
	}
	it := &d.items[slot]
	it.size = 0
	nd := &d.nodes[it.leaf]
	nd.vis[nd.find(slot)] = 0
	d.grow(it.leaf, from-to)
}

// compact gives back the bytes of deleted text once they are the larger part.
func (d *Doc) compact() {
	if len(d.buf) < 2*d.live+4096 {
		return
	}
	buf := make([]byte, 0, d.live+d.live/4)
	for n := int32(0); n >= 0; n = d.nodes[n].next {
		nd := &d.nodes[n]
		for _, slot := range nd.kids[:nd.n] {
			it := &d.items[slot]
			buf = append(buf, d.buf[it.off:it.off+it.size]...)
			it.off = int32(len(buf)) - it.size
		}
	}
	d.buf = buf
}
