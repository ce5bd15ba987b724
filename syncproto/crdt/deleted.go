package crdt

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
)

// ConflictDeleteEdit is what Conflict says of a record that one person deleted
// while another, unaware, edited or restored it.
const ConflictDeleteEdit = "delete-edit"

// mark is a delete that no other delete knows. It is live until a restore that
// knows it lifts it; a lifted mark stays for what is open about it: edits that
// are still to come may be as unaware of the delete as those that came.
type mark struct {
	ref
	// seen is the context of the op; never modified, nil once lifted. own says
	// that it reaches over the whole of the author's replica up to the op itself;
	// without it (a form opened before that replica's latest change) an edit made
	// in the deleting part counts as unknown too: kept rather than lost.
	seen   syncproto.VersionVector
	own    bool
	reason syncproto.Value // nil for none
	lifted bool
	// open tells of each replica the latest edit of which neither it knows the
	// delete nor the delete it, nor a restore or delete both; never modified.
	open syncproto.VersionVector
}

// noteEdit raises the replica's latest edit dot.
func (r *Record) noteEdit(id syncproto.ReplicaID, seq syncproto.Seq, op uint32) {
	i := slices.IndexFunc(r.edits, func(e lastEdit) bool { return e.replica == id })
	if i < 0 {
		i, _ = slices.BinarySearchFunc(r.edits, id, func(e lastEdit, id syncproto.ReplicaID) int { return e.replica.Compare(id) })
		r.edits = slices.Insert(r.edits, i, lastEdit{replica: id})
	}
	if r.edits[i].seq == seq {
		op = max(op, r.edits[i].op)
	}
	r.edits[i].seq, r.edits[i].op = seq, op
}

// edited is the number of the replica's latest edit, 0 for none.
func (r *Record) edited(id syncproto.ReplicaID) syncproto.Seq {
	for i := range r.edits {
		if r.edits[i].replica == id {
			return r.edits[i].seq
		}
	}
	return 0
}

// unaware opens the marks that the edits of the present change do not know.
// Joined before it, they do not know it either.
func (c *context) unaware(seq syncproto.Seq) {
	if c.all {
		return
	}
	for i := range c.r.marks {
		m := &c.r.marks[i]
		if m.ch == c.ch || c.covers(m.ref, false) {
			continue
		}
		m.open = m.open.Copy()
		m.open.Set(c.replica, seq)
	}
}

// delete makes a mark in place of those that it knows. Edits joined before it
// do not know it: those that it does not know either are open. Of an author
// blind for the record it counts for nothing.
func (c *context) delete(reason syncproto.Value) {
	if c.blind != 0 {
		return
	}
	r := c.r
	r.marks = slices.DeleteFunc(r.marks, func(m mark) bool { return c.covers(m.ref, false) })
	m := mark{ref: c.dot(), seen: c.seen.Copy(), own: c.own}
	if len(reason) > 0 && string(reason) != string(null) {
		m.reason = reason
	}
	for _, e := range r.edits {
		if present := e.replica == c.replica && e.seq == r.changes[c.ch].seq; !present && !c.seen.Covers(e.replica, e.seq) {
			m.open = append(m.open, syncproto.ChangeID{Replica: e.replica, Seq: e.seq})
		}
	}
	i, _ := slices.BinarySearchFunc(r.marks, m, func(a, b mark) int { return r.compareRefs(a.ref, b.ref) })
	r.marks = slices.Insert(r.marks, i, m)
}

// restore lifts the marks that the op knows, and settles what it knows besides.
func (c *context) restore() {
	if c.blind != 0 {
		return
	}
	for i := range c.r.marks {
		m := &c.r.marks[i]
		if !c.covers(m.ref, false) {
			continue
		}
		open := slices.DeleteFunc(m.open.Copy(), func(e syncproto.ChangeID) bool { return c.all || c.seen.Covers(e.Replica, e.Seq) })
		*m = mark{ref: m.ref, reason: m.reason, lifted: true, open: open}
	}
}

// covers reports whether the mark's context reaches over the edit.
func (m *mark) covers(r *Record, e *lastEdit) bool {
	if m.lifted {
		return false
	}
	if m.seen.Covers(e.replica, e.seq) {
		return true
	}
	d := &r.changes[m.ch]
	return m.own && d.replica == e.replica && (e.seq < d.seq || e.seq == d.seq && e.op <= m.op)
}

// Deleted reports whether the record is deleted: a delete mark is live and
// between them the live marks' contexts cover every replica's latest edit.
func (r *Record) Deleted() bool {
	if !slices.ContainsFunc(r.marks, func(m mark) bool { return !m.lifted }) {
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

// Conflict is ConflictDeleteEdit, of a record that is not deleted, while a
// delete mark is live or open, "" otherwise. A restore or a delete that knows
// both the delete and the edit ends it; one that knows only the delete does not.
func (r *Record) Conflict() string {
	if slices.ContainsFunc(r.marks, mark.disputed) && !r.Deleted() {
		return ConflictDeleteEdit
	}
	return ""
}

func (m mark) disputed() bool { return !m.lifted || len(m.open) > 0 }

// DeleteMark is a delete that deletes the record or is in conflict with edits
// of it: who, when and why.
type DeleteMark struct {
	Stamp
	Reason syncproto.Value // nil when none was given
}

// DeleteMarks lists the delete marks in order of their dots: the live ones, of
// which there are several after concurrent deletes, and those in conflict.
func (r *Record) DeleteMarks() []DeleteMark {
	out := make([]DeleteMark, 0, len(r.marks))
	for i := range r.marks {
		if m := &r.marks[i]; m.disputed() {
			out = append(out, DeleteMark{r.stamp(m.ref), m.reason})
		}
	}
	return out
}
