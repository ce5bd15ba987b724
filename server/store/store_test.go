package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/chuantou/chuantou/server/store"
)

func TestPrefixEnd(t *testing.T) {
	few := rapid.SliceOfN(rapid.SampledFrom([]byte{0x22, 'a', 0xfe, 0xff}), 1, 4)
	rapid.Check(t, func(t *rapid.T) {
		prefix, key := few.Draw(t, "prefix"), few.Draw(t, "key")
		end := store.PrefixEnd(prefix)
		in := bytes.Compare(key, prefix) >= 0 && (len(end) == 0 || bytes.Compare(key, end) < 0)
		if in != bytes.HasPrefix(key, prefix) {
			t.Fatalf("%q from %q to %q: %v", key, prefix, end, in)
		}
	})
	prefix := store.Key("a\xff")
	if end := store.PrefixEnd(prefix); string(end) != "b" || string(prefix) != "a\xff" {
		t.Errorf("end of the prefix: %q, which is now %q", end, prefix)
	}
}

// TestBatch: a batch yields what was put into it, or names the first law that
// was broken and then grows no more.
func TestBatch(t *testing.T) {
	type op struct {
		key, value []byte
		del        bool
	}
	rapid.Check(t, func(t *rapid.T) {
		ops := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) op {
			return op{
				rapid.SliceOfN(rapid.Byte(), 0, 210).Draw(t, "key"),
				make([]byte, rapid.SampledFrom([]int{0, 1, 100, store.MaxValueBytes, store.MaxValueBytes + 1}).Draw(t, "value")),
				rapid.Bool().Draw(t, "del"),
			}
		}), 0, 40).Draw(t, "ops")
		var b store.Batch
		var want []op
		var law error
		size := 0
		for _, o := range ops {
			n := len(o.value)
			if o.del {
				b.Delete(o.key)
				n = 0
			} else {
				b.Put(o.key, o.value)
			}
			switch {
			case law != nil:
			case n > store.MaxValueBytes, len(o.key) > store.MaxKeyBytes:
				law = store.ErrTooLarge
			case len(o.key) == 0 || o.key[0] < 0x22:
				law = store.ErrBadKey
			case size+len(o.key)+n > store.MaxBatchBytes:
				law = store.ErrTooLarge
			default:
				want = append(want, o)
				size += len(o.key) + n
			}
		}
		if err := b.Check(); !errors.Is(err, law) {
			t.Fatalf("check: %v, want %v", err, law)
		}
		if b.Len() != len(want) || b.Bytes() != size {
			t.Fatalf("%d ops of %d bytes, want %d of %d", b.Len(), b.Bytes(), len(want), size)
		}
		i := 0
		for key, value := range b.All() {
			w := want[i]
			if !bytes.Equal(key, w.key) || (value == nil) != w.del || !w.del && !bytes.Equal(value, w.value) {
				t.Fatalf("op %d: %q with %d bytes (delete: %v), want %q with %d (%v)", i, key, len(value), value == nil, w.key, len(w.value), w.del)
			}
			i++
		}
		if i != len(want) {
			t.Fatalf("%d ops yielded of %d", i, len(want))
		}
	})
}

func TestGuards(t *testing.T) {
	k := func(s ...string) (keys []store.Key) {
		for _, s := range s {
			keys = append(keys, store.Key(s))
		}
		return keys
	}
	g, err := store.NewGuards(k("b", "a", "b"))
	if err != nil || fmt.Sprintf("%s", g) != "[a b]" || !g.Has(store.Key("a")) || g.Has(store.Key("c")) {
		t.Errorf("guards: %s, %v", g, err)
	}
	more, err := g.More(k("c", "a"))
	if err != nil || fmt.Sprintf("%s", more) != "[a b c]" || len(g) != 2 {
		t.Errorf("more: %s, %v", more, err)
	}
	if _, err := g.More(k("a")); err == nil {
		t.Error("no more is no error")
	}
	for _, keys := range [][]store.Key{{nil}, {make(store.Key, store.MaxKeyBytes+1)}, make([]store.Key, store.MaxBatchKeys+1)} {
		if _, err := store.NewGuards(keys); !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("%d bad guards: %v", len(keys), err)
		}
	}
	need := fmt.Errorf("place: %w", store.NeedGuards(k("x", "y")...))
	if keys, ok := store.IsNeedGuards(need); !ok || fmt.Sprintf("%s", keys) != "[x y]" {
		t.Errorf("needed: %s, %v", keys, ok)
	}
	if _, ok := store.IsNeedGuards(store.ErrFull); ok {
		t.Error("any error needs guards")
	}
}

func TestLane(t *testing.T) {
	ctx := context.Background()
	if got := store.Lane(ctx); got != "" {
		t.Errorf("lane of no lane: %q", got)
	}
	if got := store.Lane(store.WithLane(store.WithLane(ctx, "a"), "b")); got != "b" {
		t.Errorf("lane: %q", got)
	}
}
