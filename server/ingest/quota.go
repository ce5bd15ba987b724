package ingest

import (
	"sync"
	"time"

	"github.com/chuantou/chuantou/syncproto"
)

// DefaultQuota is how many bytes one device may push in a day, compressed: a
// year of a diligent cadre's records, and a bound for a device gone mad.
const DefaultQuota = 256 << 20

// errQuota is answered before anything of a push is taken: the device keeps it
// and comes again.
var errQuota = syncproto.Errorf(syncproto.KindLater, "这台设备今天传得太多，先不收；内容都在设备里，会自动再传")

// quota is a bucket for each device that pushes, which fills evenly over a day.
// It counts under the carrier, who has shown who he is: whose bundles he brings
// is not counted, or anybody could use up another's. It is kept in memory; a
// server started anew begins with full ones.
type quota struct {
	mu sync.Mutex
	of map[syncproto.ReplicaID]spent
}

// spent is how many bytes of a day's count are used up at a time.
type spent struct {
	bytes float64
	at    time.Time
}

// maxCounted bounds how many devices are remembered.
const maxCounted = 8192

// take counts a push of so many bytes, if the device may make it now. One push
// is always let through when the bucket is full, however small that is.
func (q *quota) take(r syncproto.ReplicaID, bytes, perDay int64, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.of == nil {
		q.of = map[syncproto.ReplicaID]spent{}
	}
	s := q.of[r]
	if d := now.Sub(s.at); d > 0 {
		s.bytes = max(0, s.bytes-float64(perDay)*d.Hours()/24)
		s.at = now
	}
	if s.bytes > 0 && s.bytes+float64(bytes) > float64(perDay) {
		return false
	}
	s.bytes += float64(bytes)
	q.makeRoom(r)
	q.of[r] = s
	return true
}

// makeRoom forgets whoever has used the least: of him there is least to say.
func (q *quota) makeRoom(r syncproto.ReplicaID) {
	if _, known := q.of[r]; known || len(q.of) < maxCounted {
		return
	}
	var least syncproto.ReplicaID
	first := true
	for id, s := range q.of {
		if first || s.bytes < q.of[least].bytes {
			least, first = id, false
		}
	}
	delete(q.of, least)
}
