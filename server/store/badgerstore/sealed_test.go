package badgerstore_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/badgerstore"
)

func keyed(key []byte) badgerstore.Options { return badgerstore.Options{Logger: quiet, Key: key} }

// readableIn lists the files below dir that a text stands in.
func readableIn(t *testing.T, dir, text string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(text)) {
			names = append(names, filepath.Base(name))
		}
	}
	return names
}

func put(t *testing.T, s *badgerstore.Store, key, value string) {
	t.Helper()
	_, err := s.Update(context.Background(), nil, func(store.Reader) (b store.Batch, err error) {
		b.Put(store.Key(key), []byte(value))
		return b, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSealed: neither a name nor a value can be read in any file, in the log and
// in tables; in a plain store both can, so the search finds them.
func TestSealed(t *testing.T) {
	const name, value = "name of a record", "what it says"
	for _, key := range [][]byte{nil, secret} {
		dir := t.TempDir()
		s, err := badgerstore.Open(dir, keyed(key))
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, name, value)
		check := func(when string) {
			for _, text := range []string{name, value} {
				if found := readableIn(t, dir, text); (len(found) == 0) != (key != nil) {
					t.Errorf("key %x, %s: %q stands in %v", key, when, text, found)
				}
			}
		}
		check("open, in the log")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		check("closed, in a table")
		if sealed, err := badgerstore.Sealed(dir); sealed != (key != nil) || err != nil {
			t.Errorf("sealed %v, %v", sealed, err)
		}
	}
}

// TestWrongKey: a store opens with its own key alone, and is not changed by others.
func TestWrongKey(t *testing.T) {
	other := bytes.Repeat([]byte{8}, 32)
	dir, plain := t.TempDir(), t.TempDir()
	for _, c := range []struct {
		dir string
		key []byte
	}{{dir, secret}, {plain, nil}} {
		s, err := badgerstore.Open(c.dir, keyed(c.key))
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, "k", "v")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, dir, keyed(nil), store.ErrKey, "no key is given")
	refused(t, dir, keyed(secret[:16]), store.ErrKey, "16 bytes, want 32")
	refused(t, plain, keyed(secret), store.ErrKey, "is not encrypted")
	if s, err := badgerstore.Open(dir, keyed(other)); !errors.Is(err, store.ErrKey) || errors.Is(err, store.ErrDamaged) {
		t.Errorf("another key: %v, %v", s, err)
	}
	s, err := badgerstore.Open(dir, keyed(secret))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

// TestRekey: what was written before and after can be read with the new key
// alone; a copy of before with the former key reads what was written before, and
// nothing of after.
func TestRekey(t *testing.T) {
	other := bytes.Repeat([]byte{8}, 32)
	dir := t.TempDir()
	open := func(key []byte) *badgerstore.Store {
		t.Helper()
		s, err := badgerstore.Open(dir, keyed(key))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open(secret)
	put(t, s, "before", strings.Repeat("b", 1000))
	if err := badgerstore.Rekey(dir, secret, other); !errors.Is(err, store.ErrInUse) {
		t.Errorf("open elsewhere: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	was, err := os.ReadFile(filepath.Join(dir, "KEYREGISTRY"))
	if err != nil {
		t.Fatal(err)
	}
	if err := badgerstore.Rekey(dir, other, secret); !errors.Is(err, store.ErrKey) {
		t.Errorf("from a key that is not its: %v", err)
	}
	if now, _ := os.ReadFile(filepath.Join(dir, "KEYREGISTRY")); !bytes.Equal(now, was) {
		t.Error("a refused change of keys wrote")
	}
	if err := badgerstore.Rekey(dir, secret, other); err != nil {
		t.Fatal(err)
	}
	if _, err := badgerstore.Open(dir, keyed(secret)); !errors.Is(err, store.ErrKey) {
		t.Errorf("the former key: %v", err)
	}
	s = open(other)
	put(t, s, "after", strings.Repeat("a", 1000))
	for name, want := range map[string]string{"before": strings.Repeat("b", 1000), "after": strings.Repeat("a", 1000)} {
		err := s.View(context.Background(), 0, func(r store.Reader) error {
			v, err := r.Get(store.Key(name))
			if string(v) != want {
				t.Errorf("%s: %d bytes", name, len(v))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	// Who has the former key and the wrapped keys of then.
	if err := os.WriteFile(filepath.Join(dir, "KEYREGISTRY"), was, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := badgerstore.Open(dir, keyed(secret)); err == nil {
		s.Close()
		t.Error("what was written since the change opened with the former key")
	}
}

// TestNoDataKeys: a store whose wrapped keys are gone is not taken for one to be
// written plainly.
func TestNoDataKeys(t *testing.T) {
	dir := t.TempDir()
	s, err := badgerstore.Open(dir, keyed(secret))
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "k", "v")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "KEYREGISTRY")); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, keyed(secret), store.ErrDamaged, "KEYREGISTRY")
}

// TestHalfMadeSealed: a process that was killed while it made the keys does not
// stand in the way, and what is then written is encrypted.
func TestHalfMadeSealed(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "KEYREGISTRY.tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "KEYREGISTRY.tmp"), "KEYREGISTRY", "rubb")
	writeFile(t, dir, "KEYREGISTRY", "from a try with another key")
	s, err := badgerstore.Open(dir, keyed(secret))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	put(t, s, "a name", "a value")
	if found := readableIn(t, dir, "a value"); len(found) > 0 {
		t.Errorf("can be read in %v", found)
	}
}
