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
// Start with Doc and Edit. FORMAT.md beside this file says how both are
// written. The package knows no changes, dots or versions: who may edit, and
// in which causal order edits arrive, is for package crdt.
package text

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
)

// The refusals of this package. Both are wrapped with what was refused and why.
var (
	// ErrMissing: the edit is well formed, but an element it names, or the
	// author's element before its first, is not here yet.
	ErrMissing = errors.New("text element not here yet")
	// ErrInvalid: no text can ever take this edit, or the bytes are damaged.
	ErrInvalid = errors.New("invalid text edit or state")
	// ErrRange: a local edit reaches outside the text.
	ErrRange = errors.New("position outside the text")
)

// maxElements bounds a text, tombstones included. The tables of a text are in
// proportion to its elements, and a few bytes of state can claim many of them.
const maxElements = 1 << 24

// maxRuns bounds the runs of one edit.
const maxRuns = 1 << 16

// Doc is one text with its history of places. The zero value is not usable:
// see New and Decode. Not safe for concurrent use.
type Doc struct {
	chars    int  // visible code points
	elements int  // all that are here, tombstones included
	folded   bool // elements were folded away: some author's base is above 0

	// raw is the state as it was decoded and plain the text within it, until
	// something needs the items; then both are nil and what follows is valid.
	raw, plain []byte

	buf     []byte // text of the items, in the order of writing; only ever appended to
	live    int    // bytes of buf that visible items use
	items   []item
	nodes   []node // the tree over the items; 0 is the leftmost leaf
	root    int32
	authors []author
	indexed bool                          // the authors know their elements' items
	byID    map[syncproto.ReplicaID]int32 // first entry in authors, once they are many

	ways  []way // of the items, once a place was crowded
	few   int   // fewSteps
	steps int   // taken to place runs, for tests
}

// New returns an empty text.
func New() *Doc { return &Doc{raw: emptyState, plain: emptyState[len(emptyState):]} }

// NewAfter returns what a text is to somebody who sees nothing of it but knows
// that r's counters have come to counter: r's elements go on from there, up to
// it they are as good as folded away.
func NewAfter(r syncproto.ReplicaID, counter uint64) *Doc {
	d := New()
	if counter > 0 && counter < maxCounter {
		d.open()
		d.addAuthor(r, counter)
		d.folded = true
	}
	return d
}

func (d *Doc) reset(items int) {
	d.items = make([]item, 0, items)
	d.nodes = append(make([]node, 0, 1+items/(fan/2)), node{parent: -1, next: -1, leaf: true})
	d.root, d.few = 0, fewSteps
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
	for n := int32(0); n >= 0; n = d.nodes[n].next {
		nd := &d.nodes[n]
		for _, slot := range nd.kids[:nd.n] {
			it := &d.items[slot]
			b = append(b, d.buf[it.off:it.off+it.size]...)
		}
	}
	return b
}

// Highest is the highest counter of r present, tombstones included.
func (d *Doc) Highest(r syncproto.ReplicaID) uint64 {
	d.open()
	if a := d.lastEntry(r); a >= 0 {
		return d.authors[a].highest()
	}
	return 0
}

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
	if d.begin(author, e) {
		return
	}
	d.open()
	d.apply(author, e)
}

func (d *Doc) apply(author syncproto.ReplicaID, e Edit) {
	for i := range e.Inserts {
		ins := &e.Inserts[i]
		a := d.entryFor(author, ins.Counter)
		d.integrate(a, d.ref(ins.Left), d.ref(ins.Right), ins.Text)
	}
	for _, del := range e.Deletes {
		d.deleteRun(d.ref(del.First), int32(del.N))
	}
	d.compact()
}

// Replace deletes del code points at at and inserts ins in their place, and
// returns the edit to send to others. It takes the author's elements for known
// to nobody else yet.
func (d *Doc) Replace(author syncproto.ReplicaID, at, del int, ins string) (Edit, error) {
	return d.ReplaceFrom(author, 1, d.Highest(author)+1, at, del, ins)
}

// ReplaceFrom is Replace with element ids from next on, at least Highest+1;
// the author's elements from since on are known to nobody else yet. It
// serves an edit made on an older copy of a text in which the same replica has
// since inserted elsewhere: that copy then has a gap in its ids and is scratch;
// it serves for further ReplaceFrom calls and reading, and for nothing else.
func (d *Doc) ReplaceFrom(author syncproto.ReplicaID, since, next uint64, at, del int, ins string) (Edit, error) {
	d.open()
	if at < 0 || del < 0 || at > d.chars || del > d.chars-at {
		return Edit{}, fmt.Errorf("%w: %d code points at %d of %d", ErrRange, del, at, d.chars)
	}
	if !utf8.ValidString(ins) {
		return Edit{}, fmt.Errorf("%w: inserted text is not UTF-8", ErrInvalid)
	}
	if len(ins) > 0 {
		if err := d.checkRoom(uint64(utf8.RuneCountInString(ins))); err != nil {
			return Edit{}, err
		}
		if high := d.Highest(author); next <= high {
			return Edit{}, fmt.Errorf("%w: element %d of the author after %d", ErrInvalid, next, high)
		}
	}
	e := Edit{author: author}
	if del > 0 {
		e.Deletes = d.deleteVisible(at, del)
	}
	if len(ins) > 0 {
		e.Inserts = []Insert{d.insertVisible(author, since, next, at, ins)}
	}
	d.compact()
	return e, nil
}

// insertVisible inserts before the visible element at. Among tombstones it
// stays with the author's latest element if that is one of them and new since
// since: a run that is typed, corrected by backspace and typed on remains one
// run. Otherwise it comes right after the visible element on its left. So it
// does beside a tombstone that others know: they write between that element and
// the tombstone, and a run with characters on both sides would take theirs in.
func (d *Doc) insertVisible(author syncproto.ReplicaID, since, next uint64, at int, ins string) Insert {
	left := none
	if at > 0 {
		n, i, off := d.locate(at - 1)
		left = d.items[d.nodes[n].kids[i]].element(off)
	}
	if last := d.ref(syncproto.ElemID{Replica: author, Counter: next - 1}); next > since && last != none && last != left {
		if it := d.item(last); it.size == 0 && d.rank(d.slot(last)) == at {
			left = last
		}
	}
	right := d.elementAt(d.after(left))
	out := Insert{Counter: next, Left: d.id(left), Right: d.id(right), Text: ins}
	d.integrate(d.entryFor(author, next), left, right, ins)
	return out
}

// Passage is visible text of one author whose elements have consecutive ids.
type Passage struct {
	Replica syncproto.ReplicaID
	First   syncproto.ElemID
	Text    string
	// Contested says that this passage and the one before it, another
	// author's, were put concurrently into one place whose words are deleted:
	// two people replaced the same words. Who deleted is not kept, so one who
	// only inserted just where the other replaced counts too.
	Contested bool
}

// Passages is the visible text in passages, in order.
func (d *Doc) Passages() []Passage {
	d.open()
	var out []Passage
	var b []byte
	var end ref
	var begun *item // the item the last passage begins with
	for n := int32(0); n >= 0; n = d.nodes[n].next {
		nd := &d.nodes[n]
		for _, slot := range nd.kids[:nd.n] {
			it := &d.items[slot]
			if it.size == 0 {
				continue
			}
			first := it.element(0)
			if len(out) == 0 || first != end {
				if len(out) > 0 {
					out[len(out)-1].Text = string(b)
				}
				out = append(out, Passage{Replica: d.authors[it.author].id, First: d.id(first), Contested: begun != nil && d.contests(begun, it)})
				b, begun = b[:0], it
			}
			b = append(b, d.buf[it.off:it.off+it.size]...)
			end = it.element(it.n)
		}
	}
	if len(out) > 0 {
		out[len(out)-1].Text = string(b)
	}
	return out
}

// contests tells whether two runs of two authors stand in one place, neither
// knowing of the other, before an element that is deleted.
func (d *Doc) contests(x, y *item) bool {
	return x.left == y.left && x.right == y.right && x.right != none &&
		d.authors[x.author].id != d.authors[y.author].id && d.item(x.right).size == 0
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
	out.items = append([]item(nil), d.items...)
	out.nodes = append([]node(nil), d.nodes...)
	out.ways = append([]way(nil), d.ways...)
	out.authors = append([]author(nil), d.authors...)
	for i := range out.authors {
		out.authors[i].where = append([]int32(nil), d.authors[i].where...)
	}
	if d.byID != nil {
		out.byID = make(map[syncproto.ReplicaID]int32, len(d.byID))
		for k, v := range d.byID {
			out.byID[k] = v
		}
	}
	return &out
}
