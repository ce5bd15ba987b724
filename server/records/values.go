package records

import (
	"fmt"
	"math"
	"slices"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// format is the version byte of every value here; an older program refuses a newer one.
const format = 1

func begin(b []byte, members int) []byte { return wire.AppendArray(append(b, format), members) }

// openAny checks the format byte.
func openAny(v []byte, what string) (*wire.Reader, error) {
	if len(v) == 0 || v[0] != format {
		return nil, fmt.Errorf("stored %s: unknown format, a newer version of the program wrote it", what)
	}
	return wire.NewReader(v[1:]), nil
}

// open checks the format byte and reads the array head.
func open(v []byte, members int, what string) (*wire.Reader, error) {
	r, err := openAny(v, what)
	if err != nil {
		return nil, err
	}
	if n := r.Array(members); r.Err() == nil && n != members {
		r.Failf("%s of %d members", what, n)
	}
	return r, nil
}

func done(r *wire.Reader, what string) error {
	if err := r.Done(); err != nil {
		return fmt.Errorf("stored %s: %w", what, err)
	}
	return nil
}

// Bundle is a stored run of one replica's changes.
type Bundle struct {
	Count    int
	Received int64 // server's clock at arrival, Unix milliseconds
	PrevLink syncproto.Hash
	Hashes   []syncproto.Hash // of each change: redelivery and forks are told by them
	Salts    []syncproto.Salt // of each part, in order; the seed is forgotten
	Sig      syncproto.Signature
	RawBytes int
	Frame    []byte
}

// Append encodes the bundle.
func (u *Bundle) Append(b []byte) []byte {
	b = wire.AppendUint(begin(b, 8), uint64(u.Count))
	b = wire.AppendInt(b, u.Received)
	b = wire.AppendBytes(b, u.PrevLink[:])
	hashes := make([]byte, 0, 32*len(u.Hashes))
	for i := range u.Hashes {
		hashes = append(hashes, u.Hashes[i][:]...)
	}
	salts := make([]byte, 0, 16*len(u.Salts))
	for i := range u.Salts {
		salts = append(salts, u.Salts[i][:]...)
	}
	b = wire.AppendBytes(wire.AppendBytes(b, hashes), salts)
	b = wire.AppendBytes(b, u.Sig[:])
	b = wire.AppendUint(b, uint64(u.RawBytes))
	return wire.AppendBytes(b, u.Frame)
}

// DecodeBundle reads a stored bundle; its frame aliases v.
func DecodeBundle(v []byte) (u Bundle, err error) {
	r, err := open(v, 8, "bundle")
	if err != nil {
		return u, err
	}
	u.Count = int(r.UintMax(wire.MaxBundleChanges))
	u.Received = r.Int()
	r.Fixed(u.PrevLink[:])
	hashes, salts := r.Bytes(len(v)), r.Bytes(len(v))
	if len(hashes) != 32*u.Count || len(salts)%16 != 0 {
		r.Failf("%d bytes of hashes, %d of salts for %d changes", len(hashes), len(salts), u.Count)
	}
	for ; len(hashes) >= 32; hashes = hashes[32:] {
		u.Hashes = append(u.Hashes, syncproto.Hash(hashes[:32]))
	}
	for ; len(salts) >= 16; salts = salts[16:] {
		u.Salts = append(u.Salts, syncproto.Salt(salts[:16]))
	}
	r.Fixed(u.Sig[:])
	u.RawBytes = int(r.UintMax(wire.MaxRawBytes))
	u.Frame = r.Bytes(len(v))
	return u, done(r, "bundle")
}

// Log is what is known of one replica's chain.
type Log struct {
	Received syncproto.Ranges
	// Head and Link are the highest change received and its chain link; links
	// of others are recomputed from the bundles.
	Head syncproto.Seq
	Link syncproto.Hash
	Held uint64 // parts held now
	// Rejected are parts that an administrator did not accept: they stay listed
	// among the holds so that their author is told.
	Rejected uint64
	Forked   bool
	Gaps     uint64 // bundles that arrived with a gap before them: evidence, shown
	// BackedUp is what of Received is in a backup that was read back and found whole.
	BackedUp syncproto.Ranges
}

// Append encodes the log.
func (l *Log) Append(b []byte) []byte {
	members := 7
	if len(l.BackedUp) > 0 {
		members++
	}
	b = appendRanges(begin(b, members), l.Received)
	b = wire.AppendUint(b, uint64(l.Head))
	b = wire.AppendBytes(b, l.Link[:])
	b = wire.AppendUint(wire.AppendUint(b, l.Held), l.Rejected)
	b = wire.AppendBool(b, l.Forked)
	b = wire.AppendUint(b, l.Gaps)
	if len(l.BackedUp) > 0 {
		b = appendRanges(b, l.BackedUp)
	}
	return b
}

func appendRanges(b []byte, rs syncproto.Ranges) []byte {
	b = wire.AppendArray(b, 2*len(rs))
	for _, r := range rs {
		b = wire.AppendUint(wire.AppendUint(b, uint64(r.From)), uint64(r.To))
	}
	return b
}

func readRanges(r *wire.Reader, limit int) (rs syncproto.Ranges) {
	for n := r.Array(limit); n > 1 && r.Err() == nil; n -= 2 {
		rs = append(rs, syncproto.Range{From: syncproto.Seq(r.Uint()), To: syncproto.Seq(r.Uint())})
	}
	return rs
}

// DecodeLog reads a log; nil is the log of an unknown replica.
func DecodeLog(v []byte) (l Log, err error) {
	if v == nil {
		return l, nil
	}
	r, err := openAny(v, "replica log")
	if err != nil {
		return l, err
	}
	members := r.Array(8)
	if r.Err() == nil && members < 7 {
		r.Failf("replica log of %d members", members)
	}
	l.Received = readRanges(r, len(v))
	l.Head = syncproto.Seq(r.Uint())
	r.Fixed(l.Link[:])
	l.Held, l.Rejected = r.Uint(), r.Uint()
	l.Forked = r.Bool()
	l.Gaps = r.Uint()
	if members == 8 {
		l.BackedUp = readRanges(r, len(v))
	}
	return l, done(r, "replica log")
}

// ForkedPart is set in the part number of a held part of a fork: the number
// itself may be held or joined too.
const ForkedPart = 1 << 15

// Hold is a held part.
type Hold struct {
	Record   syncproto.RecordID
	Kind     string
	Author   syncproto.PersonID
	Reason   syncproto.HoldReason
	Detail   string // what was waited for or wrong, never a field's value; what the author of a rejected part is told
	Bundle   syncproto.Seq
	Fork     syncproto.Hash // set when the bundle lies under a ForkKey
	Wall     int64
	Received int64
}

// Append encodes the hold.
func (h *Hold) Append(b []byte) []byte {
	b = wire.AppendBytes(begin(b, 9), h.Record[:])
	b = wire.AppendText(b, h.Kind)
	b = wire.AppendBytes(b, h.Author[:])
	b = wire.AppendUint(b, uint64(h.Reason))
	b = wire.AppendText(b, h.Detail)
	b = wire.AppendUint(b, uint64(h.Bundle))
	b = wire.AppendBytes(b, h.Fork[:])
	return wire.AppendInt(wire.AppendInt(b, h.Wall), h.Received)
}

// DecodeHold reads a hold.
func DecodeHold(v []byte) (h Hold, err error) {
	r, err := open(v, 9, "held part")
	if err != nil {
		return h, err
	}
	r.Fixed(h.Record[:])
	h.Kind = r.Text(syncproto.MaxKindBytes)
	r.Fixed(h.Author[:])
	h.Reason = syncproto.HoldReason(r.UintMax(math.MaxUint8))
	h.Detail = r.Text(4096)
	h.Bundle = syncproto.Seq(r.Uint())
	r.Fixed(h.Fork[:])
	h.Wall, h.Received = r.Int(), r.Int()
	return h, done(r, "held part")
}

// AppendReissued encodes by what a change is issued anew.
func AppendReissued(b []byte, a *syncproto.Reissued) []byte {
	b = wire.AppendBytes(begin(b, 3), a.As.Replica[:])
	return wire.AppendIndexes(wire.AppendUint(b, uint64(a.As.Seq)), a.Parts)
}

// DecodeReissued reads it.
func DecodeReissued(v []byte) (a syncproto.Reissued, err error) {
	r, err := open(v, 3, "change issued anew")
	if err != nil {
		return a, err
	}
	r.Fixed(a.As.Replica[:])
	a.As.Seq = syncproto.Seq(r.Uint())
	a.Parts = wire.ReadIndexes(r)
	return a, done(r, "change issued anew")
}

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

// Step is one part joined to a record: its history, in apply order. Joining
// the parts of all steps anew, each with its Options, gives the record's state.
type Step struct {
	Replica  syncproto.ReplicaID
	Seq      syncproto.Seq
	Part     int
	Bundle   syncproto.Seq
	Received int64
	// Blind lists the fields its author could not read when it was joined; his
	// ops there removed nothing of others. Decided once: rights change later.
	Blind []BlindField
	// Void lists the fields that it came too late to set: see crdt.Options.
	Void []string
}

// BlindField is a field, or a sub-field of a list's items, as package crdt
// asks for it.
type BlindField struct{ Field, Sub string }

// Change is the change that the step is of.
func (s *Step) Change() syncproto.ChangeID { return syncproto.ChangeID{Replica: s.Replica, Seq: s.Seq} }

// Options is what the step's part was joined with.
func (s *Step) Options() crdt.Options {
	if len(s.Blind) == 0 {
		return crdt.Options{}
	}
	opt := crdt.Options{Blind: func(field, sub string) bool { return slices.Contains(s.Blind, BlindField{field, sub}) }}
	if len(s.Void) > 0 {
		opt.Void = func(field string) bool { return slices.Contains(s.Void, field) }
	}
	return opt
}

// Append encodes the step.
func (s *Step) Append(b []byte) []byte {
	members := 6
	if len(s.Void) > 0 {
		members = 7
	}
	b = wire.AppendBytes(begin(b, members), s.Replica[:])
	b = wire.AppendUint(wire.AppendUint(b, uint64(s.Seq)), uint64(s.Part))
	b = wire.AppendInt(wire.AppendUint(b, uint64(s.Bundle)), s.Received)
	b = wire.AppendArray(b, 2*len(s.Blind))
	for _, f := range s.Blind {
		b = wire.AppendText(wire.AppendText(b, f.Field), f.Sub)
	}
	if members == 6 {
		return b
	}
	b = wire.AppendArray(b, len(s.Void))
	for _, f := range s.Void {
		b = wire.AppendText(b, f)
	}
	return b
}

// DecodeStep reads a step.
func DecodeStep(v []byte) (s Step, err error) {
	r, err := openAny(v, "history step")
	if err != nil {
		return s, err
	}
	members := r.Array(7)
	if r.Err() == nil && members < 6 {
		r.Failf("history step of %d members", members)
	}
	r.Fixed(s.Replica[:])
	s.Seq, s.Part = syncproto.Seq(r.Uint()), int(r.UintMax(math.MaxUint16))
	s.Bundle, s.Received = syncproto.Seq(r.Uint()), r.Int()
	for n := r.Array(4 * syncproto.MaxOpsPerPart); n > 1 && r.Err() == nil; n -= 2 {
		s.Blind = append(s.Blind, BlindField{r.Text(syncproto.MaxFieldBytes), r.Text(syncproto.MaxFieldBytes)})
	}
	if members == 7 {
		n := r.Array(syncproto.MaxOpsPerPart)
		if r.Err() == nil && n == 0 {
			r.Failf("an empty list of void fields")
		}
		for ; n > 0 && r.Err() == nil; n-- {
			s.Void = append(s.Void, r.Text(syncproto.MaxFieldBytes))
		}
	}
	return s, done(r, "history step")
}

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

// AppendKey encodes a sealing key.
func AppendKey(b []byte, k *seal.Key) []byte {
	b = wire.AppendBytes(begin(b, 3), k.ID[:])
	return wire.AppendBytes(wire.AppendBytes(b, k.Holder[:]), k.Secret[:])
}

// LoadKey reads a sealing key; ok is false when it is unknown or destroyed.
func LoadKey(r store.Reader, id syncproto.KeyID) (k seal.Key, ok bool, err error) {
	v, err := r.Get(SealKey(id))
	if err != nil || v == nil {
		return k, false, err
	}
	d, err := open(v, 3, "sealing key")
	if err != nil {
		return k, false, err
	}
	d.Fixed(k.ID[:])
	d.Fixed(k.Holder[:])
	d.Fixed(k.Secret[:])
	return k, true, done(d, "sealing key")
}

// AppendNumber encodes a running number.
func AppendNumber(b []byte, n uint32) []byte { return wire.AppendUint(append(b, format), uint64(n)) }

// DecodeNumber reads a running number; nil is 0.
func DecodeNumber(v []byte) uint32 {
	if len(v) < 2 {
		return 0
	}
	return uint32(wire.NewReader(v[1:]).UintMax(math.MaxUint32))
}
