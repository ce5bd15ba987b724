package edit

import (
	"cmp"
	"slices"
	"strings"

	"github.com/chuantou/chuantou/syncproto"
)

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
	m.out.Deletes = JoinDeletes(m.out.Deletes)
	m.blank()
	return m.out
}

func (m *Merger) insert(ins Insert) {
	n := uint64(ins.Elements())
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
		m.out.Inserts[k-1].Text, m.out.Inserts[k-1].elements = m.text.String(), 0
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
		return cmp.Compare(del.end()-1, counter)
	})
	if i == len(own) || own[i].First.Counter >= ins.Counter+uint64(len(ins.Text)) {
		return ins.Text
	}
	chars := []rune(ins.Text)
	end := ins.Counter + uint64(len(chars))
	for ; i < len(own) && own[i].First.Counter < end; i++ {
		from, to := max(own[i].First.Counter, ins.Counter), min(own[i].end(), end)
		for k := from; k < to; k++ {
			chars[k-ins.Counter] = ' '
		}
	}
	return string(chars)
}
