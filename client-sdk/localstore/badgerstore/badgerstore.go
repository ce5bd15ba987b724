// Package badgerstore keeps a device's data in a folder, with Badger as the
// engine (chosen with the server's: one engine to know). It adds what a device
// needs on top: a batch of any size is atomic, a folder is opened by one
// process at a time, and a full disk is told before anything is written.
//
// With a key every file of the folder is encrypted by Badger: names and values
// alike, in log, tables and journal (AES-256-CTR, each file under a data key
// that the given one wraps). It keeps from reading; it is no proof against
// altering, which checksums find by accident only.
//
// Memory: two tables of 8 MiB at most. A plain store has no caches and reads
// values from the memory-mapped tables; an encrypted one keeps decrypted blocks
// and indexes in two of 4 MiB.
package badgerstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/chuantou/chuantou/client-sdk/localstore"
)

// Keys begin with one of these; the store's own are apart from the device's.
const (
	prefixData    = 'd'
	prefixJournal = 'j'
	prefixFormat  = 'v'
)

// format is the version of this layout; an older program refuses a newer one.
const format = 1

// Free space that is kept: Badger writes through memory maps of sparse files,
// where a disk that fills up in the middle of a write kills the process
// instead of failing the write. So a batch is refused while there still is
// room for the tables and compactions under way.
const reserveBytes = 48 << 20

// openBytes is what opening needs: the tables that a crash left are written
// out. Between this and the reserve a device can be read, not written.
const openBytes = 24 << 20

// Options change what an engine does; the zero value is right for a device.
type Options struct {
	// Key, 32 bytes, encrypts the folder; see package vault for where it comes
	// from. nil: the folder is plain. A folder stays what it was made as.
	Key []byte
	// Free tells how many bytes are free where the folder lies. nil asks the
	// operating system.
	Free func(dir string) (uint64, error)
}

// Store is a localstore.Store in a folder.
type Store struct {
	dir  string
	free func(string) (uint64, error)

	// mu is held for writing while a batch that needs several transactions is
	// published, so that no reader sees a part of it, and by Close.
	mu     sync.RWMutex
	db     *badger.DB
	closed bool
}

// Open opens the store in dir, which is made if absent. A batch that a crash
// cut off after it was acknowledged or decided is finished first.
func Open(dir string, o Options) (*Store, error) {
	if o.Free == nil {
		o.Free = freeBytes
	}
	if n := len(o.Key); n != 0 && n != keyBytes {
		return nil, fmt.Errorf("open store: a key of %d bytes, want %d", n, keyBytes)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{dir: dir, free: o.Free}
	if err := s.room(openBytes); err != nil {
		return nil, fmt.Errorf("open store in %s: %w", dir, err)
	}
	if err := removeHalfMade(dir); err != nil {
		return nil, fmt.Errorf("open store in %s: %w", dir, err)
	}
	db, err := badger.Open(engineOptions(dir, o.Key))
	if err != nil {
		return nil, fmt.Errorf("open store in %s: %w", dir, damaged(dir, explain(err)))
	}
	s.db = db
	if err := errors.Join(s.checkFormat(), s.recover(), s.private()); err != nil {
		return nil, fmt.Errorf("open store in %s: %w", dir, errors.Join(err, db.Close()))
	}
	return s, nil
}

// removeHalfMade removes logs that were created and not yet given a length when
// the process was killed. They hold nothing, and Badger refuses to open with
// them. A folder that is open elsewhere is left alone: there such a log may be
// one that is just being made.
func removeHalfMade(dir string) error {
	unlock, free := lockFolder(dir)
	if !free {
		return nil
	}
	defer unlock()
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if ext := filepath.Ext(f.Name()); ext != ".mem" && ext != ".vlog" {
			continue
		}
		if info, err := f.Info(); err != nil || info.Size() > 0 {
			continue
		}
		if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
			return err
		}
	}
	return nil
}

const (
	keyBytes   = 32
	cacheBytes = 4 << 20
)

func engineOptions(dir string, key []byte) badger.Options {
	o := badger.DefaultOptions(dir).
		WithLogger(nil).
		WithSyncWrites(true).
		WithMetricsEnabled(false).
		WithDetectConflicts(false). // writers are serialised above
		WithCompression(options.None).
		WithBlockCacheSize(0).
		WithIndexCacheSize(0).
		WithMemTableSize(8 << 20).
		WithNumMemtables(2).
		WithBaseTableSize(2 << 20).
		WithNumLevelZeroTables(3).
		WithNumLevelZeroTablesStall(8).
		WithNumCompactors(2).
		WithValueThreshold(512 << 10).
		WithValueLogFileSize(16 << 20)
	if len(key) > 0 {
		o = o.WithEncryptionKey(key).WithBlockCacheSize(cacheBytes).WithIndexCacheSize(cacheBytes)
	}
	return o
}

// explain turns the engine's errors into those of localstore.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w (%v)", localstore.ErrFull, err)
	case strings.Contains(err.Error(), "Cannot acquire directory lock"), strings.Contains(err.Error(), "Cannot create lock file"):
		return localstore.ErrLocked
	case errors.Is(err, badger.ErrDBClosed):
		return localstore.ErrClosed
	case errors.Is(err, badger.ErrEncryptionKeyMismatch):
		return localstore.ErrKey
	}
	return err
}

// damaged names the file of a store that the engine cannot make sense of.
func damaged(dir string, err error) error {
	var file *fs.PathError
	for _, known := range []error{localstore.ErrFull, localstore.ErrLocked, localstore.ErrKey, fs.ErrPermission} {
		if errors.Is(err, known) {
			return err
		}
	}
	name := dir
	if errors.As(err, &file) {
		name = file.Path
	} else if strings.Contains(strings.ToLower(err.Error()), "manifest") {
		name = filepath.Join(dir, "MANIFEST")
	}
	return fmt.Errorf("%w: %s cannot be read: %w", localstore.ErrDamaged, name, err)
}

func (s *Store) checkFormat() error {
	return s.db.Update(func(tx *badger.Txn) error {
		item, err := tx.Get([]byte{prefixFormat})
		if errors.Is(err, badger.ErrKeyNotFound) {
			return tx.Set([]byte{prefixFormat}, []byte{format})
		}
		if err != nil {
			return err
		}
		return item.Value(func(v []byte) error {
			if len(v) != 1 || v[0] > format {
				return localstore.ErrNewer
			}
			return nil
		})
	})
}

// private takes the files from other users; the folder itself is made for its
// owner alone, which also covers files made later.
func (s *Store) private() error {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.Type().IsRegular() {
			if err := os.Chmod(filepath.Join(s.dir, f.Name()), 0o600); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// room reports ErrFull when less than need bytes are free.
func (s *Store) room(need uint64) error {
	free, err := s.free(s.dir)
	if err != nil {
		return fmt.Errorf("free space of %s: %w", s.dir, err)
	}
	if free < need {
		return fmt.Errorf("%w (%d MB free, %d MB needed)", localstore.ErrFull, free>>20, need>>20+1)
	}
	return nil
}

func dataKey(key []byte) []byte { return append([]byte{prefixData}, key...) }

// Get returns a copy of the value of a key, nil when absent.
func (s *Store) Get(key []byte) (out []byte, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, localstore.ErrClosed
	}
	err = s.db.View(func(tx *badger.Txn) error {
		item, err := tx.Get(dataKey(key))
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		out, err = item.ValueCopy([]byte{})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read store: %w", explain(err))
	}
	return out, nil
}

// Scan walks a range in order over one snapshot.
func (s *Store) Scan(from, to []byte, fn func(key, value []byte) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return localstore.ErrClosed
	}
	end := []byte{prefixData + 1}
	if to != nil {
		end = dataKey(to)
	}
	return s.db.View(func(tx *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix = []byte{prefixData}
		o.PrefetchSize = 64
		it := tx.NewIterator(o)
		defer it.Close()
		for it.Seek(dataKey(from)); it.Valid(); it.Next() {
			item := it.Item()
			if string(item.Key()) >= string(end) {
				return nil
			}
			if err := item.Value(func(v []byte) error { return fn(item.Key()[1:], v) }); err != nil {
				return err
			}
		}
		return nil
	})
}

// Apply writes the batch and returns when it is on the disk.
func (s *Store) Apply(b *localstore.Batch) error {
	if err := b.Check(); err != nil {
		return err
	}
	// A batch may stand in the journal, the log and a table at once.
	if err := s.room(reserveBytes + 3*uint64(b.Bytes())); err != nil {
		return err
	}
	err := s.applyOne(b)
	if errors.Is(err, badger.ErrTxnTooBig) {
		err = s.applyMany(b)
	}
	if err != nil && !errors.Is(err, localstore.ErrClosed) {
		return fmt.Errorf("write store: %w", explain(err))
	}
	return err
}

// applyOne is the usual case: one transaction of the engine.
func (s *Store) applyOne(b *localstore.Batch) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return localstore.ErrClosed
	}
	tx := s.db.NewTransaction(true)
	defer tx.Discard()
	for _, w := range b.Writes() {
		if err := write(tx, w); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func write(tx *badger.Txn, w localstore.Write) error {
	if w.Value == nil {
		return tx.Delete(dataKey(w.Key))
	}
	return tx.Set(dataKey(w.Key), w.Value)
}

// Close flushes and releases the folder.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	// Only values over half a megabyte lie in the value log; one pass is enough.
	if err := s.db.RunValueLogGC(0.5); err != nil && !errors.Is(err, badger.ErrNoRewrite) && !errors.Is(err, badger.ErrRejected) {
		return errors.Join(fmt.Errorf("close store: %w", err), s.db.Close())
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store: %w", explain(err))
	}
	return nil
}
