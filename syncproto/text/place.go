package text

import "github.com/chuantou/chuantou/syncproto/text/tree"

// fewSteps is how many items place looks at before it searches instead: more
// than lie between the origins of nearly every honest run.
const fewSteps = 64

// pos is a place between elements: before element off of the item at a place in
// the order, or at the end.
type pos struct {
	at  tree.Pos
	off int32
}

// after is the place right after an element, or the start for none.
func (d *Doc) after(r ref) pos {
	if r == none {
		return pos{at: d.order.Start()}
	}
	slot := d.slot(r)
	it := &d.items[slot]
	if off := r.Index - it.index + 1; off < it.n {
		return pos{d.order.Before(slot), off}
	}
	return pos{at: d.order.After(slot)}
}

// elementAt is the element after a place, none at the end.
func (d *Doc) elementAt(p pos) ref {
	if slot := d.order.At(p.at); slot >= 0 {
		return d.items[slot].element(p.off)
	}
	return none
}

// before tells whether element x stands before element y.
func (d *Doc) before(x, y ref) bool {
	kx, ky := d.slot(x), d.slot(y)
	if kx == ky {
		return x.Index < y.Index
	}
	return d.order.Less(kx, ky)
}

// place finds where element id goes, given its origins. It is the integrate
// function of YjsMod: from the left origin rightwards over what others put
// between the two concurrently. Of an item only the first element from start on
// is looked at: further ones have a left origin inside the gap and are passed
// over, and none of them is the right origin, or its predecessor would not
// have been its neighbour.
func (d *Doc) place(start pos, id, left, right ref) pos {
	p, dest, scanning := start, start, false
	for steps := 0; ; steps++ {
		slot := d.order.At(p.at)
		if slot < 0 {
			break
		}
		it := &d.items[slot]
		first := it.element(p.off)
		if first == right {
			break
		}
		if steps == d.few {
			return d.search(start, id, left, right)
		}
		d.steps++
		switch other := it.leftOf(p.off); {
		case other == left && it.right == right:
			if d.elems.Less(id, first) {
				return dest
			}
			scanning = false
		case other == left:
			scanning = right == none || it.right != none && d.before(it.right, right)
		case left != none && (other == none || d.before(other, left)):
			return dest
		}
		p = pos{at: d.order.Next(p.at)}
		if !scanning {
			dest = p
		}
	}
	return dest
}

// search finds what place finds, in steps logarithmic in the items, however
// many were put between the origins: whether the new element goes before one
// that is there can be told from that one's origins alone (goesBefore), and of
// all that lie between left and right it is so for a last stretch.
func (d *Doc) search(start pos, id, left, right ref) pos {
	if d.ways == nil {
		d.findWays()
	}
	if d.goesBefore(d.elementAt(start), id, left, right) {
		return start
	}
	return pos{at: d.order.Search(func(slot int32) bool {
		switch x := d.items[slot].element(0); {
		case left != none && (x == left || d.before(x, left)):
			return false
		case right != none && (x == right || d.before(right, x)):
			return true
		default:
			return d.goesBefore(x, id, left, right)
		}
	})}
}

// goesBefore tells whether element id with its origins left and right goes
// before x, which stands between them. x is in the subtree (by left origins) of
// some c that has left as left origin too, or else beyond the gap. If c was put
// before another such element, these two stay together, and so on up to the
// one that compares with the new element itself: by whose right origin is
// farther, then by ids.
func (d *Doc) goesBefore(x, id, left, right ref) bool {
	c, inside := d.climbLeft(x, left)
	if !inside {
		return true
	}
	c = d.climbRight(c, left, right)
	switch r := d.rightOf(c); {
	case r == right:
		return d.elems.Less(id, c)
	case r == none:
		return false
	case right == none:
		return true
	default:
		return d.before(r, right)
	}
}

// climbLeft follows left origins from x to the last element after left. It is
// inside the gap if left is its own left origin.
func (d *Doc) climbLeft(x, left ref) (c ref, inside bool) {
	for {
		d.steps++
		slot := d.slot(x)
		it := &d.items[slot]
		if left.Author == x.Author && left.Index >= it.index && left.Index < x.Index {
			return ref{Author: x.Author, Index: left.Index + 1}, true
		}
		next := it.left
		if next == left {
			return it.element(0), true
		}
		if next == none || left != none && d.before(next, left) {
			return it.element(0), false
		}
		if far := d.ways[slot].left; far != none && d.slot(far) != slot && far != left && (left == none || d.before(left, far)) {
			next = far
		}
		x = next
	}
}

// climbRight follows right origins from c, which has left as left origin, as
// long as they have too and stand before right.
func (d *Doc) climbRight(c, left, right ref) ref {
	within := func(x ref) bool {
		return x != none && x != right && d.leftOf(x) == left && (right == none || d.before(x, right))
	}
	for {
		d.steps++
		slot := d.slot(c)
		next := d.items[slot].right
		if !within(next) {
			return c
		}
		if far := d.ways[slot].right; within(far) {
			next = far
		}
		c = next
	}
}
