package crdt

import (
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
)

// ItemEdit edits the fields of one item of a list.
type ItemEdit struct {
	e     *Edit
	field string
	id    syncproto.ElemID
}

// Item addresses an item; an id that is not in the list is an error of the
// first op. Any op on a struck-out item brings it back.
func (e *Edit) Item(field string, id syncproto.ElemID) *ItemEdit { return &ItemEdit{e, field, id} }

func (i *ItemEdit) op(kind syncproto.OpKind, sub string, v syncproto.Value) error {
	if i.id.IsNone() {
		return invalid("no item")
	}
	return i.e.op(syncproto.Op{Kind: kind, Field: i.field, Item: i.id, Sub: sub, Value: v})
}

// Set is Edit.Set for a field of the item.
func (i *ItemEdit) Set(sub string, v syncproto.Value) error { return i.op(syncproto.OpSet, sub, v) }

// Add is Edit.Add for a field of the item.
func (i *ItemEdit) Add(sub string, v syncproto.Value) error { return i.op(syncproto.OpAdd, sub, v) }

// Remove is Edit.Remove for a field of the item.
func (i *ItemEdit) Remove(sub string, v syncproto.Value) error {
	return i.op(syncproto.OpRemove, sub, v)
}

// Log is Edit.Log for a field of the item.
func (i *ItemEdit) Log(sub string, v syncproto.Value) error { return i.op(syncproto.OpLog, sub, v) }

// Replace is Edit.Replace for a field of the item.
func (i *ItemEdit) Replace(sub string, at, del int, ins string) error {
	return i.e.replace(target{i.field, i.id, sub}, at, del, ins)
}

// SetText is Edit.SetText for a field of the item.
func (i *ItemEdit) SetText(sub, final string) error {
	return i.e.setText(target{i.field, i.id, sub}, final)
}

// InsertItem puts a new item before the at-th visible one and returns its id.
func (e *Edit) InsertItem(field string, at int) (syncproto.ElemID, error) {
	if err := e.open(); err != nil {
		return syncproto.ElemID{}, err
	}
	if err := checkName(field); err != nil {
		return syncproto.ElemID{}, err
	}
	f := e.r.fields.find(field, ClassList)
	if f == nil {
		if at != 0 {
			return syncproto.ElemID{}, invalid("index %d in an empty list", at)
		}
		f = e.r.fields.make(field, ClassList)
		f.list = &list{places: textField{doc: e.newDoc(target{field: field}, ClassList)}}
	}
	place, before, err := e.newPlace(f, at, nil)
	if err != nil {
		return syncproto.ElemID{}, err
	}
	id := syncproto.ElemID{Replica: e.c.replica, Counter: place.Counter}
	f.list.follow(before, f.list.insert(id))
	e.take(syncproto.Op{Kind: syncproto.OpItemInsert, Field: field, Counter: place.Counter, Left: place.Left, Right: place.Right})
	return id, nil
}

// RemoveItem strikes an item out; one that is struck out already is left alone.
func (e *Edit) RemoveItem(field string, id syncproto.ElemID) error {
	if err := e.open(); err != nil {
		return err
	}
	if err := e.item(field, id); err != nil {
		return err
	}
	if len(e.r.fields.find(field, ClassList).list.find(id).life) == 0 {
		return nil
	}
	e.barrier = len(e.part.Ops) + 1
	e.take(syncproto.Op{Kind: syncproto.OpItemRemove, Field: field, Item: id})
	return nil
}

// MoveItem gives an item a new place, so that it becomes the to-th visible one.
func (e *Edit) MoveItem(field string, id syncproto.ElemID, to int) error {
	if err := e.open(); err != nil {
		return err
	}
	if err := e.item(field, id); err != nil {
		return err
	}
	f := e.r.fields.find(field, ClassList)
	place, before, err := e.newPlace(f, to, f.list.find(id))
	if err != nil {
		return err
	}
	order := f.list.order
	e.take(syncproto.Op{Kind: syncproto.OpItemMove, Field: field, Item: id, Counter: place.Counter, Left: place.Left, Right: place.Right})
	f.list.order = order
	f.list.follow(before, f.list.find(id))
	return nil
}

// follow puts an item, new or moved, right behind another in the shown order,
// or first: cheaper than finding the order anew.
func (l *list) follow(before, it *item) {
	if i := slices.Index(l.order, it); i >= 0 {
		l.order = slices.Delete(l.order, i, i+1)
	}
	l.order = slices.Insert(l.order, slices.Index(l.order, before)+1, it)
}

// RestoreItem brings a struck-out item back where it stood; a visible one is
// left alone.
func (e *Edit) RestoreItem(field string, id syncproto.ElemID) error {
	if err := e.item(field, id); err != nil {
		return err
	}
	l := e.r.fields.find(field, ClassList).list
	if len(l.find(id).life) > 0 {
		return nil
	}
	at := 0
	for _, it := range l.ordered(e.r) {
		if it.id == id {
			break
		}
		if len(it.life) > 0 {
			at++
		}
	}
	return e.MoveItem(field, id, at)
}

// newPlace inserts a placeholder before the at-th visible item other than
// moved, right behind the visible item before it (nil: none, at the start).
func (e *Edit) newPlace(f *field, at int, moved *item) (place text.Insert, before *item, err error) {
	n, rank := 0, 0 // visible items passed, and where before stands among all
	for i, it := range f.list.ordered(e.r) {
		if n == at {
			break
		}
		if len(it.life) > 0 && it != moved {
			before, rank = it, i+1
			n++
		}
	}
	if at < 0 || n < at {
		return place, nil, invalid("index %d in a list of %d items", at, n)
	}
	doc, err := f.list.places.open()
	if err != nil {
		return place, nil, err
	}
	// While nothing was ever moved there are as many places as items, in their
	// order; a stub's place in a folded list is not known.
	if before != nil && (doc.Len() != len(f.list.items) || doc.Folded()) {
		places, err := f.list.index()
		if err != nil {
			return place, nil, err
		}
		rank = places.position(before.shownPlace(e.r)) + 1
	}
	next := max(doc.Highest(e.c.replica), e.highest(target{field: f.name}, ClassList)) + 1
	edit, err := doc.ReplaceFrom(e.c.replica, next, next, rank, 0, placeRune)
	if err != nil {
		return place, nil, fmt.Errorf("%w: list %q: %w", ErrInvalid, f.name, err)
	}
	f.list.places.raw = nil
	return edit.Inserts[0], before, nil
}
