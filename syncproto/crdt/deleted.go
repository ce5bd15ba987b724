package crdt

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
)

// ConflictDeleteEdit is what Conflict says of a record that one person deleted
// while another, unaware, edited or restored it.
const ConflictDeleteEdit = "delete-edit"

// mark is a live delete mark with the context of its op. own says that the
// context reaches over the whole of the author's replica up to the op itself;
// without it (a form opened before that replica's latest change) an edit made
// in the deleting part counts as unknown too: kept rather than lost.
type mark struct {
	ref
	seen   syncproto.VersionVector // never modified
	own    bool
	reason syncproto.Value // nil for none
}

// noteEdit raises the replica's latest edit dot.
func (r *Record) noteEdit(id syncproto.ReplicaID, seq syncproto.Seq, op uint32) {
	i, ok := slices.BinarySearchFunc(r.edits, id, func(e lastEdit, id syncproto.ReplicaID) int { return e.replica.Compare(id) })
	if !ok {
		r.edits = slices.Insert(r.edits, i, lastEdit{replica: id})
	}
	if r.edits[i].seq == seq {
		op = max(op, r.edits[i].op)
	}
	r.edits[i].seq, r.edits[i].op = seq, op
}

func (c *context) delete(reason syncproto.Value) {
	c.restore()
	m := mark{ref: c.dot(), seen: c.seen.Copy(), own: c.own}
	if len(reason) > 0 && string(reason) != string(null) {
		m.reason = reason
	}
	i, _ := slices.BinarySearchFunc(c.r.marks, m, func(a, b mark) int { return c.r.compareRefs(a.ref, b.ref) })
	c.r.marks = slices.Insert(c.r.marks, i, m)
}

// restore drops the delete marks that the op knows.
func (c *context) restore() {
	c.r.marks = slices.DeleteFunc(c.r.marks, func(m mark) bool { return c.covers(m.ref, false) })
}

// covers reports whether the mark's context reaches over the edit.
func (m *mark) covers(r *Record, e *lastEdit) bool {
	if m.seen[e.replica] >= e.seq {
		return true
	}
	d := &r.changes[m.ch]
	return m.own && d.replica == e.replica && (e.seq < d.seq || e.seq == d.seq && e.op <= m.op)
}

// Deleted reports whether the record is deleted: a delete mark is live and
// between them the marks' contexts cover every replica's latest edit.
func (r *Record) Deleted() bool {
	if len(r.marks) == 0 {
		return false
	}
	for i := range r.edits {
		e := &r.edits[i]
		if !slices.ContainsFunc(r.marks, func(m mark) bool { return m.covers(r, e) }) {
			return false
		}
	}
	return true
}

// Conflict is ConflictDeleteEdit while a delete mark is live on a record that
// is not deleted, "" otherwise. A restore or a delete that knows both ends it.
func (r *Record) Conflict() string {
	if len(r.marks) > 0 && !r.Deleted() {
		return ConflictDeleteEdit
	}
	return ""
}

// DeleteMark is a live delete: who, when and why.
type DeleteMark struct {
	Stamp
	Reason syncproto.Value // nil when none was given
}

// DeleteMarks lists the live delete marks in order of their dots. There is
// more than one after concurrent deletes, which count as one.
func (r *Record) DeleteMarks() []DeleteMark {
	out := make([]DeleteMark, len(r.marks))
	for i := range r.marks {
		out[i] = DeleteMark{r.stamp(r.marks[i].ref), r.marks[i].reason}
	}
	return out
}
