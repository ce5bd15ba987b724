// Package column writes a text as columns of small numbers (FORMAT.md,
// "State"), and reads that back, checking all that can be told without making
// the text: a State is what lies between the bytes and package text, which
// fills one in to be written and makes its items of one that was read.
package column

import (
	"slices"
	"sync"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/elem"
	"github.com/chuantou/chuantou/syncproto/text/strict"
)

// The first byte of a state: formatFolded for one with floors.
const (
	formatPlain  = 1
	formatFolded = 2
)

// Span is a run as a state tells it: the longest stretch of elements side by
// side that continue each other, whether visible or not. Authors are numbered
// as the state's replicas.
type Span struct {
	Author, Index, N int32
	Depth            int32
	Left, Right      elem.Ref
	lower            int32 // nearest span on the right of less depth, -1 if none
}

func (s *Span) last() elem.Ref { return elem.Ref{Author: s.Author, Index: s.Index + s.N - 1} }

// State is what a state says, text apart, and room to work it out in. Most
// texts are short and many are opened for one edit, so it is used again: see
// New and Release.
type State struct {
	Replicas strict.Replicas
	Floors   []uint64 // per replica: counter of the last element folded away; empty if none is
	Spans    []Span   // in order of the text
	ByID     []int32  // the same in order of ids, as indexes of Spans
	First    []int32  // per replica: its first in ByID; one more at the end
	Runs     []int32  // lengths of visible and deleted stretches in turn
	SpanOf   []int32  // room for who fills a state in: of each item its span

	stack, number, order []int32
}

var states = sync.Pool{New: func() any { return new(State) }}

// maxKept bounds what waits to be used again.
const maxKept = 1 << 10

// New gives an empty state.
func New() *State {
	s := states.Get().(*State)
	s.Replicas, s.Floors, s.Spans, s.ByID, s.First, s.Runs = s.Replicas[:0], s.Floors[:0], s.Spans[:0], s.ByID[:0], s.First[:0], s.Runs[:0]
	return s
}

// Release gives a state back, which must not be used any more.
func (s *State) Release() {
	if max(cap(s.Replicas), cap(s.Spans), cap(s.Runs), cap(s.stack), cap(s.SpanOf)) <= maxKept {
		states.Put(s)
	}
}

// Number enters n authors as the replicas, in order of their ids. It returns
// them in that order, and the number of each; both are good until Append.
func (s *State) Number(n int, id func(author int32) syncproto.ReplicaID) (order, number []int32) {
	s.order, s.number = s.order[:0], s.number[:0]
	for a := range int32(n) {
		s.order = append(s.order, a)
		s.number = append(s.number, 0)
	}
	slices.SortFunc(s.order, func(a, b int32) int { return id(a).Compare(id(b)) })
	for k, a := range s.order {
		s.number[a] = int32(k)
		s.Replicas = append(s.Replicas, id(a))
	}
	return s.order, s.number
}

// Room makes room in SpanOf for so many items.
func (s *State) Room(items int) { s.SpanOf = slices.Grow(s.SpanOf[:0], items)[:items] }

// Run appends n elements to the visible and deleted stretches.
func (s *State) Run(visible bool, n int32) {
	if len(s.Runs) == 0 {
		s.Runs = append(s.Runs, 0)
	}
	if (len(s.Runs)%2 == 1) == visible {
		s.Runs[len(s.Runs)-1] += n
	} else {
		s.Runs = append(s.Runs, n)
	}
}

// Floor is where replica k was folded up to.
func (s *State) Floor(k int) uint64 {
	if len(s.Floors) == 0 {
		return 0
	}
	return s.Floors[k]
}

// Elements is how many elements replica k has.
func (s *State) Elements(k int) int32 {
	if s.First[k+1] == s.First[k] {
		return 0
	}
	last := &s.Spans[s.ByID[s.First[k+1]-1]]
	return last.Index + last.N
}

// foretold is what the depths say about a span's origins.
type foretold struct {
	left, right elem.Ref
	lo          int32 // span with the left origin, -1 if none
	goesOn      bool  // the origins follow from the element before
}

// foretell works out from the depths which origins a span has unless told
// otherwise: the nearest elements of less depth on both sides. But if the
// nearest span on the left that is not deeper is as deep, and ends with the
// element before, the span goes on from there: that element is its left
// origin, and its right origin is the same. What is foretold for a span relies
// on the origins that the spans visited before it have.
func (s *State) foretell(visit func(i int, f foretold)) {
	stack := s.stack[:0]
	for i := len(s.Spans) - 1; i >= 0; i-- {
		sp := &s.Spans[i]
		for len(stack) > 0 && s.Spans[stack[len(stack)-1]].Depth >= sp.Depth {
			stack = stack[:len(stack)-1]
		}
		sp.lower = -1
		if len(stack) > 0 {
			sp.lower = stack[len(stack)-1]
		}
		stack = append(stack, int32(i))
	}
	stack = stack[:0]
	for i := range s.Spans {
		sp := &s.Spans[i]
		for len(stack) > 0 && s.Spans[stack[len(stack)-1]].Depth > sp.Depth {
			stack = stack[:len(stack)-1]
		}
		f := foretold{left: elem.None, right: elem.None, lo: -1}
		if k := len(stack) - 1; k >= 0 && s.Spans[stack[k]].Depth == sp.Depth {
			same := &s.Spans[stack[k]]
			if f.goesOn = same.last() == (elem.Ref{Author: sp.Author, Index: sp.Index - 1}); f.goesOn {
				f.lo, f.right = stack[k], same.Right
			}
			stack = stack[:k]
		}
		if k := len(stack) - 1; k >= 0 && !f.goesOn {
			f.lo = stack[k]
		}
		if f.lo >= 0 {
			f.left = s.Spans[f.lo].last()
		}
		if sp.lower >= 0 && !f.goesOn {
			next := &s.Spans[sp.lower]
			f.right = elem.Ref{Author: next.Author, Index: next.Index}
		}
		stack = append(stack, int32(i))
		visit(i, f)
	}
	s.stack = stack[:0]
}
