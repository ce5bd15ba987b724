package column

import (
	"encoding/binary"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/elem"
	"github.com/chuantou/chuantou/syncproto/text/strict"
)

// AppendEmpty appends the state of a text that nobody has written in.
func AppendEmpty(b []byte) []byte { return append(b, formatPlain, 0, 0) }

// AppendBegun appends the state of a text that is one run of author's first
// elements, of which there are n.
func AppendBegun(b []byte, author syncproto.ReplicaID, text string, n int) []byte {
	b = binary.AppendUvarint(append(b, formatPlain), uint64(len(text)))
	b = append(b, text...)
	b = append(append(b, 1), author[:]...)                       // one replica,
	b = append(b, 0)                                             // with one span
	return append(binary.AppendUvarint(b, uint64(n-1)), 0, 0, 0) // of depth 1, as foretold, nothing deleted
}

// AppendHead appends what comes before the text: n bytes, which the caller appends.
func AppendHead(b []byte, folded bool, n int) []byte {
	if folded {
		b = append(b, formatFolded)
	} else {
		b = append(b, formatPlain)
	}
	return binary.AppendUvarint(b, uint64(n))
}

// TextAt is where the text begins in a state that was written or read here.
func TextAt(b []byte) int {
	_, n := binary.Uvarint(b[1:])
	return 1 + n
}

// Append appends what comes after the text. Spans, ByID and First must be those
// of a text, with Floors if it is folded.
func (s *State) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(s.Replicas)))
	if len(s.Replicas) == 0 {
		return b
	}
	b = s.Replicas.Append(b)
	for _, floor := range s.Floors {
		b = binary.AppendUvarint(b, floor)
	}
	b = s.appendLengths(b)
	b = s.appendOrder(b)
	b = s.appendOrigins(b)
	return s.appendRuns(b)
}

// least is how many spans each replica has at least: with floors one may have
// none left.
func (s *State) least() int32 {
	if len(s.Floors) > 0 {
		return 0
	}
	return 1
}

// appendLengths appends how many spans each replica has and how long they are.
func (s *State) appendLengths(b []byte) []byte {
	for k := range s.Replicas {
		b = binary.AppendUvarint(b, uint64(s.First[k+1]-s.First[k]-s.least()))
	}
	for _, at := range s.ByID {
		b = binary.AppendUvarint(b, uint64(s.Spans[at].N-1))
	}
	return b
}

// appendOrder appends whose span stands where, then which of his.
func (s *State) appendOrder(b []byte) []byte {
	if len(s.Replicas) > 1 {
		for i, prev := 0, int32(-1); i < len(s.Spans); {
			a, n := s.Spans[i].Author, 1
			for i+n < len(s.Spans) && s.Spans[i+n].Author == a {
				n++
			}
			b = binary.AppendUvarint(b, s.authorStep(prev, a))
			b = binary.AppendUvarint(b, uint64(n-1))
			i, prev = i+n, a
		}
	}
	rank := slices.Grow(s.SpanOf[:0], len(s.Spans))[:len(s.Spans)]
	next := s.stack[:0]
	for k := range s.Replicas {
		next = append(next, s.First[k])
		for r := s.First[k]; r < s.First[k+1]; r++ {
			rank[s.ByID[r]] = r
		}
	}
	for i := range s.Spans {
		if a := s.Spans[i].Author; s.First[a+1]-s.First[a] > 1 {
			b = strict.AppendSigned(b, rank[i]-next[a])
			next[a] = rank[i] + 1
		}
	}
	s.SpanOf, s.stack = rank, next
	return b
}

// authorStep is the number of author a among the others than prev.
func (s *State) authorStep(prev, a int32) uint64 {
	if prev < 0 {
		return uint64(a)
	}
	n := int32(len(s.Replicas))
	return uint64((a - prev - 1 + n) % n)
}

// appendOrigins appends the depths and which origins they do not foretell.
func (s *State) appendOrigins(b []byte) []byte {
	depth := int32(0)
	for i := range s.Spans {
		b = strict.AppendSigned(b, s.Spans[i].Depth-depth-1)
		depth = s.Spans[i].Depth
	}
	at, count := len(b), uint64(0)
	last := -1
	s.foretell(func(i int, f foretold) {
		sp := &s.Spans[i]
		kind := 0
		if sp.Left != f.left {
			kind |= 1
		}
		if sp.Right != f.right {
			kind |= 2
		}
		if kind == 0 {
			return
		}
		b = binary.AppendUvarint(b, uint64((i-last-1)*3+kind-1))
		if kind&1 != 0 {
			b = s.appendRef(b, sp.Left)
		}
		if kind&2 != 0 {
			b = s.appendRef(b, sp.Right)
		}
		last = i
		count++
	})
	var head [binary.MaxVarintLen64]byte
	return slices.Insert(b, at, binary.AppendUvarint(head[:0], count)...)
}

func (s *State) appendRef(b []byte, r elem.Ref) []byte {
	if r == elem.None {
		return append(b, 0)
	}
	return binary.AppendUvarint(b, 1+uint64(r.Author)+uint64(len(s.Replicas))*uint64(r.Index))
}

// appendRuns appends which elements are deleted.
func (s *State) appendRuns(b []byte) []byte {
	n := len(s.Runs) / 2
	b = binary.AppendUvarint(b, uint64(n))
	for k := range n {
		gap := s.Runs[2*k]
		if k > 0 {
			gap--
		}
		b = binary.AppendUvarint(b, uint64(gap))
		b = binary.AppendUvarint(b, uint64(s.Runs[2*k+1]-1))
	}
	return b
}
