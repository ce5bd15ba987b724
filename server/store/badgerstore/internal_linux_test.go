package badgerstore

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chuantou/chuantou/server/store"
)

// TestLogFollowed: what is synced is the file that the update went to, whenever
// Badger begins a new one.
func TestLogFollowed(t *testing.T) {
	s := mustOpen(t)
	first := s.wal.id
	id, end := first, int64(0) // of the log, as far as it is known
	window := make([]byte, 64<<10)
	for i := 0; s.wal.id < first+3; i++ {
		v := random(60 << 10)
		mustPut(t, s, fmt.Sprintf("k%06d", i), v)
		name := s.wal.name(s.wal.id)
		if s.wal.file.f.Name() != name {
			t.Fatalf("update %d: %s is synced, %s is the log", i, s.wal.file.f.Name(), name)
		}
		if s.wal.id != id {
			id, end = s.wal.id, 0
		}
		if _, err := s.wal.file.f.ReadAt(window, end); err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(window, v)
		if at < 0 {
			t.Fatalf("update %d is not in %s at %d", i, name, end)
		}
		if end += int64(at + len(v)); end > s.wal.upper {
			t.Fatalf("update %d: the log has %d bytes, thought at most %d", i, end, s.wal.upper)
		}
	}
}

// TestSyncFails: an update that could not be made durable is not called stored,
// is shown to no view, and the store takes no other.
func TestSyncFails(t *testing.T) {
	s := mustOpen(t)
	mustPut(t, s, "a", []byte("1"))
	s.wal.file.f.Close() // no sync can succeed any more
	var wg sync.WaitGroup
	var maybe atomic.Int32
	for w := range 4 {
		wg.Go(func() {
			for {
				_, err := s.Update(context.Background(), nil, func(store.Reader) (store.Batch, error) {
					var b store.Batch
					b.Put(store.Key("a"), []byte("2"))
					b.Put(store.Key(fmt.Sprint("b", w)), nil)
					return b, nil
				})
				if errors.Is(err, store.ErrBroken) {
					return
				}
				if maybe.Add(1); !errors.Is(err, store.ErrMaybe) {
					t.Errorf("update: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	if maybe.Load() == 0 {
		t.Error("no outcome was unknown")
	}
	if at := s.snapshots.newest(); at != 1 {
		t.Errorf("views read state %d, 1 is durable", at)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(s.dir, Options{Logger: s.log})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	mustPut(t, again, "c", nil)
	err = again.View(context.Background(), 0, func(r store.Reader) error {
		a, err := r.Get(store.Key("a"))
		if err != nil {
			return err
		}
		some := false
		for w := range 4 {
			b, err := r.Get(store.Key(fmt.Sprint("b", w)))
			if err != nil {
				return err
			}
			some = some || b != nil
		}
		if some != (string(a) == "2") {
			t.Errorf("half an update is stored: a is %q, some b is there: %v", a, some)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestLogUpperBound: small keys and values, of which the table in memory takes
// more than the log; it must not be full before we think that it may be.
func TestLogUpperBound(t *testing.T) {
	s := mustOpen(t)
	first := s.wal.id
	for i := 0; s.wal.id == first; i++ {
		_, err := s.Update(context.Background(), nil, func(store.Reader) (store.Batch, error) {
			var b store.Batch
			for n := range store.MaxBatchKeys {
				b.Put(store.Key(fmt.Sprint(i, "-", n)), nil)
			}
			return b, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(s.wal.name(s.wal.id + 1)); err == nil {
			t.Fatalf("after %d batches Badger has begun another log, unnoticed", i+1)
		}
	}
}

// residentTables is how much of the mapped tables of s is in memory.
func residentTables(t *testing.T, s *Store) (kib int) {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mine := false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line, n := lines.Text(), 0
		if strings.Contains(line, "-") && strings.Contains(line, " ") && !strings.Contains(strings.Fields(line)[0], ":") {
			mine = strings.HasSuffix(line, ".sst") && strings.Contains(line, s.dir+"/")
		} else if _, err := fmt.Sscanf(line, "Rss: %d kB", &n); err == nil && mine {
			kib += n
		}
	}
	return kib
}

// TestTrim: trimming lets go of memory and of nothing else.
func TestTrim(t *testing.T) {
	s := mustOpen(t)
	value := func(i int) []byte { return bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 10_000) }
	for i := range 1000 {
		mustPut(t, s, fmt.Sprintf("k%06d", i), value(i))
	}
	readAll := func() error {
		return s.View(context.Background(), 0, func(r store.Reader) error {
			i := 0
			err := r.Scan(nil, store.Key("k9"), false, func(k store.Key, v []byte) (bool, error) {
				if want := fmt.Sprintf("k%06d", i); string(k) != want || !bytes.Equal(v, value(i)) {
					return false, fmt.Errorf("found %s with %d bytes, want %s", k, len(v), want)
				}
				i++
				return true, nil
			})
			if err == nil && i != 1000 {
				err = fmt.Errorf("found %d values", i)
			}
			return err
		})
	}
	before := 0
	for before < 8<<10 { // again should the trimming in the background come between
		if err := readAll(); err != nil {
			t.Fatal(err)
		}
		before = residentTables(t, s)
	}
	if err := s.trim(); err != nil {
		t.Fatal(err)
	}
	if after := residentTables(t, s); after > before/4 {
		t.Errorf("tables in memory: %d KiB before, %d after", before, after)
	}

	// Beside compactions, which unmap tables all the time, and readers.
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for i, enough := 0, s.room.passed.Load()+3; s.room.passed.Load() < enough; i++ {
			mustPut(t, s, fmt.Sprintf("z%06d", i%500), random(60<<10))
		}
		close(stop)
	})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := s.trim(); err != nil {
				t.Error(err)
				return
			}
			if err := readAll(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	wg.Wait()
}
