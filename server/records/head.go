package records

import (
	"math"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Head is what the server keeps of a record beside its state.
type Head struct {
	Atoms   []syncproto.Atom // where it is fed
	Steps   uint32           // parts joined
	Waiting uint32           // held parts of this record
	// Fed lists the feed entries that pass on parts of the record as bytes: when
	// its audience narrows they are marked to be looked at record by record.
	Fed      []Fed
	Received int64 // first arrival, Unix milliseconds
	Changed  int64 // last arrival
	// Sums are the digests of the state as readers with scope and team, and
	// with everything, see it: what it adds to its atoms' sums.
	Sums [2]syncproto.Hash
	// Row is the record's key in the timeline by occurrence, empty for none.
	Row       []byte
	Excluding bool // named in about_person_ids: somebody may not see it
	// Ledger number: running number and year of receipt, 0 before the first 提交.
	Number, Year uint32
	// Unfolded says which unfolded state lies beside the record, by its number
	// of steps; 0 while it was never folded.
	Unfolded uint32
	// Weighed is how many bytes the state had when it was last folded, or found
	// not worth it.
	Weighed uint32
}

// Fed names a feed entry.
type Fed struct {
	Atom syncproto.Atom
	N    uint64
}

// Record is a stored record: head and encoded state.
type Record struct {
	Head
	State []byte // empty: nothing is joined, or it is left out, see Frames.State
	Size  int    // of the stored value
}

// Append encodes head and state.
func (c *Record) Append(b []byte) []byte {
	members := headMembers
	if c.folds() {
		members = foldedMembers
	}
	b = wire.AppendArray(begin(b, members), len(c.Atoms))
	for _, a := range c.Atoms {
		b = wire.AppendText(b, string(a))
	}
	b = wire.AppendUint(wire.AppendUint(b, uint64(c.Steps)), uint64(c.Waiting))
	b = wire.AppendInt(wire.AppendInt(b, c.Received), c.Changed)
	b = wire.AppendBytes(wire.AppendBytes(b, c.Sums[0][:16]), c.Sums[1][:16])
	b = wire.AppendBool(b, c.Excluding)
	b = wire.AppendBytes(b, c.Row)
	b = wire.AppendUint(wire.AppendUint(b, uint64(c.Number)), uint64(c.Year))
	b = wire.AppendArray(b, 2*len(c.Fed))
	for _, f := range c.Fed {
		b = wire.AppendUint(wire.AppendText(b, string(f.Atom)), f.N)
	}
	if members == foldedMembers {
		b = wire.AppendUint(wire.AppendUint(b, uint64(c.Unfolded)), uint64(c.Weighed))
	}
	return wire.AppendBytes(b, c.State)
}

// The members of a stored record: two more once it was weighed for a fold.
const (
	headMembers   = 13
	foldedMembers = 15
)

func (h *Head) folds() bool { return h.Unfolded != 0 || h.Weighed != 0 }

// DecodeRecord reads a stored record; row and state alias v.
func DecodeRecord(v []byte) (c Record, err error) {
	members := headMembers
	if len(v) > 1 && v[1] == wire.AppendArray(nil, foldedMembers)[0] {
		members = foldedMembers
	}
	r, err := open(v, members, "record")
	if err != nil {
		return c, err
	}
	c.Size = len(v)
	for n := r.Array(64); n > 0 && r.Err() == nil; n-- {
		c.Atoms = append(c.Atoms, syncproto.Atom(r.Text(64)))
	}
	c.Steps, c.Waiting = uint32(r.UintMax(math.MaxUint32)), uint32(r.UintMax(math.MaxUint32))
	c.Received, c.Changed = r.Int(), r.Int()
	r.Fixed(c.Sums[0][:16])
	r.Fixed(c.Sums[1][:16])
	c.Excluding = r.Bool()
	c.Row = r.Bytes(len(v))
	c.Number, c.Year = uint32(r.UintMax(math.MaxUint32)), uint32(r.UintMax(math.MaxUint32))
	for n := r.Array(4096); n > 1 && r.Err() == nil; n -= 2 {
		c.Fed = append(c.Fed, Fed{syncproto.Atom(r.Text(64)), r.Uint()})
	}
	if members == foldedMembers {
		c.Unfolded, c.Weighed = uint32(r.UintMax(math.MaxUint32)), uint32(r.UintMax(math.MaxUint32))
		if !c.folds() {
			r.Failf("a record that was never weighed, of %d members", members)
		}
	}
	c.State = r.Bytes(len(v))
	return c, done(r, "record")
}
