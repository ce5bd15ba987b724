package text

// fewSteps is how many items place looks at before it searches instead: more
// than lie between the origins of nearly every honest run.
const fewSteps = 64

// place finds where element id goes, given its origins. It is the integrate
// function of YjsMod: from the left origin rightwards over what others put
// between the two concurrently. Of an item only the first element from start on
// is looked at: further ones have a left origin inside the gap and are passed
// over, and none of them is the right origin, or its predecessor would not
// have been its neighbour.
func (d *Doc) place(start pos, id, left, right ref) pos {
	p, dest, scanning := start, start, false
	for steps := 0; !d.atEnd(p); steps++ {
		it := &d.items[d.nodes[p.n].kids[p.i]]
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
			if d.lessID(id, first) {
				return dest
			}
			scanning = false
		case other == left:
			scanning = right == none || it.right != none && d.before(it.right, right)
		case left != none && (other == none || d.before(other, left)):
			return dest
		}
		p = d.norm(pos{n: p.n, i: p.i + 1})
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
	follows := func(kid int32, leaf bool) bool {
		if !leaf {
			for !d.nodes[kid].leaf {
				kid = d.nodes[kid].kids[0]
			}
			kid = d.nodes[kid].kids[0]
		}
		switch x := d.items[kid].element(0); {
		case left != none && (x == left || d.before(x, left)):
			return false
		case right != none && (x == right || d.before(right, x)):
			return true
		default:
			return d.goesBefore(x, id, left, right)
		}
	}
	for n := d.root; ; {
		nd := &d.nodes[n]
		from, to := 0, int(nd.n) // the first kid that follows is in from..to
		for from < to {
			if mid := (from + to) / 2; follows(nd.kids[mid], nd.leaf) {
				to = mid
			} else {
				from = mid + 1
			}
		}
		if nd.leaf {
			return d.norm(pos{n: n, i: from})
		}
		n = nd.kids[max(from-1, 0)]
	}
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
		return d.lessID(id, c)
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
		if left.author == x.author && left.index >= it.index && left.index < x.index {
			return ref{x.author, left.index + 1}, true
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

// way is how an item's origins are followed over long distances: to an element
// far up its chain of left origins and one of right origins, chosen so that any
// ancestor is reached in logarithmically many steps (the skew-binary jump
// pointers of Myers, "An applicative random-access stack", 1983). up counts the
// items of each chain. What is an ancestor remains one when items are cut or
// joined. Texts that were never crowded have none.
type way struct {
	left, right     ref
	leftUp, rightUp int32
}

// wayOf works out an item's way from those of its origins.
func (d *Doc) wayOf(slot int32) way {
	it := &d.items[slot]
	var w way
	w.left, w.leftUp = d.jump(it.left, func(w *way) (ref, int32) { return w.left, w.leftUp })
	w.right, w.rightUp = d.jump(it.right, func(w *way) (ref, int32) { return w.right, w.rightUp })
	return w
}

// jump is, for an item with this origin, how far its way goes and how many
// items it counts. of picks the same of another item's way.
func (d *Doc) jump(origin ref, of func(*way) (ref, int32)) (far ref, up int32) {
	at := func(x ref) (ref, int32) {
		if x == none {
			return none, 0
		}
		return of(&d.ways[d.slot(x)])
	}
	far1, up1 := at(origin)
	far2, up2 := at(far1)
	if _, up3 := at(far2); origin != none && up1-up2 == up2-up3 {
		return far2, up1 + 1
	}
	return origin, up1 + 1
}

// findWays works out the ways of all items, origins first.
func (d *Doc) findWays() {
	d.ways = make([]way, len(d.items), len(d.items)+len(d.items)/4)
	var stack []int32
	for slot := range d.items {
		stack = append(stack, int32(slot))
		for len(stack) > 0 {
			top := stack[len(stack)-1]
			ready := true
			for _, origin := range [...]ref{d.items[top].left, d.items[top].right} {
				if origin == none {
					continue
				}
				if s := d.slot(origin); d.ways[s].leftUp == 0 {
					stack = append(stack, s)
					ready = false
				}
			}
			if ready {
				d.ways[top] = d.wayOf(top)
				stack = stack[:len(stack)-1]
			}
		}
	}
}
