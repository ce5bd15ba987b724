package fold

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/edit"
)

// Tables finds the table of a fold, nil when it knows no such fold.
type Tables func(fold syncproto.ReplicaID) (*Table, error)

// Unfold tells an edit in ids that are of no fold that tables knows, and
// whether that changed anything. Ids it cannot tell stay. An error is that of
// tables.
func (t Tables) Unfold(e edit.Edit) (edit.Edit, bool, error) {
	u := unfolder{tables: t}
	out := e
	out.Inserts, out.Deletes = slices.Clone(e.Inserts), nil
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
	out.Deletes = edit.JoinDeletes(out.Deletes)
	return out, true, nil
}

// Named reports whether the edit names an element of a fold.
func Named(e *edit.Edit) bool {
	for i := range e.Inserts {
		if Is(e.Inserts[i].Left.Replica) || Is(e.Inserts[i].Right.Replica) {
			return true
		}
	}
	return slices.ContainsFunc(e.Deletes, func(d edit.Delete) bool { return Is(d.First.Replica) })
}

// Origins tells the origins of one place of a list as Unfold does.
func (t Tables) Origins(left, right syncproto.ElemID) (l, r syncproto.ElemID, changed bool, err error) {
	e, changed, err := t.Unfold(edit.Edit{Inserts: []edit.Insert{{Left: left, Right: right}}})
	return e.Inserts[0].Left, e.Inserts[0].Right, changed, err
}

type unfolder struct {
	tables  Tables
	changed bool
	err     error
}

// table is the table of the fold that the element is of, nil if there is none.
func (u *unfolder) table(id syncproto.ElemID) *Table {
	if id.IsNone() || !Is(id.Replica) || u.err != nil {
		return nil
	}
	t, err := u.tables(id.Replica)
	if u.err = err; t == nil || err != nil || !t.has(id.Counter) {
		return nil
	}
	u.changed = true
	return t
}
