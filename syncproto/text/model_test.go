package text_test

import (
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
)

// model is FugueMax written from its definition (arXiv 2305.00583, Algorithms
// 1 and 2): a tree of single elements, read by traversal. It is slow and knows
// nothing of runs, items or scanning.
type model struct {
	root  *treeNode
	nodes map[syncproto.ElemID]*treeNode
}

type treeNode struct {
	id          syncproto.ElemID
	char        rune
	deleted     bool
	parent      *treeNode
	isLeft      bool      // a left child of its parent
	rightOrigin *treeNode // of a right child; nil stands for the end
	left, right []*treeNode
}

func newModel() *model {
	root := &treeNode{}
	return &model{root: root, nodes: map[syncproto.ElemID]*treeNode{{}: root}}
}

// traverse visits all elements in order.
func (m *model) traverse(visit func(*treeNode)) {
	var walk func(n *treeNode)
	walk = func(n *treeNode) {
		for _, c := range n.left {
			walk(c)
		}
		if n != m.root {
			visit(n)
		}
		for _, c := range n.right {
			walk(c)
		}
	}
	walk(m.root)
}

func (m *model) place(x *treeNode) int {
	at, i := 1<<30, 0
	if x == m.root {
		return -1
	}
	m.traverse(func(n *treeNode) {
		if n == x {
			at = i
		}
		i++
	})
	return at // of nil: after all
}

// under tells whether n is in the right subtree of x.
func under(n, x *treeNode) bool {
	for n != nil && n.parent != x {
		n = n.parent
	}
	return n != nil && !n.isLeft
}

func (m *model) insert(id syncproto.ElemID, char rune, left, right syncproto.ElemID) {
	n := &treeNode{id: id, char: char}
	l := m.nodes[left]
	var r *treeNode
	if !right.IsNone() {
		r = m.nodes[right]
	}
	if r != nil && under(r, l) {
		n.parent, n.isLeft = r, true
		i, _ := slices.BinarySearchFunc(r.left, n, func(a, b *treeNode) int { return a.id.Compare(b.id) })
		r.left = slices.Insert(r.left, i, n)
	} else {
		n.parent, n.rightOrigin = l, r
		i := 0
		for i < len(l.right) {
			other := l.right[i]
			mine, his := m.place(r), m.place(other.rightOrigin)
			if mine > his || mine == his && id.Compare(other.id) < 0 {
				break
			}
			i++
		}
		l.right = slices.Insert(l.right, i, n)
	}
	m.nodes[id] = n
}

func (m *model) apply(author syncproto.ReplicaID, e text.Edit) {
	for _, ins := range e.Inserts {
		id, left := syncproto.ElemID{Replica: author, Counter: ins.Counter}, ins.Left
		for _, c := range ins.Text {
			m.insert(id, c, left, ins.Right)
			left = id
			id.Counter++
		}
	}
	for _, del := range e.Deletes {
		for k := range del.N {
			m.nodes[syncproto.ElemID{Replica: del.First.Replica, Counter: del.First.Counter + uint64(k)}].deleted = true
		}
	}
}

func (m *model) String() string {
	var out []rune
	m.traverse(func(n *treeNode) {
		if !n.deleted {
			out = append(out, n.char)
		}
	})
	return string(out)
}

// differs compares the engine with the model, element by element.
func (m *model) differs(d *text.Doc) error {
	if got, want := d.String(), m.String(); got != want {
		return fmt.Errorf("text %q, model %q", got, want)
	}
	elems := d.Elements()
	i := 0
	var err error
	m.traverse(func(n *treeNode) {
		if err == nil && (i >= len(elems) || elems[i].ID != n.id || elems[i].Visible == n.deleted) {
			err = fmt.Errorf("element %d is not %s", i, n.id)
		}
		i++
	})
	if err == nil && i != len(elems) {
		err = fmt.Errorf("%d elements, model %d", len(elems), i)
	}
	return err
}

func replica(i int) syncproto.ReplicaID {
	// Not in the order of the numbers, and not first-byte only.
	return syncproto.ReplicaID{0: byte(i*37 + 11), 6: 0x40, 8: 0x80, 15: byte(i)}
}
