// Package tree keeps items, known by number, in an order into which more are
// put, and adds up what they weigh: the item at a weight, the weight before an
// item and which of two comes first are found in logarithmically many steps.
// Items are never taken out, so there is no rebalancing, and all leaves are
// equally deep.
package tree

import "iter"

// fan is the most kids of a node.
const fan = 32

// node names kids by index and is named so: a copy of the tree is a copy of
// slices, and the garbage collector has nothing to follow.
type node struct {
	parent int32 // -1 at the root
	next   int32 // of a leaf: the leaf to the right, -1 at the last
	n      int32
	leaf   bool
	kids   [fan]int32 // of a leaf: items
	weigh  [fan]int32 // what is below each kid
}

// Tree is an order of items, numbered from 0 as they come. The zero value is
// not usable: see New. Not safe for concurrent use.
type Tree struct {
	nodes  []node // 0 is the leftmost leaf
	root   int32
	last   int32   // the rightmost leaf
	leafOf []int32 // of each item
}

// New returns an empty order with room for some items.
func New(room int) Tree {
	return Tree{
		nodes:  append(make([]node, 0, 1+room/(fan/2)), node{parent: -1, next: -1, leaf: true}),
		leafOf: make([]int32, 0, room),
	}
}

// Pos is a place between items: before the I-th of a leaf. It is good until an
// item is put in.
type Pos struct{ leaf, i int32 }

func (nd *node) find(kid int32) int32 {
	for i, k := range nd.kids[:nd.n] {
		if k == kid {
			return int32(i)
		}
	}
	panic("tree: node without its kid")
}

// Start is before the first item.
func (t *Tree) Start() Pos { return Pos{} }

// Before is the place before an item.
func (t *Tree) Before(item int32) Pos {
	leaf := t.leafOf[item]
	return Pos{leaf, t.nodes[leaf].find(item)}
}

// After is the place after an item.
func (t *Tree) After(item int32) Pos { return t.Next(t.Before(item)) }

// Next is the place after the item at p, of which there is one.
func (t *Tree) Next(p Pos) Pos {
	p.i++
	if nd := &t.nodes[p.leaf]; p.i == nd.n && nd.next >= 0 {
		return Pos{leaf: nd.next}
	}
	return p
}

// At is the item at a place, -1 at the end.
func (t *Tree) At(p Pos) int32 {
	if nd := &t.nodes[p.leaf]; p.i < nd.n {
		return nd.kids[p.i]
	}
	return -1
}

// Beside is the item before or after one, if that is cheap to tell: of the same
// leaf; else -1.
func (t *Tree) Beside(item int32, after bool) int32 {
	nd := &t.nodes[t.leafOf[item]]
	i := nd.find(item)
	if after {
		i++
	} else {
		i--
	}
	if i < 0 || i >= nd.n {
		return -1
	}
	return nd.kids[i]
}

// All visits the items in order.
func (t *Tree) All() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for n := int32(0); n >= 0; n = t.nodes[n].next {
			nd := &t.nodes[n]
			for _, item := range nd.kids[:nd.n] {
				if !yield(item) {
					return
				}
			}
		}
	}
}

// Find is the item at weight at, which is below the sum of all, and how far
// into it that is.
func (t *Tree) Find(at int) (item, off int32) {
	rest := int32(at)
	for n := t.root; ; {
		nd := &t.nodes[n]
		i := 0
		for ; rest >= nd.weigh[i]; i++ {
			rest -= nd.weigh[i]
		}
		if nd.leaf {
			return nd.kids[i], rest
		}
		n = nd.kids[i]
	}
}

// Rank is the weight of all items up to one, itself among them.
func (t *Tree) Rank(item int32) int {
	p := t.Before(item)
	sum := int32(0)
	for _, w := range t.nodes[p.leaf].weigh[:p.i+1] {
		sum += w
	}
	for kid, n := p.leaf, t.nodes[p.leaf].parent; n >= 0; kid, n = n, t.nodes[n].parent {
		nd := &t.nodes[n]
		for _, w := range nd.weigh[:nd.find(kid)] {
			sum += w
		}
	}
	return int(sum)
}

// Less tells whether item x comes before item y, another.
func (t *Tree) Less(x, y int32) bool {
	nx, ny := t.leafOf[x], t.leafOf[y]
	for nx != ny {
		x, y = nx, ny
		nx, ny = t.nodes[nx].parent, t.nodes[ny].parent
	}
	nd := &t.nodes[nx]
	return nd.find(x) < nd.find(y)
}

// Search is the place before the first item that follows, of which all after it
// do too.
func (t *Tree) Search(follows func(item int32) bool) Pos {
	for n := t.root; ; {
		nd := &t.nodes[n]
		from, to := int32(0), nd.n // the first kid that follows is in from..to
		for from < to {
			if mid := (from + to) / 2; follows(t.first(n, mid)) {
				to = mid
			} else {
				from = mid + 1
			}
		}
		if nd.leaf {
			if from == nd.n && nd.next >= 0 {
				return Pos{leaf: nd.next}
			}
			return Pos{n, from}
		}
		n = nd.kids[max(from-1, 0)]
	}
}

// first is the first item below the i-th kid of node n.
func (t *Tree) first(n, i int32) int32 {
	for !t.nodes[n].leaf {
		n, i = t.nodes[n].kids[i], 0
	}
	return t.nodes[n].kids[i]
}

// Insert puts the next item, of that weight, at a place.
func (t *Tree) Insert(p Pos, weight int32) (item int32) {
	p = t.room(p)
	t.grow(p.leaf, weight)
	return t.put(p, weight)
}

// Append puts the next item at the end.
func (t *Tree) Append(weight int32) (item int32) {
	return t.Insert(Pos{t.last, t.nodes[t.last].n}, weight)
}

// Split puts the next item right after one, and gives it weight of that one's.
func (t *Tree) Split(item, weight int32) (next int32) {
	p := t.room(t.Before(item))
	t.nodes[p.leaf].weigh[p.i] -= weight
	return t.put(Pos{p.leaf, p.i + 1}, weight)
}

// Add adds to the weight of an item.
func (t *Tree) Add(item, weight int32) {
	nd := &t.nodes[t.leafOf[item]]
	nd.weigh[nd.find(item)] += weight
	t.grow(t.leafOf[item], weight)
}

// grow adds to the weights above node n.
func (t *Tree) grow(n, weight int32) {
	for p := t.nodes[n].parent; p >= 0; p = t.nodes[p].parent {
		nd := &t.nodes[p]
		nd.weigh[nd.find(n)] += weight
		n = p
	}
}

// put puts the next item into a leaf that has room. Weights above are the
// caller's.
func (t *Tree) put(p Pos, weight int32) (item int32) {
	item = int32(len(t.leafOf))
	t.leafOf = append(t.leafOf, p.leaf)
	t.nodes[p.leaf].insert(p.i, item, weight)
	return item
}

// insert makes kid the i-th of a node that has room.
func (nd *node) insert(i, kid, weight int32) {
	copy(nd.kids[i+1:nd.n+1], nd.kids[i:nd.n])
	copy(nd.weigh[i+1:nd.n+1], nd.weigh[i:nd.n])
	nd.kids[i], nd.weigh[i] = kid, weight
	nd.n++
}

// room splits a node if it is full and says where the place in it has gone.
func (t *Tree) room(p Pos) Pos {
	if t.nodes[p.leaf].n < fan {
		return p
	}
	keep := int32(fan / 2)
	if p.i == fan { // what is put in front to back leaves full leaves behind
		keep = fan - 2
	}
	right := t.split(p.leaf, keep)
	if p.i >= keep {
		return Pos{right, p.i - keep}
	}
	return p
}

// split moves the kids of n from keep on to a new node on its right.
func (t *Tree) split(n, keep int32) int32 {
	if t.nodes[n].parent < 0 {
		t.raise(n)
	}
	p := t.nodes[n].parent
	at := t.room(Pos{p, t.nodes[p].find(n)})
	right := int32(len(t.nodes))
	t.nodes = append(t.nodes, node{next: -1})
	from, to := &t.nodes[n], &t.nodes[right]
	to.leaf, to.parent = from.leaf, at.leaf
	if from.leaf {
		to.next, from.next = from.next, right
		if t.last == n {
			t.last = right
		}
	}
	to.n = int32(copy(to.kids[:], from.kids[keep:from.n]))
	var moved int32
	for j := range to.n {
		to.weigh[j] = from.weigh[keep+j]
		moved += to.weigh[j]
		from.weigh[keep+j] = 0
		if to.leaf {
			t.leafOf[to.kids[j]] = right
		} else {
			t.nodes[to.kids[j]].parent = right
		}
	}
	from.n = keep
	t.nodes[at.leaf].weigh[at.i] -= moved
	t.nodes[at.leaf].insert(at.i+1, right, moved)
	return right
}

// raise puts a new root above n, the root.
func (t *Tree) raise(n int32) {
	top := node{parent: -1, next: -1, n: 1}
	top.kids[0] = n
	for _, w := range t.nodes[n].weigh {
		top.weigh[0] += w
	}
	t.root = int32(len(t.nodes))
	t.nodes = append(t.nodes, top)
	t.nodes[n].parent = t.root
}

// Clone returns an independent copy.
func (t *Tree) Clone() Tree {
	return Tree{nodes: append([]node(nil), t.nodes...), root: t.root, last: t.last, leafOf: append([]int32(nil), t.leafOf...)}
}
