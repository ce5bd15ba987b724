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
	at      int           // place in the log
	bytes   []byte
}

// changeLog keeps every change a device has, its own and others', so that it
// can pass them on.
type changeLog struct {
	order []*logged // as they came, which for one device is a causal order or nearly
	by    map[syncproto.ReplicaID]*ofReplica
	spare []logged // of the last stock made
}

// ofReplica are the changes of one replica.
type ofReplica struct {
	bySeq  map[syncproto.Seq]*logged
	ranges syncproto.Ranges
	stale  bool // some came out of order since ranges was made
}

func newChangeLog() changeLog { return changeLog{by: map[syncproto.ReplicaID]*ofReplica{}} }

// find returns a change, nil if it is not there.
func (l *changeLog) find(r syncproto.ReplicaID, seq syncproto.Seq) *logged {
	if of := l.by[r]; of != nil {
		return of.bySeq[seq]
	}
	return nil
}

// add takes a change in; false if it was there.
func (l *changeLog) add(r syncproto.ReplicaID, seq, run syncproto.Seq, bytes []byte) bool {
	of := l.by[r]
	if of == nil {
		of = &ofReplica{bySeq: map[syncproto.Seq]*logged{}}
		l.by[r] = of
	}
	if of.bySeq[seq] != nil {
		return false
	}
	if len(l.spare) == 0 {
		l.spare = make([]logged, 64)
	}
	x := &l.spare[0]
	l.spare = l.spare[1:]
	*x = logged{replica: r, seq: seq, run: run, at: len(l.order), bytes: bytes}
	l.order = append(l.order, x)
	of.bySeq[seq] = x
	switch n := len(of.ranges); {
	case n > 0 && of.ranges[n-1].To+1 == seq:
		of.ranges[n-1].To = seq
	case n == 0 && !of.stale:
		of.ranges = syncproto.Ranges{{From: seq, To: seq}}
	default:
		of.stale = true
	}
	return true
}

// ranges says which changes of a replica are there; a copy.
func (l *changeLog) ranges(r syncproto.ReplicaID) syncproto.Ranges {
	of := l.by[r]
	if of.stale {
		of.ranges, of.stale = of.sorted(), false
	}
	return slices.Clone(of.ranges)
}

func (of *ofReplica) sorted() (out syncproto.Ranges) {
	seqs := make([]syncproto.Seq, 0, len(of.bySeq))
	for seq := range of.bySeq {
		seqs = append(seqs, seq)
	}
	slices.Sort(seqs)
	for _, seq := range seqs {
		if n := len(out); n > 0 && out[n-1].To+1 == seq {
			out[n-1].To = seq
			continue
		}
		out = append(out, syncproto.Range{From: seq, To: seq})
	}
	return out
}
