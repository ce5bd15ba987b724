// Package fold makes of the visible elements of a text one run under an id of
// its own (SPEC.md §1.8): see Fold. A Table says what each element of that run
// stands for, and by it what was written on a folded text is told in the ids of
// the text before: see Tables.
package fold

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/edit"
)

// idVersion is the version nibble of a fold's id: no UUID has it, so no replica
// can have the id of a fold.
const idVersion = 0xf

// ID makes the id of a fold of 16 bytes that name what is folded.
func ID(b [16]byte) syncproto.ReplicaID {
	b[6] = b[6]&0x0f | idVersion<<4
	return syncproto.ReplicaID(b)
}

// Is reports whether the id is that of a fold.
func Is(id syncproto.ReplicaID) bool { return id[6]>>4 == idVersion }

// Table says what the elements of a fold stand for. The zero value is that of
// no text: who folds one enters its elements in order, by Visible and Deleted.
type Table struct {
	rows []row
	end  syncproto.ElemID // first of the deleted elements after the last row, none if there are none
	n    uint64           // visible elements
}

// row is a run of visible elements with consecutive ids that stood side by
// side, after deleted elements of which gap was the first (none if none).
type row struct {
	gap, first syncproto.ElemID
	at, n      uint64 // elements of the fold before it; how many
}

// Visible enters the next visible elements of the text: n from first on.
func (t *Table) Visible(first syncproto.ElemID, n uint64) {
	t.add(row{gap: t.end, first: first, n: n})
	t.end = syncproto.ElemID{}
}

// Deleted enters that the next elements of the text, from first on, are deleted.
func (t *Table) Deleted(first syncproto.ElemID) {
	if t.end.IsNone() {
		t.end = first
	}
}

// add appends a row, or lengthens the last by it.
func (t *Table) add(r row) {
	if k := len(t.rows) - 1; k >= 0 && t.rows[k].goesOn(&r) {
		t.rows[k].n += r.n
	} else {
		r.at = t.n
		t.rows = append(t.rows, r)
	}
	t.n += r.n
}

func (r *row) goesOn(next *row) bool {
	return next.gap.IsNone() && next.first == syncproto.ElemID{Replica: r.first.Replica, Counter: r.first.Counter + r.n}
}

// row finds the row of element k of the fold, 1 <= k <= n, and its place in it.
func (t *Table) row(k uint64) (*row, uint64) {
	i, ok := slices.BinarySearchFunc(t.rows, k-1, func(r row, at uint64) int { return int(int64(r.at) - int64(at)) })
	if !ok {
		i--
	}
	return &t.rows[i], k - 1 - t.rows[i].at
}

// left is what element k stands for as a left origin; the end as such stands
// for the last visible element.
func (t *Table) left(k uint64) syncproto.ElemID {
	if k = min(k, t.n); k == 0 {
		return syncproto.ElemID{}
	}
	r, i := t.row(k)
	return syncproto.ElemID{Replica: r.first.Replica, Counter: r.first.Counter + i}
}

// right is what element k stands for as a right origin: the element that
// followed the visible one before it, whether deleted or not.
func (t *Table) right(k uint64) syncproto.ElemID {
	if k > t.n {
		return t.end
	}
	if r, i := t.row(k); i == 0 && !r.gap.IsNone() {
		return r.gap
	}
	return t.left(k)
}

// deletes appends what elements k to k+n-1 stand for, the end left out.
func (t *Table) deletes(out []edit.Delete, k, n uint64) []edit.Delete {
	for end := min(k+n-1, t.n); k <= end; {
		r, i := t.row(k)
		m := min(r.n-i, end-k+1)
		out = append(out, edit.Delete{First: syncproto.ElemID{Replica: r.first.Replica, Counter: r.first.Counter + i}, N: int(m)})
		k += m
	}
	return out
}

// Elements calls fn with the elements that the fold's stand for, in runs of
// consecutive ids: n from first on are elements k to k+n-1 of the fold.
func (t *Table) Elements(fn func(first syncproto.ElemID, n, k uint64)) {
	for i := range t.rows {
		fn(t.rows[i].first, t.rows[i].n, t.rows[i].at+1)
	}
}

// has reports whether the fold had element k, the end among them.
func (t *Table) has(k uint64) bool { return k >= 1 && k <= t.n+1 }
