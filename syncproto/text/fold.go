package text

import (
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
)

// foldVersion is the version nibble of a fold's id: no UUID has it, so no
// replica can have the id of a fold.
const foldVersion = 0xf

// FoldID makes the id of a fold of 16 bytes that name what is folded.
func FoldID(b [16]byte) syncproto.ReplicaID {
	b[6] = b[6]&0x0f | foldVersion<<4
	return syncproto.ReplicaID(b)
}

// IsFold reports whether the id is that of a fold.
func IsFold(id syncproto.ReplicaID) bool { return id[6]>>4 == foldVersion }

// Folded reports whether elements of this text were folded away: their ids are
// missing here although they are below a replica's highest.
func (d *Doc) Folded() bool { return d.folded }

// floor is the counter of the replica's last element that was folded away.
func (d *Doc) floor(r syncproto.ReplicaID) uint64 {
	if a := d.entry(r); a >= 0 {
		return d.authors[a].base
	}
	return 0
}

// FoldedState reports whether an encoded text is folded, by its first byte.
func FoldedState(b []byte) bool { return len(b) > 0 && b[0] == formatFolded }

// StateFold is the id of the fold that an encoded text is of.
func StateFold(b []byte) (id syncproto.ReplicaID, ok bool) {
	if !FoldedState(b) {
		return id, false
	}
	r := &reader{b: b[1:]}
	r.bytes(r.count(1, "bytes of text"))
	for n := r.count(len(id), "replicas"); n > 0 && r.err == nil; n-- {
		if copy(id[:], r.bytes(len(id))); r.err == nil && IsFold(id) {
			return id, true
		}
	}
	return syncproto.ReplicaID{}, false
}

// HasElements reports whether anything was ever written.
func (d *Doc) HasElements() bool { return d.elements > 0 }

// Fold returns the text as it reads, as one run of elements of fold, ended by
// a deleted one that stands for the end, and what the elements of that run
// stand for (SPEC.md §1.8). d itself stays as it is. It must not be folded, and
// not be a text without any element: the ids of a fold are told in the terms of
// the log.
func (d *Doc) Fold(fold syncproto.ReplicaID) (*Doc, *Table) {
	d.open()
	if d.folded || d.elements == 0 {
		panic("text: fold of a text that is folded, or has no element")
	}
	out := &Doc{chars: d.chars, elements: d.chars + 1, live: d.live, folded: true}
	out.reset(d.chars/maxItem + 2)
	out.buf = d.AppendText(make([]byte, 0, d.live))
	out.addAuthor(fold, 0)
	out.authors[0].n = int32(d.chars + 1)
	for i := range d.authors {
		out.addAuthor(d.authors[i].id, d.authors[i].highest())
	}
	b := builder{d: out, ascii: out.live == out.chars}
	for sp := (span{n: int32(d.chars + 1), depth: 1, left: none, right: none}); sp.n > 0; {
		b.add(&sp, min(max(sp.n-1, 1), maxItem), sp.n > 1)
	}
	return out, d.table()
}

// Keep returns a copy in which only those of the visible elements are left
// that keep says.
func (d *Doc) Keep(keep func(syncproto.ElemID) bool) (*Doc, error) {
	var drop []Delete
	for _, p := range d.Passages() {
		for i := range uint64(utf8.RuneCountInString(p.Text)) {
			if id := (syncproto.ElemID{Replica: p.First.Replica, Counter: p.First.Counter + i}); !keep(id) {
				drop = append(drop, Delete{First: id, N: 1})
			}
		}
	}
	out := d.Clone()
	return out, out.Apply(syncproto.ReplicaID{}, Edit{Deletes: joinDeletes(drop)})
}

// Table says what the elements of a fold stand for.
type Table struct {
	rows []row
	end  syncproto.ElemID // first of the deleted elements at the end, none if there are none
	n    uint64           // visible elements
}

// row is a run of visible elements with consecutive ids that stood side by
// side, after deleted elements of which gap was the first (none if none).
type row struct {
	gap, first syncproto.ElemID
	at, n      uint64 // elements of the fold before it; how many
}

func (d *Doc) table() *Table {
	t := &Table{}
	for n := int32(0); n >= 0; n = d.nodes[n].next {
		nd := &d.nodes[n]
		for _, slot := range nd.kids[:nd.n] {
			it := &d.items[slot]
			first := d.id(it.element(0))
			switch {
			case it.size > 0:
				t.add(row{gap: t.end, first: first, n: uint64(it.n)})
				t.end = syncproto.ElemID{}
			case t.end.IsNone():
				t.end = first
			}
		}
	}
	return t
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
func (t *Table) deletes(out []Delete, k, n uint64) []Delete {
	for end := min(k+n-1, t.n); k <= end; {
		r, i := t.row(k)
		m := min(r.n-i, end-k+1)
		out = append(out, Delete{First: syncproto.ElemID{Replica: r.first.Replica, Counter: r.first.Counter + i}, N: int(m)})
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

// Tables finds the table of a fold, nil when it knows no such fold.
type Tables func(fold syncproto.ReplicaID) (*Table, error)

// Unfold tells the edit in ids that are of no fold that tables knows, and
// whether that changed anything. Ids it cannot tell stay. An error is that of
// tables.
func (e Edit) Unfold(tables Tables) (Edit, bool, error) {
	u := unfolder{tables: tables}
	out := Edit{Inserts: slices.Clone(e.Inserts), author: e.author}
	for i := range out.Inserts {
		ins := &out.Inserts[i]
		if t := u.table(ins.Left); t != nil {
			ins.Left = t.left(ins.Left.Counter)
		}
		if t := u.table(ins.Right); t != nil {
			ins.Right = t.right(ins.Right.Counter)
		}
	}
	for _, del := range e.Deletes {
		if t := u.table(del.First); t != nil && del.N > 0 && t.has(del.First.Counter+uint64(del.N)-1) {
			out.Deletes = t.deletes(out.Deletes, del.First.Counter, uint64(del.N))
		} else {
			out.Deletes = append(out.Deletes, del)
		}
	}
	if u.err != nil || !u.changed {
		return e, false, u.err
	}
	out.Deletes = joinDeletes(out.Deletes)
	return out, true, nil
}

// NamesFold reports whether the edit names an element of a fold.
func (e *Edit) NamesFold() bool {
	for i := range e.Inserts {
		if IsFold(e.Inserts[i].Left.Replica) || IsFold(e.Inserts[i].Right.Replica) {
			return true
		}
	}
	return slices.ContainsFunc(e.Deletes, func(d Delete) bool { return IsFold(d.First.Replica) })
}

// Origins tells the origins of one place of a list as Edit.Unfold does.
func (t Tables) Origins(left, right syncproto.ElemID) (l, r syncproto.ElemID, changed bool, err error) {
	e, changed, err := Edit{Inserts: []Insert{{Left: left, Right: right}}}.Unfold(t)
	return e.Inserts[0].Left, e.Inserts[0].Right, changed, err
}

type unfolder struct {
	tables  Tables
	changed bool
	err     error
}

// table is the table of the fold that the element is of, nil if there is none.
func (u *unfolder) table(id syncproto.ElemID) *Table {
	if id.IsNone() || !IsFold(id.Replica) || u.err != nil {
		return nil
	}
	t, err := u.tables(id.Replica)
	if u.err = err; t == nil || err != nil || !t.has(id.Counter) {
		return nil
	}
	u.changed = true
	return t
}

// AppendBinary appends the table as FORMAT.md, "Table" says.
func (t *Table) AppendBinary(b []byte) []byte {
	var ids table
	for i := range t.rows {
		ids.note(t.rows[i].first.Replica)
		if !t.rows[i].gap.IsNone() {
			ids.note(t.rows[i].gap.Replica)
		}
	}
	if !t.end.IsNone() {
		ids.note(t.end.Replica)
	}
	b = append(b, formatVersion)
	b = binary.AppendUvarint(b, uint64(len(ids.foreign)))
	for i := range ids.foreign {
		b = append(b, ids.foreign[i][:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(t.rows)))
	for i := range t.rows {
		r := &t.rows[i]
		b = ids.appendElem(b, r.gap)
		b = ids.appendElem(b, r.first)
		b = binary.AppendUvarint(b, r.n-1)
	}
	return ids.appendElem(b, t.end)
}

// appendElem writes an element as 0 for none, else 1 + r + R·(c − 1).
func (t *table) appendElem(b []byte, id syncproto.ElemID) []byte {
	if id.IsNone() {
		return append(b, 0)
	}
	return binary.AppendUvarint(b, t.index(id.Replica)+uint64(len(t.foreign))*(id.Counter-1))
}

func (t *table) elem(r *reader, used []bool) syncproto.ElemID {
	v, n := r.uvarint(), uint64(len(t.foreign))
	if v == 0 || r.err != nil {
		return syncproto.ElemID{}
	}
	if n == 0 || (v-1)/n >= maxCounter {
		r.failf("element beyond the %d replicas and counter %d", n, uint64(maxCounter))
		return syncproto.ElemID{}
	}
	used[(v-1)%n] = true
	return syncproto.ElemID{Replica: t.foreign[(v-1)%n], Counter: (v-1)/n + 1}
}

// DecodeTable reads a table. It accepts exactly what AppendBinary writes.
func DecodeTable(b []byte) (*Table, error) {
	r := &reader{b: b}
	if v := r.uvarint(); v != formatVersion {
		r.failf("format version %d, not %d", v, formatVersion)
	}
	var ids table
	n := r.count(len(syncproto.ReplicaID{}), "replicas")
	ids.foreign = r.replicas(nil, n)
	used := make([]bool, n)
	if slices.Contains(ids.foreign, syncproto.ReplicaID{}) {
		r.failf("a replica without an id")
	}
	t := &Table{}
	for range r.count(3, "runs") {
		next := row{gap: ids.elem(r, used), first: ids.elem(r, used), n: r.max(maxElements-1, "elements of a run") + 1}
		if k := len(t.rows) - 1; next.first.IsNone() || k >= 0 && t.rows[k].goesOn(&next) || t.n+next.n > maxElements {
			r.failf("a run of no element, one that goes on with the one before, or more than %d elements", maxElements)
		}
		if r.err != nil {
			return nil, r.err
		}
		t.add(next)
	}
	t.end = ids.elem(r, used)
	if slices.Contains(used, false) {
		r.failf("a replica is not used")
	}
	if len(t.rows) == 0 && t.end.IsNone() {
		r.failf("table of nothing")
	}
	if err := r.done(); err != nil {
		return nil, fmt.Errorf("table of a fold: %w", err)
	}
	return t, nil
}
