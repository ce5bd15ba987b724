package crdt

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
)

// replace edits a text on the scratch. All edits of one text become one op,
// at the place of the first.
func (e *Edit) replace(t target, at, del int, ins string) error {
	p := e.texts[t]
	if p == nil {
		if err := e.open(); err != nil {
			return err
		}
		if err := e.target(t); err != nil {
			return err
		}
	} else if e.cut {
		return invalid("the part is already cut")
	}
	if !t.item.IsNone() && p != nil && p.op < e.barrier && len(e.r.fields.find(t.field, ClassList).list.find(t.item).life) == 0 {
		return invalid("the item was struck out by this same edit")
	}
	doc, made, err := e.doc(t)
	if err != nil {
		return err
	}
	next := max(doc.Highest(e.c.replica), e.highest(t)) + 1
	edit, err := doc.ReplaceFrom(e.c.replica, next, at, del, ins)
	if err != nil {
		return fmt.Errorf("%w: text %q: %w", ErrInvalid, t.field, err)
	}
	if edit.IsEmpty() {
		return nil
	}
	if made {
		e.fieldsOf(t).make(t.name(), ClassText).text = &textField{doc: doc}
	}
	e.r.at(t, ClassText).text.raw = nil
	if p == nil {
		p = e.newText(t)
	}
	p.edits = append(p.edits, edit)
	return nil
}

func (e *Edit) newText(t target) *pendingText {
	p := &pendingText{op: len(e.part.Ops)}
	if e.texts == nil {
		e.texts = map[target]*pendingText{}
	}
	e.texts[t] = p
	e.take(syncproto.Op{Kind: syncproto.OpText, Field: t.field, Item: t.item, Sub: t.sub})
	return p
}

// name is the name of the field within its fieldSet.
func (t target) name() string {
	if t.item.IsNone() {
		return t.field
	}
	return t.sub
}

func (e *Edit) fieldsOf(t target) *fieldSet {
	if t.item.IsNone() {
		return &e.r.fields
	}
	return &e.r.fields.find(t.field, ClassList).list.find(t.item).fields
}

// doc returns the text on the scratch, or an empty one to become it.
func (e *Edit) doc(t target) (doc *text.Doc, made bool, err error) {
	if f := e.r.at(t, ClassText); f != nil {
		doc, err = f.text.open()
		return doc, false, err
	}
	return text.New(), true, nil
}

// highest is the replica's highest counter in the text's newest state.
func (e *Edit) highest(t target) uint64 {
	if e.latest == e.r {
		return 0
	}
	if f := e.latest.at(t, ClassText); f != nil {
		if doc, err := f.text.open(); err == nil {
			return doc.Highest(e.c.replica)
		}
	}
	return 0
}

func (e *Edit) setText(t target, final string) error {
	var was string
	if f := e.r.at(t, ClassText); f != nil {
		doc, err := f.text.open()
		if err != nil {
			return err
		}
		was = doc.String()
	}
	if !utf8.ValidString(final) {
		return invalid("text %q is not UTF-8", t.field)
	}
	// Back to front, so that earlier indexes stay true.
	for _, x := range slices.Backward(text.Diff(was, final)) {
		if err := e.replace(t, x.At, x.Del, x.Ins); err != nil {
			return err
		}
	}
	return nil
}
