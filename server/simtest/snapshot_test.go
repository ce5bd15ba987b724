package simtest

import (
	"context"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/memstore"
)

// snapshot copies every key of the store: an older copy to be put back.
func (w *world) snapshot() map[string][]byte {
	w.t.Helper()
	out := map[string][]byte{}
	must(w.t, w.store.View(context.Background(), 0, func(r store.Reader) error {
		return r.Scan(nil, nil, false, func(k store.Key, v []byte) (bool, error) {
			out[string(k)] = append([]byte(nil), v...)
			return true, nil
		})
	}))
	return out
}

// restore puts an older copy in the place of the store. Its epoch is another
// one than before only if the engine says so; the test wants the hard case, so
// the epoch is carried over where it lies in memory alone.
func (w *world) restore(copyOf map[string][]byte) {
	w.t.Helper()
	epoch, err := w.store.Epoch(context.Background())
	must(w.t, err)
	s := memstore.New()
	for k, v := range copyOf {
		_, err := s.Update(context.Background(), nil, func(store.Reader) (store.Batch, error) {
			var b store.Batch
			b.Put(store.Key(k), v)
			return b, nil
		})
		must(w.t, err)
	}
	w.store = &sameEpoch{Store: s, epoch: epoch}
	w.reopen()
}

// sameEpoch answers the epoch of the store it was copied from until it is raised.
type sameEpoch struct {
	store.Store
	epoch string
}

func (s *sameEpoch) Epoch(context.Context) (string, error) { return s.epoch, nil }

func (s *sameEpoch) RaiseEpoch(ctx context.Context) (string, error) {
	var err error
	s.epoch, err = s.Store.RaiseEpoch(ctx)
	return s.epoch, err
}
