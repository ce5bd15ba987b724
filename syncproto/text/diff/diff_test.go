package diff_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto/text/diff"
	"pgregory.net/rapid"
)

func TestDiff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := rapid.StringMatching(`[ab船头👍\n]{0,30}`).Draw(t, "old")
		new := old
		if rapid.Bool().Draw(t, "unrelated") {
			new = rapid.StringMatching(`[ab船尾👎\n]{0,30}`).Draw(t, "new")
		} else {
			for range rapid.IntRange(0, 4).Draw(t, "changes") {
				r := []rune(new)
				at := rapid.IntRange(0, len(r)).Draw(t, "at")
				end := rapid.IntRange(at, min(len(r), at+5)).Draw(t, "end")
				new = string(r[:at]) + rapid.SampledFrom([]string{"", "x", "渔船", "👍🏽", "回\n港"}).Draw(t, "text") + string(r[end:])
			}
		}
		checkDiff(t, old, new)
	})
}

type fataler interface{ Fatalf(string, ...any) }

func checkDiff(t fataler, old, new string) []diff.Change {
	out := diff.Of(old, new)
	got, end := []rune(old), 0
	for i, c := range out {
		if c.At < end || i > 0 && c.At == end || c.Del == 0 && c.Ins == "" {
			t.Fatalf("change %d of %+v is out of order or empty", i, out)
		}
		end = c.At + c.Del
	}
	for i := len(out) - 1; i >= 0; i-- {
		c := out[i]
		got = append(append(append([]rune{}, got[:c.At]...), []rune(c.Ins)...), got[c.At+c.Del:]...)
	}
	if string(got) != new {
		t.Fatalf("diff of %q and %q gives %q", old, new, string(got))
	}
	if (old == new) != (len(out) == 0) {
		t.Fatalf("diff of %q and %q: %+v", old, new, out)
	}
	return out
}

func TestDiffIsSmall(t *testing.T) {
	long := strings.Repeat("渔船回港，十二点前开会。", 4000)
	for _, c := range []struct {
		name, old, new string
		changes, work  int // how many, and how many code points they touch
	}{
		{"same", "abc", "abc", 0, 0},
		{"typed", "三月开会", "三月十五日开会", 1, 3},
		{"two places", "the boat left at noon", "the ship left at nine", 2, 14},
		{"shared bytes of different characters", "\u00e9", "\u00e8", 1, 2},
		{"far apart in a long text", "x" + long + "y", "z" + long + "w", 2, 4},
		{"all different", strings.Repeat("a", 5000), strings.Repeat("b", 5000), 1, 10000},
	} {
		out := checkDiff(t, c.old, c.new)
		work := 0
		for _, x := range out {
			work += x.Del + utf8.RuneCountInString(x.Ins)
		}
		if len(out) != c.changes || work > c.work {
			t.Errorf("%s: %d changes of %d code points, want %d of at most %d", c.name, len(out), work, c.changes, c.work)
		}
	}
}

func FuzzOf(f *testing.F) {
	f.Add("船头会", "船尾会")
	f.Add("the boat left at noon", "a ship left at nine")
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = strings.ToValidUTF8(a, "?"), strings.ToValidUTF8(b, "?")
		checkDiff(t, a, b)
	})
}
