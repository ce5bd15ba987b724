package text_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
	"pgregory.net/rapid"
)

func elem(r syncproto.ReplicaID, counter uint64) syncproto.ElemID {
	return syncproto.ElemID{Replica: r, Counter: counter}
}

func mustReplace(t testing.TB, d *text.Doc, r syncproto.ReplicaID, at, del int, ins string) text.Edit {
	t.Helper()
	e, err := d.Replace(r, at, del, ins)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustApply(t testing.TB, d *text.Doc, r syncproto.ReplicaID, e text.Edit) {
	t.Helper()
	if err := d.Apply(r, e); err != nil {
		t.Fatal(err)
	}
}

func TestReplaceRange(t *testing.T) {
	d := text.New()
	mustReplace(t, d, replica(1), 0, 0, "船头会")
	before := d.AppendBinary(nil)
	for _, c := range []struct {
		at, del int
		ins     string
		want    error
	}{
		{-1, 0, "x", text.ErrRange},
		{0, -1, "x", text.ErrRange},
		{4, 0, "x", text.ErrRange},
		{3, 1, "", text.ErrRange},
		{1, 1 << 62, "", text.ErrRange},
		{0, 1, "\xff", text.ErrInvalid},
		{0, 1, "\xed\xa0\x80", text.ErrInvalid}, // half of a surrogate pair
	} {
		if _, err := d.Replace(replica(1), c.at, c.del, c.ins); !errors.Is(err, c.want) {
			t.Errorf("replace %d at %d by %q: %v, want %v", c.del, c.at, c.ins, err, c.want)
		}
	}
	if _, err := d.ReplaceFrom(replica(1), 1, 3, 0, 0, "x"); !errors.Is(err, text.ErrInvalid) {
		t.Errorf("an id used twice: %v", err)
	}
	if !bytes.Equal(before, d.AppendBinary(nil)) {
		t.Error("a refused edit changed the text")
	}
}

func TestCheck(t *testing.T) {
	a, b := replica(1), replica(2)
	d := text.New()
	mustReplace(t, d, a, 0, 0, "abc")
	run := func(counter uint64, left, right syncproto.ElemID, s string) text.Edit {
		return text.Edit{Inserts: []text.Insert{{Counter: counter, Left: left, Right: right, Text: s}}}
	}
	none := syncproto.ElemID{}
	del := func(dels ...text.Delete) text.Edit { return text.Edit{Deletes: dels} }
	for _, c := range []struct {
		name   string
		author syncproto.ReplicaID
		edit   text.Edit
		want   error
		names  string // an id in the message
	}{
		{"fits", b, run(1, elem(a, 1), elem(a, 2), "x"), nil, ""},
		{"counter ahead", b, run(2, none, none, "x"), text.ErrMissing, elem(b, 1).String()},
		{"counter used", a, run(3, none, none, "x"), text.ErrInvalid, ""},
		{"left missing", b, run(1, elem(a, 4), none, "x"), text.ErrMissing, elem(a, 4).String()},
		{"right missing", a, run(4, none, elem(b, 1), "x"), text.ErrMissing, elem(b, 1).String()},
		{"own origin ahead", b, run(1, elem(b, 1), none, "x"), text.ErrInvalid, ""},
		{"empty", b, run(1, none, none, ""), text.ErrInvalid, ""},
		{"not text", b, run(1, none, none, "\xc3"), text.ErrInvalid, ""},
		{"delete", b, del(text.Delete{elem(a, 1), 3}), nil, ""},
		{"delete missing", b, del(text.Delete{elem(a, 2), 3}), text.ErrMissing, elem(a, 4).String()},
		{"delete missing far", b, del(text.Delete{elem(a, 9), 3}), text.ErrMissing, elem(a, 9).String()},
		{"delete nothing", b, del(text.Delete{elem(a, 1), 0}), text.ErrInvalid, ""},
		{"delete none", b, del(text.Delete{elem(a, 0), 1}), text.ErrInvalid, ""},
		{"delete overflow", b, del(text.Delete{elem(a, 1<<64-1), 1 << 60}), text.ErrInvalid, ""},
		{"delete backwards", b, del(text.Delete{elem(a, 2), 1}, text.Delete{elem(a, 1), 1}), text.ErrInvalid, ""},
		{"delete twice", b, del(text.Delete{elem(a, 1), 2}, text.Delete{elem(a, 2), 1}), text.ErrInvalid, ""},
		{"second run not next", b, text.Edit{Inserts: []text.Insert{{Counter: 1, Text: "xy"}, {Counter: 4, Text: "z"}}}, text.ErrInvalid, ""},
		{"second run on first", b, text.Edit{Inserts: []text.Insert{{Counter: 1, Text: "xy"}, {Counter: 3, Left: elem(b, 1), Right: elem(b, 2), Text: "z"}},
			Deletes: []text.Delete{{elem(b, 2), 2}}}, nil, ""},
	} {
		before := d.AppendBinary(nil)
		err := d.Check(c.author, c.edit)
		if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.names) {
			t.Errorf("%s: %v, want %v naming %q", c.name, err, c.want, c.names)
		}
		clone := d.Clone()
		if got := clone.Apply(c.author, c.edit); (got == nil) != (err == nil) {
			t.Errorf("%s: Apply says %v, Check %v", c.name, got, err)
		}
		if err != nil && !bytes.Equal(clone.AppendBinary(nil), before) {
			t.Errorf("%s: refused but something was done", c.name)
		}
		if !bytes.Equal(d.AppendBinary(nil), before) {
			t.Errorf("%s: Check or a copy changed the text", c.name)
		}
	}
}

// A run that is typed, corrected and typed on is one run in the history.
func TestTypingStaysOneRun(t *testing.T) {
	d := text.New()
	a, b := replica(1), replica(2)
	mustReplace(t, d, b, 0, 0, "before after")
	var edits []text.Edit
	at := 7
	for _, c := range "hez\bllo wpr\b\borld" {
		if c == '\b' {
			at--
			edits = append(edits, mustReplace(t, d, a, at, 1, ""))
		} else {
			edits = append(edits, mustReplace(t, d, a, at, 0, string(c)))
			at++
		}
	}
	if want := "before hello worldafter"; d.String() != want {
		t.Fatalf("%q, want %q", d.String(), want)
	}
	merged := text.Merge(edits...)
	if len(merged.Inserts) != 1 || merged.Inserts[0].Text != "he llo w  orld" || len(merged.Deletes) != 2 {
		t.Errorf("merged into %+v", merged)
	}
}

// Merge changes nothing about the outcome.
func TestMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSim(t, 2)
		for range rapid.IntRange(0, 10).Draw(t, "before") {
			s.write(1)
		}
		for s.deliver(0) {
		}
		dev := s.devices[0]
		dev.doc = s.reload(dev.doc)
		there := dev.doc.Clone()
		from := len(s.log)
		for range rapid.IntRange(2, 20).Draw(t, "edits") {
			s.write(0)
		}
		var edits []text.Edit
		for _, m := range s.log[from:] {
			edits = append(edits, m.edit)
		}
		merged := text.Merge(edits...)
		b := merged.AppendBinary(dev.id, nil)
		again, err := text.DecodeEdit(dev.id, b)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.AppendBinary(dev.id, nil), b) {
			t.Fatal("merged edit does not re-encode")
		}
		if err := there.Apply(dev.id, again); err != nil {
			t.Fatal(err)
		}
		if got, want := there.AppendBinary(nil), dev.doc.AppendBinary(nil); !bytes.Equal(got, want) {
			t.Fatalf("merged gives %q, one by one %q", there.String(), dev.doc.String())
		}
		for i := range again.Inserts[:max(len(again.Inserts), 1)-1] {
			a, b := &again.Inserts[i], &again.Inserts[i+1]
			if b.Left == elem(dev.id, b.Counter-1) && a.Right == b.Right {
				t.Fatalf("runs %+v and %+v are not joined", a, b)
			}
		}
	})
}

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
				new = string(r[:at]) + rapid.SampledFrom(snippets).Draw(t, "text") + string(r[end:])
			}
		}
		checkDiff(t, old, new)
	})
}

type fataler interface{ Fatalf(string, ...any) }

func checkDiff(t fataler, old, new string) []text.Change {
	out := text.Diff(old, new)
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
