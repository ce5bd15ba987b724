package edit_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/edit"
	"github.com/chuantou/chuantou/syncproto/text/strict"
	"pgregory.net/rapid"
)

var snippets = []string{"a", "船", "𠮷", "é", "ab", "一二三", "x船y"}

func replica(i int) syncproto.ReplicaID {
	return syncproto.ReplicaID{0: byte(37*i + 11), 6: 0x40, 8: 0x80, 15: byte(i)}
}

func elem(r syncproto.ReplicaID, counter uint64) syncproto.ElemID {
	return syncproto.ElemID{Replica: r, Counter: counter}
}

// Edits of every shape come back as they were.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		author := replica(1)
		origin := func(before uint64) syncproto.ElemID {
			switch rapid.IntRange(0, 3).Draw(t, "origin") {
			case 0:
				return syncproto.ElemID{}
			case 1:
				if before > 1 {
					return elem(author, rapid.Uint64Range(1, before-1).Draw(t, "own"))
				}
			}
			return elem(replica(rapid.IntRange(2, 5).Draw(t, "replica")), rapid.Uint64Range(1, 1<<40).Draw(t, "counter"))
		}
		var e edit.Edit
		counter := rapid.Uint64Range(1, 1<<30).Draw(t, "first")
		for range rapid.IntRange(0, 5).Draw(t, "inserts") {
			s := rapid.SampledFrom(snippets).Draw(t, "text")
			e.Inserts = append(e.Inserts, edit.Insert{Counter: counter, Left: origin(counter), Right: origin(counter), Text: s})
			counter += uint64(len([]rune(s)))
		}
		next := uint64(1)
		for r := 0; r < 6 && rapid.IntRange(0, 4).Draw(t, "more") > 0; {
			del := edit.Delete{First: elem(replica(r), next+rapid.Uint64Range(0, 1<<20).Draw(t, "gap")), N: rapid.IntRange(1, 1<<20).Draw(t, "n")}
			e.Deletes = append(e.Deletes, del)
			next = del.First.Counter + uint64(del.N)
			if rapid.Bool().Draw(t, "next replica") {
				r, next = r+1, 1
			}
		}
		b := e.AppendBinary(author, nil)
		got, err := edit.Decode(author, b)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Inserts) != len(e.Inserts) || len(got.Deletes) != len(e.Deletes) {
			t.Fatalf("%+v, want %+v", got, e)
		}
		for i := range e.Inserts {
			if g, w := got.Inserts[i], e.Inserts[i]; g.Counter != w.Counter || g.Left != w.Left || g.Right != w.Right || g.Text != w.Text {
				t.Fatalf("run %+v, want %+v", got.Inserts[i], e.Inserts[i])
			}
		}
		for i := range e.Deletes {
			if got.Deletes[i] != e.Deletes[i] {
				t.Fatalf("delete %+v, want %+v", got.Deletes[i], e.Deletes[i])
			}
		}
		for i := range b {
			if _, err := edit.Decode(author, b[:i]); !errors.Is(err, strict.ErrInvalid) {
				t.Fatalf("first %d bytes of %x: %v", i, b, err)
			}
		}
	})
}

// Whatever is read is written as the same bytes, and fits some text.
func FuzzDecode(f *testing.F) {
	author := replica(1)
	for _, e := range []edit.Edit{
		{Inserts: []edit.Insert{{Counter: 1, Text: "船头会"}}},
		{Inserts: []edit.Insert{{Counter: 7, Left: elem(author, 6), Right: elem(replica(2), 9), Text: "a"}, {Counter: 8, Left: elem(replica(3), 1), Text: "é"}}},
		{Deletes: []edit.Delete{{First: elem(author, 3), N: 2}, {First: elem(author, 9), N: 1}, {First: elem(replica(2), 1), N: 70}, {First: elem(replica(2), 900), N: 1}}},
	} {
		f.Add(e.AppendBinary(author, nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := edit.Decode(author, b)
		if err != nil {
			if !e.IsEmpty() || !errors.Is(err, strict.ErrInvalid) {
				t.Fatalf("edit %x: %v with %+v", b, err, e)
			}
			return
		}
		if got := e.AppendBinary(author, nil); !bytes.Equal(got, b) {
			t.Fatalf("edit %x re-encodes to %x", b, got)
		}
		if err := e.Check(author); err != nil {
			t.Fatalf("edit %x: %v", b, err)
		}
	})
}
