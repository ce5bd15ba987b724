package text_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
)

// TestLongText replays a trace that makes a tree of several levels, with
// characters of one and of three bytes, against a plain list of characters.
func TestLongText(t *testing.T) {
	const seed, keys = 5, 30_000
	d := text.New()
	var want []rune
	rng := rand.New(rand.NewPCG(seed, 1))
	for i, p := range longTrace(seed, keys) {
		if i%1000 == 500 && len(want) > 700 { // a block is copied over another
			from := rng.IntN(len(want) - 700)
			p = patch{at: rng.IntN(len(want) - 700), del: rng.IntN(700), ins: string(want[from : from+rng.IntN(700)])}
		}
		p.at = min(p.at, len(want))
		p.del = min(p.del, len(want)-p.at)
		mustReplace(t, d, replica(i%3000/1000), p.at, p.del, p.ins)
		want = slices.Replace(want, p.at, p.at+p.del, []rune(p.ins)...)
		if i%997 == 0 {
			if d.Len() != len(want) || d.String() != string(want) {
				t.Fatalf("seed %d: text is wrong after %d keys", seed, i)
			}
			if err := d.DbgCheck(); err != nil {
				t.Fatalf("seed %d, %d keys: %v", seed, i, err)
			}
			state := d.AppendBinary(nil)
			loaded, err := text.Decode(state)
			if err != nil {
				t.Fatalf("seed %d, %d keys: %v", seed, i, err)
			}
			loaded.Open()
			if err := loaded.DbgCheck(); err != nil {
				t.Fatalf("seed %d, %d keys, loaded: %v", seed, i, err)
			}
			if !bytes.Equal(loaded.AppendBinary(nil), state) {
				t.Fatalf("seed %d, %d keys: loaded text stores other bytes", seed, i)
			}
			if i%2 == 0 {
				d = loaded
			}
		}
	}
}

// TestDenseAnyOrder applies what two writers wrote, in several orders.
func TestDenseAnyOrder(t *testing.T) {
	const seed, keys = 3, 4000
	sameInAnyOrder(t, seed, denseTrace(seed, keys), 6)
}

// TestShapesOfWriting: few and many writers, who hear of each other at once or
// late, a key or a thousand at a time.
func TestShapesOfWriting(t *testing.T) {
	const seed, keys = 7, 3000
	for _, writers := range []int{2, 5} {
		for _, behind := range []int{1, 40, 2000} {
			for _, burst := range []int{1, 12, 1000} {
				t.Run(fmt.Sprintf("%d writers, %d behind, bursts of %d", writers, behind, burst), func(t *testing.T) {
					sameInAnyOrder(t, seed, crowdTrace(seed, keys, writers, behind, burst), 3)
				})
			}
		}
	}
}

// sameInAnyOrder applies updates as they were written, then in other orders; in
// some as if every place were crowded.
func sameInAnyOrder(t *testing.T, seed uint64, trace []update, orders uint64) {
	t.Helper()
	var want []byte
	for order := range orders {
		d := text.New()
		in := trace
		if order > 0 {
			in = shuffled(order, trace)
		}
		if len(in) != len(trace) {
			t.Fatalf("seed %d, order %d: %d updates of %d", seed, order, len(in), len(trace))
		}
		for i, u := range in {
			mustApply(t, d, replica(u.author), u.edit)
			if i == 0 && order%2 == 1 {
				d.Search(true) // a text that begins forgets it
			}
		}
		if err := d.DbgCheck(); err != nil {
			t.Fatalf("seed %d, order %d: %v", seed, order, err)
		}
		got := d.AppendBinary(nil)
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("seed %d: order %d stores other bytes", seed, order)
		}
	}
}

// TestCloneIsIndependent writes to a text and its copy in turn.
func TestCloneIsIndependent(t *testing.T) {
	d := text.New()
	mustReplace(t, d, replica(1), 0, 0, "abc")
	c := d.Clone()
	mustReplace(t, d, replica(1), 3, 0, "def")
	mustReplace(t, c, replica(1), 3, 0, "DEF")
	mustReplace(t, d, replica(1), 0, 1, "")
	if d.String() != "bcdef" || c.String() != "abcDEF" {
		t.Fatalf("%q and %q", d.String(), c.String())
	}
	loaded, err := text.Decode(c.AppendBinary(nil))
	if err != nil {
		t.Fatal(err)
	}
	again := loaded.Clone()
	mustReplace(t, loaded, replica(2), 6, 0, "!")
	mustReplace(t, again, replica(2), 0, 6, "")
	if loaded.String() != "abcDEF!" || again.String() != "" || c.String() != "abcDEF" {
		t.Fatalf("%q, %q and %q", loaded.String(), again.String(), c.String())
	}
}

// TestCloneOfMany does so with texts of many items, which have an index.
func TestCloneOfMany(t *testing.T) {
	d := text.New()
	for i := range 200 {
		mustReplace(t, d, replica(1), i/2, 0, "ab")
	}
	c := d.Clone()
	want := c.AppendBinary(nil)
	for i := range 100 {
		mustReplace(t, d, replica(1), 2*i, 1, "")
		mustReplace(t, d, replica(1), i, 0, "x")
	}
	for _, x := range []*text.Doc{c, d} {
		if err := x.DbgCheck(); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(c.AppendBinary(nil), want) {
		t.Fatal("writing to a text changed its copy")
	}
}

func TestPassages(t *testing.T) {
	d := text.New()
	a, b := replica(1), replica(2)
	mustReplace(t, d, a, 0, 0, "船头会上")
	mustReplace(t, d, b, 2, 0, "早")
	mustReplace(t, d, a, 0, 1, "")
	var got string
	for _, p := range d.Passages() {
		got += p.First.String()[35:] + p.Text + " "
		if p.Replica != p.First.Replica {
			t.Errorf("passage of %s begins with %s", p.Replica, p.First)
		}
	}
	if want := "1:2头 2:1早 1:3会上 "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	// A passage goes on across what others wrote and deleted again.
	mustReplace(t, d, b, 1, 1, "")
	if p := d.Passages(); len(p) != 1 || p[0].Text != "头会上" || p[0].First != elem(a, 2) {
		t.Errorf("%+v", p)
	}
}

// Two people replace the same words: the second of the replacements is
// contested, whichever device looks, and nothing else is.
func TestContestedPassages(t *testing.T) {
	a, b := replica(1), replica(2)
	contested := func(d *text.Doc) (out []string) {
		for _, p := range d.Passages() {
			if p.Contested {
				out = append(out, p.Text)
			}
		}
		return out
	}
	for _, c := range []struct {
		name           string
		byA, byB, want string
		then           bool // B has seen A's edit
	}{
		{"both replace", "每天来水", "三天来水", "每三", false},
		{"both append", "隔天来水。", "隔天来水，", "", false},
		{"one knows the other", "每天来水", "每日天来水", "", true},
		{"different words", "每天来水", "隔天送水", "", false},
		{"both delete", "天来水", "天来水", "", false},
	} {
		d := text.New()
		mustReplace(t, d, a, 0, 0, "隔天来水")
		other := d.Clone()
		rewrite(t, d, a, c.byA)
		if c.then {
			other = d.Clone()
		}
		mustApply(t, d, b, rewrite(t, other, b, c.byB))
		got := contested(d)
		if c.want == "" && got != nil || c.want != "" && (len(got) != 1 || !strings.Contains(c.want, got[0])) {
			t.Errorf("%s: %q reads contested in %q", c.name, got, d)
		}
	}
}

// rewrite makes a text read want by one replacement between what the two have
// in common at both ends.
func rewrite(t *testing.T, d *text.Doc, r syncproto.ReplicaID, want string) text.Edit {
	t.Helper()
	old, now := []rune(d.String()), []rune(want)
	from := 0
	for from < len(old) && from < len(now) && old[from] == now[from] {
		from++
	}
	to, end := len(old), len(now)
	for to > from && end > from && old[to-1] == now[end-1] {
		to, end = to-1, end-1
	}
	return mustReplace(t, d, r, from, to-from, string(now[from:end]))
}

// Many authors: the table of authors turns into a map.
func TestManyAuthors(t *testing.T) {
	d := text.New()
	for i := range 40 {
		mustReplace(t, d, replica(i), d.Len(), 0, "船")
		mustReplace(t, d, replica(i), d.Len()/2, 0, "头")
	}
	for i := range 40 {
		if got := d.Highest(replica(i)); got != 2 {
			t.Errorf("replica %d has %d elements", i, got)
		}
	}
	if got := d.Highest(replica(41)); got != 0 {
		t.Errorf("a stranger has %d elements", got)
	}
	checkState(t, d.AppendBinary(nil))
	c := d.Clone()
	mustReplace(t, c, replica(50), 0, 0, "x")
	if d.Highest(replica(50)) != 0 || c.Highest(replica(50)) != 1 {
		t.Error("a copy shares its authors")
	}
}

// Deleted text is given back, and what is typed then still finds its place.
func TestCompaction(t *testing.T) {
	const seed = 11
	rng := rand.New(rand.NewPCG(seed, 1))
	d := text.New()
	var want []rune
	for i := range 300 {
		p := patch{at: rng.IntN(len(want) + 1), ins: strings.Repeat("船a头", rng.IntN(300))}
		if rng.IntN(3) == 0 {
			p.at = rng.IntN(len(want)/4 + 1)
			p.del = rng.IntN(len(want) - p.at + 1)
		}
		mustReplace(t, d, replica(1), p.at, p.del, p.ins)
		want = slices.Replace(want, p.at, p.at+p.del, []rune(p.ins)...)
		if d.String() != string(want) {
			t.Fatalf("seed %d: text is wrong after %d edits", seed, i)
		}
		if i%20 == 0 {
			if err := d.DbgCheck(); err != nil {
				t.Fatalf("seed %d, %d edits: %v", seed, i, err)
			}
		}
	}
}

// TestRunGoesOnBeyondTombstone: a run goes on, but between its parts stands
// what another put there concurrently and took back.
func TestRunGoesOnBeyondTombstone(t *testing.T) {
	a, b := replica(2), replica(1) // b's comes first of two
	other := text.New()
	filler := mustReplace(t, other, b, 0, 0, strings.Repeat("x", 20_000))
	first := text.Edit{Inserts: []text.Insert{{Counter: 1, Right: elem(b, 1), Text: "L"}}}
	mustApply(t, other, a, first)
	between := mustReplace(t, other, b, 1, 0, "X")
	gone := mustReplace(t, other, b, 1, 20_001, "")
	second := text.Edit{Inserts: []text.Insert{{Counter: 2, Left: elem(a, 1), Right: elem(b, 1), Text: "M"}}}
	mustApply(t, other, a, second)

	plain := text.New()
	mustApply(t, plain, b, filler)
	mustApply(t, plain, a, first)
	mustApply(t, plain, a, second)
	mustApply(t, plain, b, between)
	mustApply(t, plain, b, gone)
	if !bytes.Equal(other.AppendBinary(nil), plain.AppendBinary(nil)) {
		t.Fatal("two orders of arrival differ")
	}
}

// TestReplaceFrom works on an old copy while the text moved on.
func TestReplaceFrom(t *testing.T) {
	a := replica(1)
	d := text.New()
	mustReplace(t, d, a, 0, 0, "one two")
	old := d.Clone()
	mustReplace(t, d, a, 7, 0, " three")
	high := d.Highest(a)
	var edits []text.Edit
	for i, c := range []struct {
		at, del int
		ins     string
	}{{3, 0, ","}, {4, 0, "x"}, {4, 1, ""}, {4, 0, "y"}} {
		next := high + 1
		if i > 0 {
			next = old.Highest(a) + 1
		}
		e, err := old.ReplaceFrom(a, 1, next, c.at, c.del, c.ins)
		if err != nil {
			t.Fatal(err)
		}
		edits = append(edits, e)
	}
	if old.String() != "one,y two" || old.Highest(a) != high+3 {
		t.Fatalf("old copy shows %q up to element %d, want %d", old.String(), old.Highest(a), high+3)
	}
	if _, err := old.ReplaceFrom(a, 1, high+3, 0, 0, "z"); !errors.Is(err, text.ErrInvalid) {
		t.Errorf("an id used twice: %v", err)
	}
	e := text.Merge(edits...)
	if len(e.Inserts) != 1 || e.Inserts[0].Text != ", y" {
		t.Errorf("merged into %+v", e)
	}
	mustApply(t, d, a, e)
	if d.String() != "one,y two three" {
		t.Errorf("text is %q", d.String())
	}
}
