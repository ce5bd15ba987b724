package badgerstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/chuantou/chuantou/server/store"
)

// TestTornLog: whatever a power cut left of the log's end, cut off, zeroed or
// wrong in a bit, the store opens with the updates before that, each whole; what
// was lost is written again.
func TestTornLog(t *testing.T) { inBothForms(t, testTornLog) }

func testTornLog(t *testing.T) {
	const updates = 30
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	dir := t.TempDir()
	s := mustOpen(t, dir)
	ends := make([]int, 0, updates) // of the log, after each update
	for range updates {
		if _, err := countUp(s, 0); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, logEnd(t, dir))
	}
	crashed := t.TempDir()
	if err := os.CopyFS(filepath.Join(crashed, "0"), os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	// What follows of the log is empty, and long.
	if err := errors.Join(s.Close(), os.Truncate(logOf(t, filepath.Join(crashed, "0")), logBytes)); err != nil {
		t.Fatal(err)
	}
	for round := range 12 {
		name := filepath.Join(crashed, fmt.Sprint(round+1))
		if err := os.CopyFS(name, os.DirFS(filepath.Join(crashed, "0"))); err != nil {
			t.Fatal(err)
		}
		u := 1 + rng.IntN(updates-1)
		at := ends[u-1] + 8 + rng.IntN(ends[u]-ends[u-1]-16) // within the update after the first u
		want := uint64(u)
		how := []string{"cut", "zeroed", "flipped"}[round%3]
		tear(t, logOf(t, name), at, how)
		s := mustOpen(t, name)
		var got uint64
		err := s.View(context.Background(), 0, func(r store.Reader) (err error) {
			got, err = counted(r, 0)
			return err
		})
		if err != nil || got != want {
			t.Errorf("seed %d, log %s at %d: %d updates, %v; want %d", seed, how, at, got, err, want)
		}
		if n, err := countUp(s, 0); n != got+1 || err != nil {
			t.Errorf("seed %d, log %s at %d: then %d, %v", seed, how, at, n, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func logOf(t *testing.T, dir string) string {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil || len(logs) != 1 {
		t.Fatal(logs, err)
	}
	return logs[0]
}

// logBytes is more than the updates of testTornLog take.
const logBytes = 256 << 10

// logEnd is where the last byte that is not zero ends.
func logEnd(t *testing.T, dir string) int {
	t.Helper()
	f, err := os.Open(logOf(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, logBytes)
	if _, err := io.ReadFull(f, b); err != nil {
		t.Fatal(err)
	}
	n := len(b)
	for n > 0 && b[n-1] == 0 {
		n--
	}
	return n
}

func tear(t *testing.T, name string, at int, how string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	switch how {
	case "cut":
		b = b[:at]
	case "zeroed":
		clear(b[at:])
	case "flipped":
		b[at] ^= 0x10
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
