package server

import (
	"context"
	"errors"

	"github.com/chuantou/chuantou/server/store"
)

// watch notices when its store stops after an input/output error. Such a store
// keeps what it has and takes nothing more, so the process must open it again.
type watch struct {
	store.Store
	stopped chan error
}

func newWatch(s store.Store) *watch { return &watch{s, make(chan error, 1)} }

func (w *watch) Update(ctx context.Context, guards []store.Key, fn func(store.Reader) (store.Batch, error)) (store.Mark, error) {
	m, err := w.Store.Update(ctx, guards, fn)
	if errors.Is(err, store.ErrMaybe) || errors.Is(err, store.ErrBroken) {
		select {
		case w.stopped <- err:
		default: // said already
		}
	}
	return m, err
}
