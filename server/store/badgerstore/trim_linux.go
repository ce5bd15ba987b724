package badgerstore

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/sys/unix"
)

// Badger maps its tables into memory and writes them through the map, so every
// page it ever wrote or read counts as memory of this process until the kernel
// needs room elsewhere: in a storm, as much as the disk takes. The pages are the
// page cache's anyway. Letting go of the mappings of them (not of the cached
// pages) keeps the figure, which people watch and systems set limits to, at what
// is really needed; the next access finds the page in the cache again.

const (
	// trimEvery is how often to look while the store is in use; otherwise, for
	// what Badger does by itself, each restTicks-th time only.
	trimEvery = time.Second / 10
	restTicks = 10
	// trimAbove is how many bytes of mapped files are let be.
	trimAbove = 24 << 20
)

// trimLoop trims now and then until the store is closed.
func (s *Store) trimLoop() {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for n, seen := 1, uint64(0); ; n++ {
		select {
		case <-s.closing:
			return
		case <-tick.C:
			calls := s.calls.Load()
			if calls == seen && n%restTicks != 0 {
				continue
			}
			seen = calls
			if mappedBytes() > trimAbove {
				if err := s.trim(); err != nil {
					s.log.Warn("store: mapped tables not trimmed", "error", err)
					return
				}
			}
		}
	}
}

// mappedBytes returns how much memory of this process is mapped files.
func mappedBytes() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident, shared int64
	fmt.Sscan(string(b), &size, &resident, &shared)
	return shared * int64(os.Getpagesize())
}

// trim lets go of the pages of all tables. A range must not be let go of once
// its table is unmapped, for it may be anything by then. So only those tables are
// touched that are in the database before an iterator is opened and after: the
// iterator holds all there are, and numbers of tables are never used again.
func (s *Store) trim() error {
	before := s.tables()
	txn := s.db.NewTransactionAt(s.snapshots.newest(), false)
	defer txn.Discard()
	o := badger.DefaultIteratorOptions
	o.PrefetchValues = false
	it := txn.NewIterator(o)
	defer it.Close()
	held := s.tables()
	for id := range held {
		if !before[id] {
			delete(held, id)
		}
	}
	return s.eachMapping(func(from, to uintptr, id uint64) error {
		if !held[id] {
			return nil
		}
		_, _, errno := unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED)
		if errno != 0 {
			return errno
		}
		return nil
	})
}

func (s *Store) tables() map[uint64]bool {
	ids := make(map[uint64]bool)
	for _, t := range s.db.Tables() {
		ids[t.ID] = true
	}
	return ids
}

// eachMapping calls fn with the address range and the number of each mapped table.
func (s *Store) eachMapping(fn func(from, to uintptr, id uint64) error) error {
	dir, err := filepath.EvalSymlinks(s.dir)
	if err != nil {
		return err
	}
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); ; {
		if !lines.Scan() {
			return lines.Err()
		}
		// 7f0a5c000000-7f0a5c200000 rw-s 00000000 fe:00 1234    /path/000012.sst
		line := lines.Text()
		path := line[max(0, strings.IndexByte(line, '/')):]
		number, isTable := strings.CutSuffix(filepath.Base(path), ".sst")
		if !isTable || filepath.Dir(path) != dir {
			continue
		}
		addresses, _, _ := strings.Cut(line, " ")
		low, high, _ := strings.Cut(addresses, "-")
		from, err1 := strconv.ParseUint(low, 16, 64)
		to, err2 := strconv.ParseUint(high, 16, 64)
		id, err3 := strconv.ParseUint(number, 10, 64)
		if err := errors.Join(err1, err2, err3); err != nil {
			return fmt.Errorf("mapping %q: %w", line, err)
		}
		if err := fn(uintptr(from), uintptr(to), id); err != nil {
			return err
		}
	}
}
