// Package badgerstore is the engine a server runs on by itself: package store on
// an embedded Badger (github.com/dgraph-io/badger/v4), in one folder, open in one
// process. Start with Open.
//
// One committer runs the waiting updates and puts them together into Badger
// transactions, one syncer makes those durable, as many at a time as there are:
// Badger itself has no group commit. Badger is used in its managed mode, where we
// give each transaction its number; so views read the last durable state without
// waiting for the one under way.
//
// With a key every file of the store is encrypted by Badger, log and tables, names
// and values alike: AES-256-CTR under a data key of the store's own, which the
// given key wraps (KEYREGISTRY). It keeps from reading; it is no proof against
// altering, which checksums find by accident only.
package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"github.com/chuantou/chuantou/server/store"
)

// Options says how to open a store. The zero value is usable.
type Options struct {
	// Logger gets what the store and Badger have to say; nil for slog.Default.
	Logger *slog.Logger

	// MustExist refuses to make a store where there is none: for all but the
	// command that makes one, so that a mistyped folder is not a new, empty store.
	MustExist bool

	// Key, 32 bytes, encrypts the store; nil leaves it plain. A store stays what it
	// was made as: see Sealed, and Rekey for another key.
	Key []byte

	// MinFree is how many bytes of the disk stay free: updates are refused with
	// ErrFull below it. Badger needs them for its work in the background, which
	// must not meet a full disk: a compaction writes its outcome, 100 MiB in bad
	// cases, before it removes what it was made of. Below half of it the store
	// does not open. 0 is 256 MiB; at least 96 MiB.
	MinFree int64
}

const (
	defaultMinFree = 256 << 20
	leastMinFree   = 96 << 20
)

// Store is a store.Store in a folder.
type Store struct {
	dir    string
	key    []byte // nil: plain
	log    *slog.Logger
	folder *folder
	room   *room
	db     *badger.DB

	queue  *queue
	groups chan *group   // from the committer to the syncer
	synced chan struct{} // closed when both have ended

	// The committer's:
	wal        *wal
	applied    uint64  // the newest state in the database, durable or not
	carry      *update // to run at the head of the next group
	groupBytes int64   // most of a group, by Badger's way of counting
	groupKeys  int64

	snapshots snapshots
	stats     counters

	mu      sync.Mutex // closed is set, and running grows, under it
	closed  bool
	running sync.WaitGroup // calls that Close waits for
	calls   atomic.Uint64  // ever; tells the trimmer that the store is in use
	closing chan struct{}  // closed by Close
	trimmed sync.WaitGroup
}

var _ store.Store = (*Store)(nil)

// Open opens the store in folder dir, or makes one.
//
// Errors: store.ErrInUse, store.ErrNewer, store.ErrFull, store.ErrKey,
// fs.ErrNotExist with MustExist, and whatever Badger finds.
func Open(dir string, opts Options) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := checkKey(opts.Key); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if len(opts.Key) == 0 {
		opts.Key = nil
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.MinFree == 0 {
		opts.MinFree = defaultMinFree
	}
	minFree := uint64(max(opts.MinFree, leastMinFree))
	s := &Store{
		dir: dir, key: opts.Key, log: opts.Logger,
		room:   newRoom(dir, minFree, 2*memTableBytes),
		queue:  newQueue(),
		groups: make(chan *group, maxUnsynced), synced: make(chan struct{}),
		closing: make(chan struct{}),
	}
	if s.folder, err = openFolder(dir, opts.MustExist, s.key); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := s.start(); err != nil {
		s.folder.close()
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	return s, nil
}

// start opens the database and begins to take updates.
func (s *Store) start() error {
	if err := s.room.checkFree(s.room.minFree / 2); err != nil {
		return err
	}
	if s.key != nil {
		if err := checkKeys(s.dir, s.key); err != nil {
			return damaged(s.dir, err)
		}
	}
	db, err := badger.OpenManaged(badgerOptions(s.dir, s.key, &logger{s.log, s.room}))
	if err != nil {
		return damaged(s.dir, err)
	}
	s.db = db
	s.applied = db.MaxVersion()
	db.SetDiscardTs(s.snapshots.advance(s.applied))
	s.groupBytes, s.groupKeys = db.MaxBatchSize()-4096, db.MaxBatchCount()-16
	if s.wal, err = openWAL(s.dir, memTableBytes, s.room); err != nil {
		return errors.Join(err, db.Close())
	}
	go s.commitLoop()
	go s.syncLoop()
	s.trimmed.Go(s.trimLoop)
	return nil
}

// enter counts a call in, unless the store is closed or ctx has ended.
func (s *Store) enter(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.running.Add(1)
	s.calls.Add(1)
	return nil
}

func (s *Store) leave() { s.running.Done() }

// View implements store.Store.
func (s *Store) View(ctx context.Context, atLeast store.Mark, fn func(store.Reader) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if err := s.queue.stopped(); errors.Is(err, store.ErrBroken) {
		return err
	}
	at := s.snapshots.enter()
	defer s.snapshots.exit(at)
	if at < uint64(atLeast) {
		return fmt.Errorf("%w: mark %d, it has got to %d", store.ErrAhead, atLeast, at)
	}
	txn := s.db.NewTransactionAt(at, false)
	defer txn.Discard()
	r := &reader{txn: txn}
	defer r.end()
	return fn(r)
}

// Epoch implements store.Store.
func (s *Store) Epoch(ctx context.Context) (string, error) {
	if err := s.enter(ctx); err != nil {
		return "", err
	}
	defer s.leave()
	return s.folder.epoch(), nil
}

// RaiseEpoch implements store.Store.
func (s *Store) RaiseEpoch(ctx context.Context) (string, error) {
	if err := s.enter(ctx); err != nil {
		return "", err
	}
	defer s.leave()
	if err := s.room.check(); err != nil {
		return "", fmt.Errorf("raise epoch: %w", err)
	}
	return s.folder.raiseEpoch()
}

// Stats counts what a store did since it was opened.
type Stats struct {
	Updates      uint64 // answered with success
	Transactions uint64 // Badger transactions they were grouped into
	Syncs        uint64 // times the disk was waited for
}

type counters struct{ updates, transactions, syncs atomic.Uint64 }

// Stats returns the counts so far.
func (s *Store) Stats() Stats {
	return Stats{s.stats.updates.Load(), s.stats.transactions.Load(), s.stats.syncs.Load()}
}

// Verify reads every table and compares it with its checksums, which ordinary
// reading does not: for before a backup, and when a disk is in doubt. It takes as
// long as the disk does, and the store can be used meanwhile.
func (s *Store) Verify(ctx context.Context) (err error) {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	defer func() { // Badger panics on some damage
		if caught := recover(); caught != nil {
			err = fmt.Errorf("verify store %s: %v", s.dir, caught)
		}
	}()
	if err := s.db.VerifyChecksum(); err != nil {
		return fmt.Errorf("verify store %s: %w", s.dir, err)
	}
	return nil
}

// stop ends the taking of updates after an error that leaves open what is on
// disk. What is stored stays as it is; opening again finds out.
func (s *Store) stop(err error) {
	s.log.Error("store stopped", "dir", s.dir, "error", err)
	s.queue.stop(fmt.Errorf("%w (%w)", store.ErrBroken, err))
}

// Close implements store.Store. When the disk is so full that what is in memory
// cannot be put into its place, Close returns ErrFull and leaves that to the next
// Open, which must be in another process: nothing is lost, it is in the log.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		<-s.synced
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	close(s.closing)
	s.queue.stop(store.ErrClosed)
	s.running.Wait()
	<-s.synced
	s.wal.close()
	s.trimmed.Wait()
	close(s.room.closing)
	done := make(chan error, 1)
	go func() { done <- errors.Join(s.db.Close(), s.folder.close()) }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("close store %s: %w", s.dir, err)
		}
		return nil
	case <-s.room.stuck:
		return fmt.Errorf("close store %s: the disk is too full to tidy up; end the process, nothing stored is lost: %w", s.dir, store.ErrFull)
	}
}
