package text_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/text/fold"
	"pgregory.net/rapid"
)

// folds are the tables of all folds made in a test, as a server keeps them.
type folds map[syncproto.ReplicaID]*fold.Table

func (f folds) find(id syncproto.ReplicaID) (*fold.Table, error) { return f[id], nil }

// fold folds u under the next id and checks what a fold promises by itself.
func (f folds) fold(t *rapid.T, u *text.Doc) *text.Doc {
	id := fold.ID([16]byte{15: byte(len(f) + 1), 0: byte(rapid.IntRange(0, 255).Draw(t, "fold id"))})
	before := u.AppendBinary(nil)
	out, table := fold.Fold(u, id)
	if !bytes.Equal(u.AppendBinary(nil), before) {
		t.Fatal("folding changed the text that was folded")
	}
	if out.String() != u.String() || out.Len() != u.Len() || !out.Folded() || u.Folded() {
		t.Fatalf("folded %q reads %q", u.String(), out.String())
	}
	if err := out.DbgCheck(); err != nil {
		t.Fatal(err)
	}
	read, err := fold.Decode(table.AppendBinary(nil))
	if err != nil {
		t.Fatalf("own table refused: %v", err)
	}
	if !bytes.Equal(read.AppendBinary(nil), table.AppendBinary(nil)) {
		t.Fatal("a table reads otherwise than it was written")
	}
	f[id] = read
	return out
}

// stored is the text after it was written and read again.
func stored(t *rapid.T, d *text.Doc) *text.Doc {
	out, err := text.Decode(d.AppendBinary(nil))
	if err != nil {
		t.Fatalf("own state refused: %v", err)
	}
	return out
}

// typed makes an edit on a copy that shows, with ids after those in newest.
func typed(t *rapid.T, author syncproto.ReplicaID, shows *text.Doc, next uint64) text.Edit {
	n := shows.Len()
	at := rapid.IntRange(0, n).Draw(t, "at")
	del := rapid.IntRange(0, min(n-at, 4)).Draw(t, "del")
	e, err := shows.ReplaceFrom(author, 1, next, at, del, rapid.SampledFrom(append([]string{""}, snippets...)).Draw(t, "text"))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestFoldReadsAlike holds F1 and F2 of SPEC.md §1.8 against random writing:
// what is written on a fold reads the same on the text unfolded, whoever knew
// what of whom, and what was written on anything older is told as late.
func TestFoldReadsAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSim(t, rapid.IntRange(1, 4).Draw(t, "devices"))
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			s.step()
		}
		s.settle()
		u := s.devices[0].doc.Clone() // unfolded: everything, in the ids of the log
		known := folds{}
		if len(u.Elements()) == 0 {
			return // nothing was ever written
		}
		for range rapid.IntRange(1, 3).Draw(t, "folds") {
			older := u.Clone()
			resident := known.fold(t, u)
			told, stale := s.writeOnFold(u, resident, known)
			s.writeLate(u, older, resident, known, told, stale)
		}
	})
}

// writer is a device that writes on a folded text.
type writer struct {
	id    syncproto.ReplicaID
	doc   *text.Doc
	known []int
}

type foldEdit struct {
	from  int
	known []int
	edit  text.Edit
}

// writeOnFold lets the devices write on the fold, concurrently, and joins all
// of it to u. It returns the edits as joined to u, and the devices' texts.
func (s *sim) writeOnFold(u, resident *text.Doc, known folds) (joined []told, stale []*text.Doc) {
	t := s.t
	var ws []*writer
	for _, d := range s.devices {
		ws = append(ws, &writer{id: d.id, doc: stored(t, resident), known: make([]int, len(s.devices))})
	}
	var log []foldEdit
	ready := func(w *writer, e *foldEdit) bool {
		for j, n := range e.known {
			if j == e.from && w.known[j] != n-1 || j != e.from && w.known[j] < n {
				return false
			}
		}
		return true
	}
	join := func(w *writer, e *foldEdit) {
		if err := w.doc.Apply(ws[e.from].id, e.edit); err != nil {
			t.Fatalf("an edit made on the fold: %v", err)
		}
		w.known[e.from]++
	}
	server := &writer{doc: resident, known: make([]int, len(ws))}
	for range rapid.IntRange(0, 25).Draw(t, "on the fold") {
		i := rapid.IntRange(0, len(ws)-1).Draw(t, "who")
		w := ws[i]
		if rapid.IntRange(0, 2).Draw(t, "what") > 0 {
			e := typed(t, w.id, w.doc, w.doc.Highest(w.id)+1)
			if e.IsEmpty() {
				continue
			}
			w.known[i]++
			log = append(log, foldEdit{from: i, known: slices.Clone(w.known), edit: e})
			continue
		}
		for k := range log {
			if ready(w, &log[k]) {
				join(w, &log[k])
				break
			}
		}
	}
	for k := range log {
		e := &log[k]
		join(server, e) // the log is in causal order
		edit, _, err := fold.Tables(known.find).Unfold(e.edit)
		if err == nil {
			err = u.Apply(ws[e.from].id, edit)
		}
		joined = append(joined, told{ws[e.from].id, edit})
		if err != nil {
			t.Fatalf("an edit made on the fold, told in ids of the log: %v", err)
		}
		if err := u.DbgCheck(); err != nil {
			t.Fatal(err)
		}
		if u.String() != resident.String() {
			t.Fatalf("folded %q, unfolded %q", resident.String(), u.String())
		}
	}
	for _, w := range ws {
		for again := true; again; {
			again = false
			for k := range log {
				if ready(w, &log[k]) {
					join(w, &log[k])
					again = true
				}
			}
		}
		if got, want := stored(t, w.doc).AppendBinary(nil), resident.AppendBinary(nil); !bytes.Equal(got, want) {
			t.Fatalf("two holders of one fold store %x and %x", got, want)
		}
		stale = append(stale, w.doc)
	}
	return joined, stale
}

// told is an edit in the ids of the log.
type told struct {
	author syncproto.ReplicaID
	edit   text.Edit
}

// writeLate writes on what there was before the fold, and joins it to u: the
// same as if it had come before what was written on the fold.
func (s *sim) writeLate(u, older, resident *text.Doc, known folds, joined []told, stale []*text.Doc) {
	t := s.t
	for i, d := range s.devices {
		if rapid.Bool().Draw(t, "no late edit") {
			continue
		}
		shows := older.Clone()
		if rapid.Bool().Draw(t, "by hand of the fold") {
			shows = stale[i].Clone()
		}
		if rapid.IntRange(0, 4).Draw(t, "from nothing") == 0 {
			shows = text.New()
		}
		e := typed(t, d.id, shows, u.Highest(d.id)+1)
		if e.IsEmpty() {
			continue
		}
		onFold := shows.Folded()
		if err := resident.Check(d.id, e); (err == nil) != onFold || err != nil && !errors.Is(err, text.ErrMissing) {
			t.Fatalf("late edit %+v on the fold (made on it: %v): %v", e, onFold, err)
		}
		edit, changed, err := fold.Tables(known.find).Unfold(e)
		if err == nil {
			err = u.Apply(d.id, edit)
		}
		if err != nil {
			t.Fatalf("late edit: %v", err)
		}
		if changed && !onFold {
			t.Fatal("an edit that names no fold was told otherwise")
		}
		if onFold {
			if err := resident.Apply(d.id, e); err != nil {
				t.Fatal(err)
			}
			joined = append(joined, told{d.id, edit})
			continue
		}
		s.comesFirst(u, older, told{d.id, edit}, joined)
		return // from here on the resident text is the unfolded one
	}
}

// comesFirst joins a late edit to what there was before the fold, then what
// was written on the fold by others: that must give u.
func (s *sim) comesFirst(u, older *text.Doc, late told, joined []told) {
	for _, e := range joined {
		if e.author == late.author {
			return // his counters go the other way about
		}
	}
	if err := older.Apply(late.author, late.edit); err != nil {
		s.t.Fatalf("late edit on what it was made on: %v", err)
	}
	for _, e := range joined {
		if err := older.Apply(e.author, e.edit); err != nil {
			s.t.Fatalf("an edit made on the fold, after a late one: %v", err)
		}
	}
	if !bytes.Equal(older.AppendBinary(nil), u.AppendBinary(nil)) {
		s.t.Fatalf("late first %q, late last %q", older.String(), u.String())
	}
}

func TestUnfoldOfUnknown(t *testing.T) {
	d := text.New()
	if _, err := d.Replace(replica(1), 0, 0, "潮位"); err != nil {
		t.Fatal(err)
	}
	f, table := fold.Fold(d, fold.ID([16]byte{1}))
	e, err := f.Replace(replica(2), 1, 1, "x")
	if err != nil {
		t.Fatal(err)
	}
	none := func(syncproto.ReplicaID) (*fold.Table, error) { return nil, nil }
	if _, changed, err := fold.Tables(none).Unfold(e); changed || err != nil {
		t.Fatalf("an unknown fold was told: %v, %v", changed, err)
	}
	if err := d.Check(replica(2), e); !errors.Is(err, text.ErrMissing) {
		t.Fatalf("ids of an unknown fold: %v", err)
	}
	broken := errors.New("store")
	if _, _, err := fold.Tables(func(syncproto.ReplicaID) (*fold.Table, error) { return nil, broken }).Unfold(e); !errors.Is(err, broken) {
		t.Fatalf("error of the tables: %v", err)
	}
	// An id beyond the fold's end is of no element: it is not told, and waits.
	e.Inserts[0].Left.Counter = 9
	told, _, err := fold.Tables(func(syncproto.ReplicaID) (*fold.Table, error) { return table, nil }).Unfold(e)
	if err != nil || !errors.Is(d.Check(replica(2), told), text.ErrMissing) {
		t.Fatalf("told %+v, %v", told, err)
	}
}
