package text

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/chuantou/chuantou/syncproto"
)

// The first byte of a state: formatFolded for one with floors.
const (
	formatVersion = 1
	formatFolded  = 2
)

// span is a run as a state tells it: the longest stretch of elements side by
// side that continue each other, whether visible or not.
type span struct {
	author, index, n int32
	depth            int32
	left, right      ref
	lower            int32 // nearest span on the right of less depth, -1 if none
}

func (s *span) last() ref { return ref{s.author, s.index + s.n - 1} }

// state is what a state says, with authors numbered as its replicas, and room
// to work it out in. Most texts are short and many are opened for one edit, so
// it is used again.
type state struct {
	ids    []syncproto.ReplicaID
	floors []uint64 // per replica: counter of the last element folded away; empty if none is
	spans  []span   // in order of the text
	byID   []int32  // the same in order of ids, as indexes of spans
	first  []int32  // per replica: its first in byID; one more at the end
	runs   []int32  // lengths of visible and deleted stretches in turn
	stack  []int32
	order  []int32 // of the authors of a Doc by id, and
	number []int32 // the reverse
	spanOf []int32 // per slot of a Doc
}

var states = sync.Pool{New: func() any { return new(state) }}

// maxKept bounds what waits to be used again.
const maxKept = 1 << 10

func (s *state) release() {
	if max(cap(s.ids), cap(s.spans), cap(s.runs), cap(s.stack), cap(s.spanOf)) <= maxKept {
		states.Put(s)
	}
}

// foretold is what the depths say about a span's origins.
type foretold struct {
	left, right ref
	lo          int32 // span with the left origin, -1 if none
	goesOn      bool  // the origins follow from the element before
}

// foretell works out from the depths which origins a span has unless told
// otherwise: the nearest elements of less depth on both sides. But if the
// nearest span on the left that is not deeper is as deep, and ends with the
// element before, the span goes on from there: that element is its left
// origin, and its right origin is the same. What is foretold for a span relies
// on the origins that the spans visited before it have.
func (s *state) foretell(visit func(i int, f foretold)) {
	stack := s.stack[:0]
	for i := len(s.spans) - 1; i >= 0; i-- {
		sp := &s.spans[i]
		for len(stack) > 0 && s.spans[stack[len(stack)-1]].depth >= sp.depth {
			stack = stack[:len(stack)-1]
		}
		sp.lower = -1
		if len(stack) > 0 {
			sp.lower = stack[len(stack)-1]
		}
		stack = append(stack, int32(i))
	}
	stack = stack[:0]
	for i := range s.spans {
		sp := &s.spans[i]
		for len(stack) > 0 && s.spans[stack[len(stack)-1]].depth > sp.depth {
			stack = stack[:len(stack)-1]
		}
		f := foretold{left: none, right: none, lo: -1}
		if k := len(stack) - 1; k >= 0 && s.spans[stack[k]].depth == sp.depth {
			same := &s.spans[stack[k]]
			if f.goesOn = same.last() == (ref{sp.author, sp.index - 1}); f.goesOn {
				f.lo, f.right = stack[k], same.right
			}
			stack = stack[:k]
		}
		if k := len(stack) - 1; k >= 0 && !f.goesOn {
			f.lo = stack[k]
		}
		if f.lo >= 0 {
			f.left = s.spans[f.lo].last()
		}
		if sp.lower >= 0 && !f.goesOn {
			next := &s.spans[sp.lower]
			f.right = ref{next.author, next.index}
		}
		stack = append(stack, int32(i))
		visit(i, f)
	}
	s.stack = stack[:0]
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
	if d.folded {
		b = append(b, formatFolded)
	} else {
		b = append(b, formatVersion)
	}
	b = binary.AppendUvarint(b, uint64(d.live))
	b = d.AppendText(b)
	s := states.Get().(*state)
	defer s.release()
	s.gather(d)
	b = binary.AppendUvarint(b, uint64(len(s.ids)))
	for i := range s.ids {
		b = append(b, s.ids[i][:]...)
	}
	if len(s.ids) == 0 {
		return b
	}
	for _, floor := range s.floors {
		b = binary.AppendUvarint(b, floor)
	}
	b = s.appendLengths(b)
	b = s.appendOrder(b)
	b = s.appendOrigins(b)
	return s.appendRuns(b)
}

// gather reads the spans off a Doc.
func (s *state) gather(d *Doc) {
	s.rename(d)
	s.spans, s.runs = s.spans[:0], append(s.runs[:0], 0)
	s.spanOf = slices.Grow(s.spanOf[:0], len(d.items))[:len(d.items)]
	last := &item{author: -1}
	for n := int32(0); n >= 0; n = d.nodes[n].next {
		nd := &d.nodes[n]
		for _, slot := range nd.kids[:nd.n] {
			it := &d.items[slot]
			if it.continues(last) {
				s.spans[len(s.spans)-1].n += it.n
			} else {
				s.spans = append(s.spans, span{author: s.number[it.author], index: it.index, n: it.n,
					depth: it.depth, left: s.renamed(it.left), right: s.renamed(it.right)})
			}
			s.spanOf[slot] = int32(len(s.spans) - 1)
			if (len(s.runs)%2 == 1) == (it.size > 0) {
				s.runs[len(s.runs)-1] += it.n
			} else {
				s.runs = append(s.runs, it.n)
			}
			last = it
		}
	}
	s.byID, s.first = s.byID[:0], s.first[:0]
	for _, a := range s.order {
		s.first = append(s.first, int32(len(s.byID)))
		for i := int32(0); i < d.authors[a].n; {
			at := s.spanOf[d.slot(ref{a, i})]
			s.byID = append(s.byID, at)
			i += s.spans[at].n
		}
	}
	s.first = append(s.first, int32(len(s.byID)))
}

// rename numbers the authors of a Doc in order of their ids.
func (s *state) rename(d *Doc) {
	s.order, s.number, s.ids, s.floors = s.order[:0], s.number[:0], s.ids[:0], s.floors[:0]
	for a := range d.authors {
		s.order = append(s.order, int32(a))
		s.number = append(s.number, 0)
	}
	slices.SortFunc(s.order, func(a, b int32) int { return d.authors[a].id.Compare(d.authors[b].id) })
	for k, a := range s.order {
		s.number[a] = int32(k)
		s.ids = append(s.ids, d.authors[a].id)
		if d.folded {
			s.floors = append(s.floors, d.authors[a].base)
		}
	}
}

func (s *state) renamed(r ref) ref {
	if r != none {
		r.author = s.number[r.author]
	}
	return r
}

// least is how many spans each replica has at least: with floors one may have
// none left.
func (s *state) least() int32 {
	if len(s.floors) > 0 {
		return 0
	}
	return 1
}

// appendLengths appends how many spans each replica has and how long they are.
func (s *state) appendLengths(b []byte) []byte {
	for k := range s.ids {
		b = binary.AppendUvarint(b, uint64(s.first[k+1]-s.first[k]-s.least()))
	}
	for _, at := range s.byID {
		b = binary.AppendUvarint(b, uint64(s.spans[at].n-1))
	}
	return b
}

// appendOrder appends whose span stands where, then which of his.
func (s *state) appendOrder(b []byte) []byte {
	if len(s.ids) > 1 {
		for i, prev := 0, int32(-1); i < len(s.spans); {
			a, n := s.spans[i].author, 1
			for i+n < len(s.spans) && s.spans[i+n].author == a {
				n++
			}
			b = binary.AppendUvarint(b, s.authorStep(prev, a))
			b = binary.AppendUvarint(b, uint64(n-1))
			i, prev = i+n, a
		}
	}
	rank := slices.Grow(s.spanOf[:0], len(s.spans))[:len(s.spans)]
	next := s.stack[:0]
	for k := range s.ids {
		next = append(next, s.first[k])
		for r := s.first[k]; r < s.first[k+1]; r++ {
			rank[s.byID[r]] = r
		}
	}
	for i := range s.spans {
		if a := s.spans[i].author; s.first[a+1]-s.first[a] > 1 {
			b = appendSigned(b, rank[i]-next[a])
			next[a] = rank[i] + 1
		}
	}
	s.spanOf, s.stack = rank, next
	return b
}

// authorStep is the number of author a among the others than prev.
func (s *state) authorStep(prev, a int32) uint64 {
	if prev < 0 {
		return uint64(a)
	}
	n := int32(len(s.ids))
	return uint64((a - prev - 1 + n) % n)
}

// appendOrigins appends the depths and which origins they do not foretell.
func (s *state) appendOrigins(b []byte) []byte {
	depth := int32(0)
	for i := range s.spans {
		b = appendSigned(b, s.spans[i].depth-depth-1)
		depth = s.spans[i].depth
	}
	at, count := len(b), uint64(0)
	last := -1
	s.foretell(func(i int, f foretold) {
		sp := &s.spans[i]
		kind := 0
		if sp.left != f.left {
			kind |= 1
		}
		if sp.right != f.right {
			kind |= 2
		}
		if kind == 0 {
			return
		}
		b = binary.AppendUvarint(b, uint64((i-last-1)*3+kind-1))
		if kind&1 != 0 {
			b = s.appendRef(b, sp.left)
		}
		if kind&2 != 0 {
			b = s.appendRef(b, sp.right)
		}
		last = i
		count++
	})
	var head [binary.MaxVarintLen64]byte
	return slices.Insert(b, at, binary.AppendUvarint(head[:0], count)...)
}

func (s *state) appendRef(b []byte, r ref) []byte {
	if r == none {
		return append(b, 0)
	}
	return binary.AppendUvarint(b, 1+uint64(r.author)+uint64(len(s.ids))*uint64(r.index))
}

// appendRuns appends which elements are deleted.
func (s *state) appendRuns(b []byte) []byte {
	n := len(s.runs) / 2
	b = binary.AppendUvarint(b, uint64(n))
	for k := range n {
		gap := s.runs[2*k]
		if k > 0 {
			gap--
		}
		b = binary.AppendUvarint(b, uint64(gap))
		b = binary.AppendUvarint(b, uint64(s.runs[2*k+1]-1))
	}
	return b
}

func appendSigned(b []byte, v int32) []byte {
	return binary.AppendUvarint(b, uint64(uint32(v<<1)^uint32(v>>31)))
}
