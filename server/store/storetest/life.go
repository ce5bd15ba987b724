package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/chuantou/chuantou/server/store"
)

func testFnError(t *testing.T, s store.Store) {
	refused := errors.New("refused")
	_, err := s.Update(ctx, nil, func(store.Reader) (store.Batch, error) {
		var b store.Batch
		b.Put(key("a"), []byte("1"))
		return b, refused
	})
	if err != refused {
		t.Errorf("error of fn came back as %v", err)
	}
	wantAbsent(t, s, "a")
	if err := s.View(ctx, 0, func(store.Reader) error { return refused }); err != refused {
		t.Errorf("error of a view's fn came back as %v", err)
	}
	put(t, s, "a", "2")
	want(t, s, "a", "2")
}

// testFnPanic: the panic reaches the caller, beside it others are served.
func testFnPanic(t *testing.T, s store.Store) {
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 20 {
				if caught := panicking(s, fmt.Sprintf("p%d", w)); caught != fmt.Sprintf("p%d", w) {
					t.Errorf("the caller caught %v", caught)
				}
				if _, err := s.Update(ctx, nil, func(store.Reader) (store.Batch, error) {
					var b store.Batch
					b.Put(key("ok%d", w), fmt.Append(nil, i))
					return b, nil
				}); err != nil {
					t.Errorf("update beside panics: %v", err)
				}
			}
		})
	}
	wg.Wait()
	for w := range 4 {
		want(t, s, fmt.Sprintf("ok%d", w), "19")
		wantAbsent(t, s, fmt.Sprintf("p%d", w))
	}
}

func panicking(s store.Store, k string) (caught any) {
	defer func() { caught = recover() }()
	s.Update(ctx, []store.Key{key("g")}, func(store.Reader) (store.Batch, error) {
		var b store.Batch
		b.Put(store.Key(k), nil)
		panic(k)
	})
	return nil
}

// testFnGoexit: a goroutine that ends inside fn, as t.Fatal does, holds up nobody.
func testFnGoexit(t *testing.T, s store.Store) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Update(ctx, []store.Key{key("g")}, func(store.Reader) (store.Batch, error) {
			runtime.Goexit()
			return store.Batch{}, nil
		})
	}()
	<-done
	transferred := transfer(s, key("g"), key("h"), 0)
	if transferred != nil {
		t.Error(transferred)
	}
}

func testCancelled(t *testing.T, s store.Store) {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err := s.Update(ended, nil, func(store.Reader) (store.Batch, error) {
		t.Error("fn ran though the context had ended")
		return store.Batch{}, nil
	})
	wantErr(t, "update", err, context.Canceled)
	err = s.View(ended, 0, func(store.Reader) error {
		t.Error("fn of a view ran though the context had ended")
		return nil
	})
	wantErr(t, "view", err, context.Canceled)

	// Once fn has run, the outcome counts and not the context.
	late, cancel := context.WithCancel(ctx)
	mark, err := s.Update(late, nil, func(store.Reader) (store.Batch, error) {
		var b store.Batch
		b.Put(key("a"), []byte("1"))
		cancel()
		return b, nil
	})
	if err != nil || mark == 0 {
		t.Errorf("update cancelled while it ran: mark %d, %v", mark, err)
	}
	want(t, s, "a", "1")
}

// testCancelledWaiting: an update that waits for its guard gives up, and what
// comes after it gets the guard.
func testCancelledWaiting(t *testing.T, s store.Store) {
	guard := []store.Key{key("g")}
	inside, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := s.Update(ctx, guard, func(store.Reader) (store.Batch, error) {
			close(inside)
			<-leave
			return store.Batch{}, nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-inside
	waiting, cancel := context.WithCancel(ctx)
	wg.Go(cancel)
	_, err := s.Update(waiting, guard, func(store.Reader) (store.Batch, error) {
		t.Error("fn ran though the context had ended while it waited")
		return store.Batch{}, nil
	})
	wantErr(t, "update that waited", err, context.Canceled)
	close(leave)
	wg.Wait()
	if _, err := s.Update(ctx, guard, func(store.Reader) (store.Batch, error) { return store.Batch{}, nil }); err != nil {
		t.Error(err)
	}
}

func testRaiseEpoch(t *testing.T, s store.Store) {
	seen := map[string]bool{}
	mark := put(t, s, "a", "1")
	for range 5 {
		first, err := s.Epoch(ctx)
		if err != nil || len(first) < 16 {
			t.Fatalf("epoch %q, %v", first, err)
		}
		if again, err := s.Epoch(ctx); again != first || err != nil {
			t.Errorf("epoch %q, then %q, %v", first, again, err)
		}
		if seen[first] {
			t.Errorf("epoch %q came back", first)
		}
		seen[first] = true
		raised, err := s.RaiseEpoch(ctx)
		if err != nil || raised == first {
			t.Errorf("raised epoch from %q to %q, %v", first, raised, err)
		}
		if again, err := s.Epoch(ctx); again != raised || err != nil {
			t.Errorf("raised epoch to %q, read %q, %v", raised, again, err)
		}
	}
	if next := put(t, s, "a", "2"); next <= mark {
		t.Errorf("mark %d after raising the epoch, %d before", next, mark)
	}
	view(t, s, func(r store.Reader) error {
		got, err := scan(r, nil, nil, false)
		if len(got) != 1 {
			t.Errorf("keys of the engine show in a scan: %q", got)
		}
		return err
	})
}

func testClosed(t *testing.T, s store.Store) {
	put(t, s, "a", "1")
	mustClose(t, s)
	fn := func(store.Reader) (store.Batch, error) {
		t.Error("fn ran on a closed store")
		return store.Batch{}, nil
	}
	_, err := s.Update(ctx, nil, fn)
	wantErr(t, "update", err, store.ErrClosed)
	err = s.View(ctx, 0, func(store.Reader) error { t.Error("view ran on a closed store"); return nil })
	wantErr(t, "view", err, store.ErrClosed)
	_, err = s.Epoch(ctx)
	wantErr(t, "epoch", err, store.ErrClosed)
	_, err = s.RaiseEpoch(ctx)
	wantErr(t, "raise epoch", err, store.ErrClosed)
	mustClose(t, s)
}

// testCloseWaits closes under load: whoever is answered nil is stored, and
// nobody is left without an answer.
func testCloseWaits(t *testing.T, s store.Store) {
	var wg sync.WaitGroup
	started := make(chan struct{}, 8)
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				_, err := s.Update(ctx, nil, func(r store.Reader) (store.Batch, error) {
					var b store.Batch
					b.Put(key("w%d", w), fmt.Append(nil, i))
					_, err := r.Get(key("w%d", w))
					return b, err
				})
				if err == nil {
					err = s.View(ctx, 0, func(r store.Reader) error { _, err := scan(r, nil, nil, false); return err })
				}
				if i == 0 {
					started <- struct{}{}
				}
				if errors.Is(err, store.ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("while closing: %v", err)
					return
				}
			}
		})
	}
	for range 8 {
		<-started
	}
	mustClose(t, s)
	wg.Wait()
}

func testReopen(t *testing.T, open Open, reopen Reopen) {
	s := open(t)
	stored := map[string]string{}
	for round := range 4 {
		var mu sync.Mutex
		var wg sync.WaitGroup
		for w := range 6 {
			wg.Go(func() {
				for i := range 30 {
					k, v := fmt.Sprintf("%d-%d", w, i), fmt.Sprint(round)
					if _, err := s.Update(ctx, nil, func(store.Reader) (store.Batch, error) {
						var b store.Batch
						if b.Put(store.Key(k), []byte(v)); round == 2 && i%3 == 0 {
							b.Delete(store.Key(k))
						}
						return b, nil
					}); err != nil {
						t.Error(err)
					}
					mu.Lock()
					if stored[k] = v; round == 2 && i%3 == 0 {
						delete(stored, k)
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		s = reopen(t, s)
		view(t, s, func(r store.Reader) error {
			got, err := scan(r, nil, nil, false)
			if len(got) != len(stored) {
				t.Errorf("round %d: %d keys after reopening, want %d", round, len(got), len(stored))
			}
			for _, p := range got {
				if stored[p.key] != p.value {
					t.Errorf("round %d: value of %q is %q, want %q", round, p.key, p.value, stored[p.key])
				}
			}
			return err
		})
	}
	mustClose(t, s)
}

func testReopenEpoch(t *testing.T, open Open, reopen Reopen) {
	s := open(t)
	first, err := s.Epoch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	if again, err := s.Epoch(ctx); again != first || err != nil {
		t.Errorf("epoch %q after reopening, %q before, %v", again, first, err)
	}
	raised, err := s.RaiseEpoch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	if again, err := s.Epoch(ctx); again != raised || err != nil {
		t.Errorf("epoch %q after reopening, raised to %q, %v", again, raised, err)
	}
	mustClose(t, s)
	other := open(t)
	if epoch, err := other.Epoch(ctx); epoch == first || epoch == raised || err != nil {
		t.Errorf("two stores share the epoch %q, %v", epoch, err)
	}
	mustClose(t, other)
}

// testReopenMarks: marks go on above where they were, deletes counted in.
func testReopenMarks(t *testing.T, open Open, reopen Reopen) {
	s := open(t)
	put(t, s, "a", "1")
	for range 3 {
		last := update(t, s, func(b *store.Batch) { b.Delete(key("a")) })
		s = reopen(t, s)
		if err := s.View(ctx, last, func(store.Reader) error { return nil }); err != nil {
			t.Errorf("view at mark %d, given before reopening: %v", last, err)
		}
		if next := put(t, s, "a", "1"); next <= last {
			t.Errorf("mark %d after reopening, %d before", next, last)
		}
	}
	mustClose(t, s)
}
