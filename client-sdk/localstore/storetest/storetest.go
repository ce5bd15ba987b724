// Package storetest is the suite that every engine of localstore must pass.
package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/chuantou/chuantou/client-sdk/localstore"
)

// Run checks an engine. open returns an empty store each time it is called.
func Run(t *testing.T, open func(t *testing.T) localstore.Store) {
	t.Run("get, put, delete", func(t *testing.T) { testBasics(t, open(t)) })
	t.Run("scan bounds", func(t *testing.T) { testScan(t, open(t)) })
	t.Run("agrees with a sorted map", func(t *testing.T) { testModel(t, open(t)) })
	t.Run("a batch is seen whole", func(t *testing.T) { testAtomic(t, open(t)) })
	t.Run("large batch", func(t *testing.T) { testLarge(t, open(t)) })
	t.Run("refuses what is out of bounds", func(t *testing.T) { testBounds(t, open(t)) })
	t.Run("closed", func(t *testing.T) { testClosed(t, open(t)) })
}

func put(t *testing.T, s localstore.Store, kv ...string) {
	t.Helper()
	var b localstore.Batch
	for i := 0; i < len(kv); i += 2 {
		b.Put([]byte(kv[i]), []byte(kv[i+1]))
	}
	if err := s.Apply(&b); err != nil {
		t.Fatalf("apply: %v", err)
	}
}

func testBasics(t *testing.T, s localstore.Store) {
	put(t, s, "a", "1", "b", "2", "a", "3")
	got, err := s.Get([]byte("a"))
	if err != nil || string(got) != "3" {
		t.Fatalf("get a: %q, %v: want the later of two writes", got, err)
	}
	got[0] = 'x' // the caller's own
	var b localstore.Batch
	b.Put([]byte("c"), nil)
	b.Delete([]byte("b"))
	b.Delete([]byte("never there"))
	if err := s.Apply(&b); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string][]byte{"a": []byte("3"), "b": nil, "c": {}} {
		got, err := s.Get([]byte(key))
		if err != nil || !bytes.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("get %s: %q (nil: %t), %v: want %q", key, got, got == nil, err, want)
		}
	}
}

func keys(t *testing.T, s localstore.Store, from, to []byte) (out []string) {
	t.Helper()
	if err := s.Scan(from, to, func(k, _ []byte) error { out = append(out, string(k)); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func testScan(t *testing.T, s localstore.Store) {
	put(t, s, "a", "", "a\x00", "", "b", "", "b\xff", "", "c", "")
	for _, c := range []struct {
		from, to string
		want     []string
	}{
		{"a", "c", []string{"a", "a\x00", "b", "b\xff"}},
		{"a\x00", "b\xff", []string{"a\x00", "b"}},
		{"bb", "", []string{"b\xff", "c"}},
		{"d", "", nil},
		{"c", "a", nil},
	} {
		var to []byte
		if c.to != "" {
			to = []byte(c.to)
		}
		if got := keys(t, s, []byte(c.from), to); !slices.Equal(got, c.want) {
			t.Errorf("scan %q to %q: %q, want %q", c.from, c.to, got, c.want)
		}
	}
	stop := errors.New("enough")
	n := 0
	err := localstore.ScanPrefix(s, []byte("b"), func(_, _ []byte) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("an error of fn: %v after %d calls", err, n)
	}
}

func testModel(t *testing.T, s localstore.Store) {
	const seed = 7
	r := rand.New(rand.NewPCG(seed, seed))
	model := map[string]string{}
	for step := range 300 {
		var b localstore.Batch
		for range 1 + r.IntN(20) {
			k := fmt.Sprintf("%04d", r.IntN(2000))
			if r.IntN(4) == 0 {
				b.Delete([]byte(k))
				delete(model, k)
				continue
			}
			v := fmt.Sprint(step)
			b.Put([]byte(k), []byte(v))
			model[k] = v
		}
		if err := s.Apply(&b); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for k := range model {
		want = append(want, k)
	}
	slices.Sort(want)
	if got := keys(t, s, []byte("0"), nil); !slices.Equal(got, want) {
		t.Fatalf("seed %d: %d keys, want %d", seed, len(got), len(want))
	}
	for k, v := range model {
		if got, err := s.Get([]byte(k)); err != nil || string(got) != v {
			t.Fatalf("seed %d: key %s is %q, %v: want %q", seed, k, got, err, v)
		}
	}
}

// testAtomic has a writer flip many keys at once while readers scan them.
func testAtomic(t *testing.T, s localstore.Store) {
	write := func(v string) error {
		var b localstore.Batch
		for i := range 50 {
			b.Put(fmt.Appendf(nil, "k%02d", i), []byte(v))
		}
		return s.Apply(&b)
	}
	if err := write("0"); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		for i := range 50 {
			if err := write(fmt.Sprint(i)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		seen := map[string]bool{}
		if err := s.Scan([]byte("k"), nil, func(_, v []byte) error { seen[string(v)] = true; return nil }); err != nil {
			t.Fatal(err)
		}
		if len(seen) != 1 {
			t.Fatalf("a scan saw %d batches at once", len(seen))
		}
	}
	wg.Wait()
}

// testLarge writes more than any engine's memory table in one batch.
func testLarge(t *testing.T, s localstore.Store) {
	put(t, s, "old", "here", "gone", "soon")
	var b localstore.Batch
	for i := range 40_000 {
		b.Put(fmt.Appendf(nil, "n%06d", i), bytes.Repeat([]byte{byte(i)}, 300))
	}
	b.Delete([]byte("gone"))
	for i := range 3 {
		b.Put(fmt.Appendf(nil, "big%d", i), bytes.Repeat([]byte{byte(i + 1)}, 3<<20))
	}
	if err := s.Apply(&b); err != nil {
		t.Fatalf("batch of %d bytes: %v", b.Bytes(), err)
	}
	if got := len(keys(t, s, []byte("n"), []byte("o"))); got != 40_000 {
		t.Fatalf("%d keys of 40000", got)
	}
	if got, _ := s.Get([]byte("big1")); !bytes.Equal(got, bytes.Repeat([]byte{2}, 3<<20)) {
		t.Fatalf("a value of 3 MiB came back with %d bytes", len(got))
	}
	if got, _ := s.Get([]byte("gone")); got != nil {
		t.Fatal("the delete in a large batch did nothing")
	}
	if got := keys(t, s, []byte{0}, []byte("b")); got != nil {
		t.Fatalf("a large batch left its workings behind: %q", got)
	}
}

func testBounds(t *testing.T, s localstore.Store) {
	for name, w := range map[string]localstore.Write{
		"empty key":  {Key: nil, Value: []byte("v")},
		"long key":   {Key: make([]byte, localstore.MaxKeyBytes+1), Value: []byte("v")},
		"long value": {Key: []byte("k"), Value: make([]byte, localstore.MaxValueBytes+1)},
	} {
		var b localstore.Batch
		b.Put([]byte("beside"), []byte("v"))
		b.Put(w.Key, w.Value)
		if err := s.Apply(&b); err == nil {
			t.Errorf("%s was taken", name)
		}
		if got, _ := s.Get([]byte("beside")); got != nil {
			t.Errorf("%s: the rest of the batch was written", name)
		}
	}
}

func testClosed(t *testing.T, s localstore.Store) {
	put(t, s, "a", "1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get([]byte("a")); !errors.Is(err, localstore.ErrClosed) {
		t.Errorf("get after close: %v", err)
	}
	if err := s.Scan(nil, nil, nil); !errors.Is(err, localstore.ErrClosed) {
		t.Errorf("scan after close: %v", err)
	}
	var b localstore.Batch
	b.Put([]byte("a"), []byte("2"))
	if err := s.Apply(&b); !errors.Is(err, localstore.ErrClosed) {
		t.Errorf("apply after close: %v", err)
	}
}
