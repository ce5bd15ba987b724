package badgerstore

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"

	"github.com/chuantou/chuantou/server/store"
)

// keyBytes is how long the key of an encrypted store is.
const keyBytes = 32

func checkKey(key []byte) error {
	if n := len(key); n != 0 && n != keyBytes {
		return fmt.Errorf("%w: it has %d bytes, want %d", store.ErrKey, n, keyBytes)
	}
	return nil
}

// keysName is the file of Badger that has the data keys, wrapped.
const keysName = badger.KeyRegistryFileName

// Rekey puts a closed store under another key: the data keys are wrapped anew, and
// what is written from now on has a new one. What is there stays as it was
// encrypted, so whoever has the former key and a copy of the store as it was reads
// that. It is done as a whole or not at all, durably.
//
// Errors: store.ErrKey, store.ErrInUse, fs.ErrNotExist.
func Rekey(dir string, was, key []byte) error {
	if len(was) != keyBytes || len(key) != keyBytes {
		return fmt.Errorf("rekey store: %w: want %d bytes", store.ErrKey, keyBytes)
	}
	f, err := openFolder(dir, true, was)
	if err != nil {
		return fmt.Errorf("rekey store: %w", err)
	}
	if err := errors.Join(writeKeys(dir, was, key), f.close()); err != nil {
		return fmt.Errorf("rekey store %s: %w", dir, err)
	}
	return nil
}

// writeKeys writes a store's data keys and a new one, wrapped by key; was is what
// those that are there are wrapped by, nil when there are none. They are prepared
// in a folder of their own: half of them in their place would be a store that
// nobody opens.
func writeKeys(dir string, was, key []byte) (err error) {
	tmp := filepath.Join(dir, keysName+tmpSuffix)
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	from := badger.KeyRegistryOptions{Dir: tmp, EncryptionKey: key, EncryptionKeyRotationDuration: math.MinInt64}
	if was != nil {
		from.EncryptionKey = was
		b, err := os.ReadFile(filepath.Join(dir, keysName))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(tmp, keysName), b, 0o600); err != nil {
			return err
		}
	}
	reg, err := openKeys(from)
	if err != nil {
		return err
	}
	_, err = reg.LatestDataKey() // makes one: no time is short enough for the last to serve on
	if err = errors.Join(err, reg.Close()); err != nil {
		return err
	}
	return badger.WriteKeyRegistry(reg, badger.KeyRegistryOptions{Dir: dir, EncryptionKey: key})
}

func openKeys(o badger.KeyRegistryOptions) (*badger.KeyRegistry, error) {
	reg, err := badger.OpenKeyRegistry(o)
	if errors.Is(err, badger.ErrEncryptionKeyMismatch) {
		return nil, store.ErrKey
	}
	return reg, err
}

// checkKeys finds out whether an encrypted store's data keys are there: without
// one Badger would write plainly and say nothing.
func checkKeys(dir string, key []byte) error {
	reg, err := openKeys(badger.KeyRegistryOptions{Dir: dir, ReadOnly: true, EncryptionKey: key, EncryptionKeyRotationDuration: math.MaxInt64})
	if err != nil {
		return err
	}
	if last, err := reg.LatestDataKey(); err != nil || last == nil {
		return &os.PathError{Op: "data keys", Path: filepath.Join(dir, keysName), Err: errors.Join(err, errors.New("none is there"))}
	}
	return nil
}
