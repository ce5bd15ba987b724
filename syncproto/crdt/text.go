package crdt

import (
	"fmt"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
)

// textField holds a text as its stored bytes until someone looks at it.
type textField struct {
	raw []byte    // nil once doc may differ from it
	doc *text.Doc // nil until opened
}

// open decodes the text, once.
func (t *textField) open() (*text.Doc, error) {
	if t.doc == nil {
		doc, err := text.Decode(t.raw)
		if err != nil {
			return nil, fmt.Errorf("%w: text: %w", ErrDamaged, err)
		}
		t.doc = doc
	}
	return t.doc, nil
}

// apply integrates an edit that was checked, and so opened the text.
func (t *textField) apply(author syncproto.ReplicaID, e text.Edit) {
	t.doc.Integrate(author, e)
	t.raw = nil
}

func (t *textField) clone() *textField {
	if t == nil {
		return nil
	}
	if t.raw != nil {
		return &textField{raw: t.raw}
	}
	return &textField{doc: t.doc.Clone()}
}
