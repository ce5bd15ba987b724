package text_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/text/edit"
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
	gone := func(first syncproto.ElemID, n int) text.Delete { return text.Delete{First: first, N: n} }
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
		{"delete", b, del(gone(elem(a, 1), 3)), nil, ""},
		{"delete missing", b, del(gone(elem(a, 2), 3)), text.ErrMissing, elem(a, 4).String()},
		{"delete missing far", b, del(gone(elem(a, 9), 3)), text.ErrMissing, elem(a, 9).String()},
		{"delete nothing", b, del(gone(elem(a, 1), 0)), text.ErrInvalid, ""},
		{"delete none", b, del(gone(elem(a, 0), 1)), text.ErrInvalid, ""},
		{"delete overflow", b, del(gone(elem(a, 1<<64-1), 1<<60)), text.ErrInvalid, ""},
		{"delete backwards", b, del(gone(elem(a, 2), 1), gone(elem(a, 1), 1)), text.ErrInvalid, ""},
		{"delete twice", b, del(gone(elem(a, 1), 2), gone(elem(a, 2), 1)), text.ErrInvalid, ""},
		{"second run not next", b, text.Edit{Inserts: []text.Insert{{Counter: 1, Text: "xy"}, {Counter: 4, Text: "z"}}}, text.ErrInvalid, ""},
		{"second run on first", b, text.Edit{Inserts: []text.Insert{{Counter: 1, Text: "xy"}, {Counter: 3, Left: elem(b, 1), Right: elem(b, 2), Text: "z"}},
			Deletes: []text.Delete{gone(elem(b, 2), 2)}}, nil, ""},
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
		again, err := edit.Decode(dev.id, b)
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

type fataler interface{ Fatalf(string, ...any) }
