package crdt_test

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
)

// tree orders elements as Weidner and Kleppmann define FugueMax
// (arXiv:2305.00583, §4 and appendix): a tree walked in order, left children by
// id, right children by their right origins from right to left, then by id. It
// shares no code and no idea with package text, which integrates into a list.
type tree struct {
	nodes map[syncproto.ElemID]*node
	root  *node
}

type node struct {
	id     syncproto.ElemID
	char   rune
	parent *node
	right  syncproto.ElemID // right origin
	isLeft bool             // which child of its parent
	lefts  []*node
	rights []*node
}

func newTree() *tree {
	root := &node{}
	return &tree{nodes: map[syncproto.ElemID]*node{{}: root}, root: root}
}

// insert adds an element whose origins are there.
func (t *tree) insert(id, left, right syncproto.ElemID, char rune) {
	l := t.nodes[left]
	n := &node{id: id, char: char, right: right, parent: l}
	if !right.IsNone() && t.nodes[right].under(l) {
		n.parent, n.isLeft = t.nodes[right], true
	}
	if n.isLeft {
		n.parent.lefts = append(n.parent.lefts, n)
		slices.SortFunc(n.parent.lefts, func(a, b *node) int { return a.id.Compare(b.id) })
	} else {
		n.parent.rights = append(n.parent.rights, n)
		slices.SortFunc(n.parent.rights, func(a, b *node) int {
			if c := t.compareOrigins(b.right, a.right); c != 0 {
				return c
			}
			return a.id.Compare(b.id)
		})
	}
	t.nodes[id] = n
}

func (n *node) under(ancestor *node) bool {
	for p := n.parent; p != nil; p = p.parent {
		if p == ancestor {
			return true
		}
	}
	return false
}

// compareOrigins orders two right origins by where they stand; none is the end.
func (t *tree) compareOrigins(a, b syncproto.ElemID) int {
	switch {
	case a == b:
		return 0
	case a.IsNone():
		return 1
	case b.IsNone():
		return -1
	}
	order := t.order()
	return slices.Index(order, a) - slices.Index(order, b)
}

// order walks the tree.
func (t *tree) order() []syncproto.ElemID {
	var out []syncproto.ElemID
	var walk func(n *node)
	walk = func(n *node) {
		for _, c := range n.lefts {
			walk(c)
		}
		if n != t.root {
			out = append(out, n.id)
		}
		for _, c := range n.rights {
			walk(c)
		}
	}
	walk(t.root)
	return out
}
