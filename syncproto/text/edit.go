package text

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
)

// Edit is what one op does to a text: runs inserted, then runs deleted. The
// author is not part of it; whoever carries an edit says who made it.
type Edit struct {
	// Inserts are in the order of their counters, which leave no gap.
	Inserts []Insert
	// Deletes are in the order of their ids and do not overlap.
	Deletes []Delete

	// author is known of an edit that a Doc made or that was decoded: Merge
	// needs it to tell which elements are the author's own.
	author syncproto.ReplicaID
}

// Insert is a run of new elements of the author, one a code point, with
// counters from Counter on. The first has origin Left, each further one its
// predecessor; all have origin Right.
type Insert struct {
	Counter     uint64
	Left, Right syncproto.ElemID
	Text        string
}

// Delete names elements First.Counter to First.Counter+N-1 of First.Replica.
type Delete struct {
	First syncproto.ElemID
	N     int
}

// IsEmpty reports whether the edit does nothing.
func (e Edit) IsEmpty() bool { return len(e.Inserts) == 0 && len(e.Deletes) == 0 }

// joinDeletes sorts deletes and joins those that touch or overlap, in place.
func joinDeletes(dels []Delete) []Delete {
	if len(dels) < 2 {
		return dels
	}
	slices.SortFunc(dels, func(a, b Delete) int { return a.First.Compare(b.First) })
	out := dels[:1]
	for _, del := range dels[1:] {
		last := &out[len(out)-1]
		end := last.First.Counter + uint64(last.N)
		if del.First.Replica != last.First.Replica || del.First.Counter > end {
			out = append(out, del)
			continue
		}
		last.N = int(max(end, del.First.Counter+uint64(del.N)) - last.First.Counter)
	}
	return out
}

// Merge makes one edit of several that one author made one after the other on
// one text, in that order: runs that continue each other are joined, and what
// was inserted and deleted again within them is no longer told: spaces stand
// for it, since its elements must remain.
func Merge(edits ...Edit) Edit {
	if len(edits) == 1 {
		return edits[0]
	}
	var m merger
	for _, e := range edits {
		if !e.author.IsZero() {
			m.author = e.author
		}
		for _, ins := range e.Inserts {
			m.insert(ins)
		}
		m.out.Deletes = append(m.out.Deletes, e.Deletes...)
	}
	m.flush()
	m.out.author = m.author
	m.out.Deletes = joinDeletes(m.out.Deletes)
	m.blank()
	return m.out
}

type merger struct {
	author syncproto.ReplicaID
	out    Edit
	next   uint64 // counter after the last run
	text   strings.Builder
}

func (m *merger) insert(ins Insert) {
	n := uint64(utf8.RuneCountInString(ins.Text))
	if k := len(m.out.Inserts); k > 0 && !m.author.IsZero() && ins.Counter == m.next &&
		ins.Left == (syncproto.ElemID{Replica: m.author, Counter: m.next - 1}) && ins.Right == m.out.Inserts[k-1].Right {
		m.text.WriteString(ins.Text)
	} else {
		m.flush()
		m.out.Inserts = append(m.out.Inserts, ins)
		m.text.WriteString(ins.Text)
	}
	m.next = ins.Counter + n
}

func (m *merger) flush() {
	if k := len(m.out.Inserts); k > 0 {
		m.out.Inserts[k-1].Text = m.text.String()
		m.text = strings.Builder{}
	}
}

// blank replaces what was inserted and deleted within the edit by spaces.
func (m *merger) blank() {
	if m.author.IsZero() || len(m.out.Inserts) == 0 {
		return
	}
	i, _ := slices.BinarySearchFunc(m.out.Deletes, syncproto.ElemID{Replica: m.author, Counter: m.out.Inserts[0].Counter},
		func(del Delete, id syncproto.ElemID) int {
			if c := del.First.Replica.Compare(id.Replica); c != 0 {
				return c
			}
			return cmp.Compare(del.First.Counter+uint64(del.N)-1, id.Counter)
		})
	for k := range m.out.Inserts {
		ins := &m.out.Inserts[k]
		i = blankRun(ins, m.author, m.out.Deletes, i)
	}
}

// blankRun blanks one run; dels[i] is the first delete that can matter to it,
// and the result that of the next run.
func blankRun(ins *Insert, author syncproto.ReplicaID, dels []Delete, i int) int {
	var b []byte
	counter, done := ins.Counter, 0
	rest := ins.Text
	for i < len(dels) && dels[i].First.Replica == author {
		from, to := dels[i].First.Counter, dels[i].First.Counter+uint64(dels[i].N)
		for len(rest) > 0 && counter < to {
			_, size := utf8.DecodeRuneInString(rest)
			if counter >= from {
				b = append(append(b, ins.Text[done:len(ins.Text)-len(rest)]...), ' ')
				done = len(ins.Text) - len(rest) + size
			}
			rest = rest[size:]
			counter++
		}
		if counter < to {
			break
		}
		i++
	}
	if b != nil {
		ins.Text = string(append(b, ins.Text[done:]...))
	}
	return i
}
