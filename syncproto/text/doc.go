// Package text is the text of 船头记: minutes that several devices write at
// once, without a network, and that read the same everywhere once they meet.
//
// The order is FugueMax (Weidner and Kleppmann, "The Art of the Fugue",
// arXiv 2305.00583), integrated as YjsMod does in josephg/reference-crdts,
// over runs instead of single elements. An element is one code point with an
// id, syncproto.ElemID; it is placed once and never moves. Runs typed
// concurrently at one place stay whole. A deleted element becomes a
// tombstone: id and place stay so that late edits find their place, the
// content goes and never returns. Nothing is normalised.
//
// To read it in one sitting: this file; check.go, what an edit must satisfy;
// item.go, how runs are kept, cut and put in; place.go, where one goes, with
// way.go for crowded places; delete.go, how tombstones come about; local.go, what
// typing becomes; stored.go, how a text lies closed until it is needed; read.go,
// what can be asked of it.
//
// What can be understood by itself lies beneath: an edit and its bytes (edit),
// the bytes of a text (column, with the strict reader of all formats), which
// item holds an element (elem) and the order of items (tree); and above it how a
// text is folded (fold). FORMAT.md is the formats. The package knows no
// changes, dots or versions: who may edit, and in which causal order edits
// arrive, is for package crdt.
package text

import (
	"errors"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/text/column"
	"github.com/chuantou/chuantou/syncproto/text/edit"
	"github.com/chuantou/chuantou/syncproto/text/elem"
	"github.com/chuantou/chuantou/syncproto/text/strict"
	"github.com/chuantou/chuantou/syncproto/text/tree"
)

// What one op does to a text.
type (
	Edit   = edit.Edit
	Insert = edit.Insert
	Delete = edit.Delete
)

// The refusals of this package, wrapped with what was refused and why.
var (
	// ErrMissing: the edit is well formed, but an element it names, or the
	// author's element before its first, is not here yet.
	ErrMissing = errors.New("text element not here yet")
	// ErrInvalid: no text can ever take this edit, or the bytes are damaged.
	ErrInvalid = strict.ErrInvalid
	// ErrRange: a local edit reaches outside the text.
	ErrRange = errors.New("position outside the text")
)

// ref is an element inside a Doc; none, as a left origin the start, as a right
// one the end.
type ref = elem.Ref

var none = elem.None

// Doc is one text with its history of places. The zero value is not usable:
// see New and Decode. Not safe for concurrent use.
type Doc struct {
	chars    int  // visible code points
	elements int  // all that are here, tombstones included
	folded   bool // elements were folded away: some author's base is above 0

	// raw is the state as it was decoded and plain the text within it, until
	// something needs the items; then both are nil and what follows is valid.
	raw, plain []byte

	buf   []byte // text of the items, in the order of writing; only ever appended to
	live  int    // bytes of buf that visible items use
	items []item
	order tree.Tree  // of the items; they weigh their visible elements
	elems elem.Table // held by items

	ways  []way // of the items, once a place was crowded
	few   int   // fewSteps
	steps int   // taken to place runs, for tests
}

var emptyState = column.AppendEmpty(nil)

// New returns an empty text.
func New() *Doc { return &Doc{raw: emptyState, plain: emptyState[len(emptyState):]} }

// NewAfter returns what a text is to somebody who sees nothing of it but knows
// that r's counters have come to counter: r's elements go on from there, up to
// it they are as good as folded away.
func NewAfter(r syncproto.ReplicaID, counter uint64) *Doc {
	d := New()
	if counter > 0 && counter < strict.MaxCounter {
		d.open()
		d.elems.Add(r, counter, 0)
		d.folded = true
	}
	return d
}

// Len is the number of visible code points.
func (d *Doc) Len() int { return d.chars }

// String is the visible text.
func (d *Doc) String() string {
	if d.raw != nil {
		return string(d.plain)
	}
	return string(d.AppendText(make([]byte, 0, d.live)))
}

// Size is how many bytes String has.
func (d *Doc) Size() int {
	if d.raw != nil {
		return len(d.plain)
	}
	return d.live
}

// AppendText appends the visible text.
func (d *Doc) AppendText(b []byte) []byte {
	if d.raw != nil {
		return append(b, d.plain...)
	}
	for slot := range d.order.All() {
		it := &d.items[slot]
		b = append(b, d.buf[it.off:it.off+it.size]...)
	}
	return b
}

// Highest is the highest counter of r present, tombstones included.
func (d *Doc) Highest(r syncproto.ReplicaID) uint64 {
	d.open()
	return d.elems.Highest(r)
}

// Folded reports whether elements of this text were folded away: their ids are
// missing here although they are below a replica's highest.
func (d *Doc) Folded() bool { return d.folded }

// HasElements reports whether anything was ever written.
func (d *Doc) HasElements() bool { return d.elements > 0 }

// Apply does what the edit says, all of it or nothing: the error is that of
// Check. Elements that were deleted before stay deleted. An edit applied
// twice is refused, so the caller tells redelivery.
func (d *Doc) Apply(author syncproto.ReplicaID, e Edit) error {
	if err := d.Check(author, e); err != nil {
		return err
	}
	d.Integrate(author, e)
	return nil
}

// Integrate is Apply for an edit that Check admitted just now. Any other may
// leave the text broken.
func (d *Doc) Integrate(author syncproto.ReplicaID, e Edit) {
	if d.begins(&e) {
		d.begin(author, &e.Inserts[0])
		return
	}
	d.open()
	for i := range e.Inserts {
		ins := &e.Inserts[i]
		d.integrate(d.elems.For(author, ins.Counter), d.elems.Ref(ins.Left), d.elems.Ref(ins.Right), ins.Text)
	}
	for i := range e.Deletes {
		d.deleteRun(d.elems.Ref(e.Deletes[i].First), int32(e.Deletes[i].N))
	}
	d.compact()
}

// Clone returns an independent copy.
func (d *Doc) Clone() *Doc {
	out := *d
	if d.raw != nil {
		return &out
	}
	// Bytes of buf are never changed once written: both go on from a shared
	// stock, with no room left in it, so that each appends to its own.
	d.buf = d.buf[:len(d.buf):len(d.buf)]
	out.buf = d.buf
	out.items, out.ways = slices.Clone(d.items), slices.Clone(d.ways)
	out.order, out.elems = d.order.Clone(), d.elems.Clone()
	return &out
}
