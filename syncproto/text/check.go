package text

import (
	"fmt"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/strict"
)

// Check tells whether Apply would succeed. ErrMissing says that an element is
// not here yet and names it; any other error wraps ErrInvalid, and then
// nothing that may still arrive can make the edit fit.
func (d *Doc) Check(author syncproto.ReplicaID, e Edit) error {
	if d.begins(&e) {
		return nil
	}
	if err := e.Check(author); err != nil {
		return err
	}
	d.open()
	next, err := d.checkInserts(author, &e)
	if err != nil {
		return err
	}
	for i := range e.Deletes {
		id, n := e.Deletes[i].First, uint64(e.Deletes[i].N)
		high := next - 1
		if id.Replica != author {
			high = d.elems.Highest(id.Replica)
		}
		if id.Counter+n-1 > high {
			return missing(syncproto.ElemID{Replica: id.Replica, Counter: max(high+1, id.Counter)}, "to delete")
		}
		if d.folded && id.Counter <= d.elems.Floor(id.Replica) {
			return missing(id, "to delete, is folded away")
		}
	}
	return nil
}

// checkInserts checks the runs and returns the author's counter after the last.
func (d *Doc) checkInserts(author syncproto.ReplicaID, e *Edit) (next uint64, err error) {
	first := d.elems.Highest(author) + 1
	if len(e.Inserts) == 0 {
		return first, nil
	}
	switch c := e.Inserts[0].Counter; {
	case c > first:
		return 0, missing(syncproto.ElemID{Replica: author, Counter: first}, "before the first of the edit")
	case c < first:
		return 0, fmt.Errorf("%w: run starts at element %d, not %d", ErrInvalid, c, first)
	}
	next = first
	for i := range e.Inserts {
		ins := &e.Inserts[i]
		if d.folded && d.elements > 0 && ins.Left.IsNone() && ins.Right.IsNone() {
			return 0, missing(ins.Left, "an insert that knew of no element, but some are folded away")
		}
		for _, id := range [...]*syncproto.ElemID{&ins.Left, &ins.Right} {
			if own := id.Replica == author && id.Counter >= first; !own && !id.IsNone() && d.elems.Ref(*id) == none {
				return 0, missing(*id, "an origin")
			}
		}
		next += uint64(ins.Elements())
	}
	return next, d.checkRoom(next - first)
}

func (d *Doc) checkRoom(n uint64) error {
	if n > uint64(strict.MaxElements-d.elements) {
		return fmt.Errorf("%w: text of more than %d elements", ErrInvalid, strict.MaxElements)
	}
	return nil
}

func missing(id syncproto.ElemID, what string) error {
	return fmt.Errorf("%w: %s, %s", ErrMissing, id, what)
}
