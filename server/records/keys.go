// Package records says how changes, records and feeds lie in the store: keys,
// value formats and the few reads and writes that ingest, feed and timeline
// share. It decides nothing.
//
//	b/ replica from        a bundle as it came: frame, hashes, salts, arrival
//	v/ replica             what is known of a replica's chain (Log)
//	w/ replica seq part    a held part: where it lies and why (Hold)
//	x/ record replica seq part   the same, found from its record
//	r/ record              head and state (Record)
//	h/ record n            n-th part joined to the record (Step)
//	u/ record n            state in the ids of the log after n steps (Unfolded)
//	z/ record fold         what the ids of a fold stand for (fold.Table)
//	e/ replica seq part    what stands for a part that was erased (its blank)
//	f/ atom n              n-th entry of an atom's feed (Entry)
//	g/ atom                how far the feed is and what its records add up to (AtomHead)
//	i/ kind record         records of the kinds the directory is made of
//	o/ record replica seq  what stands for changes that were declared lost (crdt.StandIn)
//	k/ key                 a sealing key (unwrapped) and its holder
//	n/ unit kind year      running numbers
//	q/ replica seq hash    by what a change of a spent id is issued anew
//	y/ replica from hash   bundles that contradict the chain (forks), whole
//	t/ …                   timeline rows, package timeline
//	a/ …                   accounts, package authn
//
// Every value begins with a format version. A value larger than one block is
// cut into blocks under the same key followed by the block's index.
package records

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
)

// blockBytes is how much of a long value one key holds.
const blockBytes = 48 << 10

// maxBlocks bounds what one value may take: 12 MiB.
const maxBlocks = 256

func key(prefix byte, parts ...[]byte) store.Key {
	n := 2
	for _, p := range parts {
		n += len(p)
	}
	k := append(make(store.Key, 0, n), prefix, '/')
	for _, p := range parts {
		k = append(k, p...)
	}
	return k
}

func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// atomBytes ends the atom with a zero byte so that no atom is a prefix of another.
func atomBytes(a syncproto.Atom) []byte { return append([]byte(a), 0) }

// BundleKey is where a bundle lies.
func BundleKey(r syncproto.ReplicaID, from syncproto.Seq) store.Key {
	return key('b', r[:], u64(uint64(from)))
}

// ForkKey is where a bundle that contradicts the chain lies.
func ForkKey(r syncproto.ReplicaID, from syncproto.Seq, h syncproto.Hash) store.Key {
	return key('y', r[:], u64(uint64(from)), h[:8])
}

// ReissueKey is where it stands by what a change of a spent id is issued anew.
func ReissueKey(r syncproto.ReplicaID, seq syncproto.Seq, h syncproto.Hash) store.Key {
	return key('q', r[:], u64(uint64(seq)), h[:16])
}

// LogKey is where a replica's Log lies.
func LogKey(r syncproto.ReplicaID) store.Key { return key('v', r[:]) }

// IsLog reports whether a key is of a replica's Log, or of a later block of one.
func IsLog(k store.Key) bool { return bytes.HasPrefix(k, key('v')) }

// LogOf is the replica whose Log begins at a key.
func LogOf(k store.Key) (id syncproto.ReplicaID, ok bool) {
	if !IsLog(k) || len(k) != 2+len(id) {
		return id, false
	}
	copy(id[:], k[2:])
	return id, true
}

// HoldKey is where a held part lies.
func HoldKey(r syncproto.ReplicaID, seq syncproto.Seq, part int) store.Key {
	return key('w', r[:], u64(uint64(seq)), []byte{byte(part >> 8), byte(part)})
}

// WaitKey finds a held part from its record.
func WaitKey(id syncproto.RecordID, r syncproto.ReplicaID, seq syncproto.Seq, part int) store.Key {
	return key('x', id[:], r[:], u64(uint64(seq)), []byte{byte(part >> 8), byte(part)})
}

// RecordKey is where a record lies.
func RecordKey(id syncproto.RecordID) store.Key { return key('r', id[:]) }

// StepKey is where the n-th step of a record's history lies, from 0.
func StepKey(id syncproto.RecordID, n uint32) store.Key {
	return key('h', id[:], binary.BigEndian.AppendUint32(nil, n))
}

// UnfoldedKey is where the unfolded state of a record after n steps lies.
func UnfoldedKey(id syncproto.RecordID, n uint32) store.Key {
	return key('u', id[:], binary.BigEndian.AppendUint32(nil, n))
}

// FoldKey is where the table of a fold of a record's text lies.
func FoldKey(id syncproto.RecordID, fold syncproto.ReplicaID) store.Key {
	return key('z', id[:], fold[:])
}

// FeedKey is where entry n of an atom's feed lies, from 1.
func FeedKey(a syncproto.Atom, n uint64) store.Key { return key('f', atomBytes(a), u64(n)) }

// AtomKey is where an atom's head lies; its feed is numbered under this key's guard.
func AtomKey(a syncproto.Atom) store.Key { return key('g', []byte(a)) }

// StandInKey is where it lies what stands in a record for a replica's lost
// changes up to seq.
func StandInKey(id syncproto.RecordID, r syncproto.ReplicaID, seq syncproto.Seq) store.Key {
	return key('o', id[:], r[:], u64(uint64(seq)))
}

// KindKey lists a record under its kind.
func KindKey(kind string, id syncproto.RecordID) store.Key {
	return key('i', append([]byte(kind), 0), id[:])
}

// SealKey is where a sealing key lies.
func SealKey(id syncproto.KeyID) store.Key { return key('k', id[:]) }

// NumberKey counts the ledger numbers given for a unit, kind and year.
func NumberKey(unit syncproto.RecordID, kind string, year int) store.Key {
	return key('n', unit[:], append([]byte(kind), 0), binary.BigEndian.AppendUint16(nil, uint16(year)))
}

// prefixEnd is the first key after all that begin with p.
func prefixEnd(p store.Key) store.Key {
	end := append(store.Key(nil), p...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// PutBlocks stores a value of any allowed length under key, cut into blocks.
// A shorter value than before leaves no old blocks behind: was tells how many
// bytes the last one had (0 if none).
func PutBlocks(b *store.Batch, key store.Key, value []byte, was int) error {
	n := blocksOf(len(value))
	if n > maxBlocks {
		return fmt.Errorf("value of %d bytes over the limit %d", len(value), maxBlocks*blockBytes)
	}
	for k, block := range Blocks(key, value) {
		b.Put(k, block)
	}
	for i := n; i < blocksOf(was); i++ {
		b.Delete(blockKey(key, i))
	}
	return nil
}

// Blocks yields a value as PutBlocks stores it, for one too large for a batch.
func Blocks(key store.Key, value []byte) iter.Seq2[store.Key, []byte] {
	return func(yield func(store.Key, []byte) bool) {
		for i := range blocksOf(len(value)) {
			if !yield(blockKey(key, i), value[i*blockBytes:min((i+1)*blockBytes, len(value))]) {
				return
			}
		}
	}
}

// DeleteBlocks takes away what lies under key, a value of PutBlocks or nothing.
func DeleteBlocks(r store.Reader, b *store.Batch, key store.Key) error {
	return r.Scan(key, prefixEnd(key), false, func(k store.Key, _ []byte) (bool, error) {
		b.Delete(k)
		return true, nil
	})
}

// MaxBlocksBytes is how long a value cut into blocks may be.
const MaxBlocksBytes = maxBlocks * blockBytes

func blocksOf(size int) int { return (size + blockBytes - 1) / blockBytes }

// blockKey keeps the plain key for the first block: nearly every value has one.
func blockKey(k store.Key, i int) store.Key {
	if i == 0 {
		return k
	}
	return append(append(store.Key(nil), k...), 0xff, byte(i))
}

// GetBlocks reads what PutBlocks stored, nil when absent. The slice may be kept,
// not modified.
func GetBlocks(r store.Reader, key store.Key) ([]byte, error) {
	first, err := r.Get(key)
	if err != nil || first == nil {
		return nil, err
	}
	if len(first) < blockBytes {
		return first, nil
	}
	out := append([]byte(nil), first...)
	for i := 1; len(first) == blockBytes && i < maxBlocks; i++ {
		if first, err = r.Get(blockKey(key, i)); err != nil {
			return nil, err
		}
		out = append(out, first...)
	}
	return out, nil
}
