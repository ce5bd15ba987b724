package text_test

import (
	"math/rand/v2"
	"slices"

	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/text/typist"
)

// patch is one local edit of a trace.
type patch struct {
	at, del int
	ins     string
}

// longTrace is a document of one writer, key by key.
func longTrace(seed uint64, keys int) []patch {
	out := make([]patch, keys)
	for i, k := range typist.Alone(seed, typist.Latin, keys) {
		out[i] = patch{at: k.At, del: k.Del, ins: k.Ins}
	}
	return out
}

// update is an edit of a trace of several writers; it can be applied after the
// updates that it names.
type update struct {
	author int
	edit   text.Edit
	after  []int
}

// denseTrace has two writers in one document who see each other's keys late.
func denseTrace(seed uint64, keys int) []update {
	docs := [2]*text.Doc{text.New(), text.New()}
	typists := [2]*typist.Typist{typist.New(seed, typist.Latin), typist.New(seed+1, typist.Latin)}
	got, last := [2]int{}, [2]int{-1, -1}
	var out []update
	for _, turn := range typist.Turns(seed, keys) {
		w := turn.Writer
		u := update{author: w}
		for ; got[w] < turn.Seen; got[w]++ {
			if other := out[got[w]]; other.author != w {
				must(docs[w].Apply(replica(other.author), other.edit))
			}
		}
		for i := got[w] - 1; i >= 0; i-- {
			if out[i].author != w {
				u.after = append(u.after, i)
				break
			}
		}
		if last[w] >= 0 {
			u.after = append(u.after, last[w])
		}
		k := typists[w].Key(docs[w].Len())
		var err error
		u.edit, err = docs[w].Replace(replica(w), k.At, k.Del, k.Ins)
		must(err)
		last[w] = len(out)
		out = append(out, u)
	}
	return out
}

// crowdTrace has several writers, each up to behind keys late, who type bursts
// of up to burst keys.
func crowdTrace(seed uint64, keys, writers, behind, burst int) []update {
	rng := rand.New(rand.NewPCG(seed, 4))
	var docs []*text.Doc
	var typists []*typist.Typist
	for w := range writers {
		docs, typists = append(docs, text.New()), append(typists, typist.New(seed+uint64(w), typist.Latin))
	}
	got := make([]int, writers)
	latest := make([][]int, writers) // per writer: of each author the latest update he has, or -1
	for w := range latest {
		latest[w] = slices.Repeat([]int{-1}, writers)
	}
	var out []update
	for len(out) < keys {
		w := rng.IntN(writers)
		for range 1 + rng.IntN(burst) {
			for seen := len(out) - rng.IntN(behind); got[w] < seen; got[w]++ {
				if other := out[got[w]]; other.author != w {
					must(docs[w].Apply(replica(other.author), other.edit))
					latest[w][other.author] = got[w]
				}
			}
			k := typists[w].Key(docs[w].Len())
			e, err := docs[w].Replace(replica(w), k.At, k.Del, k.Ins)
			must(err)
			after := slices.DeleteFunc(slices.Clone(latest[w]), func(i int) bool { return i < 0 })
			latest[w][w] = len(out)
			out = append(out, update{author: w, edit: e, after: after})
		}
	}
	return out
}

// shuffled is a random order of the updates in which each comes after those it names.
func shuffled(seed uint64, all []update) []update {
	rng := rand.New(rand.NewPCG(seed, 3))
	waits := make([]int, len(all))
	next := make([][]int, len(all))
	var ready []int
	for i, u := range all {
		waits[i] = len(u.after)
		for _, j := range u.after {
			next[j] = append(next[j], i)
		}
		if waits[i] == 0 {
			ready = append(ready, i)
		}
	}
	out := make([]update, 0, len(all))
	// One writer's updates are chained, so long stretches of one before the
	// other come only if the choice is sticky.
	for pick := 0; len(ready) > 0; {
		if rng.IntN(200) == 0 {
			pick = rng.IntN(len(ready))
		}
		pick = min(pick, len(ready)-1)
		i := ready[pick]
		ready = append(ready[:pick], ready[pick+1:]...)
		out = append(out, all[i])
		for _, j := range next[i] {
			if waits[j]--; waits[j] == 0 {
				ready = append(ready[:pick], append([]int{j}, ready[pick:]...)...)
			}
		}
	}
	return out
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
