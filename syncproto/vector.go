package syncproto

import (
	"iter"
	"slices"
)

// VersionVector says, per replica, which is the latest change known; through
// each change's Prev all earlier changes of that replica to the same record
// are known too. It is ordered by replica, each at most once and none with seq
// 0: Set keeps it so, and so does VectorOf. The zero value (nil) is the empty
// vector. Most have one or two entries, so they are looked through in order.
// Not safe for concurrent writes.
type VersionVector []ChangeID

// VectorOf makes a vector of the latest changes of some replicas, in any order.
func VectorOf(latest ...ChangeID) VersionVector {
	var v VersionVector
	for _, c := range latest {
		v.Set(c.Replica, c.Seq)
	}
	return v
}

// fewEntries is up to how many a look in order is faster than halving.
const fewEntries = 8

// Index is the place of replica r, or the one it would have.
func (v VersionVector) Index(r ReplicaID) (int, bool) {
	if len(v) > fewEntries {
		return slices.BinarySearchFunc(v, r, func(c ChangeID, r ReplicaID) int { return c.Replica.Compare(r) })
	}
	for i := range v {
		if v[i].Replica == r {
			return i, true
		}
	}
	i := 0
	for i < len(v) && v[i].Replica.Compare(r) < 0 {
		i++
	}
	return i, false
}

// Of is the latest change known of replica r, 0 for none.
func (v VersionVector) Of(r ReplicaID) Seq {
	if i, ok := v.Index(r); ok {
		return v[i].Seq
	}
	return 0
}

// Set makes seq the latest change known of replica r, in place where it can.
func (v *VersionVector) Set(r ReplicaID, seq Seq) {
	i, ok := v.Index(r)
	switch {
	case ok && seq > 0:
		(*v)[i].Seq = seq
	case ok:
		*v = slices.Delete(*v, i, i+1)
	case seq > 0:
		*v = slices.Insert(*v, i, ChangeID{r, seq})
	}
}

// Covers reports whether the vector knows change seq of replica r.
func (v VersionVector) Covers(r ReplicaID, seq Seq) bool { return v.Of(r) >= seq }

// Ordering is the outcome of comparing two version vectors.
type Ordering int

// The four ways two vectors can stand to each other.
const (
	Equal Ordering = iota
	Before
	After
	Concurrent
)

// Compare says how v stands to w. A missing entry equals a zero entry.
func (v VersionVector) Compare(w VersionVector) Ordering {
	switch less, more := v.LessEqual(w), w.LessEqual(v); {
	case less && more:
		return Equal
	case less:
		return Before
	case more:
		return After
	}
	return Concurrent
}

// LessEqual reports whether w knows everything v knows.
func (v VersionVector) LessEqual(w VersionVector) bool {
	for _, c := range v {
		for len(w) > 0 && w[0].Replica != c.Replica && w[0].Replica.Compare(c.Replica) < 0 {
			w = w[1:]
		}
		if len(w) == 0 || w[0].Replica != c.Replica || c.Seq > w[0].Seq {
			return false
		}
	}
	return true
}

// Merge raises v to know what w knows and returns it.
func (v VersionVector) Merge(w VersionVector) VersionVector {
	for _, c := range w {
		if c.Seq > v.Of(c.Replica) {
			v.Set(c.Replica, c.Seq)
		}
	}
	return v
}

// All visits replicas and seqs in order.
func (v VersionVector) All() iter.Seq2[ReplicaID, Seq] {
	return func(yield func(ReplicaID, Seq) bool) {
		for _, c := range v {
			if !yield(c.Replica, c.Seq) {
				return
			}
		}
	}
}

// Copy returns an independent copy; nil stays nil.
func (v VersionVector) Copy() VersionVector { return slices.Clone(v) }

// Range is a run of sequence numbers, both ends included.
type Range struct{ From, To Seq }

// Ranges is an ordered list of runs that neither touch nor overlap: which
// changes of one replica a holder has. The zero value is empty.
type Ranges []Range

// Contains reports whether seq is in one of the runs.
func (rs Ranges) Contains(seq Seq) bool {
	for _, r := range rs {
		if seq >= r.From && seq <= r.To {
			return true
		}
	}
	return false
}

// Add returns the list with the run [from, to] joined in.
func (rs Ranges) Add(from, to Seq) Ranges {
	out := make(Ranges, 0, len(rs)+1)
	done := false
	for _, r := range rs {
		switch {
		case r.To+1 < from:
			out = append(out, r)
		case to+1 < r.From:
			if !done {
				out, done = append(out, Range{from, to}), true
			}
			out = append(out, r)
		default:
			from, to = min(from, r.From), max(to, r.To)
		}
	}
	if !done {
		out = append(out, Range{from, to})
	}
	return out
}

// Without is what of rs is not in other.
func (rs Ranges) Without(other Ranges) Ranges {
	var out Ranges
	for _, r := range rs {
		for len(other) > 0 && other[0].To < r.From {
			other = other[1:]
		}
		from := r.From
		for _, o := range other {
			if o.From > r.To || from > r.To {
				break
			}
			if o.From > from {
				out = append(out, Range{from, o.From - 1})
			}
			from = o.To + 1
		}
		if from <= r.To {
			out = append(out, Range{from, r.To})
		}
	}
	return out
}

// Covers reports whether every number of other is in rs.
func (rs Ranges) Covers(other Ranges) bool { return len(other.Without(rs)) == 0 }

// Prefix is the last number of the run that starts at 1: everything up to it
// is there. Zero when change 1 is missing.
func (rs Ranges) Prefix() Seq {
	if len(rs) > 0 && rs[0].From == 1 {
		return rs[0].To
	}
	return 0
}
