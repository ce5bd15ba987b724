package storetest

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/chuantou/chuantou/server/store"
)

func testBatchOrder(t *testing.T, s store.Store) {
	put(t, s, "c", "old")
	update(t, s, func(b *store.Batch) {
		b.Put(key("a"), []byte("1"))
		b.Put(key("a"), []byte("2"))
		b.Put(key("b"), []byte("1"))
		b.Delete(key("b"))
		b.Delete(key("c"))
		b.Put(key("c"), []byte("new"))
	})
	want(t, s, "a", "2")
	wantAbsent(t, s, "b")
	want(t, s, "c", "new")
}

func testBatchCopies(t *testing.T, s store.Store) {
	k, v := key("a"), []byte("1")
	update(t, s, func(b *store.Batch) {
		b.Put(k, v)
		k[0], v[0] = 'x', 'x'
	})
	want(t, s, "a", "1")
	wantAbsent(t, s, "x")
}

func testOwnBatchUnseen(t *testing.T, s store.Store) {
	put(t, s, "a", "1")
	_, err := s.Update(ctx, nil, func(r store.Reader) (store.Batch, error) {
		var b store.Batch
		b.Put(key("a"), []byte("2"))
		v, err := r.Get(key("a"))
		if string(v) != "1" {
			t.Errorf("an update read %q, want the value before its batch", v)
		}
		return b, err
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, "a", "2")
}

func testMarks(t *testing.T, s store.Store) {
	var last store.Mark
	for i := range 20 {
		mark := put(t, s, "a", fmt.Sprint(i))
		if mark <= last {
			t.Fatalf("mark %d after %d", mark, last)
		}
		last = mark
		err := s.View(ctx, mark, func(r store.Reader) error {
			if v, err := r.Get(key("a")); string(v) != fmt.Sprint(i) || err != nil {
				t.Errorf("view at least at mark %d: %q, %v", mark, v, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	mark := update(t, s, func(*store.Batch) {})
	if mark < last {
		t.Errorf("mark of an empty update: %d, want at least %d", mark, last)
	}
	err := s.View(ctx, mark+1_000_000, func(store.Reader) error { return nil })
	wantErr(t, "view ahead of the store", err, store.ErrAhead)
}

// testAtomic: writers keep n keys equal; no view and no update sees them differ.
func testAtomic(t *testing.T, s store.Store) {
	const n = 5
	same := func(r store.Reader) error {
		got, err := scan(r, nil, nil, false)
		for _, p := range got {
			if p.value != got[0].value || len(got) != n {
				return fmt.Errorf("half an update is seen: %q", got)
			}
		}
		return err
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 50 {
				_, err := s.Update(ctx, []store.Key{key("all")}, func(r store.Reader) (store.Batch, error) {
					var b store.Batch
					for k := range n {
						b.Put(key("%d", k), fmt.Appendf(nil, "%d-%d", w, i))
					}
					return b, same(r)
				})
				if err == nil {
					err = s.View(ctx, 0, same)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func testSizes(t *testing.T, s store.Store) {
	full := bytes.Repeat([]byte("v"), store.MaxValueBytes)
	longest := store.Key(strings.Repeat("k", store.MaxKeyBytes))
	perBatch := store.MaxBatchBytes / (store.MaxValueBytes + 2)
	cases := []struct {
		name string
		fill func(b *store.Batch)
		is   error
		says string
	}{
		{"longest key, largest value", func(b *store.Batch) { b.Put(longest, full) }, nil, ""},
		{"longer key", func(b *store.Batch) { b.Put(append(longest, 'k'), nil) }, store.ErrTooLarge, "key of 201 bytes"},
		{"delete of a longer key", func(b *store.Batch) { b.Delete(append(longest, 'k')) }, store.ErrTooLarge, "key of 201 bytes"},
		{"larger value", func(b *store.Batch) { b.Put(key("a"), append(full, 'v')) }, store.ErrTooLarge, "value of 65537 bytes"},
		{"most keys", func(b *store.Batch) { fillKeys(b, store.MaxBatchKeys-2) }, nil, ""},
		{"more keys", func(b *store.Batch) { fillKeys(b, store.MaxBatchKeys-1) }, store.ErrTooLarge, "more than 4000 keys"},
		{"most bytes", func(b *store.Batch) { fillValues(b, perBatch, full) }, nil, ""},
		{"more bytes", func(b *store.Batch) { fillValues(b, perBatch+1, full) }, store.ErrTooLarge, "more than 1048576 bytes"},
		{"empty key", func(b *store.Batch) { b.Put(nil, nil) }, store.ErrBadKey, ""},
		{"engine's key", func(b *store.Batch) { b.Put(key("\x21badger"), nil) }, store.ErrBadKey, ""},
	}
	for _, c := range cases {
		mark, err := s.Update(ctx, nil, func(store.Reader) (store.Batch, error) {
			var b store.Batch
			b.Put(key("a"), nil)
			b.Delete(key("a"))
			c.fill(&b)
			return b, nil
		})
		if c.is == nil && (err != nil || mark == 0) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.is != nil {
			wantErr(t, c.name, err, c.is)
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: error %q does not name the law: %q", c.name, err, c.says)
			}
		}
	}
	wantAbsent(t, s, "a")
	_, err := s.Update(ctx, []store.Key{append(longest, 'k')}, func(store.Reader) (store.Batch, error) { return store.Batch{}, nil })
	wantErr(t, "longer guard", err, store.ErrTooLarge)
}

func fillKeys(b *store.Batch, n int) {
	for i := range n {
		b.Put(key("n%05d", i), []byte("v"))
	}
}

func fillValues(b *store.Batch, n int, v []byte) {
	for i := range n {
		b.Put(key("%02d", i+34), v)
	}
}

// testLargeBatches runs batches side by side that fit no engine's transaction
// together.
func testLargeBatches(t *testing.T, s store.Store) {
	const writers, rounds, values = 6, 3, 15
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range rounds {
				v := bytes.Repeat([]byte{byte(w), byte(i)}, store.MaxValueBytes/2)
				_, err := s.Update(ctx, nil, func(store.Reader) (store.Batch, error) {
					var b store.Batch
					for n := range values {
						b.Put(key("%d-%02d", w, n), v)
					}
					for n := range store.MaxBatchKeys - values {
						b.Put(key("%d/%d", w, n), []byte{byte(i)})
					}
					return b, nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	view(t, s, func(r store.Reader) error {
		for w := range writers {
			got, err := scan(r, key("%d-", w), key("%d.", w), false)
			if err != nil {
				return err
			}
			expect := strings.Repeat(string([]byte{byte(w), rounds - 1}), store.MaxValueBytes/2)
			if len(got) != values || got[0].value != expect || got[values-1].value != expect {
				t.Errorf("writer %d: %d values, want %d of its last round", w, len(got), values)
			}
			if got, err = scan(r, key("%d/", w), key("%d0", w), true); err != nil || len(got) != store.MaxBatchKeys-values {
				t.Errorf("writer %d: %d small values, %v", w, len(got), err)
			}
		}
		return nil
	})
}

// testKeys: every byte that may stand in a key does.
func testKeys(t *testing.T, s store.Store) {
	update(t, s, func(b *store.Batch) {
		for c := range 256 {
			b.Put(store.Key{'k', byte(c)}, []byte{byte(c)})
			if c >= int(store.FirstKey[0]) {
				b.Put(store.Key{byte(c)}, []byte{byte(c)})
			}
		}
	})
	view(t, s, func(r store.Reader) error {
		got, err := scan(r, nil, nil, false)
		if len(got) != 256+256-int(store.FirstKey[0]) {
			t.Errorf("%d keys of one and two bytes", len(got))
		}
		for _, p := range got {
			if p.key[len(p.key)-1] != p.value[0] {
				t.Errorf("value of %q: %q", p.key, p.value)
			}
		}
		return err
	})
}
