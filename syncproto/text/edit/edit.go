// Package edit is what one op does to a text, in memory and in bytes
// (FORMAT.md, "Edit"): runs inserted between their origins, and elements
// deleted. It knows no text: whether an edit fits one is for package text.
package edit

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/strict"
)

// maxRuns bounds the runs of one edit.
const maxRuns = 1 << 16

// Edit is what one op does to a text: runs inserted, then runs deleted. The
// author is not part of it; whoever carries an edit says who made it.
type Edit struct {
	// Inserts are in the order of their counters, which leave no gap.
	Inserts []Insert
	// Deletes are in the order of their ids and do not overlap.
	Deletes []Delete

	// author is known of an edit that a text made or that was decoded: Merger
	// needs it to tell which elements are the author's own.
	author syncproto.ReplicaID
}

// Insert is a run of new elements of the author, one a code point, with
// counters from Counter on. The first has origin Left, each further one its
// predecessor; all have origin Right.
type Insert struct {
	Counter     uint64
	Left, Right syncproto.ElemID
	Text        string

	elements int // code points of a text known to be valid; 0: not known yet
}

// Delete names elements First.Counter to First.Counter+N-1 of First.Replica.
type Delete struct {
	First syncproto.ElemID
	N     int
}

// end is the counter after the last.
func (d *Delete) end() uint64 { return d.First.Counter + uint64(d.N) }

// By is an edit of author.
func By(author syncproto.ReplicaID) Edit { return Edit{author: author} }

// maxKept bounds the room that Release keeps, in runs.
const maxKept = 64

// Release empties the edit but for the room it took, for Decode.
func (e *Edit) Release() {
	if cap(e.Inserts) > maxKept || cap(e.Deletes) > maxKept {
		*e = Edit{}
		return
	}
	clear(e.Inserts)
	e.Inserts, e.Deletes = e.Inserts[:0], e.Deletes[:0]
}

// IsEmpty reports whether the edit does nothing.
func (e Edit) IsEmpty() bool { return len(e.Inserts) == 0 && len(e.Deletes) == 0 }

// Elements is how many elements the run has.
func (ins *Insert) Elements() int {
	if ins.elements > 0 {
		return ins.elements
	}
	return utf8.RuneCountInString(ins.Text)
}

// valid tells whether the text of the run is one.
func (ins *Insert) valid() bool {
	return ins.elements > 0 || ins.Text != "" && utf8.ValidString(ins.Text)
}

// Inserted is how many elements the edit inserts.
func (e *Edit) Inserted() (n uint64) {
	for i := range e.Inserts {
		n += uint64(e.Inserts[i].Elements())
	}
	return n
}

// Begins reports whether the edit can only be the first of a text and is
// nothing but one run, as nearly every text begins (and most never get another
// edit).
func (e *Edit) Begins() bool {
	if len(e.Inserts) != 1 || len(e.Deletes) > 0 {
		return false
	}
	ins := &e.Inserts[0]
	return ins.Counter == 1 && ins.Left.IsNone() && ins.Right.IsNone() && ins.valid()
}

// Check refuses, wrapping strict.ErrInvalid, an edit of author that fits no
// text whatever: runs of no text, counters with gaps or that refer to later
// ones, deletes out of order.
func (e *Edit) Check(author syncproto.ReplicaID) error {
	if len(e.Inserts) > maxRuns {
		return invalid("edit of %d runs, more than %d", len(e.Inserts), maxRuns)
	}
	for i := range e.Inserts {
		ins := &e.Inserts[i]
		if i > 0 {
			if last := &e.Inserts[i-1]; ins.Counter != last.Counter+uint64(last.Elements()) {
				return invalid("run starts at element %d, not %d", ins.Counter, last.Counter+uint64(last.Elements()))
			}
		}
		if !ins.valid() {
			return invalid("text of element %d is empty or not UTF-8", ins.Counter)
		}
		for _, id := range [...]*syncproto.ElemID{&ins.Left, &ins.Right} {
			if id.Replica == author && id.Counter >= ins.Counter {
				return invalid("element %d has a later one, %d, as origin", ins.Counter, id.Counter)
			}
		}
	}
	for i := range e.Deletes {
		del := &e.Deletes[i]
		if del.First.Counter == 0 || del.N <= 0 || del.First.Counter > math.MaxUint64-uint64(del.N) {
			return invalid("delete of %d elements from %s", del.N, del.First)
		}
		if i > 0 && !e.Deletes[i-1].before(del) {
			return invalid("delete from %s out of order", del.First)
		}
	}
	return nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", strict.ErrInvalid, fmt.Sprintf(format, args...))
}

func (d *Delete) before(next *Delete) bool {
	c := d.First.Replica.Compare(next.First.Replica)
	return c < 0 || c == 0 && d.end() <= next.First.Counter
}

// KeepOwn drops the deletes of all elements but those that the edit itself
// inserted: what a blind author, who made it, still takes back.
func (e *Edit) KeepOwn(author syncproto.ReplicaID) {
	var from, to uint64 // their counters leave no gap
	if n := len(e.Inserts); n > 0 {
		last := &e.Inserts[n-1]
		from, to = e.Inserts[0].Counter, last.Counter+uint64(last.Elements())
	}
	own := e.Deletes[:0]
	for _, del := range e.Deletes {
		first, end := max(del.First.Counter, from), min(del.end(), to)
		if del.First.Replica == author && first < end {
			del.First.Counter, del.N = first, int(end-first)
			own = append(own, del)
		}
	}
	e.Deletes = own
}

// JoinDeletes sorts deletes and joins those that touch or overlap, in place.
func JoinDeletes(dels []Delete) []Delete {
	if len(dels) < 2 {
		return dels
	}
	slices.SortFunc(dels, func(a, b Delete) int { return a.First.Compare(b.First) })
	out := dels[:1]
	for _, del := range dels[1:] {
		last := &out[len(out)-1]
		if del.First.Replica != last.First.Replica || del.First.Counter > last.end() {
			out = append(out, del)
			continue
		}
		last.N = int(max(last.end(), del.end()) - last.First.Counter)
	}
	return out
}
