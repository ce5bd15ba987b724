package records

import (
	"math"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// EntryKind says what a feed entry tells. Numbers are stored.
type EntryKind uint8

// The kinds of feed entry.
const (
	FeedBundle EntryKind = 1 // a whole stored bundle, its bytes passed on as they came
	FeedSlice  EntryKind = 2 // some changes of a bundle, other parts withheld; own frame
	FeedTouch  EntryKind = 3 // records whose state is to be taken anew
	FeedLeave  EntryKind = 4 // records that left the atom
)

// Needs says what a reader must be cleared for to get an entry's bytes as
// they are: audience classes, and the special bits below.
type Needs uint8

// NeedsLook is set when an entry holds a record that not every cleared reader
// may see (回避): each reader's view is made for him.
const NeedsLook Needs = 1 << 7

// Classes returns the audience classes among the needs.
func (n Needs) Classes() syncproto.Audience { return syncproto.Audience(n) & syncproto.ForAll }

// Entry is one step of an atom's feed.
type Entry struct {
	Kind     EntryKind
	Replica  syncproto.ReplicaID
	From     syncproto.Seq
	Count    int
	Offsets  []uint64 // FeedSlice
	Needs    Needs
	Records  []syncproto.RecordID
	Keys     []syncproto.KeyID // sealing keys first used here
	RawBytes int
	Frame    []byte // FeedSlice
	Bytes    int    // what a page pays for it, about
	// Mark is drawn at random by the update that wrote the entry. Another entry
	// under this number, as after an older copy of the store was put back and
	// written to again, has another.
	Mark uint32
}

// Append encodes the entry.
func (e *Entry) Append(b []byte) []byte {
	b = wire.AppendUint(begin(b, 12), uint64(e.Kind))
	b = wire.AppendBytes(b, e.Replica[:])
	b = wire.AppendUint(wire.AppendUint(b, uint64(e.From)), uint64(e.Count))
	b = wire.AppendArray(b, len(e.Offsets))
	for _, o := range e.Offsets {
		b = wire.AppendUint(b, o)
	}
	b = wire.AppendUint(b, uint64(e.Needs))
	ids := make([]byte, 0, 16*len(e.Records))
	for i := range e.Records {
		ids = append(ids, e.Records[i][:]...)
	}
	keys := make([]byte, 0, 8*len(e.Keys))
	for i := range e.Keys {
		keys = append(keys, e.Keys[i][:]...)
	}
	b = wire.AppendBytes(wire.AppendBytes(b, ids), keys)
	b = wire.AppendUint(b, uint64(e.RawBytes))
	b = wire.AppendUint(b, uint64(e.Bytes))
	b = wire.AppendUint(b, uint64(e.Mark))
	return wire.AppendBytes(b, e.Frame)
}

// DecodeEntry reads a feed entry; its frame aliases v.
func DecodeEntry(v []byte) (e Entry, err error) {
	r, err := open(v, 12, "feed entry")
	if err != nil {
		return e, err
	}
	e.Kind = EntryKind(r.UintMax(math.MaxUint8))
	r.Fixed(e.Replica[:])
	e.From, e.Count = syncproto.Seq(r.Uint()), int(r.UintMax(wire.MaxBundleChanges))
	for n := r.Array(len(v)); n > 0 && r.Err() == nil; n-- {
		e.Offsets = append(e.Offsets, r.Uint())
	}
	e.Needs = Needs(r.UintMax(math.MaxUint8))
	ids, keys := r.Bytes(len(v)), r.Bytes(len(v))
	for ; len(ids) >= 16; ids = ids[16:] {
		e.Records = append(e.Records, syncproto.RecordID(ids[:16]))
	}
	for ; len(keys) >= 8; keys = keys[8:] {
		e.Keys = append(e.Keys, syncproto.KeyID(keys[:8]))
	}
	e.RawBytes = int(r.UintMax(wire.MaxRawBytes))
	e.Bytes = int(r.UintMax(math.MaxInt32))
	e.Mark = uint32(r.UintMax(math.MaxUint32))
	e.Frame = r.Bytes(len(v))
	return e, done(r, "feed entry")
}

// AtomHead is how far an atom's feed is and what its records add up to.
type AtomHead struct {
	N       uint64 // number of the last entry
	Mark    uint32 // its mark
	Records int
	Sums    [2]syncproto.Digest // scope and team; everything
	Bytes   uint64              // of all entries: for progress
	// Excluding counts the records that somebody of the audience may not see
	// (回避): while there are any, the sums hold for nobody in particular.
	Excluding int
}

// Append encodes the head.
func (h *AtomHead) Append(b []byte) []byte {
	b = wire.AppendUint(wire.AppendUint(wire.AppendUint(begin(b, 7), h.N), uint64(h.Mark)), uint64(h.Records))
	b = wire.AppendBytes(wire.AppendBytes(b, h.Sums[0][:]), h.Sums[1][:])
	return wire.AppendUint(wire.AppendUint(b, h.Bytes), uint64(h.Excluding))
}

// DecodeAtomHead reads a head; nil is that of an empty atom.
func DecodeAtomHead(v []byte) (h AtomHead, err error) {
	if v == nil {
		return h, nil
	}
	r, err := open(v, 7, "atom head")
	if err != nil {
		return h, err
	}
	h.N, h.Mark, h.Records = r.Uint(), uint32(r.UintMax(math.MaxUint32)), int(r.UintMax(math.MaxInt32))
	r.Fixed(h.Sums[0][:])
	r.Fixed(h.Sums[1][:])
	h.Bytes, h.Excluding = r.Uint(), int(r.UintMax(math.MaxInt32))
	return h, done(r, "atom head")
}
