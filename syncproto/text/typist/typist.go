// Package typist types generated prose as people do, for benchmarks and tests:
// words of very unequal frequency, one key at a time, with corrections and
// jumps. The shape is that of the published traces of real typing, which are
// not ours to ship: of 259,778 keys some 30 % delete and 40 % of the
// characters remain, in runs of some 15. The same seed gives the same keys for
// ever: nothing here relies on a random generator that may change.
package typist

import (
	"math"
	"strings"
	"unicode/utf8"
)

// Key is one key: delete Del code points at At, then insert Ins there. It does
// one of both.
type Key struct {
	At, Del int
	Ins     string
}

// Language is what a typist writes in.
type Language int

// The languages.
const (
	Latin   Language = iota // generated words, ASCII
	Chinese                 // words of one to four characters of a common thousand
)

const words = 4000

// Typist writes one text. Not safe for concurrent use.
type Typist struct {
	rng     Rand
	words   []string
	pending string // what is left of the word being typed
	caret   int
	erase   int // keys of deletion still to come
	forward bool
	wide    int // how many times fewer characters make a word
}

// New returns a typist who types what the seed says.
func New(seed uint64, lang Language) *Typist {
	p := &Typist{rng: Rand(seed), words: make([]string, words), wide: 1}
	if lang == Chinese {
		p.wide = 3
	}
	syllables := strings.Fields("ba che do fi gu la men no pra ri sto tan ul ver wi xo ying zha e in er on th re at")
	for i := range p.words {
		for range 1 + p.rng.N(4) {
			if lang == Chinese {
				p.words[i] += string(rune(0x4e00 + 7*min(p.rng.N(1000), p.rng.N(1000))))
			} else {
				p.words[i] += syllables[p.rng.N(len(syllables))]
			}
		}
		switch {
		case lang == Chinese && i%8 == 0:
			p.words[i] += "，"
		case lang == Latin && i%12 == 0:
			p.words[i] += ", "
		case lang == Latin:
			p.words[i] += " "
		}
	}
	return p
}

// Key is the next key in a text of n code points.
func (p *Typist) Key(n int) Key {
	p.caret = min(p.caret, n)
	if p.erase == 0 && p.pending == "" {
		p.think(n)
	}
	if p.erase > 0 {
		p.erase--
		if p.forward && p.caret < n {
			return Key{At: p.caret, Del: 1}
		}
		if p.caret > 0 {
			p.caret--
			return Key{At: p.caret, Del: 1}
		}
	}
	if p.pending == "" {
		// The k-th word comes in proportion to 1/k.
		p.pending = p.words[int(math.Pow(words, p.rng.Float()))-1]
	}
	_, size := utf8.DecodeRuneInString(p.pending)
	out := Key{At: p.caret, Ins: p.pending[:size]}
	p.pending = p.pending[size:]
	p.caret++
	return out
}

// think decides what to do after a word.
func (p *Typist) think(n int) {
	switch x := p.rng.N(100); {
	case x < 5: // back to the end
		p.caret = n
	case x < 10: // somewhere near
		p.caret = min(n, max(0, p.caret+p.rng.N(400)-200))
	case x < 12: // anywhere
		p.caret = p.rng.N(n + 1)
	case x < 30: // corrects the last letters
		p.erase, p.forward = 1+p.rng.N(5)/p.wide, false
	case x < 38: // or the last words
		p.erase, p.forward = (5+p.rng.N(25))/p.wide, false
	case x < 40:
		p.erase, p.forward = (5+p.rng.N(30))/p.wide, true
	}
}

// Alone lists the keys of one writer.
func Alone(seed uint64, lang Language, keys int) []Key {
	p := New(seed, lang)
	out := make([]Key, keys)
	n := 0
	for i := range out {
		out[i] = p.Key(n)
		n += utf8.RuneCountInString(out[i].Ins) - out[i].Del
	}
	return out
}

// Turn is one key of two writers who see each other's keys late.
type Turn struct {
	Writer int // 0 or 1
	Seen   int // how many keys, of both, he had looked at before
}

// Turns lists who types when: bursts of up to 12 keys, up to 40 keys behind.
func Turns(seed uint64, keys int) []Turn {
	rng := Rand(seed)
	var out []Turn
	var got [2]int
	for len(out) < keys {
		w := rng.N(2)
		for range 1 + rng.N(12) {
			got[w] = max(got[w], len(out)-rng.N(40))
			out = append(out, Turn{Writer: w, Seen: got[w]})
		}
	}
	return out[:keys]
}

// Rand is splitmix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom
// Number Generators", 2014): its seed is its state.
type Rand uint64

func (r *Rand) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	x := uint64(*r)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// N is a number from 0 to n-1.
func (r *Rand) N(n int) int { return int(r.next() % uint64(n)) }

// Float is a number from 0 up to but not 1.
func (r *Rand) Float() float64 { return float64(r.next()>>11) / (1 << 53) }
