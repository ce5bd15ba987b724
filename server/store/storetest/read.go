package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/store"
)

func testGet(t *testing.T, s store.Store) {
	wantAbsent(t, s, "a")
	put(t, s, "a", "1")
	want(t, s, "a", "1")
	wantAbsent(t, s, "a\x00")
	put(t, s, "a", "2")
	want(t, s, "a", "2")
	put(t, s, "a", "")
	want(t, s, "a", "")
	update(t, s, func(b *store.Batch) { b.Delete(key("a")); b.Delete(key("never")) })
	wantAbsent(t, s, "a")
	put(t, s, "a", "3")
	want(t, s, "a", "3")
	view(t, s, func(r store.Reader) error {
		if v, err := r.Get(nil); v != nil || err != nil {
			t.Errorf("value of the empty key: %q, %v", v, err)
		}
		return nil
	})
}

// testGetKept keeps values from a view and from an update while the store goes
// on, far enough for an engine to write its memory to disk and tidy up.
func testGetKept(t *testing.T, s store.Store) {
	at := func(i, round int) string { return strings.Repeat(fmt.Sprintf("%03d %03d|", i, round), 500) }
	const keys, rounds = 40, 60
	kept := make(map[int][][]byte)
	keep := func(r store.Reader) error {
		for i := range keys {
			v, err := r.Get(key("k%d", i))
			if err != nil {
				return err
			}
			kept[i] = append(kept[i], v)
		}
		return nil
	}
	for round := range rounds {
		update(t, s, func(b *store.Batch) {
			for i := range keys {
				b.Put(key("k%d", i), []byte(at(i, round)))
			}
		})
		if round%2 == 0 {
			view(t, s, keep)
		} else if _, err := s.Update(ctx, nil, func(r store.Reader) (store.Batch, error) { return store.Batch{}, keep(r) }); err != nil {
			t.Fatal(err)
		}
	}
	for i, values := range kept {
		for round, v := range values {
			if string(v) != at(i, round) {
				t.Fatalf("value %d, kept since round %d, has changed", i, round)
			}
		}
	}
}

func testScanBounds(t *testing.T, s store.Store) {
	longest := strings.Repeat("z", store.MaxKeyBytes)
	keys := []string{"\x22", "a", "a\x00", "a\x00\x00", "a\x00b", "a\xff", "a\xff\xff", "ab", "b", "b\x00", "z", longest[:100], longest, "\xff", "\xff\xff"}
	slices.Sort(keys)
	update(t, s, func(b *store.Batch) {
		for _, k := range slices.Backward(keys) {
			b.Put(store.Key(k), []byte("v"+k))
		}
		b.Put(key("ac"), nil)
	})
	update(t, s, func(b *store.Batch) { b.Delete(key("ac")) })
	bounds := append([]string{"", "A", "ac", "a\xff\xff\xff", "c", "\xff\xff\xff"}, keys...)
	check := func(r store.Reader) error {
		for _, from := range bounds {
			for _, to := range bounds {
				for _, reverse := range []bool{false, true} {
					if err := checkRange(r, keys, from, to, reverse); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}
	view(t, s, check)
	if _, err := s.Update(ctx, nil, func(r store.Reader) (store.Batch, error) { return store.Batch{}, check(r) }); err != nil {
		t.Error(err)
	}
}

func checkRange(r store.Reader, keys []string, from, to string, reverse bool) error {
	var expect []string
	for _, k := range keys {
		if k >= from && (to == "" || k < to) {
			expect = append(expect, k)
		}
	}
	if reverse {
		slices.Reverse(expect)
	}
	got, err := scan(r, store.Key(from), store.Key(to), reverse)
	if err != nil {
		return err
	}
	var found []string
	for _, p := range got {
		if p.value != "v"+p.key {
			return fmt.Errorf("scan: value of %q is %q", p.key, p.value)
		}
		found = append(found, p.key)
	}
	if !slices.Equal(found, expect) {
		return fmt.Errorf("scan from %q to %q, reverse %v: %q, want %q", from, to, reverse, found, expect)
	}
	return nil
}

func testScanStops(t *testing.T, s store.Store) {
	update(t, s, func(b *store.Batch) {
		for i := range 9 {
			b.Put(key("k%d", i), []byte{byte(i)})
		}
	})
	stop := errors.New("stop")
	view(t, s, func(r store.Reader) error {
		n := 0
		err := r.Scan(nil, nil, false, func(store.Key, []byte) (bool, error) { n++; return n < 3, nil })
		if err != nil || n != 3 {
			t.Errorf("stopped scan: %d calls, %v; want 3, nil", n, err)
		}
		n = 0
		err = r.Scan(nil, nil, true, func(store.Key, []byte) (bool, error) { n++; return true, stop })
		if err != stop || n != 1 {
			t.Errorf("scan with an error: %d calls, %v; want 1 and that error", n, err)
		}
		return nil
	})
}

// testScanNested reads in the middle of a scan, as an index walk does.
func testScanNested(t *testing.T, s store.Store) {
	update(t, s, func(b *store.Batch) {
		for i := range 5 {
			b.Put(key("i%d", i), []byte(fmt.Sprint("r", 4-i)))
			b.Put(key("r%d", i), []byte(fmt.Sprint(i)))
		}
	})
	view(t, s, func(r store.Reader) error {
		var got string
		err := r.Scan(key("i"), key("j"), false, func(k store.Key, v []byte) (bool, error) {
			value, err := r.Get(v)
			got += string(value)
			if err == nil {
				err = r.Scan(v, nil, true, func(store.Key, []byte) (bool, error) { return true, nil })
			}
			if want := fmt.Sprint("i", len(got)-1); string(k) != want {
				t.Errorf("key after nested reads: %q, want %q", k, want)
			}
			return true, err
		})
		if got != "43210" {
			t.Errorf("walk through an index: %q", got)
		}
		return err
	})
}

func testReaderDone(t *testing.T, s store.Store) {
	put(t, s, "a", "1")
	var kept []store.Reader
	view(t, s, func(r store.Reader) error { kept = append(kept, r); return nil })
	s.Update(ctx, nil, func(r store.Reader) (store.Batch, error) { kept = append(kept, r); return store.Batch{}, nil })
	for _, r := range kept {
		_, err := r.Get(key("a"))
		wantErr(t, "get of a kept reader", err, store.ErrReaderDone)
		err = r.Scan(nil, nil, false, func(store.Key, []byte) (bool, error) { return true, nil })
		wantErr(t, "scan of a kept reader", err, store.ErrReaderDone)
	}
}

// testSnapshot: what a view reads does not move under it.
func testSnapshot(t *testing.T, s store.Store) {
	put(t, s, "a", "1")
	put(t, s, "b", "1")
	view(t, s, func(r store.Reader) error {
		before, err := scan(r, nil, nil, false)
		if err != nil {
			return err
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			update(t, s, func(b *store.Batch) {
				b.Put(key("a"), []byte("2"))
				b.Delete(key("b"))
				b.Put(key("c"), []byte("2"))
			})
		}()
		<-done
		after, err := scan(r, nil, nil, false)
		if !slices.Equal(before, after) {
			t.Errorf("a view changed from %q to %q", before, after)
		}
		return err
	})
	want(t, s, "a", "2")
	wantAbsent(t, s, "b")
	want(t, s, "c", "2")
}
