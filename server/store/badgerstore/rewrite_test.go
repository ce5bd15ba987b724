package badgerstore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/badgerstore"
)

// TestRewrite: what was overwritten and deleted is in the files of a plain store,
// and no more after they were rewritten; the rest is there, in the same history.
func TestRewrite(t *testing.T) { inBothForms(t, testRewrite) }

func testRewrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := mustOpen(t, dir)
	put(t, s, "name", "what it said before")
	put(t, s, "gone", "what was deleted")
	for range 50 {
		if _, err := countUp(s, 1); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, "name", "what it says now")
	_, err := s.Update(context.Background(), nil, func(store.Reader) (b store.Batch, err error) {
		b.Delete(store.Key("gone"))
		return b, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	epoch, _ := s.Epoch(context.Background())
	if err := badgerstore.Rewrite(context.Background(), dir, options()); !errors.Is(err, store.ErrInUse) {
		t.Errorf("of a store in use: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if plain := options().Key == nil; plain && len(readableIn(t, dir, "what it said before")) == 0 {
		t.Fatal("the engine has tidied up by itself: nothing would be proved")
	}
	if err := badgerstore.Rewrite(context.Background(), dir, options()); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"what it said before", "what was deleted"} {
		if found := readableIn(t, dir, text); len(found) > 0 {
			t.Errorf("%q stands in %v", text, found)
		}
	}
	if left, _ := filepath.Glob(dir + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	s = mustOpen(t, dir)
	defer s.Close()
	if again, err := s.Epoch(context.Background()); again != epoch || err != nil {
		t.Errorf("epoch %q, was %q, %v", again, epoch, err)
	}
	err = s.View(context.Background(), 0, func(r store.Reader) error {
		if v, _ := r.Get(store.Key("name")); string(v) != "what it says now" {
			t.Errorf("it says %q", v)
		}
		n, err := counted(r, 1)
		if n != 50 {
			t.Errorf("counted %d", n)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestRewriteCutOff: between any two of its steps the store is there.
func TestRewriteCutOff(t *testing.T) {
	for _, left := range []string{"store store.copy", "store.former store.copy", "store store.former"} {
		tmp := t.TempDir()
		for _, name := range strings.Fields(left) {
			s := mustOpen(t, filepath.Join(tmp, name))
			put(t, s, "k", "v")
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		dir := filepath.Join(tmp, "store")
		if err := badgerstore.Settle(dir); err != nil {
			t.Errorf("%s: %v", left, err)
		}
		s := mustOpen(t, dir)
		err := s.View(context.Background(), 0, func(r store.Reader) error {
			if v, _ := r.Get(store.Key("k")); string(v) != "v" {
				t.Errorf("%s: the store says %q", left, v)
			}
			return nil
		})
		if err := errors.Join(err, s.Close()); err != nil {
			t.Error(err)
		}
		if entries, _ := os.ReadDir(tmp); len(entries) != 1 {
			t.Errorf("%s: left are %v", left, entries)
		}
	}
}
