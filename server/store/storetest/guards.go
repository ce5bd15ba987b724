package storetest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/chuantou/chuantou/server/store"
)

func number(r store.Reader, k store.Key) (uint64, error) {
	v, err := r.Get(k)
	if v == nil || err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(v), nil
}

func putNumber(b *store.Batch, k store.Key, n uint64) {
	b.Put(k, binary.BigEndian.AppendUint64(nil, n))
}

// testIncrements: no increment under a shared guard is lost, none is counted
// twice, and each caller's mark has its own in it.
func testIncrements(t *testing.T, s store.Store) {
	const workers, rounds = 8, 100
	counter, guard := key("counter"), []store.Key{key("guard")}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				var wrote uint64
				mark, err := s.Update(ctx, guard, func(r store.Reader) (store.Batch, error) {
					var b store.Batch
					n, err := number(r, counter)
					wrote = n + 1
					putNumber(&b, counter, wrote)
					return b, err
				})
				if err == nil {
					err = s.View(ctx, mark, func(r store.Reader) error {
						n, err := number(r, counter)
						if n < wrote {
							err = fmt.Errorf("view at mark %d reads %d, the update wrote %d", mark, n, wrote)
						}
						return err
					})
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	view(t, s, func(r store.Reader) error {
		n, err := number(r, counter)
		if n != workers*rounds {
			t.Errorf("counter is %d after %d increments", n, workers*rounds)
		}
		return err
	})
}

// testTransfers moves amounts between accounts, each update guarding the two it
// touches, in either order: the sum stays, and nobody waits for ever.
func testTransfers(t *testing.T, s store.Store) {
	const accounts, workers, rounds, each = 5, 6, 60, 1000
	account := func(i int) store.Key { return key("account-%d", i) }
	update(t, s, func(b *store.Batch) {
		for i := range accounts {
			putNumber(b, account(i), each)
		}
	})
	sum := func(r store.Reader) error {
		var total uint64
		for i := range accounts {
			n, err := number(r, account(i))
			if err != nil {
				return err
			}
			total += n
		}
		if total != accounts*each {
			return fmt.Errorf("the sum of all accounts is %d, want %d", total, accounts*each)
		}
		return nil
	}
	seed := rand.Uint64()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(w)))
			for range rounds {
				from := rng.IntN(accounts)
				to := (from + 1 + rng.IntN(accounts-1)) % accounts
				err := transfer(s, account(from), account(to), rng.Uint64N(20))
				if err == nil {
					err = s.View(ctx, 0, sum)
				}
				if err != nil {
					t.Errorf("seed %d: %v", seed, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func transfer(s store.Store, from, to store.Key, amount uint64) error {
	_, err := s.Update(ctx, []store.Key{from, to, from}, func(r store.Reader) (store.Batch, error) {
		var b store.Batch
		a, err := number(r, from)
		if err != nil {
			return b, err
		}
		c, err := number(r, to)
		if a >= amount {
			putNumber(&b, from, a-amount)
			putNumber(&b, to, c+amount)
		}
		return b, err
	})
	return err
}

// testNeedGuards: the guard to hold is found by reading, and changes under way.
func testNeedGuards(t *testing.T, s store.Store) {
	const workers, rounds = 6, 40
	put(t, s, "place", "east")
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				runs := 0
				_, err := s.Update(ctx, nil, func(r store.Reader) (store.Batch, error) {
					runs++
					return count(r, w == 0 && i%4 == 0)
				})
				if err != nil || runs < 2 {
					t.Errorf("update that needs guards: %d runs, %v", runs, err)
					return
				}
			}
		})
	}
	wg.Wait()
	view(t, s, func(r store.Reader) error {
		east, err := number(r, key("n-east"))
		if err != nil {
			return err
		}
		west, err := number(r, key("n-west"))
		if east+west != workers*rounds {
			t.Errorf("counted %d and %d, want %d together", east, west, workers*rounds)
		}
		return err
	})
}

// count adds one to the counter of the place that is current, and now and then
// changes the place.
func count(r store.Reader, move bool) (store.Batch, error) {
	var b store.Batch
	place, err := r.Get(key("place"))
	if err != nil {
		return b, err
	}
	counter := key("n-%s", place)
	var need []store.Key
	for _, g := range []store.Key{key("place"), counter} {
		if !store.Holds(r, g) {
			need = append(need, g)
		}
	}
	if len(need) > 0 {
		b.Put(key("draft"), nil) // not to be written
		return b, store.NeedGuards(need...)
	}
	n, err := number(r, counter)
	putNumber(&b, counter, n+1)
	if move && string(place) == "east" {
		b.Put(key("place"), []byte("west"))
	} else if move {
		b.Put(key("place"), []byte("east"))
	}
	if draft, _ := r.Get(key("draft")); draft != nil {
		return b, fmt.Errorf("the batch of a run that needed guards was written")
	}
	return b, err
}

func testNeedGuardsHeld(t *testing.T, s store.Store) {
	runs := 0
	_, err := s.Update(ctx, []store.Key{key("g")}, func(r store.Reader) (store.Batch, error) {
		runs++
		if !store.Holds(r, key("g")) || store.Holds(r, key("h")) {
			t.Errorf("holds g: %v, h: %v; want true, false", store.Holds(r, key("g")), store.Holds(r, key("h")))
		}
		return store.Batch{}, store.NeedGuards(key("g"))
	})
	if _, again := store.IsNeedGuards(err); err == nil || again || runs != 1 {
		t.Errorf("update asking for guards it holds: %d runs, %v; want 1 and an error", runs, err)
	}
	view(t, s, func(r store.Reader) error {
		if store.Holds(r, key("g")) {
			t.Error("a view holds a guard")
		}
		return nil
	})
}
