package wire

import (
	"fmt"
	"math"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
)

// Limits of a bundle beyond those of a change.
const (
	MaxBundleChanges = 4096
	maxSeeds         = MaxBundleChanges/syncproto.SeedBlock + 2
	maxHeaderBytes   = 256
)

// RawPart is one part as it stands in a frame: its canonical bytes, or only
// its digest when the content was destroyed or withheld.
type RawPart struct {
	Bytes  []byte
	Digest syncproto.Hash
}

// Withheld reports whether only the digest is there.
func (p RawPart) Withheld() bool { return p.Bytes == nil }

// RawChange is one change of a frame: the header read, everything else as bytes.
type RawChange struct {
	syncproto.Header
	HeaderBytes []byte
	Parts       []RawPart
}

const (
	headerAuthor = 1
	headerWall   = 2
	headerOffset = 3
	headerAnew   = 4 // [replica, seq, hash] of the change issued anew
)

// AppendHeader appends the encoding of a change's header; replica and seq are
// not part of it, they enter the hash from the bundle.
func AppendHeader(b []byte, h *syncproto.Header) []byte {
	n := 2
	for _, present := range []bool{h.Offset != 0, !h.Replaces.IsZero()} {
		if present {
			n++
		}
	}
	b = AppendBytes(AppendUint(AppendMap(b, n), headerAuthor), h.Author[:])
	b = AppendInt(AppendUint(b, headerWall), h.Wall)
	if h.Offset != 0 {
		b = AppendInt(AppendUint(b, headerOffset), h.Offset)
	}
	if a := &h.Replaces; !a.IsZero() {
		b = AppendBytes(AppendArray(AppendUint(b, headerAnew), 3), a.Replica[:])
		b = AppendBytes(AppendUint(b, uint64(a.Seq)), a.Hash[:])
	}
	return b
}

func readReplaced(r *Reader) (a syncproto.Replaced) {
	if n := r.Array(3); r.err == nil && n != 3 {
		r.Failf("a replaced change is named by 3 members")
	}
	r.Fixed(a.Replica[:])
	a.Seq = readSeq(r)
	r.Fixed(a.Hash[:])
	if r.err == nil && a.Replica.IsZero() {
		r.Failf("a replaced change of no replica")
	}
	return a
}

func readHeader(r *Reader, h *syncproto.Header) {
	n := r.Map(16)
	var last uint64
	for i := 0; i < n && r.err == nil; i++ {
		key := r.Uint()
		if i > 0 && key <= last {
			r.Failf("header keys out of order or repeated")
		}
		last = key
		switch key {
		case headerAuthor:
			r.Fixed(h.Author[:])
		case headerWall:
			h.Wall = r.Int()
		case headerOffset:
			if h.Offset = r.Int(); h.Offset == 0 {
				r.Failf("offset 0 is left out")
			}
		case headerAnew:
			h.Replaces = readReplaced(r)
		default:
			r.Raw(maxHeaderBytes)
		}
	}
	if r.err == nil && h.Author.IsZero() {
		r.Failf("header without author")
	}
}

// AppendRawChange appends one change to a frame.
func AppendRawChange(b []byte, c *RawChange) []byte {
	b = AppendArray(b, 1+len(c.Parts))
	b = append(b, c.HeaderBytes...)
	for _, p := range c.Parts {
		if p.Withheld() {
			b = AppendBytes(b, p.Digest[:])
		} else {
			b = append(b, p.Bytes...)
		}
	}
	return b
}

// DecodeFrame reads the count changes of an uncompressed frame, numbered from
// from. Parts are only checked to be canonical CBOR; DecodePart reads them.
func DecodeFrame(raw []byte, replica syncproto.ReplicaID, from syncproto.Seq, count int) ([]RawChange, error) {
	if count < 1 || count > MaxBundleChanges {
		return nil, fmt.Errorf("%w: bundle of %d changes, 1 to %d are allowed", ErrEncoding, count, MaxBundleChanges)
	}
	r := NewReader(raw)
	out := make([]RawChange, 0, min(count, len(raw)))
	for i := range count {
		c := RawChange{}
		c.Replica, c.Seq = replica, from+syncproto.Seq(i)
		readRawChange(r, &c)
		if r.err != nil {
			return nil, fmt.Errorf("change %d of replica %s: %w", c.Seq, replica, r.err)
		}
		out = append(out, c)
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	return out, nil
}

// ReadChange reads one change of a frame whole into an empty one, none of its
// parts withheld: for who applies it at once and checks no hashes. raw are its
// bytes, in the input. An unknown op is ErrUnknownOp.
func ReadChange(r *Reader, replica syncproto.ReplicaID, seq syncproto.Seq, c *syncproto.Change) (raw []byte, err error) {
	start := r.off
	c.Replica, c.Seq = replica, seq
	n, _ := readChangeHead(r, &c.Header)
	if r.err != nil {
		return nil, r.err
	}
	c.Parts = r.grabParts(n)[:n]
	for i := range c.Parts {
		if c.Parts[i], err = readWholePart(r, replica); err != nil {
			return nil, err
		}
	}
	return r.b[start:r.off:r.off], nil
}

// readWholePart is DecodePart where the part's end is not known yet.
func readWholePart(r *Reader, author syncproto.ReplicaID) (p syncproto.Part, err error) {
	at := r.off
	p, unknown := readPart(r, author)
	switch {
	case r.err == nil && unknown:
		return p, unknownOp(&p)
	case r.err == nil && r.off-at > syncproto.MaxChangeBytes:
		r.Failf("part over the limit of %d bytes", syncproto.MaxChangeBytes)
	}
	return p, r.err
}

// readChangeHead reads a change up to its first part and says how many follow.
func readChangeHead(r *Reader, h *syncproto.Header) (parts int, header []byte) {
	n := r.Array(1 + syncproto.MaxPartsPerChange)
	if r.err == nil && n < 2 {
		r.Failf("change without parts")
	}
	if r.err != nil {
		return 0, nil
	}
	start := r.off
	if readHeader(r, h); r.off-start > maxHeaderBytes {
		r.Failf("over the limit of %d bytes", maxHeaderBytes)
	}
	if r.err != nil {
		r.err = fmt.Errorf("header: %w", r.err)
		return 0, nil
	}
	return n - 1, r.b[start:r.off:r.off]
}

func readRawChange(r *Reader, c *RawChange) {
	n, header := readChangeHead(r, &c.Header)
	if r.err != nil {
		return
	}
	c.HeaderBytes = header
	c.Parts = make([]RawPart, n)
	for i := range c.Parts {
		if r.IsBytes() {
			r.Fixed(c.Parts[i].Digest[:])
		} else {
			c.Parts[i].Bytes = r.Raw(syncproto.MaxChangeBytes)
		}
	}
}

const (
	bundleSuite    = 1
	bundleReplica  = 2
	bundleFrom     = 3
	bundleCount    = 4
	bundlePrevLink = 5
	bundleSeeds    = 6
	bundleRawBytes = 7
	bundleFrame    = 8
	bundleSig      = 9
)

// AppendBundle appends the encoding of a bundle.
func AppendBundle(b []byte, u *syncproto.Bundle) []byte {
	b = AppendUint(AppendUint(AppendMap(b, 9), bundleSuite), uint64(u.Suite))
	b = AppendBytes(AppendUint(b, bundleReplica), u.Replica[:])
	b = AppendUint(AppendUint(b, bundleFrom), uint64(u.From))
	b = AppendUint(AppendUint(b, bundleCount), uint64(u.Count))
	b = AppendBytes(AppendUint(b, bundlePrevLink), u.PrevLink[:])
	b = AppendArray(AppendUint(b, bundleSeeds), len(u.Seeds))
	for i := range u.Seeds {
		b = AppendBytes(b, u.Seeds[i][:])
	}
	b = AppendUint(AppendUint(b, bundleRawBytes), uint64(u.RawBytes))
	b = AppendBytes(AppendUint(b, bundleFrame), u.Frame)
	return AppendBytes(AppendUint(b, bundleSig), u.Sig[:])
}

// ReadBundle reads one bundle; its frame aliases the input. An unknown suite
// is ErrUnknownSuite.
func ReadBundle(r *Reader) (u syncproto.Bundle, err error) {
	if n := r.Map(9); r.err == nil && n != 9 {
		r.Failf("a bundle has 9 members")
	}
	key := func(want uint64) {
		if got := r.Uint(); r.err == nil && got != want {
			r.Failf("bundle member %d where %d is due", got, want)
		}
	}
	key(bundleSuite)
	u.Suite = syncproto.Suite(r.UintMax(math.MaxUint8))
	if r.err == nil && u.Suite != syncproto.Suite1 {
		return syncproto.Bundle{}, fmt.Errorf("bundle suite %d: %w", u.Suite, syncproto.ErrUnknownSuite)
	}
	key(bundleReplica)
	r.Fixed(u.Replica[:])
	key(bundleFrom)
	u.From = readSeq(r)
	key(bundleCount)
	u.Count = int(r.UintMax(MaxBundleChanges))
	key(bundlePrevLink)
	r.Fixed(u.PrevLink[:])
	key(bundleSeeds)
	u.Seeds = make([]syncproto.Seed, r.Array(maxSeeds))
	for i := range u.Seeds {
		r.Fixed(u.Seeds[i][:])
	}
	key(bundleRawBytes)
	u.RawBytes = int(r.UintMax(MaxRawBytes))
	key(bundleFrame)
	u.Frame = r.Bytes(syncproto.MaxChangeBytes)
	key(bundleSig)
	r.Fixed(u.Sig[:])
	if r.err == nil && u.Count == 0 {
		r.Failf("bundle of no changes")
	}
	if r.err == nil {
		blocks := syncproto.BlockOf(u.To()) - syncproto.BlockOf(u.From) + 1
		if uint64(len(u.Seeds)) != blocks {
			r.Failf("%d seeds for %d blocks", len(u.Seeds), blocks)
		}
	}
	if r.err != nil {
		return syncproto.Bundle{}, r.err
	}
	return u, nil
}

// DecodeBundle reads exactly one bundle.
func DecodeBundle(b []byte) (syncproto.Bundle, error) {
	r := NewReader(b)
	u, err := ReadBundle(r)
	if err == nil {
		err = r.Done()
	}
	if err != nil {
		return syncproto.Bundle{}, fmt.Errorf("bundle: %w", err)
	}
	u.Frame = slices.Clone(u.Frame)
	return u, nil
}
