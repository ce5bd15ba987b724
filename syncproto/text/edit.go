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

	runes int // code points of a text known to be valid; 0: not known yet
}

// Delete names elements First.Counter to First.Counter+N-1 of First.Replica.
type Delete struct {
	First syncproto.ElemID
	N     int
}

// IsEmpty reports whether the edit does nothing.
func (e Edit) IsEmpty() bool { return len(e.Inserts) == 0 && len(e.Deletes) == 0 }

// KeepOwn drops the deletes of all elements but those that the edit itself
// inserted: what a blind author, who made it, still takes back.
func (e *Edit) KeepOwn(author syncproto.ReplicaID) {
	var from, to uint64 // their counters leave no gap
	if n := len(e.Inserts); n > 0 {
		last := &e.Inserts[n-1]
		from, to = e.Inserts[0].Counter, last.Counter+uint64(utf8.RuneCountInString(last.Text))
	}
	own := e.Deletes[:0]
	for _, del := range e.Deletes {
		first, end := max(del.First.Counter, from), min(del.First.Counter+uint64(del.N), to)
		if del.First.Replica == author && first < end {
			del.First.Counter, del.N = first, int(end-first)
			own = append(own, del)
		}
	}
	e.Deletes = own
}

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

// Merger makes one edit of several that one author made one after the other on
// one text: runs that continue each other are joined, and what was inserted and
// deleted again within them is no longer told: spaces stand for it, since its
// elements must remain. The zero value is ready for use.
type Merger struct {
	author syncproto.ReplicaID
	out    Edit
	next   uint64 // counter after the last run
	text   strings.Builder
}

// Add takes the next edit in.
func (m *Merger) Add(e Edit) {
	if !e.author.IsZero() {
		m.author = e.author
	}
	for _, ins := range e.Inserts {
		m.insert(ins)
	}
	m.out.Deletes = append(m.out.Deletes, e.Deletes...)
}

// Edit is all that was added, as one edit; nothing more can be added.
func (m *Merger) Edit() Edit {
	m.flush()
	m.out.author = m.author
	m.out.Deletes = joinDeletes(m.out.Deletes)
	m.blank()
	return m.out
}

func (m *Merger) insert(ins Insert) {
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

func (m *Merger) flush() {
	if k := len(m.out.Inserts); k > 0 {
		m.out.Inserts[k-1].Text, m.out.Inserts[k-1].runes = m.text.String(), 0
		m.text = strings.Builder{}
	}
}

// blank replaces what was inserted and deleted within the edit by spaces.
func (m *Merger) blank() {
	var own []Delete
	for _, del := range m.out.Deletes {
		if del.First.Replica == m.author && !m.author.IsZero() {
			own = append(own, del)
		}
	}
	for i := range m.out.Inserts {
		m.out.Inserts[i].Text = blanked(&m.out.Inserts[i], own)
	}
}

func blanked(ins *Insert, own []Delete) string {
	i, _ := slices.BinarySearchFunc(own, ins.Counter, func(del Delete, counter uint64) int {
		return cmp.Compare(del.First.Counter+uint64(del.N)-1, counter)
	})
	if i == len(own) || own[i].First.Counter >= ins.Counter+uint64(len(ins.Text)) {
		return ins.Text
	}
	chars := []rune(ins.Text)
	end := ins.Counter + uint64(len(chars))
	for ; i < len(own) && own[i].First.Counter < end; i++ {
		from, to := max(own[i].First.Counter, ins.Counter), min(own[i].First.Counter+uint64(own[i].N), end)
		for k := from; k < to; k++ {
			chars[k-ins.Counter] = ' '
		}
	}
	return string(chars)
}
