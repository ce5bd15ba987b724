package text

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
)

// maxCounter bounds counters in encodings, so that sums with them fit 64 bits.
const maxCounter = 1 << 40

// reader reads varints and bytes; the first refusal sticks.
type reader struct {
	b   []byte
	off int
	err error
}

func (r *reader) failf(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w at byte %d: %s", ErrInvalid, r.off, fmt.Sprintf(format, args...))
	}
}

func (r *reader) uvarint() uint64 {
	if r.off < len(r.b) && r.b[r.off] < 0x80 && r.err == nil {
		r.off++
		return uint64(r.b[r.off-1])
	}
	return r.longUvarint()
}

func (r *reader) longUvarint() uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.b[r.off:])
	if n <= 0 || n > 1 && r.b[r.off+n-1] == 0 {
		r.failf("number cut short, too long or not in its shortest form")
		return 0
	}
	r.off += n
	return v
}

// max reads a number of at most limit.
func (r *reader) max(limit uint64, what string) uint64 {
	v := r.uvarint()
	if v > limit {
		r.failf("%s %d over %d", what, v, limit)
		return 0
	}
	return v
}

// count reads how many things follow that take at least least bytes each.
func (r *reader) count(least int, what string) int {
	return int(r.max(uint64((len(r.b)-r.off)/least), what))
}

func (r *reader) bytes(n int) []byte {
	if r.err != nil || n > len(r.b)-r.off {
		r.failf("input ends early")
		return nil
	}
	r.off += n
	return r.b[r.off-n : r.off : r.off]
}

// runesOf counts the code points of b, which must be valid UTF-8. Nearly all
// are ASCII or of three bytes; those are told without a call.
func (r *reader) runesOf(b []byte) int {
	n := 0
	for i := 0; i < len(b); n++ {
		switch c := b[i]; {
		case c < utf8.RuneSelf:
			i++
		case c > 0xe0 && c < 0xf0 && c != 0xed && i+2 < len(b) && b[i+1]&0xc0 == 0x80 && b[i+2]&0xc0 == 0x80:
			i += 3
		default:
			c, size := utf8.DecodeRune(b[i:])
			if c == utf8.RuneError && size == 1 {
				r.failf("text is not UTF-8")
				return 0
			}
			i += size
		}
	}
	return n
}

// replicas reads n ids, which ascend.
func (r *reader) replicas(dst []syncproto.ReplicaID, n int) []syncproto.ReplicaID {
	for i := range n {
		var id syncproto.ReplicaID
		copy(id[:], r.bytes(len(id)))
		if i > 0 && dst[len(dst)-1].Compare(id) >= 0 {
			r.failf("replicas out of order")
		}
		dst = append(dst, id)
	}
	return dst
}

func (r *reader) done() error {
	if r.off != len(r.b) {
		r.failf("%d trailing bytes", len(r.b)-r.off)
	}
	return r.err
}

// table numbers the replicas of an edit: 0 is the author, the others follow in
// order of their bytes.
type table struct {
	author  syncproto.ReplicaID
	foreign []syncproto.ReplicaID
}

func (t *table) size() uint64 { return uint64(len(t.foreign)) + 1 }

func (t *table) note(id syncproto.ReplicaID) {
	if id == t.author {
		return
	}
	if i, ok := slices.BinarySearchFunc(t.foreign, id, syncproto.ReplicaID.Compare); !ok {
		t.foreign = slices.Insert(t.foreign, i, id)
	}
}

func (t *table) index(id syncproto.ReplicaID) uint64 {
	if id == t.author {
		return 0
	}
	i, _ := slices.BinarySearchFunc(t.foreign, id, syncproto.ReplicaID.Compare)
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

func (t *table) origin(r *reader, counter uint64, used []bool) syncproto.ElemID {
	v := r.uvarint()
	if v == 0 {
		return syncproto.ElemID{}
	}
	i, c := (v-1)%t.size(), (v-1)/t.size()+1
	used[i] = true
	if i == 0 {
		if c >= counter {
			r.failf("own origin %d before element %d", c, counter)
		}
		c = counter - c
	}
	if c > maxCounter {
		r.failf("element counter %d over %d", c, uint64(maxCounter))
	}
	return syncproto.ElemID{Replica: t.replica(i), Counter: c}
}

// AppendBinary appends the edit as FORMAT.md, "Edit" says. The edit must be one
// that a Doc, Merge or DecodeEdit gave; author is who made it.
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
	for i := range t.foreign {
		b = append(b, t.foreign[i][:]...)
	}
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

// DecodeEdit reads an edit of author. It accepts exactly what AppendBinary
// writes; texts are copies of the input.
func DecodeEdit(author syncproto.ReplicaID, b []byte) (Edit, error) {
	r := &reader{b: b}
	head := r.uvarint()
	nIns, nDel := int(head>>2&3), int(head&3)
	if nIns == 3 {
		nIns += r.count(4, "runs")
	}
	if nDel == 3 {
		nDel += r.count(2, "deletes")
	}
	if nIns > maxRuns {
		r.failf("edit of %d runs, more than %d", nIns, maxRuns)
		return Edit{}, r.err
	}
	if nIns > (len(b)-r.off)/4 || nDel > (len(b)-r.off)/2 || head>>4 > uint64((len(b)-r.off)/len(author)) {
		r.failf("input ends early")
		return Edit{}, r.err
	}
	t := table{author: author}
	if n := int(head >> 4); n > 0 {
		t.foreign = r.replicas(make([]syncproto.ReplicaID, 0, n), n)
	}
	var few [8]bool
	used := append(few[:0], make([]bool, len(t.foreign)+1)...)
	e := Edit{author: author}
	if nIns > 0 {
		e.Inserts = t.inserts(r, make([]Insert, 0, nIns), nIns, used)
	}
	if nDel > 0 {
		e.Deletes = t.deletes(r, make([]Delete, 0, nDel), nDel, used)
	}
	if i := slices.Index(used[1:], false); i >= 0 {
		r.failf("replica %s is not used", t.foreign[i])
	}
	if slices.Contains(t.foreign, author) {
		r.failf("the author is among the other replicas")
	}
	if err := r.done(); err != nil {
		return Edit{}, err
	}
	return e, nil
}

func (t *table) inserts(r *reader, out []Insert, n int, used []bool) []Insert {
	counter := r.max(maxCounter-1, "element counter") + 1
	for ; n > 0 && r.err == nil; n-- {
		ins := Insert{Counter: counter}
		ins.Left = t.origin(r, counter, used)
		ins.Right = t.origin(r, counter, used)
		text := r.bytes(r.count(1, "bytes of text"))
		if len(text) == 0 {
			r.failf("empty run")
		}
		ins.Text, ins.runes = string(text), r.runesOf(text)
		counter += uint64(ins.runes)
		out = append(out, ins)
	}
	return out
}

func (t *table) deletes(r *reader, out []Delete, n int, used []bool) []Delete {
	last, end := -1, uint64(1)
	for ; n > 0 && r.err == nil; n-- {
		v := r.uvarint()
		i := int(v % t.size())
		if i != last {
			if last >= 0 && t.replica(uint64(i)).Compare(t.replica(uint64(last))) < 0 {
				r.failf("deletes out of order")
			}
			last, end = i, 1
		}
		used[i] = true
		first, hi := bits.Add64(v/t.size(), end, 0)
		if hi != 0 || first > maxCounter {
			r.failf("element counter over %d", uint64(maxCounter))
		}
		count := r.max(maxElements-1, "deleted elements") + 1
		end = first + count
		out = append(out, Delete{First: syncproto.ElemID{Replica: t.replica(uint64(i)), Counter: first}, N: int(count)})
	}
	return out
}
