package ingest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestGateHoldsItsSize(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	g := gate{size: 100}
	var inside, most atomic.Int64
	var wg sync.WaitGroup
	for range 200 {
		n, cut := 1+rng.IntN(150), rng.IntN(4) == 0
		wg.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if cut {
				go cancel() // at any moment: in line, let in, or done
			}
			leave, err := g.enter(ctx, n)
			if err != nil {
				if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				return
			}
			for now := inside.Add(int64(min(n, 100))); ; {
				if was := most.Load(); was >= now || most.CompareAndSwap(was, now) {
					break
				}
			}
			inside.Add(-int64(min(n, 100)))
			leave()
		})
	}
	wg.Wait()
	if most.Load() > 100 || g.used != 0 || len(g.line) != 0 {
		t.Errorf("%d of 100 were let in, %d stay counted, %d in line", most.Load(), g.used, len(g.line))
	}
}

func TestGateKeepsTheOrder(t *testing.T) {
	g := gate{size: 10}
	leave, err := g.enter(t.Context(), 6)
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.enter(gone, 8); !errors.Is(err, context.Canceled) {
		t.Fatalf("in line with an ended context: %v", err)
	}
	// A large one in front is not passed by a small one that would fit.
	big := &place{n: 8, let: make(chan struct{})}
	small := &place{n: 2, let: make(chan struct{})}
	g.line = append(g.line, big, small)
	g.admit()
	if g.used != 6 {
		t.Fatalf("%d are in use, the small one went ahead", g.used)
	}
	leave()
	<-big.let
	<-small.let
}
