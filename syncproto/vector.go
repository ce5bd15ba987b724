package syncproto

import (
	"maps"
	"slices"
)

// VersionVector says, per replica, which is the latest change known; through
// each change's Prev all earlier changes of that replica to the same record
// are known too. The zero value (nil) is the empty vector. Not safe for
// concurrent writes.
type VersionVector map[ReplicaID]Seq

// Covers reports whether the vector knows change seq of replica r.
func (v VersionVector) Covers(r ReplicaID, seq Seq) bool { return v[r] >= seq }

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
	less, more := false, false
	for r, s := range v {
		if s > w[r] {
			more = true
		}
	}
	for r, s := range w {
		if s > v[r] {
			less = true
		}
	}
	switch {
	case less && more:
		return Concurrent
	case less:
		return Before
	case more:
		return After
	}
	return Equal
}

// LessEqual reports whether w knows everything v knows.
func (v VersionVector) LessEqual(w VersionVector) bool {
	for r, s := range v {
		if s > w[r] {
			return false
		}
	}
	return true
}

// Merge raises v to know what w knows and returns it; a nil v is allocated.
func (v VersionVector) Merge(w VersionVector) VersionVector {
	if v == nil && len(w) > 0 {
		v = make(VersionVector, len(w))
	}
	for r, s := range w {
		if s > v[r] {
			v[r] = s
		}
	}
	return v
}

// Copy returns an independent copy; nil stays nil.
func (v VersionVector) Copy() VersionVector { return maps.Clone(v) }

// Replicas lists the replicas with a non-zero entry in order of their bytes:
// the order of every encoding of a vector.
func (v VersionVector) Replicas() []ReplicaID {
	out := make([]ReplicaID, 0, len(v))
	for r, s := range v {
		if s > 0 {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, ReplicaID.Compare)
	return out
}

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
