package badgerstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Badger writes its log through a memory map and, with SyncWrites, syncs two
// files for every transaction, one of which is always empty here. So on Linux
// SyncWrites is off and the log is synced through a descriptor of our own: once
// for any number of transactions, with the error looked at. What is relied on is
// that the log in use is the highest numbered NNNNN.mem, and that a new one is
// begun only at the start of a commit, when the present one is full.

// badgerSyncs tells whether Badger must sync by itself.
const badgerSyncs = false

// wal follows Badger's log from file to file. It is the committer's.
type wal struct {
	dir   string
	room  *room
	full  int64 // Badger begins a new file when one has as much
	upper int64 // the present one has at most as much
	next  int64 // rehearse when upper has come this far
	last  int64 // growth of the last commit
	ends  bool  // the last commit may have begun a new file
	id    int
	file  *logFile
}

// logFile is one file of the log, kept open as long as something in it is to be
// synced.
type logFile struct {
	f     *os.File
	fresh bool // its name is not known to be durable; the syncer's
	refs  atomic.Int32
}

// openWAL finds the file that Badger has just begun.
func openWAL(dir string, full int64, room *room) (*wal, error) {
	w := &wal{dir: dir, full: full, room: room, upper: logEntryBytes, next: full}
	names, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var id int
		if _, err := fmt.Sscanf(filepath.Base(name), "%05d.mem", &id); err != nil {
			return nil, fmt.Errorf("log file %s: %w", name, err)
		}
		w.id = max(w.id, id)
	}
	w.file, err = openLogFile(w.name(w.id))
	return w, err
}

func (w *wal) name(id int) string { return filepath.Join(w.dir, fmt.Sprintf("%05d.mem", id)) }

func openLogFile(name string) (*logFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := &logFile{f: f, fresh: true}
	l.refs.Store(1)
	return l, nil
}

// prepare is called before a commit that adds at most growth bytes. When Badger
// may begin a new file, it makes sure now and then that it can: Badger does not
// survive failing to.
func (w *wal) prepare(growth int64) error {
	w.ends = w.upper >= w.full
	if w.upper >= w.next {
		if err := w.room.rehearse(2 * w.full); err != nil {
			return err
		}
		w.next = w.upper + w.full/32
	}
	w.upper += growth
	w.last = growth
	return nil
}

// wrote returns, after a commit, the file it went to; to be released.
func (w *wal) wrote() (*logFile, error) {
	if w.ends {
		next, err := openLogFile(w.name(w.id + 1))
		if err == nil {
			w.file.release()
			w.file = next
			w.id++
			w.upper = w.last + logEntryBytes
			w.next = w.full
		} else if !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	w.file.refs.Add(1)
	return w.file, nil
}

func (w *wal) close() { w.file.release() }

// sync makes what was written to the file so far durable, and its name.
func (l *logFile) sync() error {
	var err error = unix.EINTR
	for err == unix.EINTR {
		err = unix.Fdatasync(int(l.f.Fd()))
	}
	if err != nil {
		return &os.PathError{Op: "fdatasync", Path: l.f.Name(), Err: err}
	}
	if l.fresh {
		if err := syncDir(filepath.Dir(l.f.Name())); err != nil {
			return err
		}
		l.fresh = false
	}
	return nil
}

func (l *logFile) release() {
	if l.refs.Add(-1) == 0 {
		l.f.Close()
	}
}
