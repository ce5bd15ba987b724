package crdt

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/text/diff"
)

// replace edits a text on the scratch. All edits of one text become one op,
// at the place of the first.
func (e *Edit) replace(t target, at, del int, ins string) error {
	p := e.pending(t)
	if err := e.mayType(t, p); err != nil {
		return err
	}
	doc, err := e.doc(t, p)
	if err != nil {
		return err
	}
	next := e.next(t, doc)
	since := next
	if p != nil {
		since = p.since
	}
	edit, err := doc.ReplaceFrom(e.c.replica, since, next, at, del, ins)
	if err != nil {
		return fmt.Errorf("%w: text %q: %w", ErrInvalid, t.field, err)
	}
	if edit.IsEmpty() {
		return nil
	}
	if p == nil {
		p = e.newText(t, doc, since)
	}
	p.merged.Add(edit)
	return nil
}

// pending is the text's op so far, nil if there is none. Typing stays in one
// text for long, so the last one is remembered.
func (e *Edit) pending(t target) *pendingText {
	if e.typing == nil || e.typing.target != t {
		e.typing = e.texts[t]
	}
	return e.typing
}

func (e *Edit) mayType(t target, p *pendingText) error {
	switch {
	case p == nil:
		if err := e.open(); err != nil {
			return err
		}
		return e.target(t)
	case e.cut:
		return invalid("the part is already cut")
	case !t.item.IsNone() && p.op < e.barrier && len(e.r.fields.find(t.field, ClassList).list.find(t.item).life) == 0:
		return invalid("the item was struck out by this same edit")
	}
	return nil
}

// next is the counter for a new element; it goes on from the newest state's.
func (e *Edit) next(t target, doc *text.Doc) uint64 {
	return max(doc.Highest(e.c.replica), e.highest(t, ClassText)) + 1
}

// newText starts the op of a text whose first edit is made.
func (e *Edit) newText(t target, doc *text.Doc, since uint64) *pendingText {
	p := &pendingText{target: t, op: len(e.part.Ops), since: since, doc: doc}
	if e.texts == nil {
		e.texts = map[target]*pendingText{}
	}
	e.texts[t], e.typing = p, p
	*e.fieldsOf(t).make(t.name(), ClassText) = field{name: t.name(), class: ClassText, text: &textField{doc: doc}}
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
func (e *Edit) doc(t target, p *pendingText) (*text.Doc, error) {
	if p != nil {
		return p.doc, nil
	}
	if f := e.r.at(t, ClassText); f != nil {
		return f.text.open()
	}
	return e.newDoc(t, ClassText), nil
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
	for _, x := range slices.Backward(diff.Of(was, final)) {
		if err := e.replace(t, x.At, x.Del, x.Ins); err != nil {
			return err
		}
	}
	return nil
}
