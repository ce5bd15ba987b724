package text_test

import (
	"math/rand/v2"
	"strings"

	"github.com/chuantou/chuantou/syncproto/text"
)

// patch is one local edit of a trace.
type patch struct {
	at, del int
	ins     string
}

// typist types generated prose as people do: words of a vocabulary with very
// unequal frequencies, one key at a time, with corrections and jumps.
type typist struct {
	rng     *rand.Rand
	words   []string
	zipf    *rand.Zipf
	pending string // what is left of the word being typed
	caret   int
	erase   int // keys of deletion still to come
	forward bool
}

func newTypist(seed uint64) *typist {
	rng := rand.New(rand.NewPCG(seed, 26))
	syllables := strings.Fields("ba che do fi gu la men no pra ri sto tan ul ver wi xo ying zha 船 头 会 渔 港")
	words := make([]string, 4000)
	for i := range words {
		for range 1 + rng.IntN(4) {
			words[i] += syllables[rng.IntN(len(syllables)-5)]
		}
		if i%40 == 0 {
			words[i] = syllables[len(syllables)-1-rng.IntN(5)]
		}
	}
	return &typist{rng: rng, words: words, zipf: rand.NewZipf(rng, 1.2, 8, uint64(len(words)-1))}
}

// key is the next key in a text of n code points.
func (p *typist) key(n int) patch {
	p.caret = min(p.caret, n)
	if p.erase == 0 && p.pending == "" {
		p.think(n)
	}
	if p.erase > 0 {
		p.erase--
		if p.forward && p.caret < n {
			return patch{at: p.caret, del: 1}
		}
		if p.caret > 0 {
			p.caret--
			return patch{at: p.caret, del: 1}
		}
	}
	if p.pending == "" {
		p.pending = p.words[p.zipf.Uint64()] + " "
	}
	r := []rune(p.pending)[0]
	p.pending = p.pending[len(string(r)):]
	p.caret++
	return patch{at: p.caret - 1, ins: string(r)}
}

// think decides what to do after a word.
func (p *typist) think(n int) {
	switch x := p.rng.IntN(100); {
	case x < 5: // back to the end
		p.caret = n
	case x < 10: // somewhere near
		p.caret = min(n, max(0, p.caret+p.rng.IntN(400)-200))
	case x < 12: // anywhere
		p.caret = p.rng.IntN(n + 1)
	case x < 30: // corrects the last letters
		p.erase, p.forward = 1+p.rng.IntN(5), false
	case x < 38: // or the last words
		p.erase, p.forward = 5+p.rng.IntN(25), false
	case x < 40:
		p.erase, p.forward = 5+p.rng.IntN(30), true
	}
}

// longTrace is a document of one writer, key by key.
func longTrace(seed uint64, keys int) []patch {
	p := newTypist(seed)
	out := make([]patch, keys)
	n := 0
	for i := range out {
		out[i] = p.key(n)
		n += len([]rune(out[i].ins)) - out[i].del
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
	const writers = 2
	var docs [writers]*text.Doc
	var typists [writers]*typist
	var got [writers]int // updates before this one have been looked at
	rng := rand.New(rand.NewPCG(seed, 2))
	for w := range docs {
		docs[w], typists[w] = text.New(), newTypist(seed+uint64(w))
	}
	var out []update
	last := [writers]int{-1, -1}
	for len(out) < keys {
		w := rng.IntN(writers)
		for burst := rng.IntN(12); burst >= 0; burst-- {
			u := update{author: w}
			for seen := max(got[w], len(out)-rng.IntN(40)); got[w] < seen; got[w]++ {
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
			k := typists[w].key(docs[w].Len())
			var err error
			u.edit, err = docs[w].Replace(replica(w), k.at, k.del, k.ins)
			must(err)
			last[w] = len(out)
			out = append(out, u)
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
