package crdt

import (
	"slices"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/edit"
)

// Blanking says what of a part is to go. value gives what stands for the value of
// a set, add, remove or log, the value itself where it stays: for equal values
// equal ones, for others others, so that what is one value stays one and what
// differs differs. Null says nothing and stays. text picks the texts.
type Blanking struct {
	Value func(op *syncproto.Op) syncproto.Value
	Text  func(op *syncproto.Op) bool
}

// bar stands for a letter that was erased.
const bar = "▮"

// Blank is a part of author's without what it says: the same ops in the same
// places, every letter of an erased text a bar. It is joined wherever the part
// was, and what was built on that joins on it. any is false when nothing of it was
// to go. An edit that does not decode is for Join to refuse, and never was shown:
// it becomes one that does nothing.
func (b Blanking) Blank(author syncproto.ReplicaID, p *syncproto.Part) (blank *syncproto.Part, any bool) {
	out := *p
	out.Ops = slices.Clone(p.Ops)
	for i := range out.Ops {
		op := &out.Ops[i]
		switch op.Kind {
		case syncproto.OpSet, syncproto.OpAdd, syncproto.OpRemove, syncproto.OpLog:
			if v := b.Value(op); !slices.Equal(op.Value, null) && !slices.Equal(v, op.Value) {
				op.Value, any = v, true
			}
		case syncproto.OpText:
			if b.Text(op) {
				op.Edit, any = bars(author, op.Edit), true
			}
		}
	}
	return &out, any
}

func bars(author syncproto.ReplicaID, encoded []byte) []byte {
	e, err := edit.Decode(author, encoded)
	if err != nil {
		e = edit.Edit{}
	}
	for i := range e.Inserts {
		e.Inserts[i].Text = strings.Repeat(bar, e.Inserts[i].Elements())
	}
	return e.AppendBinary(author, nil)
}
