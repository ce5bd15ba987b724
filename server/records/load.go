package records

import (
	"encoding/binary"
	"fmt"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// LoadLog reads a replica's log; an unknown replica has the zero log.
func LoadLog(r store.Reader, id syncproto.ReplicaID) (Log, error) {
	v, err := GetBlocks(r, LogKey(id))
	if err != nil {
		return Log{}, err
	}
	return DecodeLog(v)
}

// LoadRecord reads a record; ok is false when there is none.
func LoadRecord(r store.Reader, id syncproto.RecordID) (c Record, ok bool, err error) {
	v, err := GetBlocks(r, RecordKey(id))
	if err != nil || v == nil {
		return Record{}, false, err
	}
	c, err = DecodeRecord(v)
	if err != nil {
		return Record{}, false, fmt.Errorf("record %s: %w", id, err)
	}
	return c, true, nil
}

// LoadAtom reads an atom's head; an unknown atom is empty.
func LoadAtom(r store.Reader, a syncproto.Atom) (AtomHead, error) {
	v, err := r.Get(AtomKey(a))
	if err != nil {
		return AtomHead{}, err
	}
	return DecodeAtomHead(v)
}

// LoadBundle reads the stored bundle that begins at from.
func LoadBundle(r store.Reader, id syncproto.ReplicaID, from syncproto.Seq) (Bundle, error) {
	return loadBundleAt(r, BundleKey(id, from))
}

func loadBundleAt(r store.Reader, k store.Key) (Bundle, error) {
	v, err := GetBlocks(r, k)
	if err != nil {
		return Bundle{}, err
	}
	if v == nil {
		return Bundle{}, fmt.Errorf("bundle %x is not in the store", []byte(k))
	}
	return DecodeBundle(v)
}

// FindBundle finds the stored bundle that holds change seq, and its first number.
func FindBundle(r store.Reader, id syncproto.ReplicaID, seq syncproto.Seq) (u Bundle, from syncproto.Seq, ok bool, err error) {
	err = r.Scan(BundleKey(id, 0), BundleKey(id, seq+1), true, func(k store.Key, v []byte) (bool, error) {
		if len(k) != len(BundleKey(id, 0)) {
			return true, nil // a later block of a long bundle
		}
		from = syncproto.Seq(binary.BigEndian.Uint64(k[len(k)-8:]))
		ok = true
		return false, nil
	})
	if err != nil || !ok {
		return Bundle{}, 0, false, err
	}
	if u, err = LoadBundle(r, id, from); err != nil {
		return Bundle{}, 0, false, err
	}
	return u, from, seq < from+syncproto.Seq(u.Count), nil
}

// LoadEntry reads entry n of an atom's feed; ok is false when it is not there.
func LoadEntry(r store.Reader, a syncproto.Atom, n uint64) (e Entry, ok bool, err error) {
	v, err := GetBlocks(r, FeedKey(a, n))
	if err != nil || v == nil {
		return Entry{}, false, err
	}
	e, err = DecodeEntry(v)
	return e, err == nil, err
}

// EachHold walks the held parts of one replica in order; fn returns false to stop.
func EachHold(r store.Reader, id syncproto.ReplicaID, fn func(seq syncproto.Seq, part int, h Hold) (bool, error)) error {
	prefix := key('w', id[:])
	return r.Scan(prefix, prefixEnd(prefix), false, func(k store.Key, v []byte) (bool, error) {
		h, err := DecodeHold(v)
		if err != nil {
			return false, err
		}
		tail := k[len(prefix):]
		return fn(syncproto.Seq(binary.BigEndian.Uint64(tail)), int(binary.BigEndian.Uint16(tail[8:])), h)
	})
}

// HoldsOf walks the held parts of one change.
func HoldsOf(r store.Reader, c syncproto.ChangeID, fn func(part int, h Hold) error) error {
	first := HoldKey(c.Replica, c.Seq, 0)
	return r.Scan(first, HoldKey(c.Replica, c.Seq+1, 0), false, func(k store.Key, v []byte) (bool, error) {
		h, err := DecodeHold(v)
		if err != nil {
			return false, err
		}
		return true, fn(int(binary.BigEndian.Uint16(k[len(first)-2:])), h)
	})
}

// HeldPart names a held part.
type HeldPart struct {
	Replica syncproto.ReplicaID
	Seq     syncproto.Seq
	Part    int
}

// EveryHold walks all held parts; fn returns false to stop.
func EveryHold(r store.Reader, fn func(p HeldPart, h Hold) (bool, error)) error {
	return r.Scan(store.Key("w/"), prefixEnd(store.Key("w/")), false, func(k store.Key, v []byte) (bool, error) {
		h, err := DecodeHold(v)
		if err != nil {
			return false, err
		}
		p := HeldPart{Seq: syncproto.Seq(binary.BigEndian.Uint64(k[18:])), Part: int(binary.BigEndian.Uint16(k[26:]))}
		copy(p.Replica[:], k[2:])
		return fn(p, h)
	})
}

// Waiting lists the held parts of a record, at most limit.
func Waiting(r store.Reader, id syncproto.RecordID, limit int) (out []HeldPart, err error) {
	prefix := key('x', id[:])
	err = r.Scan(prefix, prefixEnd(prefix), false, func(k store.Key, _ []byte) (bool, error) {
		p := HeldPart{Seq: syncproto.Seq(binary.BigEndian.Uint64(k[34:])), Part: int(binary.BigEndian.Uint16(k[42:]))}
		copy(p.Replica[:], k[18:])
		out = append(out, p)
		return len(out) < limit, nil
	})
	return out, err
}

// EachOfKind walks the records listed under a kind.
func EachOfKind(r store.Reader, kind string, fn func(id syncproto.RecordID) error) error {
	prefix := key('i', append([]byte(kind), 0))
	return r.Scan(prefix, prefixEnd(prefix), false, func(k store.Key, _ []byte) (bool, error) {
		var id syncproto.RecordID
		copy(id[:], k[len(prefix):])
		return true, fn(id)
	})
}

// Steps reads the history of a record from step n on, at most limit.
func Steps(r store.Reader, id syncproto.RecordID, n uint32, limit int) (out []Step, err error) {
	prefix := key('h', id[:])
	err = r.Scan(StepKey(id, n), prefixEnd(prefix), false, func(_ store.Key, v []byte) (bool, error) {
		s, err := DecodeStep(v)
		if err != nil {
			return false, err
		}
		out = append(out, s)
		return len(out) < limit, nil
	})
	return out, err
}

// EachAtom walks the atoms whose name begins with prefix, in order.
func EachAtom(r store.Reader, prefix syncproto.Atom, fn func(a syncproto.Atom) (bool, error)) error {
	from := AtomKey(prefix)
	return r.Scan(from, prefixEnd(from), false, func(k store.Key, _ []byte) (bool, error) {
		return fn(syncproto.Atom(k[2:]))
	})
}

// EachRecord walks the records after one in order of their ids; fn returns
// false to stop.
func EachRecord(r store.Reader, after syncproto.RecordID, fn func(id syncproto.RecordID, c *Record) (bool, error)) error {
	first := RecordKey(after)
	return r.Scan(first, prefixEnd(store.Key("r/")), false, func(k store.Key, _ []byte) (bool, error) {
		if len(k) != len(first) || string(k) == string(first) {
			return true, nil // a later block, or the one to go on after
		}
		id := syncproto.RecordID(k[2:])
		c, ok, err := LoadRecord(r, id)
		if err != nil || !ok {
			return false, err
		}
		return fn(id, &c)
	})
}

// LoadHeld reads a held part back from its bundle, nil when this version cannot
// read it.
func LoadHeld(r store.Reader, p HeldPart, h *Hold) (syncproto.Header, *syncproto.Part, error) {
	var u Bundle
	var err error
	if p.Part&ForkedPart != 0 {
		u, err = loadBundleAt(r, ForkKey(p.Replica, h.Bundle, h.Fork))
	} else {
		u, err = LoadBundle(r, p.Replica, h.Bundle)
	}
	if err != nil {
		return syncproto.Header{}, nil, err
	}
	raw, err := wire.Decompress(u.Frame, u.RawBytes)
	if err != nil {
		return syncproto.Header{}, nil, err
	}
	changes, err := wire.DecodeFrame(raw, p.Replica, h.Bundle, u.Count)
	at, part := int(p.Seq-h.Bundle), p.Part&^ForkedPart
	if err != nil || at >= len(changes) || part >= len(changes[at].Parts) {
		return syncproto.Header{}, nil, err
	}
	if changes[at].Parts[part].Withheld() {
		if p.Part&ForkedPart != 0 {
			return syncproto.Header{}, nil, nil
		}
		blank, err := LoadBlank(r, p.Replica, p.Seq, part)
		return changes[at].Header, blank, err
	}
	out, err := wire.DecodePart(p.Replica, changes[at].Parts[part].Bytes)
	if err != nil {
		return syncproto.Header{}, nil, nil // held because it cannot be read
	}
	return changes[at].Header, &out, nil
}
