package tree

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// model is the order as a plain list.
type model struct {
	items  []int32
	weight map[int32]int32
}

func (m *model) insert(at int, item, weight int32) {
	m.items = slices.Insert(m.items, at, item)
	m.weight[item] = weight
}

// differs compares everything that can be asked.
func (m *model) differs(t *Tree) error {
	if got := slices.Collect(t.All()); !slices.Equal(got, m.items) {
		return fmt.Errorf("order %v, want %v", got, m.items)
	}
	sum := 0
	for i, item := range m.items {
		w := m.weight[item]
		if w > 0 {
			if got, off := t.Find(sum); got != item || off != 0 {
				return fmt.Errorf("weight %d found in item %d at %d, not in %d", sum, got, off, item)
			}
		}
		if sum += int(w); t.Rank(item) != sum {
			return fmt.Errorf("rank %d of item %d, want %d", t.Rank(item), item, sum)
		}
		if t.At(t.Before(item)) != item {
			return fmt.Errorf("before item %d stands item %d", item, t.At(t.Before(item)))
		}
		next := int32(-1)
		if i+1 < len(m.items) {
			next = m.items[i+1]
			if !t.Less(item, next) || t.Less(next, item) {
				return fmt.Errorf("item %d does not come before item %d", item, next)
			}
		}
		if got := t.At(t.After(item)); got != next {
			return fmt.Errorf("after item %d comes %d, not %d", item, got, next)
		}
		if got := t.Beside(item, true); got >= 0 && got != next {
			return fmt.Errorf("beside item %d is %d, not %d", item, got, next)
		}
	}
	return t.check()
}

// check looks for a broken shape.
func (t *Tree) check() error {
	leaves, deep := []int32{}, -1
	var walk func(n, parent int32, level int) (int32, error)
	walk = func(n, parent int32, level int) (sum int32, err error) {
		nd := &t.nodes[n]
		if nd.parent != parent || nd.n == 0 && n != t.root {
			return 0, fmt.Errorf("node %d of %d kids has parent %d, not %d", n, nd.n, nd.parent, parent)
		}
		if nd.leaf {
			leaves = append(leaves, n)
			if deep < 0 {
				deep = level
			}
			if level != deep {
				return 0, fmt.Errorf("leaf %d at level %d, others at %d", n, level, deep)
			}
		}
		for i, kid := range nd.kids[:nd.n] {
			w := nd.weigh[i]
			if !nd.leaf {
				if w, err = walk(kid, n, level+1); err != nil {
					return 0, err
				}
			} else if t.leafOf[kid] != n {
				return 0, fmt.Errorf("item %d in leaf %d believes itself in %d", kid, n, t.leafOf[kid])
			}
			if w != nd.weigh[i] {
				return 0, fmt.Errorf("node %d weighs %d at kid %d, not %d", n, nd.weigh[i], i, w)
			}
			sum += w
		}
		for _, w := range nd.weigh[nd.n:] {
			if w != 0 {
				return 0, fmt.Errorf("node %d weighs what it has not", n)
			}
		}
		return sum, nil
	}
	if _, err := walk(t.root, -1, 0); err != nil {
		return err
	}
	for i, n := range leaves {
		next := int32(-1)
		if i+1 < len(leaves) {
			next = leaves[i+1]
		}
		if t.nodes[n].next != next {
			return fmt.Errorf("leaf %d followed by %d, not %d", n, t.nodes[n].next, next)
		}
	}
	if t.last != leaves[len(leaves)-1] || leaves[0] != 0 {
		return fmt.Errorf("leaves %v, the last is %d", leaves, t.last)
	}
	return nil
}

// TestAgainstList: whatever is done, the tree answers as a plain list does.
func TestAgainstList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		rng := rand.New(rand.NewPCG(seed, 1))
		tr, m := New(0), &model{weight: map[int32]int32{}}
		for range rapid.IntRange(1, 2500).Draw(t, "steps") {
			n, w := len(m.items), int32(rng.IntN(4))
			at := 0
			if n > 0 {
				at = rng.IntN(n)
			}
			switch op := rng.IntN(8); {
			case n == 0 || op == 0:
				m.insert(n, tr.Append(w), w)
			case op < 3:
				m.insert(at, tr.Insert(tr.Before(m.items[at]), w), w)
			case op < 5:
				m.insert(at+1, tr.Insert(tr.After(m.items[at]), w), w)
			case op < 7:
				x := m.items[at]
				part := min(w, m.weight[x])
				m.weight[x] -= part
				m.insert(at+1, tr.Split(x, part), part)
			default:
				x := m.items[at]
				tr.Add(x, w-m.weight[x])
				m.weight[x] = w
			}
		}
		copied := tr.Clone()
		copied.Append(9)
		if err := m.differs(&tr); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for range 20 {
			at := rng.IntN(len(m.items) + 1)
			p := tr.Search(func(item int32) bool { return slices.Index(m.items, item) >= at })
			if got := tr.At(p); at < len(m.items) && got != m.items[at] || at == len(m.items) && got != -1 {
				t.Fatalf("seed %d: the item at %d is found to be %d", seed, at, got)
			}
		}
	})
}
