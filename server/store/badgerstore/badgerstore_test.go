package badgerstore_test

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"testing"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/badgerstore"
	"github.com/chuantou/chuantou/server/store/storetest"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// sealedEnv set has this process, and its children, open stores with a key. Set
// it for the benchmarks of encrypted ones.
const sealedEnv = "BADGERSTORE_TEST_SEALED"

// options are those of a store in the form that is tested.
func options() badgerstore.Options {
	o := badgerstore.Options{Logger: quiet}
	if os.Getenv(sealedEnv) != "" {
		o.Key = secret
	}
	return o
}

var secret = bytes.Repeat([]byte{7}, 32)

// inBothForms runs fn on plain stores and on encrypted ones.
func inBothForms(t *testing.T, fn func(t *testing.T)) {
	t.Run("plain", fn)
	t.Run("encrypted", func(t *testing.T) {
		t.Setenv(sealedEnv, "1")
		fn(t)
	})
}

func mustOpen(t testing.TB, dir string) *badgerstore.Store {
	t.Helper()
	s, err := badgerstore.Open(dir, options())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) { inBothForms(t, testStore) }

func testStore(t *testing.T) {
	dirs := map[store.Store]string{}
	open := func(t *testing.T, dir string) store.Store {
		s := mustOpen(t, dir)
		dirs[s] = dir
		return s
	}
	storetest.TestStore(t,
		func(t *testing.T) store.Store { return open(t, t.TempDir()) },
		func(t *testing.T, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, dirs[s])
		})
}
