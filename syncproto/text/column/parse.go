package column

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/elem"
	"github.com/chuantou/chuantou/syncproto/text/strict"
)

// Parse reads a state into s, which is empty, and checks it: the text, which
// aliases b, how many of the elements are visible, and how many there are.
func (s *State) Parse(b []byte) (text []byte, visible, elements int, err error) {
	r := strict.NewReader(b)
	text, visible, elements = s.parse(&r)
	if r.Err() == nil && r.Runes(text) != visible {
		r.Failf("text is not as long as its visible elements")
	}
	return text, visible, elements, r.Done()
}

// Reparse is Parse of bytes that it has accepted before.
func (s *State) Reparse(b []byte) (text []byte) {
	r := strict.NewReader(b)
	text, _, _ = s.parse(&r)
	if r.Err() != nil {
		panic("column: a state that was read was changed: " + r.Err().Error())
	}
	return text
}

func (s *State) parse(r *strict.Reader) (text []byte, visible, elements int) {
	version := r.Number()
	if version != formatPlain && version != formatFolded {
		r.Failf("format version %d, not %d or %d", version, formatPlain, formatFolded)
		return nil, 0, 0
	}
	text = r.Bytes(r.Count(1, "bytes of text"))
	n := r.Count(len(syncproto.ReplicaID{})+2, "replicas")
	s.Replicas = r.Replicas(s.Replicas, n)
	if version == formatFolded {
		s.readFloors(r)
	}
	if n > 0 {
		elements = s.readLengths(r)
		s.readOrder(r)
		s.readOrigins(r)
		visible = elements - s.readRuns(r, elements)
	}
	return text, visible, elements
}

// Folded reports whether an encoded text is folded, by its first byte.
func Folded(b []byte) bool { return len(b) > 0 && b[0] == formatFolded }

// Replicas reads who the replicas of an encoded text are, and no more of it;
// none if it is damaged before that.
func Replicas(b []byte) strict.Replicas {
	r := strict.NewReader(b)
	r.Number()
	r.Bytes(r.Count(1, "bytes of text"))
	out := r.Replicas(nil, r.Count(len(syncproto.ReplicaID{}), "replicas"))
	if r.Err() != nil {
		return nil
	}
	return out
}

// readFloors reads up to where each replica's elements were folded away.
func (s *State) readFloors(r *strict.Reader) {
	folded := false
	for range s.Replicas {
		floor := r.Max(strict.MaxCounter, "counter")
		s.Floors = append(s.Floors, floor)
		folded = folded || floor > 0
	}
	if !folded {
		r.Failf("folded, but no element was folded away")
	}
}

// readLengths reads the spans of each replica, into s.Spans as yet in order of ids.
func (s *State) readLengths(r *strict.Reader) (elements int) {
	total := 0
	for k := range s.Replicas {
		s.First = append(s.First, int32(total))
		n := r.Count(2, "spans") + int(s.least())
		if n == 0 && r.Err() == nil && s.Floors[k] == 0 {
			r.Failf("replica %s has and had no element", s.Replicas[k])
		}
		total += n
		if total > r.Rest()/2 {
			r.Failf("input ends early")
			return 0
		}
	}
	if total == 0 {
		r.Failf("folded to no element")
		return 0
	}
	s.First = append(s.First, int32(total))
	s.ByID = slices.Grow(s.ByID, total)[:total]
	s.stack = slices.Grow(s.stack[:0], 2*total)
	for k := range s.Replicas {
		index := int32(0)
		for range s.First[k+1] - s.First[k] {
			n := int32(r.Max(strict.MaxElements-1, "length of a span")) + 1
			if elements += int(n); elements > strict.MaxElements {
				r.Failf("more than %d elements", strict.MaxElements)
				return 0
			}
			s.stack = append(s.stack, index, n)
			index += n
		}
	}
	return elements
}

// readOrder reads whose span stands where, and which of his.
func (s *State) readOrder(r *strict.Reader) {
	total := len(s.ByID)
	s.Spans = slices.Grow(s.Spans, total)[:total]
	s.readAuthors(r)
	for i := range s.ByID {
		s.ByID[i] = -1
	}
	next := append(s.number[:0], s.First...)
	for i := range s.Spans {
		if r.Err() != nil {
			return
		}
		sp := &s.Spans[i]
		from, to := s.First[sp.Author], s.First[sp.Author+1]
		rank := int64(next[sp.Author])
		if to-from > 1 {
			rank += int64(r.Signed())
		}
		if rank < int64(from) || rank >= int64(to) || s.ByID[rank] >= 0 {
			r.Failf("span %d stands nowhere or twice", rank)
			return
		}
		s.ByID[rank] = int32(i)
		sp.Index, sp.N = s.stack[2*rank], s.stack[2*rank+1]
		next[sp.Author] = int32(rank) + 1
	}
	s.number = next
}

func (s *State) readAuthors(r *strict.Reader) {
	n := int32(len(s.Replicas))
	prev := int32(-1)
	for i := 0; i < len(s.Spans) && r.Err() == nil; {
		a, count := int32(0), len(s.Spans)
		if n > 1 {
			if prev < 0 {
				a = int32(r.Max(uint64(n-1), "replica"))
			} else {
				a = (prev + 1 + int32(r.Max(uint64(n-2), "replica"))) % n
			}
			count = int(r.Max(uint64(len(s.Spans)-i-1), "spans of a replica")) + 1
		}
		for ; count > 0; count-- {
			s.Spans[i] = Span{Author: a, Left: elem.None, Right: elem.None}
			i++
		}
		prev = a
	}
}

// readOrigins reads the depths and what they do not foretell.
func (s *State) readOrigins(r *strict.Reader) {
	depth := int64(0)
	for i := range s.Spans {
		depth += int64(r.Signed()) + 1
		if depth < 1 || depth > int64(len(s.Spans)) {
			r.Failf("depth %d of a span", depth)
			return
		}
		s.Spans[i].Depth = int32(depth)
	}
	left := r.Count(2, "origins")
	at, kind := s.exception(r, -1, left)
	s.foretell(func(i int, f foretold) {
		if r.Err() != nil {
			return
		}
		sp := &s.Spans[i]
		sp.Left, sp.Right = f.left, f.right
		hi, goesOn := sp.lower, f.goesOn
		if i == at {
			f.lo, hi = s.readException(r, sp, kind)
			goesOn = false
			left--
			at, kind = s.exception(r, i, left)
		}
		if !goesOn {
			s.checkSpan(r, i, f.lo, hi)
		}
		if own := (elem.Ref{Author: sp.Author, Index: sp.Index - 1}); i > 0 && sp.Left == own && own == s.Spans[i-1].last() && sp.Right == s.Spans[i-1].Right {
			r.Failf("span %d goes on with the one before", i)
		}
	})
	if left > 0 {
		r.Failf("origins of spans beyond the last")
	}
}

// exception reads which span comes next whose origins are not foretold.
func (s *State) exception(r *strict.Reader, last, left int) (at, kind int) {
	if left == 0 {
		return -1, 0
	}
	v := r.Max(uint64(len(s.Spans))*3, "span with other origins")
	return last + 1 + int(v/3), int(v%3) + 1
}

func (s *State) readException(r *strict.Reader, sp *Span, kind int) (lo, hi int32) {
	if kind&1 != 0 {
		sp.Left = s.readRef(r, sp.Left)
	}
	if kind&2 != 0 {
		sp.Right = s.readRef(r, sp.Right)
	}
	return s.find(r, sp.Left), s.find(r, sp.Right)
}

// readRef reads an origin that is not the one foretold.
func (s *State) readRef(r *strict.Reader, foretold elem.Ref) elem.Ref {
	out := elem.None
	if v := r.Max(uint64(len(s.Replicas))*strict.MaxElements, "origin"); v > 0 {
		out = elem.Ref{Author: int32((v - 1) % uint64(len(s.Replicas))), Index: int32((v - 1) / uint64(len(s.Replicas)))}
	}
	if out == foretold {
		r.Failf("origin told though it is foretold")
	}
	return out
}

// find is the place of the span that holds an element, -1 for none.
func (s *State) find(r *strict.Reader, x elem.Ref) int32 {
	if x == elem.None {
		return -1
	}
	own := s.ByID[s.First[x.Author]:s.First[x.Author+1]]
	k, ok := slices.BinarySearchFunc(own, x.Index, func(at, index int32) int { return int(s.Spans[at].Index - index) })
	if !ok {
		k--
	}
	if k >= 0 {
		if at := own[k]; x.Index-s.Spans[at].Index < s.Spans[at].N {
			return at
		}
	}
	r.Failf("origin that is not there")
	return -1
}

// checkSpan checks span i, whose origins lie in spans lo and hi, -1 if none.
func (s *State) checkSpan(r *strict.Reader, i int, lo, hi int32) {
	sp := &s.Spans[i]
	if int(lo) >= i || sp.Right != elem.None && int(hi) <= i {
		r.Failf("span %d is not between its origins", i)
		return
	}
	var depth int32
	if lo >= 0 {
		depth = s.Spans[lo].Depth
	}
	if sp.Left == (elem.Ref{Author: sp.Author, Index: sp.Index - 1}) && s.Spans[lo].Right == sp.Right {
		depth--
	} else if hi >= 0 {
		depth = max(depth, s.Spans[hi].Depth)
	}
	if sp.Depth != depth+1 {
		r.Failf("depth %d of span %d", sp.Depth, i)
	}
}

// readRuns reads which elements are deleted, and returns how many.
func (s *State) readRuns(r *strict.Reader, elements int) (deleted int) {
	rest := elements
	for k := range r.Count(2, "deleted stretches") {
		gap := r.Max(strict.MaxElements, "visible elements")
		if k > 0 {
			gap++
		}
		n := r.Max(strict.MaxElements, "deleted elements") + 1
		if gap+n > uint64(rest) {
			r.Failf("more deleted elements than there are")
			return 0
		}
		rest -= int(gap + n)
		deleted += int(n)
		s.Runs = append(s.Runs, int32(gap), int32(n))
	}
	s.Runs = append(s.Runs, int32(rest))
	return deleted
}
