package text

import (
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/column"
	"github.com/chuantou/chuantou/syncproto/text/strict"
	"github.com/chuantou/chuantou/syncproto/text/tree"
)

// Decode reads a state. It accepts exactly what AppendBinary writes, and keeps
// b, which must not change any more. The history is checked here but made into
// items only when an edit, or a question about authors, comes: a text that is
// merely read costs next to nothing (the idea of Eg-walker, Gentle and
// Kleppmann, arXiv 2409.14252).
func Decode(b []byte) (*Doc, error) {
	s := column.New()
	defer s.Release()
	text, visible, elements, err := s.Parse(b)
	if err != nil {
		return nil, err
	}
	return &Doc{raw: b[:len(b):len(b)], plain: text, chars: visible, elements: elements, folded: column.Folded(b)}, nil
}

// open makes items of a closed state, once.
func (d *Doc) open() {
	if d.raw == nil {
		return
	}
	s := column.New()
	defer s.Release()
	text := s.Reparse(d.raw)
	room := len(s.Spans) + len(s.Runs) + 2
	d.items, d.order, d.few = make([]item, 0, room), tree.New(room), fewSteps
	d.buf, d.live = text[:len(text):len(text)], len(text)
	d.raw, d.plain = nil, nil
	for k, id := range s.Replicas {
		d.elems.Add(id, s.Floor(k), s.Elements(k))
	}
	off, run := int32(0), 0
	for i := range s.Spans {
		for sp := s.Spans[i]; sp.N > 0; {
			for s.Runs[run] == 0 {
				run++
			}
			n := min(sp.N, s.Runs[run], maxItem)
			s.Runs[run] -= n
			it := item{author: sp.Author, index: sp.Index, n: n, off: off, depth: sp.Depth, left: sp.Left, right: sp.Right}
			if run%2 == 0 {
				if it.size = n; d.chars != d.live { // not ASCII
					it.size = int32(runes(d.buf[off:], int(n)))
				}
				off += it.size
			}
			d.order.Append(it.visible())
			d.newItem(it)
			sp.Index, sp.N = sp.Index+n, sp.N-n
			sp.Left = it.element(n - 1)
		}
	}
}

// begins reports whether the edit is the first of this text.
func (d *Doc) begins(e *Edit) bool {
	return d.elements == 0 && !d.folded && e.Begins() && e.Inserts[0].Elements() <= strict.MaxElements
}

// begin applies the run that a text begins with by writing down the state that
// it gives: no items are made until something asks for them.
func (d *Doc) begin(author syncproto.ReplicaID, ins *Insert) {
	n := ins.Elements()
	b := column.AppendBegun(make([]byte, 0, len(ins.Text)+len(author)+16), author, ins.Text, n)
	plain := b[column.TextAt(b):][:len(ins.Text)]
	*d = Doc{raw: b, plain: plain, chars: n, elements: n}
}

// Closed is the state of a text that is as it was decoded or begun, nil once
// items were made of it. It must not be changed.
func (d *Doc) Closed() []byte { return d.raw }

// AppendBinary appends the whole state as FORMAT.md, "State" says: the same
// edits give the same bytes, in whatever order they came.
func (d *Doc) AppendBinary(b []byte) []byte {
	if d.raw != nil {
		return append(b, d.raw...)
	}
	s := column.New()
	defer s.Release()
	d.gather(s)
	return s.Append(d.AppendText(column.AppendHead(b, d.folded, d.live)))
}

// gather enters the text's spans and who has them.
func (d *Doc) gather(s *column.State) {
	order, number := s.Number(d.elems.Len(), d.elems.Replica)
	renamed := func(r ref) ref {
		if r != none {
			r.Author = number[r.Author]
		}
		return r
	}
	s.Room(len(d.items))
	last := &item{author: -1}
	for slot := range d.order.All() {
		it := &d.items[slot]
		if it.continues(last) {
			s.Spans[len(s.Spans)-1].N += it.n
		} else {
			s.Spans = append(s.Spans, column.Span{Author: number[it.author], Index: it.index, N: it.n,
				Depth: it.depth, Left: renamed(it.left), Right: renamed(it.right)})
		}
		s.SpanOf[slot] = int32(len(s.Spans) - 1)
		s.Run(it.size > 0, it.n)
		last = it
	}
	for _, a := range order {
		if d.folded {
			s.Floors = append(s.Floors, d.elems.Base(a))
		}
		s.First = append(s.First, int32(len(s.ByID)))
		for i := int32(0); i < d.elems.Count(a); {
			at := s.SpanOf[d.slot(ref{Author: a, Index: i})]
			s.ByID = append(s.ByID, at)
			i += s.Spans[at].N
		}
	}
	s.First = append(s.First, int32(len(s.ByID)))
}
