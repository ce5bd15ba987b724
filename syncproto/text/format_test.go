package text_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/text/edit"
	"github.com/chuantou/chuantou/syncproto/text/fold"
	"pgregory.net/rapid"
)

// examples reads the worked bytes of FORMAT.md: indented lines, of each what
// comes before two spaces.
func examples(t *testing.T) [][]byte {
	t.Helper()
	page, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	inside := false
	for line := range strings.Lines(string(page)) {
		digits, indented := strings.CutPrefix(line, "    ")
		if indented {
			digits, _, _ = strings.Cut(digits, "  ")
			b, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if !inside {
				out = append(out, nil)
			}
			out[len(out)-1] = append(out[len(out)-1], b...)
		}
		inside = indented
	}
	return out
}

func TestFormatExamples(t *testing.T) {
	want := examples(t)
	if len(want) != 3 {
		t.Fatalf("%d examples", len(want))
	}
	a, b := replica(0), replica(1)
	d := text.New()
	mustReplace(t, d, a, 0, 0, "bcd")
	typed := mustReplace(t, d, a, 3, 0, "船")
	gone := mustReplace(t, d, b, 2, 2, "")
	if got := typed.AppendBinary(a, nil); !bytes.Equal(got, want[0]) {
		t.Errorf("first edit %x, want %x", got, want[0])
	}
	if got := gone.AppendBinary(b, nil); !bytes.Equal(got, want[1]) {
		t.Errorf("second edit %x, want %x", got, want[1])
	}
	if got := sampleState(t); !bytes.Equal(got, want[2]) {
		t.Errorf("state %x, want %x", got, want[2])
	}
}

// sampleState is the state of the example in FORMAT.md.
func sampleState(t testing.TB) []byte {
	d := text.New()
	mustReplace(t, d, replica(0), 0, 0, "abc")
	mustReplace(t, d, replica(0), 2, 1, "")
	mustReplace(t, d, replica(0), 2, 0, "d")
	mustReplace(t, d, replica(0), 1, 0, "x")
	return d.AppendBinary(nil)
}

// richState has several replicas, tombstones, and origins not foretold.
func richState(t testing.TB) []byte {
	d := text.New()
	a, b, c := replica(0), replica(1), replica(2)
	mustReplace(t, d, a, 0, 0, "船头会")
	other, third := d.Clone(), d.Clone()
	typed := mustReplace(t, other, b, 1, 0, "早")
	typed2 := mustReplace(t, other, b, 1, 0, "大")
	here := mustReplace(t, third, c, 1, 1, "xyz")
	mustApply(t, d, b, typed)
	mustApply(t, d, c, here)
	mustApply(t, d, b, typed2)
	mustReplace(t, d, a, 2, 2, "q")
	mustReplace(t, d, b, 4, 0, "é")
	// A second window of a, opened before, at the same place.
	window, err := third.ReplaceFrom(a, 1, d.Highest(a)+1, 1, 0, "w")
	if err != nil {
		t.Fatal(err)
	}
	mustApply(t, d, a, window)
	// Two runs with equal origins of one replica, side by side.
	mustApply(t, d, c, text.Edit{Inserts: []text.Insert{
		{Counter: d.Highest(c) + 1, Left: elem(a, 3), Text: "1"}, {Counter: d.Highest(c) + 2, Left: elem(a, 3), Text: "2"}}})
	return d.AppendBinary(nil)
}

// The format is final: what was once written is written and read for ever.
func TestFormatIsFinal(t *testing.T) {
	const want = "0111e888b9e5a4a7717779c3a97ae4bc9a3132030b0000000000400080000000000000003000000000004000800000000000" +
		"0001550000000000400080000000000000020302030001000000000001000000000000000100000001000100010000000000" +
		"010100020203000002000500000002000500030003030001020c010f0703030000000200"
	got := richState(t)
	if hex.EncodeToString(got) != want {
		t.Errorf("state is now %x", got)
	}
}

func TestSmallState(t *testing.T) {
	d := text.New()
	if got := d.AppendBinary(nil); len(got) != 3 {
		t.Errorf("empty text takes %x", got)
	}
	mustReplace(t, d, replica(1), 0, 0, strings.Repeat("minutes of the boat ", 10))
	if got := len(d.AppendBinary(nil)); got > 200+26 {
		t.Errorf("a run of 200 characters takes %d bytes", got)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, state := range map[string][]byte{"sample": sampleState(t), "rich": richState(t)} {
		d, err := text.Decode(state)
		if err != nil {
			t.Fatal(err)
		}
		want := d.String()
		for i := range state {
			if _, err := text.Decode(state[:i]); !errors.Is(err, text.ErrInvalid) {
				t.Errorf("%s: first %d bytes: %v", name, i, err)
			}
			for bit := range 8 {
				b := bytes.Clone(state)
				b[i] ^= 1 << bit
				checkState(t, b)
			}
		}
		if _, err := text.Decode(append(bytes.Clone(state), 0)); !errors.Is(err, text.ErrInvalid) {
			t.Errorf("%s: one byte more: %v", name, err)
		}
		d.Open()
		if d.String() != want || !bytes.Equal(d.AppendBinary(nil), state) {
			t.Errorf("%s: opened text differs", name)
		}
	}
}

// checkState checks that bytes are refused, or are the one encoding of a text
// that is sound.
func checkState(t testing.TB, b []byte) {
	t.Helper()
	d, err := text.Decode(b)
	if err != nil {
		if d != nil || !errors.Is(err, text.ErrInvalid) {
			t.Fatalf("state %x: %v with %v", b, err, d)
		}
		return
	}
	shown, n := d.String(), d.Len()
	d.Open()
	if err := d.DbgCheck(); err != nil {
		t.Fatalf("state %x: %v", b, err)
	}
	if d.String() != shown || d.Len() != n {
		t.Fatalf("state %x shows %q, opened %q", b, shown, d.String())
	}
	if got := d.AppendBinary(nil); !bytes.Equal(got, b) {
		t.Fatalf("state %x re-encodes to %x", b, got)
	}
	mustReplace(t, d, replica(3), n/2, n/4, "new")
	if err := d.DbgCheck(); err != nil {
		t.Fatalf("state %x, edited: %v", b, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(text.New().AppendBinary(nil))
	f.Add(sampleState(f))
	f.Add(richState(f))
	d := text.New()
	for _, u := range denseTrace(7, 120) {
		mustApply(f, d, replica(u.author), u.edit)
	}
	f.Add(d.AppendBinary(nil))
	folded, _ := fold.Fold(d, fold.ID([16]byte{1}))
	f.Add(folded.AppendBinary(nil))
	mustReplace(f, folded, replica(1), 3, 2, "后来")
	mustReplace(f, folded, replica(9), 0, 1, "x")
	f.Add(folded.AppendBinary(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := text.Decode(b); err == nil && len(d.AppendBinary(nil)) != len(b) {
			t.Fatal("decoded text does not give back its bytes")
		} else if err == nil && elements(d) > 1<<16 {
			return // sound, but slow to look into
		}
		checkState(t, b)
	})
}

func elements(d *text.Doc) (n uint64) {
	for _, r := range d.Replicas() {
		n += d.Highest(r)
	}
	return n
}

// An edit that is read is applied whole or changes nothing.
func FuzzApply(f *testing.F) {
	author := replica(1)
	for _, u := range denseTrace(9, 60) {
		f.Add(u.edit.AppendBinary(author, nil))
	}
	d, err := text.Decode(richState(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(mustReplace(f, d, author, 0, d.Len(), "all of it").AppendBinary(author, nil))
	rich := richState(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := edit.Decode(author, b)
		if err != nil {
			return
		}
		d, err := text.Decode(rich)
		if err != nil {
			t.Fatal(err)
		}
		checked := d.Check(author, e)
		applied := d.Apply(author, e)
		if (checked == nil) != (applied == nil) {
			t.Fatalf("edit %x: Check %v, Apply %v", b, checked, applied)
		}
		if err := d.DbgCheck(); err != nil {
			t.Fatalf("edit %x: %v", b, err)
		}
		if applied == nil {
			checkState(t, d.AppendBinary(nil))
		} else if !bytes.Equal(d.AppendBinary(nil), rich) {
			t.Fatalf("edit %x was refused but did something", b)
		}
	})
}

// A text that begins with one run is written down without making items: the
// items made from that say the same.
func TestBegin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Repeat(rapid.SampledFrom(snippets).Draw(t, "text"), rapid.IntRange(1, 400).Draw(t, "times"))
		e := text.Edit{Inserts: []text.Insert{{Counter: 1, Text: s}}}
		if rapid.Bool().Draw(t, "decoded") {
			var err error
			if e, err = edit.Decode(replica(1), e.AppendBinary(replica(1), nil)); err != nil {
				t.Fatal(err)
			}
		}
		d := text.New()
		if err := d.Apply(replica(1), e); err != nil {
			t.Fatal(err)
		}
		begun := d.AppendBinary(nil)
		if d.String() != s || d.Len() != len([]rune(s)) {
			t.Fatalf("%d code points: %q", d.Len(), d)
		}
		d.Open()
		if err := d.DbgCheck(); err != nil {
			t.Fatal(err)
		}
		if d.String() != s || !bytes.Equal(d.AppendBinary(nil), begun) {
			t.Fatalf("state %x, begun as %x", d.AppendBinary(nil), begun)
		}
		if err := d.Apply(replica(1), e); err == nil {
			t.Fatal("the edit was taken twice")
		}
	})
	for _, bad := range []text.Insert{{Counter: 1}, {Counter: 1, Text: "a\xff"}, {Counter: 2, Text: "a"}, {Text: "a"}} {
		if d := text.New(); d.Apply(replica(1), text.Edit{Inserts: []text.Insert{bad}}) == nil || d.Len() != 0 {
			t.Errorf("%+v was taken", bad)
		}
	}
}
