package memstore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/memstore"
	"github.com/chuantou/chuantou/server/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.TestStore(t,
		func(*testing.T) store.Store { return memstore.New() },
		func(_ *testing.T, s store.Store) store.Store { return s.(*memstore.Store).Reopen() })
}

func TestFailNext(t *testing.T) {
	s := memstore.New()
	ctx := context.Background()
	write := func(k string) error {
		_, err := s.Update(ctx, nil, func(store.Reader) (store.Batch, error) {
			var b store.Batch
			b.Put(store.Key(k), nil)
			return b, nil
		})
		return err
	}
	s.FailNext(store.ErrFull, false)
	s.FailNext(store.ErrMaybe, true)
	for _, c := range []struct {
		key    string
		err    error
		stored bool
	}{{"a", store.ErrFull, false}, {"b", store.ErrMaybe, true}, {"c", nil, true}} {
		if err := write(c.key); !errors.Is(err, c.err) {
			t.Errorf("update %s: %v, want %v", c.key, err, c.err)
		}
		err := s.View(ctx, 0, func(r store.Reader) error {
			if v, err := r.Get(store.Key(c.key)); (v != nil) != c.stored || err != nil {
				t.Errorf("%s is stored: %v, %v; want %v", c.key, v != nil, err, c.stored)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}
