package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/chuantou/chuantou/server/store"
)

// The folders beside a store's while it is rewritten: the copy in the making, and
// the store that it has taken the place of.
const (
	copySuffix   = ".copy"
	formerSuffix = ".former"
)

// Rewrite copies a closed store to new files, which then take its place: what was
// overwritten or deleted is in none of them, as it may be in the former ones. The
// epoch stays, the copy has a key of its own kind: it is encrypted under opts.Key
// with a new data key. It takes about as long and as much room as a restore. Cut
// off anywhere, the store is there, the former or the copy; Settle puts it in its
// place, and Rewrite can be called again.
func Rewrite(ctx context.Context, dir string, opts Options) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("rewrite store: %w", err)
	}
	if err := Settle(dir); err != nil {
		return fmt.Errorf("rewrite store: %w", err)
	}
	if err := copyStore(ctx, dir, dir+copySuffix, opts); err != nil {
		return fmt.Errorf("rewrite store %s: %w", dir, errors.Join(err, os.RemoveAll(dir+copySuffix)))
	}
	if err := os.Rename(dir, dir+formerSuffix); err != nil {
		return fmt.Errorf("rewrite store: %w", err)
	}
	if err := os.Rename(dir+copySuffix, dir); err != nil {
		return fmt.Errorf("rewrite store: %w", err)
	}
	if err := errors.Join(syncDir(filepath.Dir(dir)), os.RemoveAll(dir+formerSuffix)); err != nil {
		return fmt.Errorf("rewrite store: %w", err)
	}
	return nil
}

// Settle ends a Rewrite that was cut off: call it before Open where one may have
// been.
func Settle(dir string) error {
	_, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// Between the two names: the copy was whole before the first.
		if err := os.Rename(dir+copySuffix, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	case err != nil:
		return err
	}
	return errors.Join(os.RemoveAll(dir+copySuffix), os.RemoveAll(dir+formerSuffix))
}

func copyStore(ctx context.Context, dir, to string, opts Options) (err error) {
	opts.MustExist = true
	from, err := Open(dir, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	opts.MustExist = false
	into, err := Open(to, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, into.Close()) }()
	var b store.Batch
	flush := func() error {
		_, err := into.Update(ctx, nil, func(store.Reader) (store.Batch, error) { return b, nil })
		b = store.Batch{}
		return err
	}
	err = from.View(ctx, 0, func(r store.Reader) error {
		return r.Scan(nil, nil, false, func(k store.Key, v []byte) (bool, error) {
			if b.Len() == store.MaxBatchKeys || b.Bytes()+len(k)+len(v) > store.MaxBatchBytes {
				if err := flush(); err != nil {
					return false, err
				}
			}
			b.Put(slices.Clone(k), slices.Clone(v))
			return true, nil
		})
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return err
	}
	into.folder.mu.Lock()
	defer into.folder.mu.Unlock()
	into.folder.id = from.folder.epoch()
	return writeFile(filepath.Join(to, epochName), into.folder.id)
}
