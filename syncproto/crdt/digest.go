package crdt

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/chuantou/chuantou/syncproto"
)

// Digest hashes what a reader of the record sees: live dots and values, item
// ids in shown order, the text as it reads, live delete marks. Origins, folded
// history and tombstones are left out, so that compaction does not change it.
// include says which fields and items count, asked as by Project; nil counts
// all. Struck-out items count, stubs do not: so it is also the digest of the
// projection that keeps exactly those fields.
func (r *Record) Digest(include func(field string, item syncproto.ElemID, sub string) bool) syncproto.Hash {
	room := digestRoom.Get().(*[]byte)
	defer digestRoom.Put(room)
	d := digest{r: r, b: (*room)[:0]}
	d.b = append(d.b, digestVersion)
	d.b = append(d.b, r.ID[:]...)
	d.text(r.Kind)
	d.number(uint64(len(r.marks)))
	for i := range r.marks {
		d.mark(&r.marks[i])
	}
	if include == nil {
		include = func(string, syncproto.ElemID, string) bool { return true }
	}
	d.fields(r.fields, func(name string) bool { return include(name, syncproto.ElemID{}, "") }, include)
	if cap(d.b) <= maxDigestRoom {
		*room = d.b
	}
	return sha256.Sum256(d.b)
}

// digestVersion leads what is hashed.
const digestVersion = 1

// digestRoom is where what is hashed is put together.
var digestRoom = sync.Pool{New: func() any { b := make([]byte, 0, 8<<10); return &b }}

// maxDigestRoom bounds what waits to be used again.
const maxDigestRoom = 256 << 10

// digest collects what is hashed, every piece of it self-delimiting.
type digest struct {
	r *Record
	b []byte
}

func (d *digest) number(n uint64) { d.b = binary.AppendUvarint(d.b, n) }

func (d *digest) bytes(p []byte) { d.b = append(binary.AppendUvarint(d.b, uint64(len(p))), p...) }

func (d *digest) text(s string) { d.b = append(binary.AppendUvarint(d.b, uint64(len(s))), s...) }

func (d *digest) dot(x ref) {
	c := &d.r.changes[x.ch]
	d.b = append(d.b, c.replica[:]...)
	d.number(uint64(c.seq))
	d.number(uint64(x.op))
}

func (d *digest) mark(m *mark) {
	d.dot(m.ref)
	if m.lifted {
		d.number(1)
	} else {
		d.number(0)
	}
	d.number(uint64(len(m.open)))
	for _, e := range m.open {
		d.b = append(d.b, e.Replica[:]...)
		d.number(uint64(e.Seq))
	}
}

// entry writes dot and value; no op has an index beyond 32 bits.
func (d *digest) entry(e *entry) {
	d.dot(e.ref)
	if e.struck {
		d.number(1 << 32)
	}
	d.bytes(e.value)
}

func (d *digest) fields(s fieldSet, include func(name string) bool, within func(string, syncproto.ElemID, string) bool) {
	for i := range s {
		f := &s[i]
		if !include(f.name) {
			continue
		}
		d.text(f.name)
		d.b = append(d.b, byte(f.class))
		switch f.class {
		case ClassText:
			if doc, err := f.text.open(); err == nil {
				d.number(uint64(doc.Size()))
				d.b = doc.AppendText(d.b)
			}
		case ClassList:
			d.list(f.list, func(item syncproto.ElemID, sub string) bool { return within(f.name, item, sub) })
		default:
			d.number(uint64(len(f.entries)))
			for j := range f.entries {
				d.entry(&f.entries[j])
			}
		}
	}
	d.b = append(d.b, 0) // no field is named ""
}

func (d *digest) list(l *list, include func(item syncproto.ElemID, sub string) bool) {
	for _, it := range l.ordered(d.r) {
		if it.hidden() || !include(it.id, "") {
			continue
		}
		d.b = append(d.b, 1)
		d.b = append(d.b, it.id.Replica[:]...)
		d.number(it.id.Counter)
		d.number(uint64(len(it.life)))
		for _, x := range it.life {
			d.dot(x)
		}
		d.fields(it.fields, func(sub string) bool { return include(it.id, sub) }, nil)
	}
	d.b = append(d.b, 0)
}
