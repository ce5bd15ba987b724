package elem_test

import (
	"math/rand/v2"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/elem"
	"pgregory.net/rapid"
)

// TestAgainstMap: elements with gaps in their counters, of few replicas and of
// many, are found by id, and by whom they are held.
func TestAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		rng := rand.New(rand.NewPCG(seed, 2))
		replicas := rapid.IntRange(1, 20).Draw(t, "replicas")
		var table elem.Table
		holders := map[syncproto.ElemID]int32{}
		highest := map[syncproto.ReplicaID]uint64{}
		for item := range int32(rapid.IntRange(1, 200).Draw(t, "items")) {
			r := syncproto.ReplicaID{byte(rng.IntN(replicas)), 1}
			next := highest[r] + 1
			if rng.IntN(10) == 0 {
				next += uint64(rng.IntN(5))
			}
			n := int32(1 + rng.IntN(9))
			a := table.For(r, next)
			first := elem.Ref{Author: a, Index: table.Count(a)}
			if item == 0 {
				table.Index()
			}
			table.Hold(item, first, n)
			table.Grow(a, n)
			for k := range uint64(n) {
				holders[syncproto.ElemID{Replica: r, Counter: next + k}] = item
			}
			highest[r] = next + uint64(n) - 1
		}
		whole := table.Clone()
		table.Hold(-1, elem.Ref{}, 1)
		for r, high := range highest {
			if got := whole.Highest(r); got != high {
				t.Fatalf("seed %d: highest %d, want %d", seed, got, high)
			}
			for c := uint64(0); c <= high+1; c++ {
				id := syncproto.ElemID{Replica: r, Counter: c}
				want, here := holders[id]
				ref := whole.Ref(id)
				if here != (ref != elem.None) || here && (whole.ID(ref) != id || whole.Holder(ref) != want) {
					t.Fatalf("seed %d: %s is %v", seed, id, ref)
				}
			}
		}
	})
}
