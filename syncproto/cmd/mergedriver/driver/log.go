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
	by    map[syncproto.ReplicaID]map[syncproto.Seq]*logged
	spare []logged // of the last stock made
}

func newChangeLog() changeLog {
	return changeLog{by: map[syncproto.ReplicaID]map[syncproto.Seq]*logged{}}
}

// find returns a change, nil if it is not there.
func (l *changeLog) find(r syncproto.ReplicaID, seq syncproto.Seq) *logged { return l.by[r][seq] }

// add takes a change in; false if it was there.
func (l *changeLog) add(r syncproto.ReplicaID, seq, run syncproto.Seq, bytes []byte) bool {
	of := l.by[r]
	if of == nil {
		of = map[syncproto.Seq]*logged{}
		l.by[r] = of
	}
	if of[seq] != nil {
		return false
	}
	if len(l.spare) == 0 {
		l.spare = make([]logged, 64)
	}
	x := &l.spare[0]
	l.spare = l.spare[1:]
	*x = logged{replica: r, seq: seq, run: run, bytes: bytes}
	l.order = append(l.order, x)
	of[seq] = x
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
	seqs := make([]syncproto.Seq, 0, len(l.by[r]))
	for seq := range l.by[r] {
		seqs = append(seqs, seq)
	}
	slices.Sort(seqs)
	var out syncproto.Ranges
	for _, seq := range seqs {
		if n := len(out); n > 0 && out[n-1].To+1 == seq {
			out[n-1].To = seq
			continue
		}
		out = append(out, syncproto.Range{From: seq, To: seq})
	}
	return out
}
