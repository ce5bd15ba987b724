package text

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
)

// Decode reads a state. It accepts exactly what AppendBinary writes, and keeps
// b, which must not change any more. The history is checked here but made into
// items only when an edit, or a question about authors, comes: a text that is
// merely read costs next to nothing (the idea of Eg-walker, Gentle and
// Kleppmann, arXiv 2409.14252).
func Decode(b []byte) (*Doc, error) {
	s := states.Get().(*state)
	defer s.release()
	r := reader{b: b}
	text, visible, elements := s.parse(&r)
	if r.err == nil && r.runesOf(text) != visible {
		r.failf("text is not as long as its visible elements")
	}
	if err := r.done(); err != nil {
		return nil, err
	}
	return &Doc{raw: b[:len(b):len(b)], plain: text, chars: visible, elements: elements, folded: len(s.floors) > 0}, nil
}

// parse reads and checks all of a state but the text itself.
func (s *state) parse(r *reader) (text []byte, visible, elements int) {
	version := r.uvarint()
	if version != formatVersion && version != formatFolded {
		r.failf("format version %d, not %d or %d", version, formatVersion, formatFolded)
		return nil, 0, 0
	}
	text = r.bytes(r.count(1, "bytes of text"))
	n := r.count(len(syncproto.ReplicaID{})+2, "replicas")
	s.ids = r.replicas(s.ids[:0], n)
	s.spans, s.byID, s.first, s.runs, s.floors = s.spans[:0], s.byID[:0], s.first[:0], s.runs[:0], s.floors[:0]
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

// readFloors reads up to where each replica's elements were folded away.
func (s *state) readFloors(r *reader) {
	folded := false
	for range s.ids {
		floor := r.max(maxCounter, "counter")
		s.floors = append(s.floors, floor)
		folded = folded || floor > 0
	}
	if !folded {
		r.failf("folded, but no element was folded away")
	}
}

// readLengths reads the spans of each replica, into s.spans as yet in order of ids.
func (s *state) readLengths(r *reader) (elements int) {
	total := 0
	for k := range s.ids {
		s.first = append(s.first, int32(total))
		n := r.count(2, "spans") + int(s.least())
		if n == 0 && r.err == nil && s.floors[k] == 0 {
			r.failf("replica %s has and had no element", s.ids[k])
		}
		total += n
		if total > (len(r.b)-r.off)/2 {
			r.failf("input ends early")
			return 0
		}
	}
	if total == 0 {
		r.failf("folded to no element")
		return 0
	}
	s.first = append(s.first, int32(total))
	s.byID = slices.Grow(s.byID, total)[:total]
	s.stack = slices.Grow(s.stack[:0], 2*total)
	for k := range s.ids {
		index := int32(0)
		for range s.first[k+1] - s.first[k] {
			n := int32(r.max(maxElements-1, "length of a span")) + 1
			if elements += int(n); elements > maxElements {
				r.failf("more than %d elements", maxElements)
				return 0
			}
			s.stack = append(s.stack, index, n)
			index += n
		}
	}
	return elements
}

// readOrder reads whose span stands where, and which of his.
func (s *state) readOrder(r *reader) {
	total := len(s.byID)
	s.spans = slices.Grow(s.spans, total)[:total]
	s.readAuthors(r)
	for i := range s.byID {
		s.byID[i] = -1
	}
	next := append(s.number[:0], s.first...)
	for i := range s.spans {
		if r.err != nil {
			return
		}
		sp := &s.spans[i]
		from, to := s.first[sp.author], s.first[sp.author+1]
		rank := int64(next[sp.author])
		if to-from > 1 {
			rank += int64(r.signed())
		}
		if rank < int64(from) || rank >= int64(to) || s.byID[rank] >= 0 {
			r.failf("span %d stands nowhere or twice", rank)
			return
		}
		s.byID[rank] = int32(i)
		sp.index, sp.n = s.stack[2*rank], s.stack[2*rank+1]
		next[sp.author] = int32(rank) + 1
	}
	s.number = next
}

func (s *state) readAuthors(r *reader) {
	n := int32(len(s.ids))
	prev := int32(-1)
	for i := 0; i < len(s.spans) && r.err == nil; {
		a, count := int32(0), len(s.spans)
		if n > 1 {
			if prev < 0 {
				a = int32(r.max(uint64(n-1), "replica"))
			} else {
				a = (prev + 1 + int32(r.max(uint64(n-2), "replica"))) % n
			}
			count = int(r.max(uint64(len(s.spans)-i-1), "spans of a replica")) + 1
		}
		for ; count > 0; count-- {
			s.spans[i] = span{author: a, left: none, right: none}
			i++
		}
		prev = a
	}
}

// readOrigins reads the depths and what they do not foretell.
func (s *state) readOrigins(r *reader) {
	depth := int64(0)
	for i := range s.spans {
		depth += int64(r.signed()) + 1
		if depth < 1 || depth > int64(len(s.spans)) {
			r.failf("depth %d of a span", depth)
			return
		}
		s.spans[i].depth = int32(depth)
	}
	left := r.count(2, "origins")
	at, kind := s.exception(r, -1, left)
	s.foretell(func(i int, f foretold) {
		if r.err != nil {
			return
		}
		sp := &s.spans[i]
		sp.left, sp.right = f.left, f.right
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
		if own := (ref{sp.author, sp.index - 1}); i > 0 && sp.left == own && own == s.spans[i-1].last() && sp.right == s.spans[i-1].right {
			r.failf("span %d goes on with the one before", i)
		}
	})
	if left > 0 {
		r.failf("origins of spans beyond the last")
	}
}

// exception reads which span comes next whose origins are not foretold.
func (s *state) exception(r *reader, last, left int) (at, kind int) {
	if left == 0 {
		return -1, 0
	}
	v := r.max(uint64(len(s.spans))*3, "span with other origins")
	return last + 1 + int(v/3), int(v%3) + 1
}

func (s *state) readException(r *reader, sp *span, kind int) (lo, hi int32) {
	if kind&1 != 0 {
		sp.left = s.readRef(r, sp.left)
	}
	if kind&2 != 0 {
		sp.right = s.readRef(r, sp.right)
	}
	return s.find(r, sp.left), s.find(r, sp.right)
}

// readRef reads an origin that is not the one foretold.
func (s *state) readRef(r *reader, foretold ref) ref {
	out := none
	if v := r.max(uint64(len(s.ids))*maxElements, "origin"); v > 0 {
		out = ref{int32((v - 1) % uint64(len(s.ids))), int32((v - 1) / uint64(len(s.ids)))}
	}
	if out == foretold {
		r.failf("origin told though it is foretold")
	}
	return out
}

// find is the place of the span that holds an element, -1 for none.
func (s *state) find(r *reader, x ref) int32 {
	if x == none {
		return -1
	}
	own := s.byID[s.first[x.author]:s.first[x.author+1]]
	k, ok := slices.BinarySearchFunc(own, x.index, func(at, index int32) int { return int(s.spans[at].index - index) })
	if !ok {
		k--
	}
	if k >= 0 {
		if at := own[k]; x.index-s.spans[at].index < s.spans[at].n {
			return at
		}
	}
	r.failf("origin that is not there")
	return -1
}

// checkSpan checks span i, whose origins lie in spans lo and hi, -1 if none.
func (s *state) checkSpan(r *reader, i int, lo, hi int32) {
	sp := &s.spans[i]
	if int(lo) >= i || sp.right != none && int(hi) <= i {
		r.failf("span %d is not between its origins", i)
		return
	}
	var depth int32
	if lo >= 0 {
		depth = s.spans[lo].depth
	}
	if sp.left == (ref{sp.author, sp.index - 1}) && s.spans[lo].right == sp.right {
		depth--
	} else if hi >= 0 {
		depth = max(depth, s.spans[hi].depth)
	}
	if sp.depth != depth+1 {
		r.failf("depth %d of span %d", sp.depth, i)
	}
}

// readRuns reads which elements are deleted, and returns how many.
func (s *state) readRuns(r *reader, elements int) (deleted int) {
	rest := elements
	for k := range r.count(2, "deleted stretches") {
		gap := r.max(maxElements, "visible elements")
		if k > 0 {
			gap++
		}
		n := r.max(maxElements, "deleted elements") + 1
		if gap+n > uint64(rest) {
			r.failf("more deleted elements than there are")
			return 0
		}
		rest -= int(gap + n)
		deleted += int(n)
		s.runs = append(s.runs, int32(gap), int32(n))
	}
	s.runs = append(s.runs, int32(rest))
	return deleted
}

// open makes items of a decoded state, once.
func (d *Doc) open() {
	if d.raw == nil {
		return
	}
	s := states.Get().(*state)
	defer s.release()
	r := reader{b: d.raw}
	text, _, _ := s.parse(&r)
	if r.err != nil {
		panic("text: decoded bytes were changed: " + r.err.Error())
	}
	d.reset(len(s.spans) + len(s.runs) + 2)
	d.buf, d.live = text[:len(text):len(text)], len(text)
	d.raw, d.plain = nil, nil
	ascii := d.chars == len(text)
	for k, id := range s.ids {
		d.addAuthor(id, s.floor(k))
		if s.first[k+1] > s.first[k] {
			last := &s.spans[s.byID[s.first[k+1]-1]]
			d.authors[k].n = last.index + last.n
		}
	}
	b := builder{d: d, ascii: ascii}
	run := 0
	for i := range s.spans {
		for sp := s.spans[i]; sp.n > 0; {
			for s.runs[run] == 0 {
				run++
			}
			n := min(sp.n, s.runs[run], maxItem)
			b.add(&sp, n, run%2 == 0)
			s.runs[run] -= n
		}
	}
}

func (s *state) floor(k int) uint64 {
	if len(s.floors) == 0 {
		return 0
	}
	return s.floors[k]
}

// builder adds items front to back.
type builder struct {
	d     *Doc
	ascii bool
	leaf  int32
	off   int32
}

// add makes an item of the first n elements of a span and takes them off it.
func (b *builder) add(sp *span, n int32, visible bool) {
	d := b.d
	it := item{author: sp.author, index: sp.index, n: n, off: b.off, depth: sp.depth, left: sp.left, right: sp.right}
	if visible {
		if it.size = n; !b.ascii {
			it.size = int32(runes(d.buf[b.off:], int(n)))
		}
		b.off += it.size
	}
	var i int
	b.leaf, i = d.room(b.leaf, int(d.nodes[b.leaf].n))
	d.newItem(it, b.leaf, i)
	d.grow(b.leaf, it.visible())
	sp.index, sp.n = sp.index+n, sp.n-n
	sp.left = ref{sp.author, sp.index - 1}
}

// signed reads a signed number.
func (r *reader) signed() int32 {
	v := r.max(1<<32-1, "number")
	return int32(uint32(v)>>1) ^ -int32(v&1)
}
