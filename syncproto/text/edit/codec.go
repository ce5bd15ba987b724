package edit

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/strict"
)

// table numbers the replicas of an edit: 0 is the author, the others follow in
// order of their bytes.
type table struct {
	author  syncproto.ReplicaID
	foreign strict.Replicas
}

func (t *table) size() uint64 { return uint64(len(t.foreign)) + 1 }

func (t *table) note(id syncproto.ReplicaID) {
	if id != t.author {
		t.foreign.Add(id)
	}
}

func (t *table) index(id syncproto.ReplicaID) uint64 {
	if id == t.author {
		return 0
	}
	i, _ := t.foreign.Find(id)
	return uint64(i) + 1
}

func (t *table) replica(i uint64) syncproto.ReplicaID {
	if i == 0 {
		return t.author
	}
	return t.foreign[i-1]
}

// appendOrigin writes an origin of the run that starts at counter: the
// author's own as distance, since it is mostly near.
func (t *table) appendOrigin(b []byte, id syncproto.ElemID, counter uint64) []byte {
	if id.IsNone() {
		return append(b, 0)
	}
	i, c := t.index(id.Replica), id.Counter
	if i == 0 {
		c = counter - c
	}
	return binary.AppendUvarint(b, 1+i+t.size()*(c-1))
}

func (t *table) origin(r *strict.Reader, counter uint64, used []bool) syncproto.ElemID {
	v := r.Number()
	if v == 0 {
		return syncproto.ElemID{}
	}
	i, c := (v-1)%t.size(), (v-1)/t.size()+1
	used[i] = true
	if i == 0 {
		if c >= counter {
			r.Failf("own origin %d before element %d", c, counter)
		}
		c = counter - c
	}
	if c > strict.MaxCounter {
		r.Failf("element counter %d over %d", c, uint64(strict.MaxCounter))
	}
	return syncproto.ElemID{Replica: t.replica(i), Counter: c}
}

// AppendBinary appends the edit as FORMAT.md, "Edit" says. The edit must be one
// that a text, Merger or Decode gave; author is who made it.
func (e Edit) AppendBinary(author syncproto.ReplicaID, b []byte) []byte {
	t := table{author: author}
	for i := range e.Inserts {
		for _, id := range [...]syncproto.ElemID{e.Inserts[i].Left, e.Inserts[i].Right} {
			if !id.IsNone() {
				t.note(id.Replica)
			}
		}
	}
	for i := range e.Deletes {
		t.note(e.Deletes[i].First.Replica)
	}
	nIns, nDel := uint64(len(e.Inserts)), uint64(len(e.Deletes))
	b = binary.AppendUvarint(b, uint64(len(t.foreign))<<4|min(nIns, 3)<<2|min(nDel, 3))
	if nIns >= 3 {
		b = binary.AppendUvarint(b, nIns-3)
	}
	if nDel >= 3 {
		b = binary.AppendUvarint(b, nDel-3)
	}
	b = t.foreign.Append(b)
	if nIns > 0 {
		b = binary.AppendUvarint(b, e.Inserts[0].Counter-1)
	}
	for i := range e.Inserts {
		ins := &e.Inserts[i]
		b = t.appendOrigin(b, ins.Left, ins.Counter)
		b = t.appendOrigin(b, ins.Right, ins.Counter)
		b = append(binary.AppendUvarint(b, uint64(len(ins.Text))), ins.Text...)
	}
	return t.appendDeletes(b, e.Deletes)
}

func (t *table) appendDeletes(b []byte, dels []Delete) []byte {
	var last syncproto.ReplicaID
	end := uint64(1)
	for i, del := range dels {
		if i == 0 || del.First.Replica != last {
			last, end = del.First.Replica, 1
		}
		b = binary.AppendUvarint(b, t.index(last)+t.size()*(del.First.Counter-end))
		b = binary.AppendUvarint(b, uint64(del.N)-1)
		end = del.First.Counter + uint64(del.N)
	}
	return b
}

// Decode reads an edit of author. It accepts exactly what AppendBinary
// writes; texts are copies of the input.
func Decode(author syncproto.ReplicaID, b []byte) (Edit, error) {
	var e Edit
	if err := e.Decode(author, b); err != nil {
		return Edit{}, err
	}
	return e, nil
}

// Decode is the function Decode into the room that e has; what it held is gone.
// After an error e means nothing.
func (e *Edit) Decode(author syncproto.ReplicaID, b []byte) error {
	r := strict.NewReader(b)
	head := r.Number()
	nIns, nDel := int(head>>2&3), int(head&3)
	if nIns == 3 {
		nIns += r.Count(4, "runs")
	}
	if nDel == 3 {
		nDel += r.Count(2, "deletes")
	}
	if nIns > maxRuns {
		r.Failf("edit of %d runs, more than %d", nIns, maxRuns)
		return r.Err()
	}
	if nIns > r.Rest()/4 || nDel > r.Rest()/2 || head>>4 > uint64(r.Rest()/len(author)) {
		r.Failf("input ends early")
		return r.Err()
	}
	t := table{author: author}
	if n := int(head >> 4); n > 0 {
		t.foreign = r.Replicas(make(strict.Replicas, 0, n), n)
	}
	var few [8]bool
	used := append(few[:0], make([]bool, len(t.foreign)+1)...)
	e.author, e.Inserts, e.Deletes = author, e.Inserts[:0], e.Deletes[:0]
	if nIns > 0 {
		e.Inserts = t.inserts(&r, slices.Grow(e.Inserts, nIns), nIns, used)
	}
	if nDel > 0 {
		e.Deletes = t.deletes(&r, slices.Grow(e.Deletes, nDel), nDel, used)
	}
	if i := slices.Index(used[1:], false); i >= 0 {
		r.Failf("replica %s is not used", t.foreign[i])
	}
	if slices.Contains(t.foreign, author) {
		r.Failf("the author is among the other replicas")
	}
	return r.Done()
}

func (t *table) inserts(r *strict.Reader, out []Insert, n int, used []bool) []Insert {
	counter := r.Max(strict.MaxCounter-1, "element counter") + 1
	for ; n > 0 && r.Err() == nil; n-- {
		ins := Insert{Counter: counter}
		ins.Left = t.origin(r, counter, used)
		ins.Right = t.origin(r, counter, used)
		text := r.Bytes(r.Count(1, "bytes of text"))
		if len(text) == 0 {
			r.Failf("empty run")
		}
		ins.Text, ins.elements = string(text), r.Runes(text)
		counter += uint64(ins.elements)
		out = append(out, ins)
	}
	return out
}

func (t *table) deletes(r *strict.Reader, out []Delete, n int, used []bool) []Delete {
	last, end := -1, uint64(1)
	for ; n > 0 && r.Err() == nil; n-- {
		v := r.Number()
		i := int(v % t.size())
		if i != last {
			if last >= 0 && t.replica(uint64(i)).Compare(t.replica(uint64(last))) < 0 {
				r.Failf("deletes out of order")
			}
			last, end = i, 1
		}
		used[i] = true
		first, hi := bits.Add64(v/t.size(), end, 0)
		if hi != 0 || first > strict.MaxCounter {
			r.Failf("element counter over %d", uint64(strict.MaxCounter))
		}
		count := r.Max(strict.MaxElements-1, "deleted elements") + 1
		end = first + count
		out = append(out, Delete{First: syncproto.ElemID{Replica: t.replica(uint64(i)), Counter: first}, N: int(count)})
	}
	return out
}
