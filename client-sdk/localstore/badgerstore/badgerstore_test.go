package badgerstore_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/localstore/badgerstore"
	"github.com/chuantou/chuantou/client-sdk/localstore/storetest"
)

func open(t *testing.T, dir string, o badgerstore.Options) *badgerstore.Store {
	t.Helper()
	s, err := badgerstore.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) localstore.Store { return open(t, t.TempDir(), badgerstore.Options{}) })
}

var secret = bytes.Repeat([]byte{7}, 32)

func TestEncryptedStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) localstore.Store { return open(t, t.TempDir(), badgerstore.Options{Key: secret}) })
}

func TestReopen(t *testing.T) {
	t.Run("plain", func(t *testing.T) { reopen(t, badgerstore.Options{}) })
	t.Run("encrypted", func(t *testing.T) { reopen(t, badgerstore.Options{Key: secret}) })
}

func reopen(t *testing.T, o badgerstore.Options) {
	dir := t.TempDir()
	s := open(t, dir, o)
	var b localstore.Batch
	b.Put([]byte("k"), []byte("v"))
	b.Put([]byte("long"), make([]byte, 2<<20))
	if err := s.Apply(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := badgerstore.Open(dir, o); !errors.Is(err, localstore.ErrLocked) {
		t.Fatalf("a second opening of the folder: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, o)
	if v, err := s.Get([]byte("k")); string(v) != "v" || err != nil {
		t.Fatalf("after reopening: %q, %v", v, err)
	}
	if v, err := s.Get([]byte("long")); len(v) != 2<<20 || err != nil {
		t.Fatalf("after reopening: %d bytes, %v", len(v), err)
	}
}

// TestHalfMade: logs that a killed process had created and given no length yet
// do not stand in the way.
func TestHalfMade(t *testing.T) {
	for name, o := range map[string]badgerstore.Options{"plain": {}, "encrypted": {Key: secret}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, o)
			var b localstore.Batch
			b.Put([]byte("k"), []byte("v"))
			if err := s.Apply(&b); err != nil {
				t.Fatal(err)
			}
			young := filepath.Join(dir, "000009.vlog")
			if err := os.WriteFile(young, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := badgerstore.Open(dir, o); !errors.Is(err, localstore.ErrLocked) {
				t.Fatalf("a second opening of the folder: %v", err)
			}
			if _, err := os.Stat(young); err != nil {
				t.Errorf("a log of an open folder: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "00009.mem"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir, o)
			if v, err := s.Get([]byte("k")); string(v) != "v" || err != nil {
				t.Errorf("after the kill: %q, %v", v, err)
			}
		})
	}
}

// TestKeyMustFit: a folder opens with the key it was made with and no other,
// and a refused opening leaves it as it was.
func TestKeyMustFit(t *testing.T) {
	other := bytes.Repeat([]byte{8}, 32)
	for _, made := range [][]byte{nil, secret} {
		dir := t.TempDir()
		s := open(t, dir, badgerstore.Options{Key: made})
		var b localstore.Batch
		b.Put([]byte("k"), []byte("v"))
		if err := errors.Join(s.Apply(&b), s.Close()); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range [][]byte{nil, secret, other} {
			if bytes.Equal(wrong, made) {
				continue
			}
			if _, err := badgerstore.Open(dir, badgerstore.Options{Key: wrong}); !errors.Is(err, localstore.ErrKey) {
				t.Errorf("made with a key of %d bytes, opened with another: %v", len(made), err)
			}
		}
		s = open(t, dir, badgerstore.Options{Key: made})
		if v, err := s.Get([]byte("k")); string(v) != "v" || err != nil {
			t.Errorf("afterwards: %q, %v", v, err)
		}
	}
	if _, err := badgerstore.Open(t.TempDir(), badgerstore.Options{Key: secret[:16]}); err == nil {
		t.Error("a short key was taken")
	}
}

func TestFilesArePrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // folders of a user are private there by inheritance
	}
	dir := filepath.Join(t.TempDir(), "store")
	open(t, dir, badgerstore.Options{}).Close()
	open(t, dir, badgerstore.Options{})
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v", st.Mode(), err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

func TestFullDisk(t *testing.T) {
	free := uint64(1 << 30)
	s := open(t, t.TempDir(), badgerstore.Options{Free: func(string) (uint64, error) { return free, nil }})
	var b localstore.Batch
	b.Put([]byte("before"), []byte("v"))
	if err := s.Apply(&b); err != nil {
		t.Fatal(err)
	}
	free = 1 << 20
	var c localstore.Batch
	c.Put([]byte("during"), []byte("v"))
	if err := s.Apply(&c); !errors.Is(err, localstore.ErrFull) {
		t.Fatalf("on a full disk: %v", err)
	}
	if v, _ := s.Get([]byte("during")); v != nil {
		t.Error("a refused batch was written")
	}
	if v, _ := s.Get([]byte("before")); string(v) != "v" {
		t.Error("what was saved before is gone")
	}
	free = 1 << 30
	if err := s.Apply(&c); err != nil {
		t.Fatalf("with room again: %v", err)
	}
}
