package feed

import (
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
)

// framesBytes bounds what frames keeps: what the townships of one port push in
// a storm.
const framesBytes = 24 << 20

// frames keeps the bytes of bundles passed on lately. In a port everybody takes
// what everybody else has just brought: fifty readers share one copy, in the
// store's reads and in the answers under way. The bytes under a bundle's key
// never change; who may have them is decided per reader, from the feed's entry.
type frames struct {
	*records.Recent[frameKey, frame]
}

func newFrames() frames { return frames{records.NewRecent[frameKey, frame](framesBytes)} }

type frameKey struct {
	replica syncproto.ReplicaID
	from    syncproto.Seq
}

// frame is a stored bundle's frame. Nobody changes its bytes.
type frame struct {
	rawBytes int
	bytes    []byte
}

// load returns the frame of the bundle that begins at from, from the store
// when it is not here.
func (f frames) load(r store.Reader, replica syncproto.ReplicaID, from syncproto.Seq) (frame, error) {
	k := frameKey{replica, from}
	if got, ok := f.Get(k); ok {
		return got, nil
	}
	u, err := records.LoadBundle(r, replica, from)
	if err != nil {
		return frame{}, err
	}
	got := frame{u.RawBytes, u.Frame}
	f.Keep(k, got, len(got.bytes))
	return got, nil
}
