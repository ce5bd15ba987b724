package driver_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestRule12Storage(t *testing.T) {
	j := newJudge(t, "A", "B", "C")
	j.create("A", "m")
	j.ins("A", "m", "t", 0, "一")
	j.take("A", "c1")
	j.ins("A", "m", "t", 1, "二")
	j.take("A", "c2")
	j.set("A", "m", "v", true)
	j.take("A", "c3")
	j.create("B", "own")
	j.want(j.give("B", "c3"), 1)
	j.want(j.give("B", "c2", "c3"), 2)
	saved := j.ok(cmd{"op": "save", "r": "B"})
	j.ok(cmd{"op": "load", "r": "L", "blob": saved["blob"]})
	j.same("B", "L")
	j.want(j.give("L"), 2)
	j.want(j.give("L", "c1"), 0)
	j.want(j.text("L", "m", "t"), "一二")
	j.ins("L", "own", "t", 0, "x")
	j.want(j.take("L", "mine")["empty"], false)
	j.pull("L", "C") // passes on what it was loaded with
	j.same("L", "C")
	j.refused("EXISTS", cmd{"op": "load", "r": "A", "blob": saved["blob"]})
	j.refused("BAD_CHANGE", cmd{"op": "load", "r": "N", "blob": "AAAA"})
	change := j.ok(cmd{"op": "take", "r": "B", "as": "b", "blob": true})
	j.refused("BAD_CHANGE", cmd{"op": "load", "r": "N", "blob": change["blob"]})
	j.refused("BAD_CHANGE", cmd{"op": "give", "r": "C", "blob": saved["blob"]})
}

// A device that gets its own earlier edits back, by whatever way, goes on after
// them.
func TestRule12ADeviceGetsItsOwnBack(t *testing.T) {
	for name, back := range map[string]func(j *judge, a, b any){
		"loaded under its name": func(j *judge, a, _ any) { j.ok(cmd{"op": "load", "r": "A", "blob": a}) },
		"loaded from another's": func(j *judge, _, b any) { j.ok(cmd{"op": "load", "r": "A", "blob": b}) },
		"synced from another": func(j *judge, _, b any) {
			j.ok(cmd{"op": "load", "r": "B", "blob": b})
			j.ok(cmd{"op": "replica", "r": "A"})
			j.sync("A", "B")
		},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJudge(t, "A", "B")
			j.create("A", "m")
			j.set("A", "m", "v", 1)
			j.sync("A", "B")
			j.set("A", "m", "v", 2)
			j.sync("A", "B")
			a, b := j.ok(cmd{"op": "save", "r": "A"})["blob"], j.ok(cmd{"op": "save", "r": "B"})["blob"]
			j.ok(cmd{"op": "reset"})
			back(j, a, b)
			j.set("A", "m", "v", 3)
			j.want(j.take("A", "x")["empty"], false)
			j.ok(cmd{"op": "replica", "r": "C"})
			j.sync("A", "C")
			j.same("A", "C")
			j.want(j.field("C", "m", "v")["value"], float64(3))
		})
	}
}

func TestRule12EveryDamagedByteIsFound(t *testing.T) {
	j := newJudge(t, "A", "B")
	j.create("A", "m")
	j.ins("A", "m", "t", 0, "码头灯坏了")
	j.lins("A", "m", "l", 0, "p", 1)
	j.ok(cmd{"op": "save", "r": "A"})
	blob := j.ok(cmd{"op": "take", "r": "A", "as": "c", "blob": true})["blob"].(string)
	saved := j.ok(cmd{"op": "save", "r": "A"})["blob"].(string)
	before := j.ok(cmd{"op": "read", "r": "B"})
	delete(before, "id")
	for _, whole := range []string{blob, saved} {
		raw := fromBase64(t, whole)
		for i := range raw {
			for _, damaged := range [][]byte{flip(raw, i), raw[:i], append(slices.Clone(raw), byte(i))} {
				for _, c := range []cmd{{"op": "give", "r": "B", "blob": toBase64(damaged)}, {"op": "load", "r": "N", "blob": toBase64(damaged)}} {
					if out := j.do(c); out["error"] != "BAD_CHANGE" {
						t.Fatalf("damage at byte %d: %v", i, out)
					}
				}
			}
		}
	}
	after := j.ok(cmd{"op": "read", "r": "B"})
	delete(after, "id")
	if !reflect.DeepEqual(before, after) {
		t.Fatal("damaged bytes changed something")
	}
}

func TestRule13Sync(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 13))
	j := newJudge(t, "A", "B", "C")
	j.create("A", "m")
	j.ins("A", "m", "t", 0, letters(rng, 10000))
	j.sync("A", "B")
	j.pull("B", "C")
	j.same("A", "B", "C")
	j.ins("A", "m", "t", 5000, letters(rng, 100))
	j.ins("B", "m", "t", 2000, letters(rng, 100))
	out := j.sync("A", "B")
	t.Logf("apart by 2 × 100 characters: %v bytes, %v round trips", out["bytes"], out["roundTrips"])
	if out["bytes"].(float64) > 800 || out["roundTrips"].(float64) > 1 {
		t.Fatalf("2 × 100 characters took %v", out)
	}
	j.same("A", "B")
	out = j.sync("A", "B")
	t.Logf("in agreement: %v bytes", out["bytes"])
	if out["bytes"].(float64) > 50 {
		t.Fatalf("nothing new took %v", out)
	}
	j.pull("B", "C")
	j.same("A", "C")
}

// TestRule12LongHistory: after many changes states are stored beside the log,
// after few long ones the log alone; both load as they were saved.
func TestRule12LongHistory(t *testing.T) {
	j := newJudge(t, "A", "B")
	j.create("A", "m")
	for i := range 300 {
		j.set("A", "m", "v", i)
		j.ins("A", "m", "t", 0, "x")
		j.take("A", fmt.Sprint("c", i))
	}
	j.create("B", "m")
	j.ins("B", "m", "t", 0, strings.Repeat("很长的一段话。", 1000))
	j.give("B", "c7", "c5")
	for _, r := range []string{"A", "B"} {
		saved := j.ok(cmd{"op": "save", "r": r})
		j.ok(cmd{"op": "load", "r": "L" + r, "blob": saved["blob"]})
		j.same(r, "L"+r)
	}
	j.want(j.give("LB"), 2)
	j.sync("LA", "LB")
	j.sync("A", "B")
	j.same("A", "B", "LA", "LB")
	j.want(j.give("LB"), 0)
}
