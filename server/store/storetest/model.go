package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/chuantou/chuantou/server/store"
)

// testModel lets several writers each work on keys of their own, beside a map
// that says what they must read: in an update, where earlier ones of other
// callers may not be on disk yet, and in views.
func testModel(t *testing.T, s store.Store) {
	seed := rand.Uint64()
	var wg sync.WaitGroup
	for w := range 6 {
		m := &modelWriter{s: s, rng: rand.New(rand.NewPCG(seed, uint64(w))), prefix: fmt.Sprintf("%c", 'a'+w), model: map[string]string{}}
		wg.Go(func() {
			for step := range 60 {
				if err := m.step(); err != nil {
					t.Errorf("seed %d, writer %d, step %d: %v", seed, w, step, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

type modelWriter struct {
	s      store.Store
	rng    *rand.Rand
	prefix string
	model  map[string]string
}

// key makes a short key out of few letters, so that keys meet often.
func (m *modelWriter) key() string {
	k := m.prefix
	for range m.rng.IntN(4) {
		k += string("\x00ab\xff"[m.rng.IntN(4)])
	}
	return k
}

func (m *modelWriter) step() error {
	next := maps.Clone(m.model)
	var b store.Batch
	for range m.rng.IntN(8) {
		k, v := m.key(), fmt.Sprint(m.rng.IntN(1000))
		if m.rng.IntN(3) == 0 {
			b.Delete(store.Key(k))
			delete(next, k)
		} else {
			b.Put(store.Key(k), []byte(v))
			next[k] = v
		}
	}
	refuse := m.rng.IntN(5) == 0
	errRefused := fmt.Errorf("refused")
	mark, err := m.s.Update(ctx, []store.Key{store.Key(m.prefix)}, func(r store.Reader) (store.Batch, error) {
		if err := m.check(r); err != nil || !refuse {
			return b, err
		}
		return b, errRefused
	})
	if refuse && err == errRefused {
		return m.s.View(ctx, 0, m.check)
	}
	if err != nil {
		return err
	}
	m.model = next
	return m.s.View(ctx, mark, m.check)
}

// check compares some reads with the model.
func (m *modelWriter) check(r store.Reader) error {
	for range 3 {
		k := m.key()
		v, err := r.Get(store.Key(k))
		if want, ok := m.model[k]; err != nil || (v != nil) != ok || string(v) != want {
			return fmt.Errorf("value of %q: %q (absent: %v), %v; want %q (absent: %v)", k, v, v == nil, err, want, !ok)
		}
		from, to, reverse := m.key(), m.key(), m.rng.IntN(2) == 0
		if m.rng.IntN(3) == 0 {
			from, to = m.prefix, string(store.PrefixEnd(store.Key(m.prefix)))
		}
		var want []pair
		for _, k := range slices.Sorted(maps.Keys(m.model)) {
			if k >= from && k < to {
				want = append(want, pair{k, m.model[k]})
			}
		}
		if reverse {
			slices.Reverse(want)
		}
		got, err := scan(r, store.Key(from), store.Key(to), reverse)
		if err != nil || !slices.Equal(got, want) {
			return fmt.Errorf("scan from %q to %q, reverse %v: %q, %v; want %q", from, to, reverse, got, err, want)
		}
	}
	return nil
}
