package text

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
)

// Check tells whether Apply would succeed. ErrMissing says that an element is
// not here yet and names it; any other error wraps ErrInvalid, and then
// nothing that may still arrive can make the edit fit.
func (d *Doc) Check(author syncproto.ReplicaID, e Edit) error {
	if _, ok := d.begins(e); ok {
		return nil
	}
	d.open()
	return d.check(author, e)
}

func (d *Doc) check(author syncproto.ReplicaID, e Edit) error {
	first := d.Highest(author) + 1
	next, err := d.checkInserts(author, e.Inserts, first)
	if err != nil {
		return err
	}
	for i, del := range e.Deletes {
		id := del.First
		if id.Counter == 0 || del.N <= 0 || id.Counter > math.MaxUint64-uint64(del.N) {
			return fmt.Errorf("%w: delete of %d elements from %s", ErrInvalid, del.N, id)
		}
		if i > 0 && !disjoint(e.Deletes[i-1], del) {
			return fmt.Errorf("%w: delete from %s out of order", ErrInvalid, id)
		}
		high := next - 1
		if id.Replica != author {
			high = d.Highest(id.Replica)
		}
		if id.Counter+uint64(del.N)-1 > high {
			return missing(syncproto.ElemID{Replica: id.Replica, Counter: max(high+1, id.Counter)}, "to delete")
		}
		if d.folded && id.Counter <= d.floor(id.Replica) {
			return missing(id, "to delete, is folded away")
		}
	}
	return nil
}

// checkInserts checks the runs and returns the counter after the last.
func (d *Doc) checkInserts(author syncproto.ReplicaID, runs []Insert, next uint64) (uint64, error) {
	if len(runs) > maxRuns {
		return 0, fmt.Errorf("%w: edit of %d runs, more than %d", ErrInvalid, len(runs), maxRuns)
	}
	first := next
	for i := range runs {
		ins := &runs[i]
		if ins.Counter != next {
			if i == 0 && ins.Counter > next {
				return 0, missing(syncproto.ElemID{Replica: author, Counter: next}, "before the first of the edit")
			}
			return 0, fmt.Errorf("%w: run starts at element %d, not %d", ErrInvalid, ins.Counter, next)
		}
		if ins.Text == "" || ins.runes == 0 && !utf8.ValidString(ins.Text) {
			return 0, fmt.Errorf("%w: text of element %d is empty or not UTF-8", ErrInvalid, ins.Counter)
		}
		if d.folded && d.elements > 0 && ins.Left.IsNone() && ins.Right.IsNone() {
			return 0, missing(ins.Left, "an insert that knew of no element, but some are folded away")
		}
		for _, id := range [...]syncproto.ElemID{ins.Left, ins.Right} {
			switch own := id.Replica == author; {
			case id.IsNone():
			case own && id.Counter >= ins.Counter:
				return 0, fmt.Errorf("%w: element %d has a later one, %d, as origin", ErrInvalid, ins.Counter, id.Counter)
			case own && id.Counter >= first:
			case d.ref(id) == none:
				return 0, missing(id, "an origin")
			}
		}
		next += uint64(ins.elements())
	}
	return next, d.checkRoom(next - first)
}

// elements is how many elements the run has.
func (ins *Insert) elements() int {
	if ins.runes > 0 {
		return ins.runes
	}
	return utf8.RuneCountInString(ins.Text)
}

func (d *Doc) checkRoom(n uint64) error {
	if n > uint64(maxElements-d.elements) {
		return fmt.Errorf("%w: text of more than %d elements", ErrInvalid, maxElements)
	}
	return nil
}

func missing(id syncproto.ElemID, what string) error {
	return fmt.Errorf("%w: %s, %s", ErrMissing, id, what)
}

func disjoint(a, b Delete) bool {
	c := a.First.Replica.Compare(b.First.Replica)
	return c < 0 || c == 0 && a.First.Counter+uint64(a.N) <= b.First.Counter
}
