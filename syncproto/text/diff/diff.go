// Package diff tells one text from another by few replacements: what a form
// that was filled in whole is saved as, so that what others wrote elsewhere in
// the text stays.
package diff

import (
	"slices"
	"unicode/utf8"
)

// Change is one replacement: at code point At of the old text, Del
// code points give way to Ins.
type Change struct {
	At, Del int
	Ins     string
}

// maxWork bounds the steps; texts that differ more are treated
// as one replacement between their common start and end.
const maxWork = 1 << 20

// maxIncidental is how many code points two texts may share by chance: so
// short a stretch between two larger replacements goes with them.
const maxIncidental = 3

// Of lists replacements that make new of old, few and small, front to back.
// Every At counts in the old text: apply them back to front, or add up what
// those before have changed. Both texts must be valid UTF-8. It is the greedy
// algorithm of Myers, "An O(ND) Difference Algorithm" (1986), with a bound.
func Of(old, new string) []Change {
	p := commonPrefix(old, new)
	at := utf8.RuneCountInString(old[:p])
	old, new = old[p:], new[p:]
	s := commonSuffix(old, new)
	old, new = old[:len(old)-s], new[:len(new)-s]
	if old == "" && new == "" {
		return nil
	}
	a, b := []rune(old), []rune(new)
	if len(a) > 0 && len(b) > 0 {
		if kept := myers(a, b); kept != nil {
			return changes(at, kept, b)
		}
	}
	return []Change{{At: at, Del: len(a), Ins: new}}
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && (n < len(a) && !utf8.RuneStart(a[n]) || n < len(b) && !utf8.RuneStart(b[n])) {
		n--
	}
	return n
}

func commonSuffix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	for n > 0 && !utf8.RuneStart(a[len(a)-n]) {
		n--
	}
	return n
}

// snake is a stretch that both texts have: n code points at a[x:] and b[y:].
type snake struct{ x, y, n int }

// myers finds the stretches that a shortest script keeps and ends with an
// empty one at the end; nil if it takes too long. Round d follows paths of d
// edits; reach[d][j] is how far in a they get on diagonal x-y = 2j-d.
func myers(a, b []rune) []snake {
	var reach [][]int32
	for d, work := 0, 0; ; d++ {
		row := make([]int32, d+1)
		reach = append(reach, row)
		for j := range row {
			x, k := enter(reach, d, j), 2*j-d
			from := x
			for x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			work += x - from + 1
			row[j] = int32(x)
			if x == len(a) && x-k == len(b) {
				return retrace(reach, j, len(a), len(b))
			}
		}
		if work > maxWork {
			return nil
		}
	}
}

// enter is where the best path of d edits comes onto its j-th diagonal.
func enter(reach [][]int32, d, j int) int {
	switch {
	case d == 0:
		return 0
	case fromAbove(reach[d-1], d, j):
		return int(reach[d-1][j])
	}
	return int(reach[d-1][j-1]) + 1
}

// fromAbove tells whether the last edit of that path inserts.
func fromAbove(prev []int32, d, j int) bool { return j == 0 || j < d && prev[j-1] < prev[j] }

func retrace(reach [][]int32, j, x, y int) []snake {
	out := []snake{{x, y, 0}}
	for d := len(reach) - 1; d >= 0; d-- {
		from := enter(reach, d, j)
		if n := int(reach[d][j]) - from; n > 0 {
			out = append(out, snake{from, from - (2*j - d), n})
		}
		if d > 0 && !fromAbove(reach[d-1], d, j) {
			j--
		}
	}
	slices.Reverse(out)
	return out
}

// changes turns the stretches kept into the replacements between them.
func changes(at int, kept []snake, b []rune) []Change {
	var out []Change
	x, y := 0, 0 // where the replacement at hand begins
	for i, s := range kept {
		if s.x == x && s.y == y && len(out) == 0 {
			x, y = s.x+s.n, s.y+s.n
			continue
		}
		if i+1 < len(kept) && s.n <= maxIncidental && s.n <= max(s.x-x, s.y-y) {
			if t := kept[i+1]; s.n <= max(t.x-s.x-s.n, t.y-s.y-s.n) {
				continue
			}
		}
		out = append(out, Change{At: at + x, Del: s.x - x, Ins: string(b[y:s.y])})
		x, y = s.x+s.n, s.y+s.n
	}
	return out
}
