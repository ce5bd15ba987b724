package text

import (
	"fmt"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/edit"
)

// Replace deletes del code points at at and inserts ins in their place, and
// returns the edit to send to others. It takes the author's elements for known
// to nobody else yet.
func (d *Doc) Replace(author syncproto.ReplicaID, at, del int, ins string) (Edit, error) {
	return d.ReplaceFrom(author, 1, d.Highest(author)+1, at, del, ins)
}

// ReplaceFrom is Replace with element ids from next on, at least Highest+1;
// the author's elements from since on are known to nobody else yet. It
// serves an edit made on an older copy of a text in which the same replica has
// since inserted elsewhere: that copy then has a gap in its ids and is scratch;
// it serves for further ReplaceFrom calls and reading, and for nothing else.
func (d *Doc) ReplaceFrom(author syncproto.ReplicaID, since, next uint64, at, del int, ins string) (Edit, error) {
	d.open()
	if at < 0 || del < 0 || at > d.chars || del > d.chars-at {
		return Edit{}, fmt.Errorf("%w: %d code points at %d of %d", ErrRange, del, at, d.chars)
	}
	if !utf8.ValidString(ins) {
		return Edit{}, fmt.Errorf("%w: inserted text is not UTF-8", ErrInvalid)
	}
	if len(ins) > 0 {
		if err := d.checkRoom(uint64(utf8.RuneCountInString(ins))); err != nil {
			return Edit{}, err
		}
		if high := d.Highest(author); next <= high {
			return Edit{}, fmt.Errorf("%w: element %d of the author after %d", ErrInvalid, next, high)
		}
	}
	e := edit.By(author)
	if del > 0 {
		e.Deletes = d.deleteVisible(at, del)
	}
	if len(ins) > 0 {
		e.Inserts = []Insert{d.insertVisible(author, since, next, at, ins)}
	}
	d.compact()
	return e, nil
}

// insertVisible inserts before the visible element at. Among tombstones it
// stays with the author's latest element if that is one of them and new since
// since: a run that is typed, corrected by backspace and typed on remains one
// run. Otherwise it comes right after the visible element on its left. So it
// does beside a tombstone that others know: they write between that element and
// the tombstone, and a run with characters on both sides would take theirs in.
func (d *Doc) insertVisible(author syncproto.ReplicaID, since, next uint64, at int, ins string) Insert {
	left := none
	if at > 0 {
		slot, off := d.order.Find(at - 1)
		left = d.items[slot].element(off)
	}
	if last := d.elems.Ref(syncproto.ElemID{Replica: author, Counter: next - 1}); next > since && last != none && last != left {
		if slot := d.slot(last); d.items[slot].size == 0 && d.order.Rank(slot) == at {
			left = last
		}
	}
	right := d.elementAt(d.after(left))
	out := Insert{Counter: next, Left: d.elems.ID(left), Right: d.elems.ID(right), Text: ins}
	d.integrate(d.elems.For(author, next), left, right, ins)
	return out
}

// deleteVisible deletes visible elements and says which they were.
func (d *Doc) deleteVisible(at, del int) []Delete {
	out := make([]Delete, 0, 1)
	for del > 0 {
		slot, off := d.order.Find(at)
		it := &d.items[slot]
		to := min(it.n, off+int32(min(del, maxItem)))
		out = append(out, Delete{First: d.elems.ID(it.element(off)), N: int(to - off)})
		del -= int(to - off)
		d.kill(slot, off, to)
	}
	return edit.JoinDeletes(out)
}
