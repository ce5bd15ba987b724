package memstore

import (
	"bytes"
	"hash/fnv"

	"github.com/chuantou/chuantou/server/store"
)

// tree is an immutable search tree: put and del return a new one that shares
// what did not change, so a snapshot is a pointer. It is ordered by key, and as
// a heap by a hash of the key, which keeps it balanced (a treap: Seidel and
// Aragon, "Randomized Search Trees", 1996). nil is the empty tree.
type tree struct {
	key         store.Key
	value       []byte
	prio        uint64
	left, right *tree
}

func (t *tree) get(key store.Key) []byte {
	for t != nil {
		switch c := bytes.Compare(key, t.key); {
		case c == 0:
			return t.value
		case c < 0:
			t = t.left
		default:
			t = t.right
		}
	}
	return nil
}

func (t *tree) put(key store.Key, value []byte) *tree {
	h := fnv.New64a()
	h.Write(key)
	return t.insert(&tree{key: key, value: value, prio: h.Sum64()})
}

// insert owns n. A key already present has n's prio, so it is met before any
// node of a lower one, where n would go.
func (t *tree) insert(n *tree) *tree {
	if t == nil || n.prio > t.prio {
		n.left, n.right = t.split(n.key)
		return n
	}
	c := *t
	switch cmp := bytes.Compare(n.key, t.key); {
	case cmp == 0:
		c.value = n.value
	case cmp < 0:
		c.left = t.left.insert(n)
	default:
		c.right = t.right.insert(n)
	}
	return &c
}

// split returns what lies below key, and the rest.
func (t *tree) split(key store.Key) (below, rest *tree) {
	if t == nil {
		return nil, nil
	}
	c := *t
	if bytes.Compare(t.key, key) < 0 {
		c.right, rest = t.right.split(key)
		return &c, rest
	}
	below, c.left = t.left.split(key)
	return below, &c
}

func (t *tree) del(key store.Key) *tree {
	if t == nil {
		return nil
	}
	c := *t
	switch cmp := bytes.Compare(key, t.key); {
	case cmp == 0:
		return join(t.left, t.right)
	case cmp < 0:
		c.left = t.left.del(key)
	default:
		c.right = t.right.del(key)
	}
	return &c
}

// join puts two trees together, all of a below all of b.
func join(a, b *tree) *tree {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	if a.prio > b.prio {
		c := *a
		c.right = join(a.right, b)
		return &c
	}
	c := *b
	c.left = join(a, b.left)
	return &c
}

// walk visits from <= key < to in order; it reports whether to go on.
func (t *tree) walk(from, to store.Key, reverse bool, visit func(*tree) bool) bool {
	if t == nil {
		return true
	}
	left, right := t.left, t.right
	in := bytes.Compare(t.key, from) >= 0 && (len(to) == 0 || bytes.Compare(t.key, to) < 0)
	if bytes.Compare(t.key, from) < 0 {
		left = nil
	}
	if len(to) > 0 && bytes.Compare(t.key, to) >= 0 {
		right = nil
	}
	if reverse {
		left, right = right, left
	}
	return left.walk(from, to, reverse, visit) && (!in || visit(t)) && right.walk(from, to, reverse, visit)
}
