package crdt

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
)

// clockWindowMillis is how far apart claimed times may lie and still be
// compared: 200 days. A device away for half a year is inside; a phone years
// off forms a group of its own and wins or loses by chance like any other.
const clockWindowMillis = 200 * 24 * 3600 * 1000

// candidate is one of several live values.
type candidate struct {
	index int
	dot   syncproto.Dot
	wall  int64
	hash  uint64
}

// shownFirst picks, of n > 0 live values of the record's name, the one to show
// first: a pure function of the set of their dots and claimed times (SPEC.md
// §1.5), so the same everywhere, and never a merge: all n stay. It returns an
// index.
func shownFirst(n int, record syncproto.RecordID, name string, at func(i int) (syncproto.Dot, int64)) int {
	if n == 1 {
		return 0
	}
	all := make([]candidate, n)
	for i := range all {
		dot, wall := at(i)
		all[i] = candidate{i, dot, wall, lot(record, name, dot, wall)}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		if a.wall != b.wall {
			if a.wall < b.wall {
				return -1
			}
			return 1
		}
		return a.compare(&b)
	})
	group := all
	if apart(all[0].wall, all[n-1].wall) {
		group = drawnGroup(all)
	}
	// The latest stand last; among equals the lowest hash comes first.
	last := len(group) - 1
	for last > 0 && group[last-1].wall == group[last].wall {
		last--
	}
	return group[last].index
}

// compare orders by hash; dots decide in the case that never happens.
func (a *candidate) compare(b *candidate) int {
	switch {
	case a.hash < b.hash:
		return -1
	case a.hash > b.hash:
		return 1
	}
	return a.dot.Compare(b.dot)
}

// apart reports whether two times, a <= b, are not comparable. The difference
// is taken unsigned: claimed times may be anything.
func apart(a, b int64) bool { return uint64(b)-uint64(a) > clockWindowMillis }

// drawnGroup splits at gaps over the window and takes the group that holds the
// lowest hash: chance, in proportion to the values of each. To let the largest
// group win would make a phone years off lose to any two others, every time.
func drawnGroup(all []candidate) []candidate {
	var best []candidate
	var bestLow candidate
	for from := 0; from < len(all); {
		to := from + 1
		for to < len(all) && !apart(all[to-1].wall, all[to].wall) {
			to++
		}
		group := all[from:to]
		low := slices.MinFunc(group, func(a, b candidate) int { return a.compare(&b) })
		if best == nil || low.compare(&bestLow) < 0 {
			best, bestLow = group, low
		}
		from = to
	}
	return best
}

// lot is the first 8 bytes of SHA-256(record ‖ replica ‖ seq ‖ op ‖ wall ‖ name),
// numbers of 8, 4 and 8 bytes, big-endian. By the dot alone it would fall to the
// same device in every record that begins alike. Values have no part in it: one
// that is erased changes nothing of what is shown.
func lot(record syncproto.RecordID, name string, d syncproto.Dot, wall int64) uint64 {
	b := make([]byte, 0, 128)
	b = append(append(b, record[:]...), d.Replica[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(d.Seq))
	b = binary.BigEndian.AppendUint32(b, d.Op)
	b = binary.BigEndian.AppendUint64(b, uint64(wall))
	sum := sha256.Sum256(append(b, name...))
	return binary.BigEndian.Uint64(sum[:])
}
