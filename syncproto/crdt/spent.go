package crdt

import (
	"cmp"
	"math"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text"
	"github.com/chuantou/chuantou/syncproto/text/edit"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// spent says how far a replica's counters have come in a text, or in the places
// of a list, that a projection leaves out.
type spent struct {
	target
	class   Class
	replica syncproto.ReplicaID
	counter uint64
}

func (a spent) compare(b spent) int {
	return cmp.Or(cmp.Compare(a.field, b.field), a.item.Compare(b.item), cmp.Compare(a.sub, b.sub), int(a.class)-int(b.class))
}

// KeepCounters notes on a projection how far the replica had come, in from, in
// texts and lists that the projection leaves out: who may write there without
// reading sees his words only until the server has them, and what he writes
// next must not take their ids again. What is noted is kept with the state, and
// is for the device that holds it alone.
func (r *Record) KeepCounters(replica syncproto.ReplicaID, from *Record) {
	if !r.Partial || from == nil || from.Version.Of(replica) == 0 {
		return
	}
	all := map[spent]spent{} // by target and class
	for _, x := range slices.Concat(r.spent, from.spent, from.counters(replica, r)) {
		key := spent{target: x.target, class: x.class}
		if x.replica == replica && x.counter > all[key].counter && r.at(x.target, x.class) == nil {
			all[key] = x
		}
	}
	r.spent = nil
	for _, x := range all {
		r.spent = append(r.spent, x)
	}
	slices.SortFunc(r.spent, spent.compare)
}

// counters lists how far the replica has come in each text and list that is not
// in other.
func (r *Record) counters(replica syncproto.ReplicaID, other *Record) (out []spent) {
	note := func(t target, class Class, doc *textField) {
		if other.at(t, class) != nil {
			return
		}
		if d, err := doc.open(); err == nil {
			if n := d.Highest(replica); n > 0 {
				out = append(out, spent{t, class, replica, n})
			}
		}
	}
	for i := range r.fields {
		switch f := &r.fields[i]; f.class {
		case ClassText:
			note(target{field: f.name}, ClassText, f.text)
		case ClassList:
			note(target{field: f.name}, ClassList, &f.list.places)
			for _, it := range f.list.items {
				for j := range it.fields {
					if sub := &it.fields[j]; sub.class == ClassText {
						note(target{f.name, it.id, sub.name}, ClassText, sub.text)
					}
				}
			}
		}
	}
	return out
}

// spentBy is how far the replica is known to have come in what is left out.
func (r *Record) spentBy(replica syncproto.ReplicaID, t target, class Class) uint64 {
	for _, x := range r.spent {
		if x.target == t && x.class == class && x.replica == replica {
			return x.counter
		}
	}
	return 0
}

// counted is a text, or the places of a list.
type counted struct {
	target
	class Class
}

// Wrote tells an edit of a part of its replica's that neither of its states has:
// the ids of what it inserted are not given a second time.
func (e *Edit) Wrote(p *syncproto.Part) {
	if e.wrote == nil {
		e.wrote = map[counted]uint64{}
	}
	for i := range p.Ops {
		switch op := &p.Ops[i]; op.Kind {
		case syncproto.OpText:
			typed, err := edit.Decode(e.c.replica, op.Edit)
			if n := typed.Inserted(); err == nil && n > 0 {
				at := counted{target{op.Field, op.Item, op.Sub}, ClassText}
				e.wrote[at] = max(e.wrote[at], typed.Inserts[0].Counter+n-1)
			}
		case syncproto.OpItemInsert, syncproto.OpItemMove:
			at := counted{target{field: op.Field}, ClassList}
			e.wrote[at] = max(e.wrote[at], op.Counter)
		}
	}
}

// highest is the replica's highest counter in the newest state of a text or the
// places of a list, also where that state leaves them out.
func (e *Edit) highest(t target, class Class) uint64 {
	n := e.wrote[counted{t, class}]
	if e.latest == e.r {
		return n
	}
	n = max(n, e.latest.spentBy(e.c.replica, t, class))
	f := e.latest.at(t, class)
	if f == nil {
		return n
	}
	words := f.text
	if class == ClassList {
		words = &f.list.places
	}
	if doc, err := words.open(); err == nil {
		n = max(n, doc.Highest(e.c.replica))
	}
	return n
}

// newDoc is a text, or the places of a list, that the form does not show, for
// the author to write in.
func (e *Edit) newDoc(t target, class Class) *text.Doc {
	return text.NewAfter(e.c.replica, max(e.r.spentBy(e.c.replica, t, class), e.highest(t, class)))
}

// docFor is a text, or the places of a list, that the state does not show, for
// an edit to be joined to. A projection takes the author's word for how far his
// counters had come: whoever has the whole state checks it.
func (r *Record) docFor(author syncproto.ReplicaID, e text.Edit) *text.Doc {
	if !r.Partial || len(e.Inserts) == 0 || e.Inserts[0].Counter == 0 {
		return text.New()
	}
	return text.NewAfter(author, e.Inserts[0].Counter-1)
}

func (e *encoder) spent() {
	e.b = wire.AppendArray(e.b, spentMembers*len(e.r.spent))
	for _, x := range e.r.spent {
		e.b = wire.AppendText(e.b, x.field)
		e.b = wire.AppendBytes(e.b, x.item.Replica[:])
		e.uint(x.item.Counter)
		e.b = wire.AppendText(e.b, x.sub)
		e.uint(uint64(x.class))
		e.b = wire.AppendBytes(e.b, x.replica[:])
		e.uint(x.counter)
	}
}

const spentMembers = 7

func (d *decoder) spent() {
	n := d.Array(math.MaxInt32)
	if n == 0 || n%spentMembers != 0 {
		d.Failf("counters cut short")
	}
	for i := 0; i < n/spentMembers && d.Err() == nil; i++ {
		var x spent
		x.field = d.Text(syncproto.MaxFieldBytes)
		d.Fixed(x.item.Replica[:])
		x.item.Counter = d.UintMax(math.MaxInt64)
		x.sub = d.Text(syncproto.MaxFieldBytes)
		x.class = Class(d.UintMax(math.MaxUint8))
		d.Fixed(x.replica[:])
		x.counter = d.UintMax(math.MaxInt64)
		if x.class != ClassText && x.class != ClassList || x.counter == 0 || i > 0 && d.r.spent[i-1].compare(x) >= 0 {
			d.Failf("counters of another class, of none, out of order or repeated")
		}
		d.r.spent = append(d.r.spent, x)
	}
}
