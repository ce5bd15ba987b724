package text

// fan is the most kids of a node. Items are never removed, so the tree only
// grows: there is no rebalancing, and all leaves are equally deep.
const fan = 32

// node is a node of the tree that keeps the items in order and counts visible
// elements. Nodes and items lie in slices and name each other by index: a copy
// is a copy of slices, and the garbage collector has nothing to follow.
type node struct {
	parent int32 // -1 at the root
	next   int32 // of a leaf: the leaf to the right, -1 at the last
	n      int32
	leaf   bool
	kids   [fan]int32 // of a leaf: slots of items
	vis    [fan]int32 // visible elements below each kid
}

// pos is a place between elements: before element off of the item kids[i] of
// leaf n. At the end of the text i is the number of kids of the last leaf.
type pos struct {
	n   int32
	i   int
	off int32
}

func (nd *node) find(kid int32) int {
	for i, k := range nd.kids[:nd.n] {
		if k == kid {
			return i
		}
	}
	panic("text: node without its kid")
}

// locate finds the visible element at: leaf, index in it, offset in the item.
func (d *Doc) locate(at int) (n int32, i int, off int32) {
	rest := int32(at)
	for n = d.root; ; n = d.nodes[n].kids[i] {
		nd := &d.nodes[n]
		for i = 0; rest >= nd.vis[i]; i++ {
			rest -= nd.vis[i]
		}
		if nd.leaf {
			return n, i, rest
		}
	}
}

// rank counts the visible elements up to the end of an item.
func (d *Doc) rank(slot int32) int {
	var sum int32
	kid := slot
	for n := d.items[slot].leaf; n >= 0; n = d.nodes[n].parent {
		nd := &d.nodes[n]
		i := nd.find(kid)
		if kid == slot && nd.leaf {
			i++
		}
		for _, v := range nd.vis[:i] {
			sum += v
		}
		kid = n
	}
	return int(sum)
}

// before tells whether element x stands before element y.
func (d *Doc) before(x, y ref) bool {
	kx, ky := d.slot(x), d.slot(y)
	if kx == ky {
		return x.index < y.index
	}
	nx, ny := d.items[kx].leaf, d.items[ky].leaf
	for nx != ny {
		kx, ky = nx, ny
		nx, ny = d.nodes[nx].parent, d.nodes[ny].parent
	}
	nd := &d.nodes[nx]
	return nd.find(kx) < nd.find(ky)
}

// after is the place right after an element, or the start for none.
func (d *Doc) after(r ref) pos {
	if r == none {
		return d.norm(pos{})
	}
	slot := d.slot(r)
	it := &d.items[slot]
	p := pos{n: it.leaf, i: d.nodes[it.leaf].find(slot), off: r.index - it.index + 1}
	if p.off == it.n {
		return d.norm(pos{n: p.n, i: p.i + 1})
	}
	return p
}

// norm moves a place at the end of a leaf to the start of the next.
func (d *Doc) norm(p pos) pos {
	if nd := &d.nodes[p.n]; p.i == int(nd.n) && nd.next >= 0 {
		return pos{n: nd.next}
	}
	return p
}

func (d *Doc) atEnd(p pos) bool { return p.i == int(d.nodes[p.n].n) }

// elementAt is the element after a place, none at the end.
func (d *Doc) elementAt(p pos) ref {
	if d.atEnd(p) {
		return none
	}
	return d.items[d.nodes[p.n].kids[p.i]].element(p.off)
}

// grow adds to the counts above node n.
func (d *Doc) grow(n, vis int32) {
	for p := d.nodes[n].parent; p >= 0; p = d.nodes[p].parent {
		nd := &d.nodes[p]
		nd.vis[nd.find(n)] += vis
		n = p
	}
}

// put makes kid the i-th of node n, which has room.
func (d *Doc) put(n int32, i int, kid, vis int32) {
	nd := &d.nodes[n]
	copy(nd.kids[i+1:nd.n+1], nd.kids[i:nd.n])
	copy(nd.vis[i+1:nd.n+1], nd.vis[i:nd.n])
	nd.kids[i], nd.vis[i] = kid, vis
	nd.n++
	d.adopt(n, kid)
}

func (d *Doc) adopt(n, kid int32) {
	if d.nodes[n].leaf {
		d.items[kid].leaf = n
	} else {
		d.nodes[kid].parent = n
	}
}

// room splits node n if it is full and says where index i has gone.
func (d *Doc) room(n int32, i int) (int32, int) {
	if d.nodes[n].n < fan {
		return n, i
	}
	keep := fan / 2
	if i == fan { // text written front to back leaves full leaves behind
		keep = fan - 2
	}
	right := d.split(n, keep)
	if i >= keep {
		return right, i - keep
	}
	return n, i
}

// split moves the kids of n from keep on to a new node on its right.
func (d *Doc) split(n int32, keep int) int32 {
	p := d.nodes[n].parent
	if p < 0 {
		p = int32(len(d.nodes))
		top := node{parent: -1, next: -1, n: 1}
		top.kids[0] = n
		for _, v := range d.nodes[n].vis {
			top.vis[0] += v
		}
		d.nodes = append(d.nodes, top)
		d.root, d.nodes[n].parent = p, p
	}
	i := d.nodes[p].find(n)
	p, i = d.room(p, i)
	right := int32(len(d.nodes))
	d.nodes = append(d.nodes, node{next: -1})
	from, to := &d.nodes[n], &d.nodes[right]
	to.leaf, to.parent = from.leaf, p
	if from.leaf {
		to.next, from.next = from.next, right
	}
	to.n = int32(copy(to.kids[:], from.kids[keep:from.n]))
	var moved int32
	for j := range to.n {
		to.vis[j] = from.vis[keep+int(j)]
		moved += to.vis[j]
		from.vis[keep+int(j)] = 0
		d.adopt(right, to.kids[j])
	}
	from.n = int32(keep)
	d.nodes[p].vis[i] -= moved
	d.put(p, i+1, right, moved)
	return right
}
