package wire

import (
	"fmt"
	"math"

	"github.com/chuantou/chuantou/syncproto"
)

// Limits of the sync messages.
const (
	MaxCursorBytes   = 16 << 10
	MaxPushBundles   = 512
	MaxPushBytes     = 4 << 20
	MaxPageBytes     = 16 << 20
	maxEntries       = 1 << 16
	maxAtoms         = 1 << 14
	maxAtomBytes     = 64
	maxSchemaBytes   = 4 << 20
	maxStatesInFrame = 1 << 14
	maxLeaveRecords  = 1 << 16
	maxKeys          = 1 << 16
)

// AppendPush appends a push request: the bundles of one request, each as AppendBundle made it.
func AppendPush(b []byte, bundles [][]byte) []byte {
	b = AppendArray(b, len(bundles))
	for _, u := range bundles {
		b = append(b, u...)
	}
	return b
}

// DecodePush reads the bundles of a push request; frames alias the input.
func DecodePush(b []byte) ([]syncproto.Bundle, error) {
	r := NewReader(b)
	n := r.Array(MaxPushBundles)
	out := make([]syncproto.Bundle, 0, min(n, 64))
	for i := 0; i < n && r.err == nil; i++ {
		u, err := ReadBundle(r)
		if err != nil {
			return nil, fmt.Errorf("push: bundle %d: %w", i, err)
		}
		out = append(out, u)
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	return out, nil
}

const (
	pullCursor   = 1
	pullHash     = 2
	pullMaxBytes = 3
	pullAgain    = 4
	pullTold     = 5
)

// AppendPull appends a pull request.
func AppendPull(b []byte, q *syncproto.PullRequest) []byte {
	n := 0
	hash := q.Hash != syncproto.CursorHash{}
	for _, present := range []bool{len(q.Cursor) > 0, hash, q.MaxBytes > 0, len(q.Again) > 0, q.Told != nil} {
		if present {
			n++
		}
	}
	b = AppendMap(b, n)
	if len(q.Cursor) > 0 {
		b = AppendBytes(AppendUint(b, pullCursor), q.Cursor)
	}
	if hash {
		b = AppendBytes(AppendUint(b, pullHash), q.Hash[:])
	}
	if q.MaxBytes > 0 {
		b = AppendUint(AppendUint(b, pullMaxBytes), uint64(q.MaxBytes))
	}
	if len(q.Again) > 0 {
		b = appendAtoms(AppendUint(b, pullAgain), q.Again)
	}
	if q.Told != nil {
		b = AppendTold(AppendUint(b, pullTold), q.Told)
	}
	return b
}

// DecodePull reads a pull request.
func DecodePull(b []byte) (q syncproto.PullRequest, err error) {
	r := NewReader(b)
	eachKey(r, func(key uint64) {
		switch key {
		case pullCursor:
			q.Cursor = append(syncproto.Cursor(nil), r.Bytes(MaxCursorBytes)...)
		case pullHash:
			r.Fixed(q.Hash[:])
		case pullMaxBytes:
			q.MaxBytes = int(r.UintMax(math.MaxInt32))
		case pullAgain:
			q.Again = readAtoms(r)
		case pullTold:
			q.Told = readTold(r)
		default:
			r.Raw(MaxCursorBytes)
		}
	})
	if err := r.Done(); err != nil {
		return syncproto.PullRequest{}, fmt.Errorf("pull: %w", err)
	}
	return q, nil
}

// eachKey walks a map with ascending unsigned keys; fn reads the value.
func eachKey(r *Reader, fn func(key uint64)) {
	n := r.Map(64)
	var last uint64
	for i := 0; i < n && r.err == nil; i++ {
		key := r.Uint()
		if i > 0 && key <= last {
			r.Failf("keys out of order or repeated")
			return
		}
		last = key
		if r.err == nil {
			fn(key)
		}
	}
}

func appendAtoms(b []byte, atoms []syncproto.Atom) []byte {
	b = AppendArray(b, len(atoms))
	for _, a := range atoms {
		b = AppendText(b, string(a))
	}
	return b
}

func readAtoms(r *Reader) []syncproto.Atom {
	n := r.Array(maxAtoms)
	out := make([]syncproto.Atom, 0, min(n, 64))
	for i := 0; i < n && r.err == nil; i++ {
		out = append(out, syncproto.Atom(r.Text(maxAtomBytes)))
	}
	return out
}

const (
	pageEpoch    = 1
	pageCursor   = 2
	pageMore     = 3
	pageDone     = 4
	pageTotal    = 5
	pageWall     = 6
	pageAtoms    = 7
	pageEntries  = 8
	pageDigests  = 9
	pageKeys     = 10
	pageLeft     = 11
	pageReceipt  = 12
	pageSchema   = 13
	pageStanding = 14
)

// AppendPage appends a page. Atom names stand once, entries refer to them by index.
func AppendPage(b []byte, p *syncproto.Page) []byte {
	for _, piece := range PagePieces(p) {
		b = append(b, piece...)
	}
	return b
}

// PagePieces is a page in pieces, one after the other the bytes of AppendPage.
// Frames stand in them as they are, not copied: nearly all of a page, and
// shared by its readers.
func PagePieces(p *syncproto.Page) [][]byte {
	w := pieces{small: make([]byte, 0, 1024+64*len(p.Entries))}
	w.small = w.page(w.small, p)
	return append(w.done, w.small)
}

// pieces collects a page; small is what was written since the last frame.
type pieces struct {
	done  [][]byte
	small []byte
}

// frame ends b with a frame that is not copied.
func (w *pieces) frame(b, frame []byte) []byte {
	b = appendHead(b, majorBytes, uint64(len(frame)))
	w.done = append(w.done, b[:len(b):len(b)], frame)
	return b[len(b):]
}

func (w *pieces) page(b []byte, p *syncproto.Page) []byte {
	index, atoms := pageAtomIndex(p)
	n := 8
	for _, present := range []bool{len(p.Digests) > 0, len(p.Keys) > 0, len(p.Left) > 0, p.Receipt != nil, len(p.Schema) > 0, p.Standing != nil} {
		if present {
			n++
		}
	}
	b = AppendText(AppendUint(AppendMap(b, n), pageEpoch), p.Epoch)
	b = AppendBytes(AppendUint(b, pageCursor), p.Cursor)
	b = AppendBool(AppendUint(b, pageMore), p.More)
	b = AppendUint(AppendUint(b, pageDone), uint64(p.Done))
	b = AppendUint(AppendUint(b, pageTotal), uint64(p.Total))
	b = AppendInt(AppendUint(b, pageWall), p.Wall)
	b = appendAtoms(AppendUint(b, pageAtoms), atoms)
	b = AppendArray(AppendUint(b, pageEntries), len(p.Entries))
	for i := range p.Entries {
		b = w.entry(b, &p.Entries[i], index)
	}
	if len(p.Digests) > 0 {
		b = AppendArray(AppendUint(b, pageDigests), len(p.Digests))
		for _, d := range p.Digests {
			b = AppendUint(AppendArray(b, 4), index[d.Atom])
			b = AppendUint(b, uint64(d.Classes))
			b = AppendBytes(AppendUint(b, uint64(d.Records)), d.Sum[:])
		}
	}
	if len(p.Keys) > 0 {
		b = AppendArray(AppendUint(b, pageKeys), len(p.Keys))
		for _, k := range p.Keys {
			b = AppendBytes(AppendArray(b, 3), k.Holder[:])
			b = AppendBytes(AppendBytes(b, k.Key[:]), k.Secret[:])
		}
	}
	if len(p.Left) > 0 {
		b = appendAtoms(AppendUint(b, pageLeft), p.Left)
	}
	if p.Receipt != nil {
		b = AppendReceipt(AppendUint(b, pageReceipt), p.Receipt)
	}
	if len(p.Schema) > 0 {
		b = AppendUint(AppendArray(AppendUint(b, pageSchema), 2), uint64(len(p.Schema)))
		b = AppendBytes(b, Compress(p.Schema, EffortFast))
	}
	if p.Standing != nil {
		b = AppendStanding(AppendUint(b, pageStanding), p.Standing)
	}
	return b
}

func pageAtomIndex(p *syncproto.Page) (map[syncproto.Atom]uint64, []syncproto.Atom) {
	index := map[syncproto.Atom]uint64{}
	var atoms []syncproto.Atom
	add := func(a syncproto.Atom) {
		if _, ok := index[a]; !ok {
			index[a] = uint64(len(atoms))
			atoms = append(atoms, a)
		}
	}
	for i := range p.Entries {
		add(p.Entries[i].Atom)
	}
	for i := range p.Digests {
		add(p.Digests[i].Atom)
	}
	return index, atoms
}

func (w *pieces) entry(b []byte, e *syncproto.Entry, index map[syncproto.Atom]uint64) []byte {
	members := [...]int{syncproto.EntryChanges: 8, syncproto.EntryStates: 5, syncproto.EntryLeave: 3, syncproto.EntryOwn: 4}
	b = AppendUint(AppendUint(AppendArray(b, members[e.Kind]), uint64(e.Kind)), index[e.Atom])
	switch e.Kind {
	case syncproto.EntryChanges:
		b = AppendUint(AppendBytes(b, e.Replica[:]), uint64(e.From))
		b = AppendUint(b, uint64(e.Count))
		b = AppendArray(b, len(e.Offsets))
		for _, o := range e.Offsets {
			b = AppendUint(b, o)
		}
		b = w.frame(AppendUint(b, uint64(e.RawBytes)), e.Frame)
	case syncproto.EntryStates:
		b = AppendUint(b, uint64(e.Count))
		b = w.frame(AppendUint(b, uint64(e.RawBytes)), e.Frame)
	case syncproto.EntryLeave:
		b = AppendArray(b, len(e.Records))
		for i := range e.Records {
			b = AppendBytes(b, e.Records[i][:])
		}
	case syncproto.EntryOwn:
		b = AppendUint(AppendUint(b, uint64(e.From)), uint64(e.To))
	}
	return b
}

// DecodePage reads a page; frames and schema alias the input.
func DecodePage(b []byte) (*syncproto.Page, error) {
	r := NewReader(b)
	p := &syncproto.Page{}
	var atoms []syncproto.Atom
	atom := func() syncproto.Atom {
		i := r.Uint()
		if i >= uint64(len(atoms)) {
			r.Failf("atom index %d of %d", i, len(atoms))
			return ""
		}
		return atoms[i]
	}
	eachKey(r, func(key uint64) {
		switch key {
		case pageEpoch:
			p.Epoch = r.Text(maxEpochBytes)
		case pageCursor:
			p.Cursor = append(syncproto.Cursor(nil), r.Bytes(MaxCursorBytes)...)
		case pageMore:
			p.More = r.Bool()
		case pageDone:
			p.Done = int(r.UintMax(math.MaxInt32))
		case pageTotal:
			p.Total = int(r.UintMax(math.MaxInt32))
		case pageWall:
			p.Wall = r.Int()
		case pageAtoms:
			atoms = readAtoms(r)
		case pageEntries:
			p.Entries = readEntries(r, atom)
		case pageDigests:
			p.Digests = readDigests(r, atom)
		case pageKeys:
			p.Keys = readKeys(r)
		case pageLeft:
			p.Left = readAtoms(r)
		case pageReceipt:
			c, err := ReadReceipt(r)
			if err != nil && r.err == nil {
				r.err = err
			}
			p.Receipt = &c
		case pageSchema:
			p.Schema = readSchema(r)
		case pageStanding:
			s := ReadStanding(r)
			p.Standing = &s
		default:
			r.Raw(len(b))
		}
	})
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return p, nil
}

// readSchema reads [bytes uncompressed, zstd frame].
func readSchema(r *Reader) []byte {
	if n := r.Array(2); r.err == nil && n != 2 {
		r.Failf("a schema has 2 members")
	}
	size := int(r.UintMax(maxSchemaBytes))
	frame := r.Bytes(maxSchemaBytes)
	if r.err != nil {
		return nil
	}
	out, err := Decompress(frame, size)
	if err != nil {
		r.err = fmt.Errorf("schema: %w", err)
		return nil
	}
	return out
}

func readEntries(r *Reader, atom func() syncproto.Atom) []syncproto.Entry {
	n := r.Array(maxEntries)
	out := make([]syncproto.Entry, 0, min(n, 256))
	for i := 0; i < n && r.err == nil; i++ {
		members := r.Array(8)
		e := syncproto.Entry{Kind: syncproto.EntryKind(r.UintMax(math.MaxUint8)), Atom: atom()}
		switch {
		case e.Kind == syncproto.EntryChanges && members == 8:
			r.Fixed(e.Replica[:])
			e.From = readSeq(r)
			e.Count = int(r.UintMax(MaxBundleChanges))
			e.Offsets = readOffsets(r)
			if len(e.Offsets) != 0 && len(e.Offsets) != e.Count {
				r.Failf("%d offsets for %d changes", len(e.Offsets), e.Count)
			}
			e.RawBytes = int(r.UintMax(MaxRawBytes))
			e.Frame = r.Bytes(MaxPageBytes)
		case e.Kind == syncproto.EntryStates && members == 5:
			e.Count = int(r.UintMax(maxStatesInFrame))
			e.RawBytes = int(r.UintMax(MaxRawBytes))
			e.Frame = r.Bytes(MaxPageBytes)
		case e.Kind == syncproto.EntryLeave && members == 3:
			e.Records = readRecords(r)
		case e.Kind == syncproto.EntryOwn && members == 4:
			e.From, e.To = readSeq(r), readSeq(r)
			if e.To < e.From {
				r.Failf("range ends before it begins")
			}
		default:
			r.Failf("entry of kind %d with %d members", e.Kind, members)
		}
		out = append(out, e)
	}
	return out
}

func readOffsets(r *Reader) []uint64 {
	n := r.Array(MaxBundleChanges)
	var out []uint64
	for i := 0; i < n && r.err == nil; i++ {
		o := r.UintMax(math.MaxInt32)
		if i > 0 && o <= out[i-1] {
			r.Failf("offsets out of order")
		}
		out = append(out, o)
	}
	return out
}

func readRecords(r *Reader) []syncproto.RecordID {
	n := r.Array(maxLeaveRecords)
	out := make([]syncproto.RecordID, 0, min(n, 256))
	for i := 0; i < n && r.err == nil; i++ {
		var id syncproto.RecordID
		r.Fixed(id[:])
		out = append(out, id)
	}
	return out
}

func readDigests(r *Reader, atom func() syncproto.Atom) []syncproto.AtomDigest {
	n := r.Array(maxAtoms)
	out := make([]syncproto.AtomDigest, 0, min(n, 64))
	for i := 0; i < n && r.err == nil; i++ {
		if r.Array(4) != 4 {
			r.Failf("a digest has 4 members")
		}
		d := syncproto.AtomDigest{Atom: atom(), Classes: syncproto.Audience(r.UintMax(math.MaxUint8)), Records: int(r.UintMax(math.MaxInt32))}
		r.Fixed(d.Sum[:])
		out = append(out, d)
	}
	return out
}

func readKeys(r *Reader) []syncproto.HeldKey {
	n := r.Array(maxKeys)
	out := make([]syncproto.HeldKey, 0, min(n, 64))
	for i := 0; i < n && r.err == nil; i++ {
		var k syncproto.HeldKey
		if r.Array(3) != 3 {
			r.Failf("a key has 3 members")
		}
		r.Fixed(k.Holder[:])
		r.Fixed(k.Key[:])
		r.Fixed(k.Secret[:])
		out = append(out, k)
	}
	return out
}
