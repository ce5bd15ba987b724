package text

// way is how an item's origins are followed over long distances: to an element
// far up its chain of left origins and one of right origins, chosen so that any
// ancestor is reached in logarithmically many steps (the skew-binary jump
// pointers of Myers, "An applicative random-access stack", 1983). up counts the
// items of each chain. A way leads from an item's first element: what is an
// ancestor of that remains one when the item is cut or grows at its end, but not
// when it grows at its front (yield). Texts that were never crowded have none.
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
