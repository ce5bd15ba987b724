package records

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// The blank of a part stands for it once what it said was erased: the part's bytes
// and salt are destroyed, its bundle has the digest in their place. Whatever joins
// the part joins its blank.

// BlankKey is where the blank of a part lies.
func BlankKey(r syncproto.ReplicaID, seq syncproto.Seq, part int) store.Key {
	return key('e', r[:], u64(uint64(seq)), []byte{byte(part >> 8), byte(part)})
}

// AppendBlank encodes the blank of a part of a replica's.
func AppendBlank(b []byte, r syncproto.ReplicaID, p *syncproto.Part) []byte {
	return wire.AppendPart(append(b, format), r, p)
}

// LoadBlank reads what stands for a part, nil when nothing does.
func LoadBlank(r store.Reader, replica syncproto.ReplicaID, seq syncproto.Seq, part int) (*syncproto.Part, error) {
	v, err := GetBlocks(r, BlankKey(replica, seq, part))
	if err != nil || v == nil {
		return nil, err
	}
	if v[0] != format {
		return nil, fmt.Errorf("stored blank: unknown format, a newer version of the program wrote it")
	}
	p, err := wire.DecodePart(replica, v[1:])
	if err != nil {
		return nil, fmt.Errorf("stored blank: %w", err)
	}
	return &p, nil
}

// PartID names a part.
type PartID struct {
	Replica syncproto.ReplicaID
	Seq     syncproto.Seq
	Part    int
}

// Destroy takes parts out of the bundle of a replica that begins at from: their
// digests stand in their place and their salts are gone, so that nobody finds out
// by hashing guesses what they said. It tells which were there, with their digests;
// hashes, links and signature stay as they are.
func (u *Bundle) Destroy(replica syncproto.ReplicaID, from syncproto.Seq, gone func(id PartID, content []byte) bool) (map[PartID]syncproto.Hash, error) {
	changes, err := unframe(u.Frame, u.RawBytes, replica, from, u.Count, nil)
	if err != nil {
		return nil, err
	}
	destroyed, at := map[PartID]syncproto.Hash{}, 0
	for i := range changes {
		for p := range changes[i].Parts {
			id := PartID{replica, changes[i].Seq, p}
			if part := &changes[i].Parts[p]; !part.Withheld() && gone(id, part.Bytes) {
				destroyed[id] = sign.PartDigest(u.Salts[at], part.Bytes)
				*part, u.Salts[at] = wire.RawPart{Digest: destroyed[id]}, syncproto.Salt{}
			}
			at++
		}
	}
	if len(destroyed) > 0 {
		u.Frame, u.RawBytes = frame(changes)
	}
	return destroyed, nil
}

// Destroy takes the same parts out of the slice that an entry holds. A whole
// bundle's entry holds none.
func (e *Entry) Destroy(destroyed map[PartID]syncproto.Hash) error {
	if e.Kind != FeedSlice {
		return nil
	}
	changes, err := unframe(e.Frame, e.RawBytes, e.Replica, e.From, e.Count, e.Offsets)
	if err != nil {
		return err
	}
	for i := range changes {
		for p := range changes[i].Parts {
			digest, is := destroyed[PartID{e.Replica, changes[i].Seq, p}]
			if is {
				changes[i].Parts[p] = wire.RawPart{Digest: digest}
			}
		}
	}
	e.Frame, e.RawBytes = frame(changes)
	return nil
}

// Holds reports whether the entry passes on a part, as bytes of its own or its bundle's.
func (e *Entry) Holds(id PartID) bool {
	if e.Kind != FeedBundle && e.Kind != FeedSlice || e.Replica != id.Replica || id.Seq < e.From {
		return false
	}
	off := uint64(id.Seq - e.From)
	if e.Offsets != nil {
		return slices.Contains(e.Offsets, off)
	}
	return off < uint64(e.Count)
}

func unframe(b []byte, rawBytes int, replica syncproto.ReplicaID, from syncproto.Seq, count int, offsets []uint64) ([]wire.RawChange, error) {
	raw, err := wire.Decompress(b, rawBytes)
	if err != nil {
		return nil, err
	}
	changes, err := wire.DecodeFrame(raw, replica, from, count)
	for i := range changes {
		if offsets != nil {
			changes[i].Seq = from + syncproto.Seq(offsets[i])
		}
	}
	return changes, err
}

func frame(changes []wire.RawChange) (b []byte, rawBytes int) {
	var raw []byte
	for i := range changes {
		raw = wire.AppendRawChange(raw, &changes[i])
	}
	return wire.Compress(raw, wire.EffortFast), len(raw)
}

// EachEntry walks the entries of all feeds.
func EachEntry(r store.Reader, fn func(a syncproto.Atom, n uint64, e *Entry) error) error {
	prefix := store.Key("f/")
	return r.Scan(prefix, prefixEnd(prefix), false, func(k store.Key, _ []byte) (bool, error) {
		end := bytes.IndexByte(k, 0) // of the atom's name
		if len(k) != end+9 {
			return true, nil // a later block of a long one
		}
		a, n := syncproto.Atom(k[len(prefix):end]), binary.BigEndian.Uint64(k[end+1:])
		e, _, err := LoadEntry(r, a, n)
		if err != nil {
			return false, err
		}
		return true, fn(a, n, &e)
	})
}

// EachFork walks the bundles of a replica that contradict its chain.
func EachFork(r store.Reader, replica syncproto.ReplicaID, fn func(k store.Key, from syncproto.Seq, u *Bundle) error) error {
	prefix := key('y', replica[:])
	return r.Scan(prefix, prefixEnd(prefix), false, func(k store.Key, _ []byte) (bool, error) {
		if len(k) != len(prefix)+16 {
			return true, nil // a later block
		}
		at := bytes.Clone(k)
		u, err := loadBundleAt(r, at)
		if err != nil {
			return false, err
		}
		return true, fn(at, syncproto.Seq(binary.BigEndian.Uint64(at[len(prefix):])), &u)
	})
}
