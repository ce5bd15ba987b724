package crdt

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/fold"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Limits of a stored state, against hostile bytes: every count is also bounded
// by the bytes that are there.
const (
	maxTextBytes = 64 << 20
	maxItems     = 1 << 20
	maxEntries   = 1 << 24
)

// decoder reads a state. Bytes and values alias the input.
type decoder struct {
	*wire.Reader
	b        []byte
	r        *Record
	replicas []syncproto.ReplicaID
	authors  []syncproto.PersonID
	used     []bool  // changes that some ref names
	arena    []entry // room for the entries of fields with one value
	lamport  uint64
	fold     syncproto.ReplicaID // that the places of the list at hand are of; zero for none
}

// Decode reads a state that AppendBinary wrote, and nothing else: whatever it
// accepts encodes to the same bytes again, but for texts, which stay closed
// until they are looked at (Verify opens them). The record keeps b, which must
// not change.
func Decode(b []byte) (*Record, error) {
	d := decoder{Reader: wire.NewReader(b), b: b, r: &Record{}}
	n := d.Array(encodedMembers + 1)
	format := d.Uint()
	if d.Err() == nil && format != formatPlain && format != formatMarks {
		return nil, fmt.Errorf("%w: format %d, this build reads %d and %d", ErrDamaged, format, formatPlain, formatMarks)
	}
	r := d.r
	d.Fixed(r.ID[:])
	r.Kind = d.Text(syncproto.MaxKindBytes)
	if r.Partial = d.Bool(); d.Err() == nil && n != encodedMembers && (n != encodedMembers+1 || !r.Partial) {
		d.Failf("state of %d members", n)
	}
	r.Lamport = d.UintMax(math.MaxInt64)
	d.replicas = readIDs[syncproto.ReplicaID](&d)
	d.authors = readIDs[syncproto.PersonID](&d)
	d.heads()
	d.changes()
	d.marks(format)
	r.fields = d.fields(true)
	if n > encodedMembers {
		d.spent()
	}
	d.complete()
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	r.live = len(r.changes)
	return r, nil
}

func readIDs[T ~[16]byte](d *decoder) []T {
	flat := d.Bytes(math.MaxInt32)
	if len(flat)%16 != 0 {
		d.Failf("%d bytes of ids", len(flat))
		return nil
	}
	out := make([]T, len(flat)/16)
	for i := range out {
		copy(out[i][:], flat[16*i:])
		if i > 0 && bytes.Compare(out[i-1][:], out[i][:]) >= 0 {
			d.Failf("ids out of order or repeated")
		}
	}
	return out
}

func (d *decoder) heads() {
	if n := d.Array(math.MaxInt32); n != 3*len(d.replicas) {
		d.Failf("%d heads for %d replicas", n, len(d.replicas))
	}
	if d.Err() != nil || len(d.replicas) == 0 {
		return
	}
	r := d.r
	r.Version = make(syncproto.VersionVector, 0, len(d.replicas)+1) // one more may be about to write
	r.edits = make([]lastEdit, 0, len(d.replicas))
	for _, id := range d.replicas {
		seq := d.UintMax(math.MaxInt64)
		r.Version = append(r.Version, syncproto.ChangeID{Replica: id, Seq: syncproto.Seq(seq)})
		if d.Nil() {
			d.UintMax(0)
		} else {
			back := d.Uint()
			if back >= seq {
				d.Failf("latest edit before the first change")
			}
			r.edits = append(r.edits, lastEdit{id, syncproto.Seq(seq - back), uint32(d.UintMax(syncproto.MaxOpsPerPart))})
		}
		if seq == 0 {
			d.Failf("replica without a change")
		}
	}
}

func (d *decoder) changes() {
	n := d.Array(math.MaxInt32)
	if n%4 != 0 {
		d.Failf("table of changes cut short")
	}
	if d.Err() != nil {
		return
	}
	r := d.r
	r.changes = make([]change, 0, n/4+1) // one more is about to be joined
	d.used = make([]bool, n/4)
	authors := make([]bool, len(d.authors))
	for i := 0; i < n/4 && d.Err() == nil; i++ {
		of := d.index()
		c := change{replica: r.Version[of].Replica}
		seq, back := r.Version[of].Seq, syncproto.Seq(d.Uint())
		if back >= seq {
			d.Failf("change before the first")
		}
		c.seq = seq - back
		if a := d.Uint(); a < uint64(len(authors)) {
			c.author, authors[a] = d.authors[a], true
		} else {
			d.Failf("author %d of %d", a, len(authors))
		}
		c.wall = d.Int() + r.ID.Millis()
		if i > 0 {
			last := &r.changes[i-1]
			if o := last.replica.Compare(c.replica); o > 0 || o == 0 && last.seq >= c.seq {
				d.Failf("changes out of order or repeated")
			}
		}
		r.changes = append(r.changes, c)
	}
	if slices.Contains(authors, false) {
		d.Failf("author without a change")
	}
}

// index reads which of the replicas is meant; 0 for one that is not there.
func (d *decoder) index() int {
	i := d.Uint()
	if i >= uint64(len(d.replicas)) {
		d.Failf("replica %d of %d", i, len(d.replicas))
		return 0
	}
	return int(i)
}

func (d *decoder) replica() syncproto.ReplicaID { return d.replicaAt(d.Uint()) }

func (d *decoder) replicaAt(i uint64) (id syncproto.ReplicaID) {
	if i >= uint64(len(d.replicas)) {
		d.Failf("replica %d of %d", i, len(d.replicas))
		return id
	}
	return d.replicas[i]
}

func (d *decoder) elem() syncproto.ElemID { return d.counted(d.replica()) }

// place reads the id of a place, which may be of the list's fold.
func (d *decoder) place() syncproto.ElemID {
	i := d.Uint()
	if i == uint64(len(d.replicas)) && !d.fold.IsZero() {
		return d.counted(d.fold)
	}
	return d.counted(d.replicaAt(i))
}

func (d *decoder) counted(id syncproto.ReplicaID) syncproto.ElemID {
	e := syncproto.ElemID{Replica: id, Counter: d.UintMax(math.MaxInt64)}
	if e.Counter == 0 {
		d.Failf("element counter 0")
	}
	return e
}

func (d *decoder) ref() ref { return d.refAt(d.Uint()) }

// value reads the dot and value of an entry. In an item the dot may be told as
// one that a remove knows.
func (d *decoder) value(e *entry, inItem bool) {
	n := d.Int()
	if n < 0 && inItem {
		n, e.struck = -1-n, true
	}
	if n < 0 {
		d.Failf("dot below 0")
		return
	}
	e.ref, e.value = d.refAt(uint64(n)), d.Raw(syncproto.MaxValueBytes)
}

func (d *decoder) refAt(n uint64) ref {
	changes := uint64(len(d.used))
	if changes == 0 || n/changes >= syncproto.MaxOpsPerPart {
		d.Failf("dot %d beyond the table of %d changes", n, changes)
		return ref{}
	}
	d.used[n%changes] = true
	return ref{ch: uint32(n % changes), op: uint32(n / changes)}
}

func (d *decoder) marks(format uint64) {
	n := d.Array(math.MaxInt32)
	switch {
	case format == formatPlain && n > 0:
		d.Failf("delete marks as an older build wrote them in format %d: the record is to be joined anew", format)
	case format == formatMarks && n == 0:
		d.Failf("format %d without a delete mark", format)
	case n%markMembers != 0:
		d.Failf("marks cut short")
	}
	for i := 0; i < n/markMembers && d.Err() == nil; i++ {
		m := d.mark()
		if i > 0 && d.Err() == nil && d.r.compareRefs(d.r.marks[i-1].ref, m.ref) >= 0 {
			d.Failf("marks out of order or repeated")
		}
		d.r.marks = append(d.r.marks, m)
	}
}

func (d *decoder) mark() mark {
	m := mark{ref: d.ref(), lifted: d.Nil()}
	if !m.lifted {
		m.own = d.Bool()
	}
	m.reason = d.Raw(syncproto.MaxValueBytes)
	if string(m.reason) == string(null) {
		m.reason = nil
	}
	m.seen = d.vector(syncproto.MaxSeenEntries)
	if m.lifted && m.seen != nil {
		d.Failf("a lifted mark with a context")
	}
	m.open = d.vector(len(d.r.edits))
	for _, x := range m.open {
		if m.seen.Covers(x.Replica, x.Seq) || x.Seq > d.r.edited(x.Replica) {
			d.Failf("a mark open to an edit that it knows, or to none")
		}
	}
	return m
}

// vector reads (replica, seq)…, at most limit of them, of changes that are joined.
func (d *decoder) vector(limit int) syncproto.VersionVector {
	n := d.Array(2 * limit)
	if n%2 != 0 {
		d.Failf("vector cut short")
	}
	if n == 0 || d.Err() != nil {
		return nil
	}
	out := make(syncproto.VersionVector, 0, n/2)
	for i, last := 0, 0; i < n/2 && d.Err() == nil; i++ {
		of := d.index()
		if i > 0 && last >= of {
			d.Failf("vector out of order or repeated")
		}
		seq := syncproto.Seq(d.Uint())
		if seq == 0 || d.Err() == nil && seq > d.r.Version[of].Seq {
			d.Failf("vector beyond the version")
		}
		out, last = append(out, syncproto.ChangeID{Replica: d.replicas[of], Seq: seq}), of
	}
	return out
}

// complete checks what only the whole tells.
func (d *decoder) complete() {
	if slices.Contains(d.used, false) {
		d.Failf("change without a live dot")
	}
	if d.lamport > d.r.Lamport || d.lamport < d.r.Lamport && !d.r.Partial {
		d.Failf("Lamport count %d, largest entry %d", d.r.Lamport, d.lamport)
	}
}

// arrayNext reports whether an array comes next.
func (d *decoder) arrayNext() bool {
	const major, array = 0xe0, 0x80
	return d.More() && d.b[d.Offset()]&major == array
}

func (d *decoder) fields(record bool) fieldSet {
	n := d.Array(math.MaxInt32)
	if n == 0 || d.Err() != nil {
		return nil
	}
	out := make(fieldSet, 0, n/2)
	if record {
		d.arena = make([]entry, 0, n/3)
	}
	for n > 0 && d.Err() == nil {
		f := field{name: d.Text(syncproto.MaxFieldBytes)}
		n -= 2
		if d.arrayNext() {
			d.content(&f, record)
		} else {
			n--
			f.class = ClassValue
			var e entry
			d.value(&e, !record)
			f.entries = d.one(e)
		}
		if f.name == "" || n < 0 {
			d.Failf("field without a name, or cut short")
		}
		if len(out) > 0 {
			if last := &out[len(out)-1]; last.name > f.name || last.name == f.name && last.class >= f.class {
				d.Failf("fields out of order or repeated")
			}
		}
		out = append(out, f)
	}
	return out
}

// one takes room for a single entry from the arena: most fields hold one value.
func (d *decoder) one(e entry) []entry {
	if len(d.arena) == cap(d.arena) {
		d.arena = make([]entry, 0, 16)
	}
	d.arena = append(d.arena, e)
	return d.arena[len(d.arena)-1 : len(d.arena) : len(d.arena)]
}

func (d *decoder) content(f *field, record bool) {
	n := d.Array(maxEntries) - 1
	f.class = Class(d.UintMax(math.MaxUint8))
	switch {
	case f.class == ClassValue && n >= 4, f.class == ClassSet && n >= 0:
		d.entries(f, n, 2, !record)
	case f.class == ClassLog && n >= 3:
		d.entries(f, n, 3, !record)
	case f.class == ClassText && n == 1:
		f.text = &textField{raw: d.Bytes(maxTextBytes)}
	case f.class == ClassList && n >= 2 && record:
		f.list = d.list(n - 1)
	default:
		d.Failf("field of class %d with %d members", f.class, n)
	}
}

func (d *decoder) entries(f *field, n, each int, inItem bool) {
	if n%each != 0 {
		d.Failf("entries cut short")
	}
	if d.Err() != nil {
		return
	}
	f.entries = make([]entry, 0, min(n/each, 1024)+1)
	for i := 0; i < n/each && d.Err() == nil; i++ {
		var e entry
		if f.class == ClassLog {
			if e.lamport = d.UintMax(math.MaxInt64); e.lamport == 0 {
				d.Failf("Lamport count 0")
			}
			d.lamport = max(d.lamport, e.lamport)
		}
		d.value(&e, inItem && f.class == ClassValue)
		if i > 0 && d.Err() == nil && d.r.compareEntries(f.class, &f.entries[i-1], &e) >= 0 {
			d.Failf("entries out of order or repeated")
		}
		f.entries = append(f.entries, e)
	}
}

func (d *decoder) list(n int) *list {
	l := &list{places: textField{raw: d.Bytes(maxTextBytes)}}
	d.fold, _ = fold.Of(l.places.raw)
	if n > maxItems {
		d.Failf("%d items over the limit %d", n, maxItems)
	}
	if d.Err() != nil {
		return l
	}
	l.items = make([]*item, 0, n)
	for i := 0; i < n && d.Err() == nil; i++ {
		if m := d.Array(5 + 1); d.Err() == nil && m != 5 {
			d.Failf("item of %d members", m)
		}
		it := d.item()
		if i > 0 && l.items[i-1].id.Compare(it.id) >= 0 {
			d.Failf("items out of order or repeated")
		}
		l.items = append(l.items, it)
	}
	return l
}
