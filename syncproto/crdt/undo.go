package crdt

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/text/edit"
)

// Undo starts an edit by the replica that takes back what one joined part
// added: SPEC.md §1.6, rejection. r is the state with the part joined by a
// wholly blind author (it removed nothing of others) and is taken over as
// scratch; before is the state without it. The edit knows nothing but that
// part, so what others wrote meanwhile stays as it is:
//
//   - a value gives way to what the same replica had set before, else to what
//     is shown without it, else to none;
//   - a member, an item, inserted text goes; a moved item goes back.
//
// A delete or restore of the record counted for nothing.
//
// It is for a record that is there and not deleted without the part: any other
// is to be deleted (again), by an ordinary edit that knows everything. Entries
// of logs stay, since a log never loses one: whether any did is the second
// result.
func (r *Record) Undo(replica syncproto.ReplicaID, h *syncproto.Header, p *syncproto.Part, before *Record) (e *Edit, logged bool, err error) {
	e = r.Edit(replica, nil)
	e.part.Seen = syncproto.VectorOf(syncproto.ChangeID{Replica: h.Replica, Seq: h.Seq}, syncproto.ChangeID{Replica: replica, Seq: e.part.Prev})
	e.c.seen, e.c.all = e.part.Seen, false
	e.lamport = r.lamportOf(e.part.Seen)
	u := undo{e: e, h: h, before: before}
	for i := range p.Ops {
		op := &p.Ops[i]
		if op.Kind == syncproto.OpLog {
			logged = true
			continue
		}
		if err := u.op(op, target{op.Field, op.Item, op.Sub}); err != nil {
			return nil, false, err
		}
	}
	return e, logged, u.strikeOut(p)
}

// undo is one Undo in the making.
type undo struct {
	e      *Edit
	h      *syncproto.Header
	before *Record
	made   []target // items that the part itself inserted: they go whole
	set    []target // values that were seen to
}

func (u *undo) op(op *syncproto.Op, t target) error {
	if !op.Item.IsNone() && op.Kind != syncproto.OpItemMove && op.Kind != syncproto.OpItemRemove && slices.Contains(u.made, target{field: op.Field, item: op.Item}) {
		return nil
	}
	switch op.Kind {
	case syncproto.OpSet:
		return u.value(t)
	case syncproto.OpAdd:
		return u.member(t, normal(op.Value))
	case syncproto.OpText:
		return u.text(t, op.Edit)
	case syncproto.OpItemInsert:
		id := syncproto.ElemID{Replica: u.h.Replica, Counter: op.Counter}
		u.made = append(u.made, target{field: op.Field, item: id})
		return u.e.RemoveItem(op.Field, id)
	case syncproto.OpItemMove:
		return u.place(op)
	}
	return nil // what a blind author removed is still there
}

// strikeOut takes items away again that the part, or its undoing, brought back.
func (u *undo) strikeOut(p *syncproto.Part) error {
	for i := range p.Ops {
		op := &p.Ops[i]
		if op.Item.IsNone() {
			continue
		}
		if it := u.before.Item(op.Field, op.Item); it == nil || !it.Removed {
			continue
		}
		if err := u.e.RemoveItem(op.Field, op.Item); err != nil {
			return err
		}
	}
	return nil
}

func (u *undo) value(t target) error {
	if slices.Contains(u.set, t) {
		return nil
	}
	u.set = append(u.set, t)
	value := null
	if f := u.before.at(t, ClassValue); f != nil && len(f.entries) > 0 {
		set := fieldSet{*f}
		shown, _ := set.value(u.before, f.name)
		value = shown.Value
		for _, x := range f.entries {
			if u.before.changes[x.ch].replica == u.h.Replica {
				value = x.value
			}
		}
	}
	return u.e.op(syncproto.Op{Kind: syncproto.OpSet, Field: t.field, Item: t.item, Sub: t.sub, Value: value})
}

func (u *undo) member(t target, v syncproto.Value) error {
	if err := u.e.op(syncproto.Op{Kind: syncproto.OpRemove, Field: t.field, Item: t.item, Sub: t.sub, Value: v}); err != nil {
		return err
	}
	f := u.before.at(t, ClassSet)
	if f == nil {
		return nil
	}
	from, to := memberRange(f.entries, v)
	for _, x := range f.entries[from:to] {
		if u.before.changes[x.ch].replica == u.h.Replica {
			return u.e.op(syncproto.Op{Kind: syncproto.OpAdd, Field: t.field, Item: t.item, Sub: t.sub, Value: v})
		}
	}
	return nil
}

// text deletes the elements that an edit inserted.
func (u *undo) text(t target, encoded []byte) error {
	made, err := edit.Decode(u.h.Replica, encoded)
	if err != nil {
		return err
	}
	var gone text.Edit
	for _, ins := range made.Inserts {
		first := syncproto.ElemID{Replica: u.h.Replica, Counter: ins.Counter}
		gone.Deletes = append(gone.Deletes, text.Delete{First: first, N: ins.Elements()})
	}
	if gone.IsEmpty() {
		return nil
	}
	doc, err := u.e.doc(t, nil)
	if err != nil {
		return err
	}
	if err := doc.Apply(u.e.c.replica, gone); err != nil {
		return err
	}
	p := u.e.newText(t, doc, u.e.next(t, doc))
	p.merged.Add(gone)
	return nil
}

// place moves an item back to where it is shown without the part.
func (u *undo) place(op *syncproto.Op) error {
	if slices.Contains(u.made, target{field: op.Field, item: op.Item}) {
		return nil
	}
	at := slices.IndexFunc(u.before.List(op.Field), func(i *Item) bool { return i.ID == op.Item })
	if at < 0 {
		return nil // see strikeOut
	}
	return u.e.MoveItem(op.Field, op.Item, at)
}
