package edit

import (
	"slices"

	"github.com/chuantou/chuantou/syncproto"
)

// Names tells what an element is called, and how many elements from it on,
// itself among them, are called by the ids that follow; 0 for all.
type Names func(syncproto.ElemID) (id syncproto.ElemID, n uint64)

// Renamed tells an edit in other ids: those of what it names by names, its own
// elements by the counters from first on. It is then an edit of to. The edit
// stays as it is.
func (e Edit) Renamed(to syncproto.ReplicaID, first uint64, names Names) Edit {
	out := Edit{Inserts: slices.Clone(e.Inserts), author: to}
	counter := first
	for i := range out.Inserts {
		ins := &out.Inserts[i]
		ins.Left, ins.Right = names.one(ins.Left), names.one(ins.Right)
		ins.Counter = counter
		counter += uint64(ins.Elements())
	}
	for _, del := range e.Deletes {
		for del.N > 0 {
			id, n := names(del.First)
			if n == 0 || n > uint64(del.N) {
				n = uint64(del.N)
			}
			out.Deletes = append(out.Deletes, Delete{First: id, N: int(n)})
			del.First.Counter += n
			del.N -= int(n)
		}
	}
	out.Deletes = JoinDeletes(out.Deletes)
	return out
}

// one is what one element or origin is called.
func (f Names) one(id syncproto.ElemID) syncproto.ElemID {
	if !id.IsNone() {
		id, _ = f(id)
	}
	return id
}
