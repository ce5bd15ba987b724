package crdt_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"regexp"
	"testing"

	"pgregory.net/rapid"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/text"
)

func isNil(doc interface{ Len() int }) bool {
	d, ok := doc.(*text.Doc)
	return ok && d == nil
}

var stamps = regexp.MustCompile(` by \S+|@\S+|version .*\n|life .*\n|mark .*\n`)

// dumpContent is a dump without the numbers and times that a scratch has not
// been given yet.
func dumpContent(r *crdt.Record) string { return stamps.ReplaceAllString(dumpRecord(r), "") }

// story lets devices edit and exchange at random, then returns the world.
func story(t testing.TB, seed uint64, sites, steps int, check func(w *world, s *site)) *world {
	w := newWorld(t, rand.New(rand.NewPCG(seed, 1)), sites)
	for range steps {
		s := w.sites[w.rng.IntN(len(w.sites))]
		if w.rng.IntN(2) == 0 {
			w.edit(s)
		} else {
			for range 1 + w.rng.IntN(4) {
				w.exchange(s)
			}
		}
		check(w, s)
	}
	return w
}

// TestJoinAgainstModel: whatever devices do and in whatever order they hear of
// it, the engine shows what the definitions say.
func TestJoinAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		sites := rapid.IntRange(1, 5).Draw(rt, "sites")
		story(tb{t, rt}, seed, sites, rapid.IntRange(1, 60).Draw(rt, "steps"), func(w *world, s *site) {
			if got, want := dumpRecord(s.rec), dumpModel(&s.model); got != want {
				rt.Fatalf("seed %d: engine and definitions differ\nengine:\n%s\nmodel:\n%s", seed, got, want)
			}
		})
	})
}

// tb lets helpers that want a testing.TB fail a rapid check.
type tb struct {
	testing.TB
	rt *rapid.T
}

func (t tb) Helper()                           {}
func (t tb) Fatal(args ...any)                 { t.rt.Fatal(args...) }
func (t tb) Fatalf(format string, args ...any) { t.rt.Fatalf(format, args...) }

// TestAnyOrder: a replica that gets all parts in a random order, some twice,
// some through a restart, ends in the same bytes as every other.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		w := story(tb{t, rt}, seed, rapid.IntRange(2, 5).Draw(rt, "sites"), rapid.IntRange(1, 80).Draw(rt, "steps"), func(*world, *site) {})
		var first []byte
		var digest syncproto.Hash
		for i := range 3 {
			r := deliverAll(rt, w, rand.New(rand.NewPCG(seed, uint64(i))), i == 2)
			if r == nil {
				return // nothing was saved
			}
			state := r.AppendBinary(nil)
			if i == 0 {
				first, digest = state, r.Digest(nil)
				if got, want := dumpRecord(r), dumpModel(&model{w.all}); got != want {
					rt.Fatalf("seed %d: engine and definitions differ\nengine:\n%s\nmodel:\n%s", seed, got, want)
				}
				continue
			}
			if !bytes.Equal(state, first) {
				rt.Fatalf("seed %d: order %d gives other bytes", seed, i)
			}
			if r.Digest(nil) != digest {
				rt.Fatalf("seed %d: order %d gives another digest", seed, i)
			}
		}
	})
}

func deliverAll(rt *rapid.T, w *world, rng *rand.Rand, restarts bool) *crdt.Record {
	h := holder{rec: crdt.New(recordID(1))}
	order := rng.Perm(len(w.all))
	for _, i := range order {
		order = append(order, i)
		if rng.IntN(3) == 0 {
			order[len(order)-1] = rng.IntN(len(w.all))
		}
	}
	for _, i := range order {
		if err := h.deliver(&w.all[i]); err != nil {
			rt.Fatalf("delivery: %v", err)
		}
		if restarts && rng.IntN(4) == 0 {
			restart(rt, &h)
		}
	}
	if len(h.waiting) != 0 {
		rt.Fatalf("%d parts wait although all came", len(h.waiting))
	}
	if len(h.rec.Version) == 0 {
		return nil
	}
	return h.rec
}

// holder is a record and the parts that wait for their causes.
type holder struct {
	rec     *crdt.Record
	waiting []*saved
}

// deliver joins a part and what waited for it, or keeps it waiting.
func (h *holder) deliver(x *saved) error {
	h.waiting = append(h.waiting, x)
	for again := true; again; {
		again = false
		parts := h.waiting
		h.waiting = nil
		for _, x := range parts {
			var missing *crdt.MissingError
			switch err := h.rec.Join(x.h, &x.p, crdt.Options{}); {
			case errors.As(err, &missing):
				h.waiting = append(h.waiting, x)
			case err != nil && !errors.Is(err, crdt.ErrKnown):
				return err
			default:
				again = true
			}
		}
	}
	return nil
}

// restart sends the state through the codec.
func restart(rt *rapid.T, h *holder) {
	state := h.rec.AppendBinary(nil)
	r, err := crdt.Decode(state)
	if err != nil {
		rt.Fatalf("own state does not decode: %v", err)
	}
	if again := r.AppendBinary(nil); !bytes.Equal(again, state) {
		rt.Fatal("a decoded state encodes to other bytes")
	}
	h.rec = r
}
