package crdt

// step replaces del code points at index at (of the old text) by ins.
type step struct {
	at, del int
	ins     string
}

// diffBudget bounds the work of one diff: edit distances beyond it are rare in
// a form field and then replacing the middle whole is what happened anyway.
const diffBudget = 512

// diff finds few steps that turn a into b: the shortest edit script of Myers
// ("An O(ND) Difference Algorithm", 1986) on what is left between the common
// ends. Steps ascend and do not overlap.
func diff(a, b []rune) []step {
	from := 0
	for from < len(a) && from < len(b) && a[from] == b[from] {
		from++
	}
	endA, endB := len(a), len(b)
	for endA > from && endB > from && a[endA-1] == b[endB-1] {
		endA--
		endB--
	}
	a, b = a[from:endA], b[from:endB]
	if len(a) == 0 && len(b) == 0 {
		return nil
	}
	kept, ok := matches(a, b)
	if !ok {
		return []step{{from, len(a), string(b)}}
	}
	var out []step
	i, j := 0, 0
	kept = append(kept, [2]int{len(a), len(b)})
	for _, m := range kept {
		if i < m[0] || j < m[1] {
			out = append(out, step{from + i, m[0] - i, string(b[j:m[1]])})
		}
		i, j = m[0]+1, m[1]+1
	}
	return out
}

// matches lists the pairs of indexes that stay, ascending; false when the two
// differ in more than the budget.
func matches(a, b []rune) ([][2]int, bool) {
	limit := min(len(a)+len(b), diffBudget)
	v := make([]int, 2*limit+3) // furthest x on diagonal k, at k+limit+1
	var trace [][]int
	for d := 0; d <= limit; d++ {
		trace = append(trace, append([]int(nil), v[limit-d:limit+d+3]...))
		for k := -d; k <= d; k += 2 {
			x := v[limit+k] + 1 // a deletion
			if k == -d || k != d && v[limit+k] < v[limit+k+2] {
				x = v[limit+k+2] // an insertion
			}
			y := x - k
			for x < len(a) && y < len(b) && a[x] == b[y] {
				x++
				y++
			}
			v[limit+k+1] = x
			if x >= len(a) && y >= len(b) {
				return backtrack(trace, d, len(a), len(b)), true
			}
		}
	}
	return nil, false
}

// backtrack reads the kept pairs off the trace. trace[d] holds the furthest
// points of step d-1 for the diagonals -d-1..d+1, at k+d+1.
func backtrack(trace [][]int, d, x, y int) [][2]int {
	var out [][2]int
	for ; d >= 0; d-- {
		v, k := trace[d], x-y
		prev := k - 1
		if k == -d || k != d && v[k-1+d+1] < v[k+1+d+1] {
			prev = k + 1
		}
		px := v[prev+d+1]
		py := px - prev
		if d == 0 {
			px, py = 0, 0
		}
		for x > px && y > py && x > 0 && y > 0 {
			x--
			y--
			out = append(out, [2]int{x, y})
		}
		x, y = px, py
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}
