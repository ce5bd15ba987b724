package feed

import (
	"testing"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/memstore"
	"github.com/chuantou/chuantou/syncproto"
)

// counting counts what is read of the store.
type counting struct {
	store.Reader
	gets int
}

func (c *counting) Get(k store.Key) ([]byte, error) {
	c.gets++
	return c.Reader.Get(k)
}

func TestFramesAreReadOnceAndBounded(t *testing.T) {
	const bundles, size = 600, 100_000 // more than fit
	s := memstore.New()
	defer s.Close()
	for i := range bundles {
		if _, err := s.Update(t.Context(), nil, func(store.Reader) (b store.Batch, err error) {
			u := records.Bundle{Count: 1, Hashes: make([]syncproto.Hash, 1), RawBytes: i, Frame: make([]byte, size)}
			return b, records.PutBlocks(&b, records.BundleKey(syncproto.ReplicaID{1}, syncproto.Seq(i+1)), u.Append(nil), 0)
		}); err != nil {
			t.Fatal(err)
		}
	}
	f := newFrames()
	err := s.View(t.Context(), 0, func(r store.Reader) error {
		c := &counting{Reader: r}
		for i := range bundles {
			for reader := range 3 {
				before := c.gets
				got, err := f.load(c, syncproto.ReplicaID{1}, syncproto.Seq(i+1))
				if err != nil || got.rawBytes != i || len(got.bytes) != size {
					t.Fatalf("frame %d: %d raw, %d bytes, %v", i, got.rawBytes, len(got.bytes), err)
				}
				if reader > 0 && c.gets != before {
					t.Fatalf("frame %d was read again for reader %d", i, reader)
				}
			}
			if held := f.Bytes(); held > framesBytes {
				t.Fatalf("%d bytes are kept, at most %d may be", held, framesBytes)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.load(nil, syncproto.ReplicaID{1}, bundles); err != nil {
		t.Errorf("the newest frame is gone: %v", err)
	}
}
