package driver

import (
	"maps"
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
	// causes are what its device had learned since its change before this one,
	// but for what the parts' Seen tells: changes of other records only.
	causes syncproto.VersionVector
}

// changeLog keeps every change a device has, its own and others', applied or
// waiting, so that it can pass them on.
type changeLog struct {
	order []*logged // as they came, which for one device is a causal order or nearly
	by    map[syncproto.ReplicaID]*ofReplica
	last  *ofReplica // to which something was added
	spare []logged   // of the last stock made
}

// ofReplica are the changes of one replica: those from 1 on without a gap, and
// the rest.
type ofReplica struct {
	id    syncproto.ReplicaID
	first []*logged
	rest  map[syncproto.Seq]*logged
}

func newChangeLog() changeLog { return changeLog{by: map[syncproto.ReplicaID]*ofReplica{}} }

// find returns a change, nil if it is not there.
func (l *changeLog) find(r syncproto.ReplicaID, seq syncproto.Seq) *logged {
	of := l.by[r]
	switch {
	case of == nil:
		return nil
	case seq <= syncproto.Seq(len(of.first)):
		return of.first[seq-1]
	}
	return of.rest[seq]
}

// add takes a change in; false if it was there.
func (l *changeLog) add(x logged) bool {
	of := l.last
	if of == nil || of.id != x.replica {
		of = l.by[x.replica]
	}
	if of == nil {
		of = &ofReplica{id: x.replica, rest: map[syncproto.Seq]*logged{}}
		l.by[x.replica] = of
	}
	l.last = of
	next := syncproto.Seq(len(of.first)) + 1
	if x.seq < next || x.seq > next && of.rest[x.seq] != nil {
		return false
	}
	if len(l.spare) == 0 {
		l.spare = make([]logged, 64)
	}
	kept := &l.spare[0]
	l.spare = l.spare[1:]
	x.at = len(l.order)
	*kept = x
	l.order = append(l.order, kept)
	if x.seq > next {
		of.rest[x.seq] = kept
		return true
	}
	of.first = append(of.first, kept)
	for next++; len(of.rest) > 0 && of.rest[next] != nil; next++ {
		of.first = append(of.first, of.rest[next])
		delete(of.rest, next)
	}
	return true
}

// ranges says which changes of a replica are there.
func (l *changeLog) ranges(r syncproto.ReplicaID) (out syncproto.Ranges) {
	of := l.by[r]
	if n := len(of.first); n > 0 {
		out = syncproto.Ranges{{From: 1, To: syncproto.Seq(n)}}
	}
	for _, seq := range slices.Sorted(maps.Keys(of.rest)) {
		if n := len(out); n > 0 && out[n-1].To+1 == seq {
			out[n-1].To = seq
		} else {
			out = append(out, syncproto.Range{From: seq, To: seq})
		}
	}
	return out
}
