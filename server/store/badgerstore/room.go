package badgerstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chuantou/chuantou/server/store"
)

// Badger must never meet a full disk. It writes logs and tables through memory
// maps of files that have holes, so a full disk kills the process (SIGBUS); and
// when a file cannot be created it goes wrong in worse ways: a log that cannot be
// begun makes the next write end the process, and a compaction that cannot create
// one of its tables goes on without it and deletes what it was made of (the error
// is lost in levelsController.subcompact). So nothing is written unless the disk
// has room to spare for what Badger does with it later, and no compaction writes
// a table unless a rehearsal has shown that it can.

// room watches the disk of one folder.
type room struct {
	dir     string
	minFree uint64 // below it updates are refused
	maxFile uint64 // the largest file Badger creates

	retryAfter time.Duration // how long wait waits before it looks again
	passed     atomic.Int64  // calls of wait that came back

	rehearsing sync.Mutex    // one at a time has the probe
	closing    chan struct{} // closed when waiting is to show in stuck
	stuck      chan struct{} // closed when something waits while closing
	once       sync.Once
}

// waitFraction of minFree is what Badger's own work in the background needs to
// be let on: less than updates need, since that work is what makes room.
const waitFraction = 4

func newRoom(dir string, minFree, maxFile uint64) *room {
	return &room{
		dir: dir, minFree: minFree, maxFile: maxFile, retryAfter: time.Second,
		closing: make(chan struct{}), stuck: make(chan struct{}),
	}
}

// check returns nil when an update may be written.
func (r *room) check() error { return r.checkFree(r.minFree) }

func (r *room) checkFree(need uint64) error {
	free, files, err := freeSpace(r.dir)
	if err != nil {
		return fmt.Errorf("free space of %s: %w", r.dir, err)
	}
	if free < need {
		return fmt.Errorf("%w: %d MiB free in %s, %d MiB needed", store.ErrFull, free>>20, r.dir, need>>20)
	}
	if files < 16 {
		return fmt.Errorf("%w: the file system of %s can hold only %d more files", store.ErrFull, r.dir, files)
	}
	if limit := fileSizeLimit(); limit < r.maxFile {
		return fmt.Errorf("%w: files are limited to %d bytes (ulimit -f), %d needed", store.ErrFull, limit, r.maxFile)
	}
	return nil
}

const (
	// probeName is no name that Badger uses or looks at.
	probeName = "probe" + tmpSuffix

	// spareFiles is how many more files it must be possible to open: what is about to
	// be written needs one or two, and others of this process take some meanwhile.
	spareFiles = 32
)

// rehearse creates a file of size bytes, really allocated where the system can,
// and removes it: this finds out about quotas, limits and missing descriptors
// what no figure tells.
func (r *room) rehearse(size int64) error {
	r.rehearsing.Lock()
	defer r.rehearsing.Unlock()
	name := filepath.Join(r.dir, probeName)
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err == nil {
		err = errors.Join(allocate(f, size), spareDescriptors(f, spareFiles), f.Close(), os.Remove(name))
	}
	if err != nil {
		return fmt.Errorf("%w: a file of %d bytes cannot be written: %w", store.ErrFull, size, err)
	}
	return nil
}

// wait holds up the background work that calls it until a file of size bytes can
// be written; say is told when it has to wait, and when it goes on.
func (r *room) wait(size int64, say func(msg string, err error)) {
	defer r.passed.Add(1)
	waited := false
	for {
		err := r.checkFree(r.minFree / waitFraction)
		if err == nil {
			err = r.rehearse(size)
		}
		if err == nil {
			if waited {
				say("store: writing in the background goes on", nil)
			}
			return
		}
		if !waited {
			say("store: writing in the background waits", err)
		}
		waited = true
		closing := r.closing
		select {
		case <-closing:
			r.once.Do(func() { close(r.stuck) })
			closing = nil
		default:
		}
		select {
		case <-time.After(r.retryAfter):
		case <-closing:
		}
	}
}
