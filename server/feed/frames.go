package feed

import (
	"sync"

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
//
// Two generations take the place of an order of use: what was asked for since
// the younger began is in it.
type frames struct {
	mu         sync.Mutex
	young, old map[frameKey]frame
	bytes      int // of young
}

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
func (f *frames) load(r store.Reader, replica syncproto.ReplicaID, from syncproto.Seq) (frame, error) {
	k := frameKey{replica, from}
	if got, ok := f.get(k); ok {
		return got, nil
	}
	u, err := records.LoadBundle(r, replica, from)
	if err != nil {
		return frame{}, err
	}
	got := frame{u.RawBytes, u.Frame}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keep(k, got)
	return got, nil
}

func (f *frames) get(k frameKey) (frame, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if got, ok := f.young[k]; ok {
		return got, true
	}
	got, ok := f.old[k]
	if ok {
		f.keep(k, got)
	}
	return got, ok
}

// keep puts a frame among the young; with them full, they are the old.
func (f *frames) keep(k frameKey, got frame) {
	if _, ok := f.young[k]; ok || len(got.bytes) > framesBytes/8 {
		return
	}
	if f.young == nil || f.bytes+len(got.bytes) > framesBytes/2 {
		f.old, f.young, f.bytes = f.young, map[frameKey]frame{}, 0
	}
	f.young[k] = got
	f.bytes += len(got.bytes)
}
