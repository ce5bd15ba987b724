package crdt_test

import (
	"math/rand/v2"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// keystrokes are n one-character changes of one text by two writers who hear
// of each other every few characters.
func keystrokes(t testing.TB, n int) []saved {
	w := newWorld(t, rand.New(rand.NewPCG(5, 5)), 2)
	a, b := w.sites[0], w.sites[1]
	var at [2]int
	for len(w.all) < n {
		for i, s := range []*site{a, b} {
			for range 1 + w.rng.IntN(8) {
				scratch := s.rec
				e := scratch.Edit(s.id, nil)
				if scratch.Kind == "" && i == 0 {
					must(t, e.Create("ZF"))
				}
				if doc := scratch.Text("t"); doc != nil && w.rng.IntN(20) == 0 {
					at[i] = w.rng.IntN(doc.Len() + 1)
				}
				length := 0
				if doc := scratch.Text("t"); doc != nil {
					length = doc.Len()
				}
				at[i] = min(at[i], length)
				must(t, e.Replace("t", at[i], 0, "e"))
				at[i]++
				p, _ := e.Part()
				s.seq++
				h := syncproto.Header{Replica: s.id, Seq: s.seq, Author: syncproto.PersonID(s.id)}
				_, err := e.Commit(h)
				must(t, err)
				x := w.throughWire(saved{h, p})
				other := w.sites[1-i]
				w.all = append(w.all, x)
				other.old = nil
				s.model.parts = append(s.model.parts, x) // not yet heard by the other
			}
			for _, x := range s.model.parts {
				must(t, w.sites[1-i].rec.Join(x.h, &x.p, crdt.Options{}))
			}
			s.model.parts = nil
		}
	}
	return w.all
}

// One unit is the joining of 26,078 one-character changes by two writers.
func BenchmarkKeystrokes(b *testing.B) {
	all := keystrokes(b, 26078)
	b.ReportAllocs()
	for b.Loop() {
		r := crdt.New(recordID(1))
		for i := range all {
			if err := r.Join(all[i].h, &all[i].p, crdt.Options{Read: true}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
