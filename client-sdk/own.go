package clientsdk

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// ownPart is one part of an own change: which change, which of its parts, and
// when it was saved.
type ownPart struct {
	replica syncproto.ReplicaID
	seq     syncproto.Seq
	part    int
	wall    int64
	// replaces is the change under a former id that this one issues anew, zero
	// for most.
	replaces syncproto.ChangeID
}

// ownIndex finds own changes by record and records by own change. It is read
// from the chain when the store is opened.
type ownIndex struct {
	parts   map[syncproto.RecordID][]ownPart // in the order they were saved
	records map[ownChange][]syncproto.RecordID
}

type ownChange struct {
	replica syncproto.ReplicaID
	seq     syncproto.Seq
}

func (x *ownIndex) add(id syncproto.RecordID, p ownPart) {
	x.parts[id] = append(x.parts[id], p)
	at := ownChange{p.replica, p.seq}
	x.records[at] = append(x.records[at], id)
}

// removePart takes one part out; of p replica, seq and part count.
func (x *ownIndex) removePart(p ownPart, id syncproto.RecordID) {
	x.parts[id] = slices.DeleteFunc(x.parts[id], func(o ownPart) bool {
		return o.replica == p.replica && o.seq == p.seq && o.part == p.part
	})
	if len(x.parts[id]) == 0 {
		delete(x.parts, id)
	}
	at := ownChange{p.replica, p.seq}
	if x.records[at] = slices.DeleteFunc(x.records[at], func(o syncproto.RecordID) bool { return o == id }); len(x.records[at]) == 0 {
		delete(x.records, at)
	}
}

func (x *ownIndex) clone() ownIndex {
	out := ownIndex{parts: make(map[syncproto.RecordID][]ownPart, len(x.parts)), records: make(map[ownChange][]syncproto.RecordID, len(x.records))}
	for id, parts := range x.parts {
		out.parts[id] = slices.Clone(parts)
	}
	for at, ids := range x.records {
		out.records[at] = slices.Clone(ids)
	}
	return out
}

// remove takes a change out.
func (x *ownIndex) remove(at ownChange) {
	for _, id := range x.records[at] {
		x.parts[id] = slices.DeleteFunc(x.parts[id], func(p ownPart) bool { return p.replica == at.replica && p.seq == at.seq })
		if len(x.parts[id]) == 0 {
			delete(x.parts, id)
		}
	}
	delete(x.records, at)
}

// last is the replica's latest change of the record, 0 for none.
func (x *ownIndex) last(id syncproto.RecordID, replica syncproto.ReplicaID) (seq syncproto.Seq) {
	for _, p := range x.parts[id] {
		if p.replica == replica {
			seq = max(seq, p.seq)
		}
	}
	return seq
}

// lastOwn is this replica's latest change of a record, 0 for none: of those
// that are here, or, when they were let go of, as the base knows.
func (c *Client) lastOwn(id syncproto.RecordID, replica syncproto.ReplicaID) (syncproto.Seq, error) {
	last := c.own.last(id, replica)
	h, err := c.record(id)
	if err == nil && h != nil && h.base != nil {
		last = max(last, h.base.Version.Of(replica))
	}
	return last, err
}

// replicas lists the ids this store has written under, oldest first.
func (c *Client) replicas() []syncproto.ReplicaID {
	if c.id == nil {
		return nil
	}
	return append(slices.Clone(c.id.Former), c.id.Replica)
}

func (c *Client) loadHead() error {
	if c.id == nil {
		return nil
	}
	c.head = chainHead{Link: sign.ChainStart(c.id.Replica)}
	return c.get(headKey(c.id.Replica), func(v []byte) (err error) { c.head, err = decodeChainHead(v); return err })
}

func (c *Client) loadOwn() error {
	c.own = ownIndex{parts: map[syncproto.RecordID][]ownPart{}, records: map[ownChange][]syncproto.RecordID{}}
	for _, replica := range c.replicas() {
		anew, err := c.partsAnew(replica)
		if err != nil {
			return err
		}
		err = localstore.ScanPrefix(c.store, join(prefixChange, replica[:]), func(k, v []byte) error {
			seq := seqOfKey(k)
			change, _, err := decodeOwn(replica, seq, v)
			if err != nil {
				return err
			}
			for i := range change.Parts {
				if slices.Contains(anew[seq], i) {
					continue
				}
				id, err := partRecord(change.Parts[i].Bytes)
				if err != nil {
					return fmt.Errorf("%w: own change %d: %w", errStored, seq, err)
				}
				c.own.add(id, ownPart{replica, seq, i, change.Wall, change.Replaces.ChangeID})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	c.newCutter()
	return nil
}

// partsAnew lists, by change, the parts of a former id that were issued anew
// while others of the change stayed.
func (c *Client) partsAnew(former syncproto.ReplicaID) (map[syncproto.Seq][]int, error) {
	out := map[syncproto.Seq][]int{}
	return out, localstore.ScanPrefix(c.store, join(prefixReplaced, former[:]), func(k, v []byte) error {
		fate, _, err := decodeReplaced(v)
		out[seqOfKey(k)] = fate.Parts
		return err
	})
}

// seqOfKey is the number that a key ends with.
func seqOfKey(k []byte) syncproto.Seq { return syncproto.Seq(binary.BigEndian.Uint64(k[len(k)-8:])) }

func (c *Client) newCutter() {
	if c.id != nil {
		c.cutter.Chain, c.cutter.Key = ownChain{c, c.id.Replica}, c.id.Key
	}
}

// partRecord reads the record out of a part's bytes without the rest: it is
// the first member of the map.
func partRecord(b []byte) (id syncproto.RecordID, err error) {
	r := wire.NewReader(b)
	r.Map(64)
	if key := r.Uint(); r.Err() == nil && key != 1 {
		r.Failf("part without record")
	}
	r.Fixed(id[:])
	return id, r.Err()
}

// decodeOwn reads a stored own change: the link before it, then the change.
func decodeOwn(replica syncproto.ReplicaID, seq syncproto.Seq, v []byte) (c wire.RawChange, prev syncproto.Hash, err error) {
	if len(v) < len(prev) {
		return c, prev, fmt.Errorf("%w: own change %d", errStored, seq)
	}
	copy(prev[:], v)
	changes, err := wire.DecodeFrame(v[len(prev):], replica, seq, 1)
	if err != nil {
		return c, prev, fmt.Errorf("%w: own change %d: %w", errStored, seq, err)
	}
	return changes[0], prev, nil
}

// ownChain lets the outbox read one replica's changes.
type ownChain struct {
	c       *Client
	replica syncproto.ReplicaID
}

func (o ownChain) Change(seq syncproto.Seq) (wire.RawChange, syncproto.Hash, error) {
	v, err := o.c.store.Get(changeKey(o.replica, seq))
	if err == nil && v == nil {
		err = fmt.Errorf("%w: own change %d is missing", errStored, seq)
	}
	if err != nil {
		return wire.RawChange{}, syncproto.Hash{}, err
	}
	return decodeOwn(o.replica, seq, v)
}

func (o ownChain) Seed(block uint64) (seed syncproto.Seed, err error) {
	v, err := o.c.store.Get(seedKey(o.replica, block))
	if err == nil && len(v) != len(seed) {
		err = fmt.Errorf("%w: salt seed %d is missing", errStored, block)
	}
	copy(seed[:], v)
	return seed, err
}

// readPart returns one own part with its header.
func (c *Client) readPart(p ownPart) (syncproto.Header, *syncproto.Part, error) {
	change, _, err := ownChain{c, p.replica}.Change(p.seq)
	if err != nil {
		return syncproto.Header{}, nil, err
	}
	if p.part >= len(change.Parts) {
		return syncproto.Header{}, nil, fmt.Errorf("%w: own change %d", errStored, p.seq)
	}
	part, err := wire.DecodePart(p.replica, change.Parts[p.part].Bytes)
	if err != nil {
		return syncproto.Header{}, nil, fmt.Errorf("%w: own change %d: %w", errStored, p.seq, err)
	}
	return change.Header, &part, nil
}
