package syncloop_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/chuantou/chuantou/client-sdk/syncloop"
)

func TestBackoff(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, seed))
	b := syncloop.Backoff{Base: time.Second, Max: time.Minute, Random: r.Float64}
	for failures := 1; failures < 1000; failures++ {
		full := min(time.Minute, time.Second<<min(failures-1, 10))
		if w := b.Wait(failures); w < full/2 || w > full {
			t.Fatalf("seed %d: after %d failures %s, want %s to %s", seed, failures, w, full/2, full)
		}
	}
	if w := (syncloop.Backoff{}).Wait(1); w != 2*time.Second {
		t.Errorf("first pause %s", w)
	}
	if w := (syncloop.Backoff{}).Wait(1 << 30); w != 5*time.Minute {
		t.Errorf("longest pause %s", w)
	}
}

// TestLoopNeverGivesUp fails a hundred times and then succeeds.
func TestLoopNeverGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	tries := 0
	var waits []time.Duration
	l := syncloop.Loop{
		Sync: func(context.Context) error {
			if tries++; tries <= 100 {
				return errors.New("no network")
			}
			return nil
		},
		Every: time.Hour,
		Report: func(err error, next time.Duration) {
			waits = append(waits, next)
			if tries == 102 {
				cancel()
			}
		},
		After: func(time.Duration) <-chan time.Time {
			c := make(chan time.Time, 1)
			c <- time.Time{}
			return c
		},
	}
	if err := l.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if tries != 102 || waits[0] != 2*time.Second || waits[99] != 5*time.Minute || waits[100] != time.Hour {
		t.Errorf("%d tries, waits %v", tries, waits)
	}
}

func TestLoopWakes(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	wake := make(chan struct{}, 1)
	tries := 0
	l := syncloop.Loop{
		Sync: func(context.Context) error {
			if tries++; tries == 3 {
				cancel()
				return nil
			}
			wake <- struct{}{}
			return nil
		},
		Wake:  wake,
		After: func(time.Duration) <-chan time.Time { return nil },
	}
	if err := l.Run(ctx); !errors.Is(err, context.Canceled) || tries != 3 {
		t.Fatalf("%v after %d tries", err, tries)
	}
}
