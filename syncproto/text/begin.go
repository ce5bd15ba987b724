package text

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
)

// emptyState is the state of a text that nobody has written in.
var emptyState = []byte{formatVersion, 0, 0}

// begins reports whether the edit is the first of this text and nothing but
// one run, as nearly every text begins (and most never get another edit), and
// how many elements it has.
func (d *Doc) begins(e Edit) (elements int, ok bool) {
	if d.elements > 0 || d.folded || len(e.Inserts) != 1 || len(e.Deletes) > 0 {
		return 0, false
	}
	ins := &e.Inserts[0]
	if ins.Counter != 1 || !ins.Left.IsNone() || !ins.Right.IsNone() {
		return 0, false
	}
	elements = ins.runes
	if elements == 0 && utf8.ValidString(ins.Text) {
		elements = utf8.RuneCountInString(ins.Text)
	}
	return elements, elements > 0 && elements <= maxElements
}

// begin applies an edit that begins the text by writing down the state that it
// gives: no items are made until something asks for them.
func (d *Doc) begin(author syncproto.ReplicaID, e Edit) bool {
	elements, ok := d.begins(e)
	if !ok {
		return false
	}
	text := e.Inserts[0].Text
	b := make([]byte, 0, len(text)+len(author)+16)
	b = binary.AppendUvarint(append(b, formatVersion), uint64(len(text)))
	at := len(b)
	b = append(b, text...)
	b = append(append(b, 1), author[:]...)                           // one replica,
	b = append(b, 0)                                                 // with one span
	b = append(binary.AppendUvarint(b, uint64(elements-1)), 0, 0, 0) // of depth 1, as foretold, nothing deleted
	*d = Doc{raw: b, plain: b[at : at+len(text)], chars: elements, elements: elements}
	return true
}
