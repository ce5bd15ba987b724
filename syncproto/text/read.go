package text

import (
	"iter"

	"github.com/chuantou/chuantou/syncproto"
)

// Replicas are those whose elements are here or were folded away, in no order.
func (d *Doc) Replicas() []syncproto.ReplicaID {
	d.open()
	out := make([]syncproto.ReplicaID, d.elems.Len())
	for a := range out {
		out[a] = d.elems.Replica(int32(a))
	}
	return out
}

// Run is elements with consecutive ids that stand side by side.
type Run struct {
	First   syncproto.ElemID
	N       int
	Deleted bool
}

// Runs are all elements in order, each in one run.
func (d *Doc) Runs() iter.Seq[Run] {
	d.open()
	return func(yield func(Run) bool) {
		for slot := range d.order.All() {
			it := &d.items[slot]
			if !yield(Run{First: d.elems.ID(it.element(0)), N: int(it.n), Deleted: it.size == 0}) {
				return
			}
		}
	}
}

// Passage is visible text of one author whose elements have consecutive ids.
type Passage struct {
	Replica syncproto.ReplicaID
	First   syncproto.ElemID
	Text    string
	// Contested says that this passage and the one before it, another
	// author's, were put concurrently into one place whose words are deleted:
	// two people replaced the same words. Who deleted is not kept, so one who
	// only inserted just where the other replaced counts too.
	Contested bool
}

// Passages is the visible text in passages, in order.
func (d *Doc) Passages() []Passage {
	d.open()
	var out []Passage
	var b []byte
	var end ref
	var begun *item // the item the last passage begins with
	for slot := range d.order.All() {
		it := &d.items[slot]
		if it.size == 0 {
			continue
		}
		first := it.element(0)
		if len(out) == 0 || first != end {
			if len(out) > 0 {
				out[len(out)-1].Text = string(b)
			}
			out = append(out, Passage{Replica: d.elems.Replica(it.author), First: d.elems.ID(first), Contested: begun != nil && d.contests(begun, it)})
			b, begun = b[:0], it
		}
		b = append(b, d.buf[it.off:it.off+it.size]...)
		end = it.element(it.n)
	}
	if len(out) > 0 {
		out[len(out)-1].Text = string(b)
	}
	return out
}

// contests tells whether two runs of two authors stand in one place, neither
// knowing of the other, before an element that is deleted.
func (d *Doc) contests(x, y *item) bool {
	return x.left == y.left && x.right == y.right && x.right != none &&
		d.elems.Replica(x.author) != d.elems.Replica(y.author) && d.item(x.right).size == 0
}
