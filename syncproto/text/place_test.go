package text_test

import (
	"bytes"
	"math/bits"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
)

// crowd is a text that hostile authors put runs into, each where its author
// likes, with any two elements as origins.
type crowd struct {
	docs []*text.Doc
	high map[syncproto.ReplicaID]uint64
	err  error
}

func newCrowd(docs ...*text.Doc) *crowd {
	return &crowd{docs: docs, high: map[syncproto.ReplicaID]uint64{}}
}

func (c *crowd) put(r syncproto.ReplicaID, left, right syncproto.ElemID) syncproto.ElemID {
	c.high[r]++
	id := syncproto.ElemID{Replica: r, Counter: c.high[r]}
	for _, d := range c.docs {
		if err := d.Apply(r, text.Edit{Inserts: []text.Insert{{Counter: id.Counter, Left: left, Right: right, Text: "x"}}}); err != nil && c.err == nil {
			c.err = err
		}
	}
	return id
}

// TestSearchFindsWhatScanFinds: with any origins, honest or not, and with
// deletes in between, which cut and join the runs.
func TestSearchFindsWhatScanFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		rng := rand.New(rand.NewPCG(seed, 8))
		scan, search := text.New(), text.New()
		c := newCrowd(scan, search)
		authors := 1 + rng.IntN(5)
		ids := []syncproto.ElemID{{}}
		for range rapid.IntRange(1, 150).Draw(t, "runs") {
			scan.Search(false) // each time: a text that begins forgets it
			search.Search(true)
			r := replica(rng.IntN(authors))
			id := c.high[r] + 1
			switch {
			case rng.IntN(3) == 0: // an honest edit, of several elements or a delete
				at := rng.IntN(scan.Len() + 1)
				del := min(rng.IntN(3), scan.Len()-at)
				for _, d := range c.docs {
					if _, err := d.Replace(r, at, del, "ab"); err != nil {
						t.Fatal(err)
					}
				}
				c.high[r] += 2
				ids = append(ids, elem(r, id), elem(r, id+1))
			case rng.IntN(3) == 0: // a run is typed, or corrected by backspace, which joins tombstones
				at := rng.IntN(scan.Len() + 1)
				run, del := "abcdefghij"[:1+rng.IntN(10)], 0
				if rng.IntN(2) == 0 {
					run, del = "", min(at, rng.IntN(8))
				}
				for _, d := range c.docs {
					for k := range del {
						if _, err := d.Replace(r, at-1-k, 1, ""); err != nil {
							t.Fatal(err)
						}
					}
					if _, err := d.Replace(r, at-del, 0, run); err != nil {
						t.Fatal(err)
					}
				}
				c.high[r] += uint64(len(run))
				for k := range uint64(len(run)) {
					ids = append(ids, elem(r, id+k))
				}
			case rng.IntN(2) == 0: // concurrent with what is there: at one of a few places
				ids = append(ids, c.put(r, ids[rng.IntN(min(len(ids), 4))], ids[rng.IntN(min(len(ids), 4))]))
			default:
				ids = append(ids, c.put(r, ids[rng.IntN(len(ids))], ids[rng.IntN(len(ids))]))
			}
		}
		if c.err != nil {
			t.Fatalf("seed %d: %v", seed, c.err)
		}
		if !bytes.Equal(scan.AppendBinary(nil), search.AppendBinary(nil)) {
			t.Fatalf("seed %d: search and scan differ", seed)
		}
		if err := search.DbgCheck(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	})
}

// TestCrowdedPlaces counts the steps of placing runs that hostile authors put
// where there are most others: logarithmic in what is there.
func TestCrowdedPlaces(t *testing.T) {
	const n = 20_000
	low, mid, high := replica(1), replica(2), replica(3)
	none := syncproto.ElemID{}
	for name, attack := range map[string]func(c *crowd){
		"one author between two pairs of origins": func(c *crowd) {
			a := c.put(mid, none, none)
			for range n / 2 {
				c.put(high, none, none)
				c.put(high, a, none)
			}
		},
		"ids that come before": func(c *crowd) {
			for range n / 2 {
				c.put(high, none, none)
			}
			for range n / 2 {
				c.put(low, none, none)
			}
		},
		"two authors in turn": func(c *crowd) {
			for range n / 2 {
				c.put(high, none, none)
				c.put(low, none, none)
			}
		},
		"typed backwards, and all before it": func(c *crowd) {
			last := none
			for range n / 2 {
				last = c.put(high, none, last)
			}
			for range n / 2 {
				c.put(low, none, none)
			}
		},
		"before each of many": func(c *crowd) {
			var ids []syncproto.ElemID
			for range n / 2 {
				ids = append(ids, c.put(high, none, none))
			}
			for i := range ids {
				c.put(low, none, ids[len(ids)-1-i])
			}
		},
		"before each of a backward run": func(c *crowd) {
			ids := []syncproto.ElemID{none}
			for i := range n / 2 {
				ids = append(ids, c.put(high, none, ids[i]))
			}
			for _, id := range ids[1:] {
				c.put(low, none, id)
			}
		},
		"beside each level of a deep tree": func(c *crowd) {
			ids := []syncproto.ElemID{none}
			for i := range n / 2 {
				ids = append(ids, c.put([]syncproto.ReplicaID{low, mid}[i%2], ids[i], none))
			}
			for i := range ids {
				c.put(high, ids[len(ids)-1-i], none)
			}
		},
		"right origins of every distance": func(c *crowd) {
			first := c.put(low, none, none)
			var ids []syncproto.ElemID
			for range n / 2 {
				ids = append(ids, c.put(mid, none, none))
			}
			for i := range ids {
				c.put(high, first, ids[(i*7919)%len(ids)])
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := text.New()
			c := newCrowd(d)
			attack(c)
			if c.err != nil {
				t.Fatal(c.err)
			}
			if err := d.DbgCheck(); err != nil {
				t.Fatal(err)
			}
			log := bits.Len(n)
			if per := d.Steps() / n; per > 64+4*log*log {
				t.Fatalf("%d steps a run", per)
			} else {
				t.Logf("%d steps a run", per)
			}
			state := d.AppendBinary(nil)
			again, err := text.Decode(state)
			if err != nil || !bytes.Equal(again.AppendBinary(nil), state) {
				t.Fatalf("state of a crowd: %v", err)
			}
		})
	}
}
