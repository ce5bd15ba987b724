package driver

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
)

// logged is one change in its wire encoding.
type logged struct {
	replica syncproto.ReplicaID
	seq     syncproto.Seq
	run     syncproto.Seq // first change of the run it came in
	bytes   []byte
}

// changeLog keeps every change a device has, its own and others', so that it
// can pass them on.
type changeLog struct {
	order []*logged // as they came, which for one device is a causal order or nearly
	by    map[syncproto.ReplicaID][]*logged
}

func newChangeLog() changeLog { return changeLog{by: map[syncproto.ReplicaID][]*logged{}} }

func (l *changeLog) search(r syncproto.ReplicaID, seq syncproto.Seq) (int, bool) {
	return slices.BinarySearchFunc(l.by[r], seq, func(x *logged, seq syncproto.Seq) int {
		switch {
		case x.seq < seq:
			return -1
		case x.seq > seq:
			return 1
		}
		return 0
	})
}

// add takes a change in; false if it was there.
func (l *changeLog) add(r syncproto.ReplicaID, seq, run syncproto.Seq, bytes []byte) bool {
	i := len(l.by[r])
	if i > 0 && l.by[r][i-1].seq >= seq {
		var known bool
		if i, known = l.search(r, seq); known {
			return false
		}
	}
	x := &logged{replica: r, seq: seq, run: run, bytes: bytes}
	l.order = append(l.order, x)
	l.by[r] = slices.Insert(l.by[r], i, x)
	return true
}

// replicas lists whose changes are there, in order.
func (l *changeLog) replicas() []syncproto.ReplicaID {
	out := make([]syncproto.ReplicaID, 0, len(l.by))
	for r := range l.by {
		out = append(out, r)
	}
	slices.SortFunc(out, syncproto.ReplicaID.Compare)
	return out
}

// ranges says which changes of a replica are there.
func (l *changeLog) ranges(r syncproto.ReplicaID) syncproto.Ranges {
	var out syncproto.Ranges
	for _, x := range l.by[r] {
		if n := len(out); n > 0 && out[n-1].To+1 == x.seq {
			out[n-1].To = x.seq
			continue
		}
		out = append(out, syncproto.Range{From: x.seq, To: x.seq})
	}
	return out
}
