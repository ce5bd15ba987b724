package text_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
	"pgregory.net/rapid"
)

// styles are the ways a run comes to be at a place: each returns where in the
// run of n code points so far the next one goes.
var styles = map[string]func(t *rapid.T, n int) int{
	"forwards":  func(_ *rapid.T, n int) int { return n },
	"backwards": func(*rapid.T, int) int { return 0 },
	"mixed":     func(t *rapid.T, n int) int { return rapid.IntRange(0, n).Draw(t, "within") },
}

// TestRunsStayWhole: runs that several devices put at one place concurrently,
// some corrected as they were typed, some extended by a device that had seen
// no other run, are never interleaved, in whatever order they arrive.
func TestRunsStayWhole(t *testing.T) {
	names := []string{"forwards", "backwards", "mixed"}
	rapid.Check(t, func(t *rapid.T) {
		base := text.New()
		owner := replica(0)
		old := rapid.SampledFrom([]string{"", "()", "(x)", "(xyz)"}).Draw(t, "base")
		mustDo(t, base, owner, 0, 0, old)
		at := base.Len() / 2
		if gone := rapid.IntRange(0, base.Len()-at).Draw(t, "gone"); gone > 0 {
			mustDo(t, base, owner, at, gone, "")
		}
		type step struct {
			author syncproto.ReplicaID
			edit   text.Edit
		}
		var groups [][]step
		n := rapid.IntRange(2, 4).Draw(t, "runs")
		for g := range n {
			var steps []step
			doc := base.Clone()
			size := 0
			writers := rapid.IntRange(1, 3).Draw(t, "writers")
			for w := range writers {
				author := replica(1 + g*3 + w)
				style := styles[rapid.SampledFrom(names).Draw(t, "style")]
				from, own := 0, 0 // where this writer's part of the run begins, and its size
				if size > 0 && rapid.Bool().Draw(t, "at the end") {
					from = size
				}
				for range rapid.IntRange(1, 5).Draw(t, "length") {
					if own > 0 && rapid.IntRange(0, 5).Draw(t, "correct") == 0 {
						i := from + rapid.IntRange(0, own-1).Draw(t, "gone")
						steps = append(steps, step{author, mustDo(t, doc, author, at+i, 1, "")})
						own, size = own-1, size-1
					}
					i := from + style(t, own)
					steps = append(steps, step{author, mustDo(t, doc, author, at+i, 0, string(rune('A'+g)))})
					own, size = own+1, size+1
				}
			}
			groups = append(groups, steps)
		}
		docs := []*text.Doc{base.Clone(), base.Clone()}
		for _, d := range docs {
			next := make([]int, n)
			for left := n; left > 0; {
				g := rapid.IntRange(0, n-1).Draw(t, "arrives")
				if next[g] == len(groups[g]) {
					continue
				}
				s := groups[g][next[g]]
				if err := d.Apply(s.author, s.edit); err != nil {
					t.Fatal(err)
				}
				if next[g]++; next[g] == len(groups[g]) {
					left--
				}
			}
		}
		got := docs[0].String()
		if docs[1].String() != got {
			t.Fatalf("%q and %q", got, docs[1].String())
		}
		for g := range n {
			run := strings.Trim(got, "(xyz)")
			letter := string(rune('A' + g))
			if i, j := strings.Index(run, letter), strings.LastIndex(run, letter); i >= 0 && strings.Count(run[i:j+1], letter) != j-i+1 {
				t.Fatalf("run %s is not whole in %q", letter, got)
			}
		}
	})
}

func mustDo(t fataler, d *text.Doc, r syncproto.ReplicaID, at, del int, ins string) text.Edit {
	e, err := d.Replace(r, at, del, ins)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return e
}

// TestAnyOrigins: edits with origins that no honest author can have given are
// applied too, and all orders of arrival end alike.
func TestAnyOrigins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type step struct {
			author syncproto.ReplicaID
			edit   text.Edit
		}
		var steps []step
		ids := []syncproto.ElemID{{}}
		high := map[syncproto.ReplicaID]uint64{}
		for range rapid.IntRange(1, 12).Draw(t, "inserts") {
			r := replica(rapid.IntRange(0, 4).Draw(t, "author"))
			s := strings.Repeat("x", rapid.IntRange(1, 3).Draw(t, "length"))
			ins := text.Insert{Counter: high[r] + 1, Text: s,
				Left: rapid.SampledFrom(ids).Draw(t, "left"), Right: rapid.SampledFrom(ids).Draw(t, "right")}
			steps = append(steps, step{r, text.Edit{Inserts: []text.Insert{ins}}})
			for range s {
				high[r]++
				ids = append(ids, elem(r, high[r]))
			}
		}
		first := ""
		for range 4 {
			d := text.New()
			for _, i := range causal(t, len(steps), func(i int) bool { return d.Check(steps[i].author, steps[i].edit) == nil }) {
				if err := d.Apply(steps[i].author, steps[i].edit); err != nil {
					t.Fatal(err)
				}
			}
			if err := d.DbgCheck(); err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprint(d.Elements())
			if first == "" {
				first = got
			}
			if got != first {
				t.Fatalf("%s\n%s", got, first)
			}
			loaded, err := text.Decode(d.AppendBinary(nil))
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(loaded.Elements()) != first {
				t.Fatal("loaded text differs")
			}
		}
	})
}

// causal yields 0..n-1 in a random order, each when it is ready.
func causal(t *rapid.T, n int, ready func(int) bool) func(func(int, int) bool) {
	return func(yield func(int, int) bool) {
		left := make([]int, n)
		for i := range left {
			left[i] = i
		}
		for k := 0; len(left) > 0; k++ {
			j := rapid.IntRange(0, len(left)-1).Draw(t, "next")
			for !ready(left[j]) {
				j = (j + 1) % len(left)
			}
			i := left[j]
			left = append(left[:j], left[j+1:]...)
			if !yield(k, i) {
				return
			}
		}
	}
}

// TestManyRunsAtOnePlace covers the tree of items far beyond one leaf, with
// runs of many authors between the same origins.
func TestManyRunsAtOnePlace(t *testing.T) {
	const authors, rounds = 60, 40
	a, b := text.New(), text.New()
	edit := func(n uint64) text.Edit { return text.Edit{Inserts: []text.Insert{{Counter: n, Text: "é"}}} }
	for n := range uint64(rounds) {
		for i := range authors {
			mustApply(t, a, replica(i), edit(n+1))
		}
	}
	for i := authors - 1; i >= 0; i-- {
		for n := range uint64(rounds) {
			mustApply(t, b, replica(i), edit(n+1))
		}
	}
	if err := a.DbgCheck(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.AppendBinary(nil), b.AppendBinary(nil)) {
		t.Fatal("two orders of arrival differ")
	}
	elems := a.Elements()
	for i := range elems[1:] {
		if elems[i].ID.Compare(elems[i+1].ID) >= 0 {
			t.Fatalf("%s before %s", elems[i].ID, elems[i+1].ID)
		}
	}
}
