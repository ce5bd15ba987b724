package badgerstore

// What is tested here from inside: the turns of lanes, which snapshot is the
// oldest, the order of an overlay, and what is taken from Badger's inner workings
// and must be noticed should they change.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"github.com/chuantou/chuantou/server/store"
)

var discard = slog.New(slog.NewTextHandler(io.Discard, nil))

func mustOpen(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.TempDir(), Options{Logger: discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func mustPut(t *testing.T, s *Store, k string, v []byte) {
	t.Helper()
	_, err := s.Update(context.Background(), nil, func(store.Reader) (store.Batch, error) {
		var b store.Batch
		b.Put(store.Key(k), v)
		return b, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// random returns n bytes that were never there before.
func random(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte(fmt.Appendf(nil, "%032x", rand.Uint64()))).Read(b)
	return b
}

// TestQueueTurns: a lane with a thousand updates delays another by one each.
func TestQueueTurns(t *testing.T) {
	q := newQueue()
	names := map[*update]string{}
	push := func(lane string, n int) {
		for i := range n {
			u := &update{}
			names[u] = fmt.Sprint(lane, i)
			if err := q.push(lane, u); err != nil {
				t.Fatal(err)
			}
		}
	}
	pop := func(n int) (got []string) {
		for range n {
			got = append(got, names[q.pop(true)])
		}
		return got
	}
	push("a", 1000)
	push("b", 2)
	push("c", 1)
	if got, want := pop(6), []string{"a0", "b0", "c0", "a1", "b1", "a2"}; !slices.Equal(got, want) {
		t.Errorf("turns: %v, want %v", got, want)
	}
	push("b", 1)
	if got, want := pop(3), []string{"a3", "b0", "a4"}; !slices.Equal(got, want) {
		t.Errorf("turns after coming back: %v, want %v", got, want)
	}
	if got := pop(995); got[994] != "a999" {
		t.Errorf("last of the long lane: %v", got[994])
	}
	if u := q.pop(false); u != nil || len(q.lanes) != 0 || len(q.turns) != 0 {
		t.Errorf("emptied queue: %v, %d lanes, %d turns", u, len(q.lanes), len(q.turns))
	}
	push("a", 1)
	q.stop(store.ErrClosed)
	q.stop(store.ErrBroken)
	if err := q.push("a", &update{}); err != store.ErrClosed {
		t.Errorf("push after stop: %v", err)
	}
	if q.pop(true) == nil || q.pop(true) != nil {
		t.Error("a stopped queue gives out what it has, then nil")
	}
}

func TestSnapshotsOldest(t *testing.T) {
	var s snapshots
	s.advance(5)
	a, b := s.enter(), s.enter()
	if got := s.advance(6); got != 5 {
		t.Errorf("oldest with views at 5: %d", got)
	}
	c := s.enter()
	s.advance(7)
	s.exit(c)
	s.exit(a)
	if got := s.advance(8); got != 5 {
		t.Errorf("oldest with one view at 5 left: %d", got)
	}
	s.exit(b)
	if got := s.advance(9); got != 9 || len(s.open) != 0 {
		t.Errorf("oldest without views: %d, %d open", got, len(s.open))
	}
}

func TestOverlayOrder(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	var o overlay
	model := map[string]bool{}
	for range 200 {
		var b store.Batch
		for range rng.IntN(6) {
			k := fmt.Sprint("k", rng.IntN(500))
			model[k] = true
			b.Put(store.Key(k), nil)
		}
		o.add(&b)
		from, to := fmt.Sprint("k", rng.IntN(500)), fmt.Sprint("k", rng.IntN(500))
		var want []string
		for k := range model {
			if k >= from && k < to {
				want = append(want, k)
			}
		}
		slices.Sort(want)
		if got := o.between(store.Key(from), store.Key(to)); !slices.Equal(got, want) {
			t.Fatalf("seed %d: from %s to %s: %v, want %v", seed, from, to, got, want)
		}
	}
}

// TestTooBigGroup: should Badger find a group too big, its members run again by
// themselves and none is lost.
func TestTooBigGroup(t *testing.T) {
	s := mustOpen(t)
	inside, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var wg sync.WaitGroup
	wg.Go(func() { // holds the committer, so that the others join its group
		_, err := s.Update(context.Background(), nil, func(store.Reader) (store.Batch, error) {
			// Set here, where the committer waits, as it alone looks at them.
			s.groupBytes, s.groupKeys = 1<<40, 1<<40
			once.Do(func() { close(inside) })
			<-leave
			return store.Batch{}, nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-inside
	const members = 6
	var runs atomic.Int32
	for m := range members {
		wg.Go(func() {
			u := func(r store.Reader) (store.Batch, error) {
				runs.Add(1)
				var b store.Batch
				old, err := r.Get(store.Key("count"))
				b.Put(store.Key("count"), append(bytes.Clone(old), byte(m)))
				for i := range 12 {
					b.Put(store.Key(fmt.Sprint("v", m, i)), random(store.MaxValueBytes))
				}
				return b, err
			}
			if _, err := s.Update(context.Background(), nil, u); err != nil {
				t.Error(err)
			}
		})
	}
	for waiting := 0; waiting < members; runtime.Gosched() {
		s.queue.mu.Lock()
		waiting = 0
		for _, l := range s.queue.lanes {
			waiting += len(l.waiting)
		}
		s.queue.mu.Unlock()
	}
	close(leave)
	wg.Wait()
	if runs.Load() <= members {
		t.Errorf("%d runs of %d members: no group was too big", runs.Load(), members)
	}
	err := s.View(context.Background(), 0, func(r store.Reader) error {
		if v, err := r.Get(store.Key("count")); len(v) != members || err != nil {
			t.Errorf("count has %v, %v; want %d members", v, err, members)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestBroken: after a commit of unknown outcome nothing is taken any more, and
// opening again finds out.
func TestBroken(t *testing.T) {
	s := mustOpen(t)
	mustPut(t, s, "a", []byte("1"))
	s.stop(errors.New("disk on fire"))
	_, err := s.Update(context.Background(), nil, func(store.Reader) (store.Batch, error) { return store.Batch{}, nil })
	if !errors.Is(err, store.ErrBroken) {
		t.Errorf("update: %v", err)
	}
	if err := s.View(context.Background(), 0, func(store.Reader) error { return nil }); !errors.Is(err, store.ErrBroken) {
		t.Errorf("view: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(s.dir, Options{Logger: s.log})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	err = again.View(context.Background(), 0, func(r store.Reader) error {
		if v, err := r.Get(store.Key("a")); string(v) != "1" || err != nil {
			t.Errorf("after opening again: %q, %v", v, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestCompactionAsks: no compaction creates a table without having asked for
// room. It leans on the text of a message of Badger's.
func TestCompactionAsks(t *testing.T) {
	s := mustOpen(t)
	compacted := func() (n int) {
		for _, table := range s.db.Tables() {
			if table.Level > 0 {
				n++
			}
		}
		return n
	}
	for i := 0; compacted() < 3; i++ {
		mustPut(t, s, fmt.Sprintf("k%06d", i%2000), random(32<<10))
	}
	if tables, n := compacted(), s.room.passed.Load(); n < int64(tables) {
		t.Errorf("%d tables by compaction, asked %d times", tables, n)
	}
}

// TestBatchFits: the largest batch that the laws allow is no ErrTxnTooBig.
func TestBatchFits(t *testing.T) {
	s := mustOpen(t)
	if most := int64(store.MaxBatchBytes + store.MaxBatchKeys*perEntry); s.groupBytes < most || s.groupKeys < store.MaxBatchKeys {
		t.Errorf("Badger takes %d bytes, %d keys; a batch may have %d, %d", s.groupBytes, s.groupKeys, most, store.MaxBatchKeys)
	}
	_, err := s.Update(context.Background(), nil, func(store.Reader) (store.Batch, error) {
		var b store.Batch
		for i := range store.MaxBatchKeys {
			k := store.Key(fmt.Sprintf("%04d", i))
			b.Put(k, make([]byte, min(store.MaxValueBytes, store.MaxBatchBytes/store.MaxBatchKeys-len(k))))
		}
		return b, nil
	})
	if errors.Is(err, badger.ErrTxnTooBig) || err != nil {
		t.Errorf("largest batch: %v", err)
	}
}

// TestRoomWaits: what waits for room shows that it does when it is the last that
// Close waits for, and goes on when there is room.
func TestRoomWaits(t *testing.T) {
	dir := t.TempDir() + "/later"
	r := newRoom(dir, 0, 1)
	r.retryAfter = 1
	var said []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.wait(1, func(msg string, err error) { said = append(said, msg) })
	}()
	close(r.closing)
	<-r.stuck
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	<-done
	if len(said) != 2 {
		t.Errorf("said %q", said)
	}
}
