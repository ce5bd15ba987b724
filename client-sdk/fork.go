package clientsdk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/syncloop"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/session"
	"github.com/chuantou/chuantou/syncproto/sign"
)

// ReEnrol gives this store a new replica id and key, by a new one-time code of
// the same person, and issues anew what the server did not acknowledge. It is
// for a store that exists twice (Summary.NeedsNewID). Everything stays: the
// records, the drafts, the acknowledged changes of the old id.
//
// What is plain in it: the unacknowledged changes become one change for each
// record they touch, with what they add up to, and this change knows all that
// the device had been acknowledged of the record. So a value that was set
// concurrently elsewhere and acknowledged here is replaced, and the order of
// several unacknowledged saves is not kept.
func (c *Client) ReEnrol(ctx context.Context, code string) error {
	c.syncing.Lock()
	defer c.syncing.Unlock()
	c.mu.Lock()
	was := c.id
	c.mu.Unlock()
	if was == nil {
		return fmt.Errorf("enrol again: %w", ErrNotEnrolled)
	}
	link, err := c.dial(was.Origin, was.Root)
	if err != nil {
		return fmt.Errorf("enrol again: %w", err)
	}
	key, err := c.pendingKey(was.Origin, code)
	if err != nil {
		return fmt.Errorf("enrol again: %w", err)
	}
	next, err := c.askIdentity(ctx, link, code, was.Device, key)
	if err != nil {
		return fmt.Errorf("enrol again: %w", err)
	}
	if next.Person != was.Person {
		return fmt.Errorf("enrol again: the code is another person's; this store belongs to %s", was.PersonName)
	}
	if !bytes.Equal(next.ServerKey, was.ServerKey) {
		return fmt.Errorf("enrol again: %w", ErrOtherServer)
	}
	next.Origin, next.Root, next.Former = was.Origin, was.Root, append(slices.Clone(was.Former), was.Replica)
	if err := c.moveTo(next, link); err != nil {
		return fmt.Errorf("enrol again: %w", err)
	}
	return nil
}

// prefixReplaced keeps changes of a former id that were issued anew: r/ replica seq.
var prefixReplaced = []byte("r/")

// moveTo takes on the new identity and issues anew, in one write.
func (c *Client) moveTo(next *identity, link syncloop.Transport) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	acked, err := c.acknowledged()
	if err != nil {
		return err
	}
	drafts, err := c.unacknowledged(acked)
	if err != nil {
		return err
	}
	var b localstore.Batch
	id, head, own, place, receipt, counts, was := c.id, c.head, c.own, c.place, c.receipt, c.counts, c.backups
	undo := func(err error) error {
		c.id, c.head, c.own, c.place, c.receipt, c.counts, c.backups = id, head, own, place, receipt, counts, was
		c.newCutter()
		clear(c.cache)
		return errors.Join(err, c.loadKeys())
	}
	if err := errors.Join(c.setAside(&b, acked), c.dropKept(&b)); err != nil {
		return undo(err)
	}
	c.id, c.head, c.receipt, c.backups = next, chainHead{Link: sign.ChainStart(next.Replica)}, nil, backups{}
	c.place.Cursor = nil // the server seals cursors for one replica
	clear(c.cache)
	b.Put(keyIdentity, next.append())
	b.Put(keyPlace, c.place.append())
	for _, k := range [][]byte{keyEnrolling, keyReceipt, keyAcked, keyToken, keyBackups, keyTold} {
		b.Delete(k)
	}
	if err := c.reissue(&b, drafts); err != nil {
		return undo(err)
	}
	c.link, c.token = link, session.Token{}
	c.newCutter()
	c.sealed.stale = true
	c.keepSealed(0)
	return nil
}

// acknowledged is what the server acknowledged of this store's own changes,
// before it found a fork.
func (c *Client) acknowledged() (acked syncproto.Ranges, err error) {
	if c.receipt == nil {
		return nil, nil
	}
	acked = c.receipt.Received
	if c.receipt.Forked {
		acked = nil
		err = c.get(keyAcked, func(v []byte) (err error) { acked, err = decodeRanges(v); return err })
	}
	return acked, err
}

// anew is what is issued anew of one record, and when it was saved.
type anew struct {
	draft *Draft
	wall  int64
}

// lastWall is the claimed time of the device's last save of a record.
func (c *Client) lastWall(id syncproto.RecordID) (wall int64) {
	for _, p := range c.own.parts[id] {
		wall = p.wall
	}
	return wall
}

// unacknowledged makes a draft for each record that unacknowledged changes
// touch, in the order they were saved.
func (c *Client) unacknowledged(acked syncproto.Ranges) (out []anew, err error) {
	done := map[syncproto.RecordID]bool{}
	for seq := syncproto.Seq(1); seq <= c.head.Seq; seq++ {
		if acked.Contains(seq) {
			continue
		}
		for _, id := range c.own.records[ownChange{c.id.Replica, seq}] {
			if done[id] {
				continue
			}
			done[id] = true
			d, err := c.difference(id, acked)
			if err != nil {
				return nil, fmt.Errorf("record %s: %w", id, err)
			}
			if len(d.edits) > 0 || d.origin == draftJoined {
				out = append(out, anew{d, c.lastWall(id)})
			}
		}
	}
	return out, nil
}

// difference is a draft that takes the acknowledged state of a record to the
// one that is shown.
func (c *Client) difference(id syncproto.RecordID, acked syncproto.Ranges) (*Draft, error) {
	h, err := c.record(id)
	if err != nil {
		return nil, err
	}
	from, err := c.ackedState(id, h, acked)
	if err != nil {
		return nil, err
	}
	d := &Draft{c: c, id: "anew", record: id, kindID: h.shown.Kind, origin: draftEdit, opened: c.now().UnixMilli(), person: c.person()}
	d.kind, _ = c.schema.Kind(d.kindID)
	if from.Kind == "" {
		d.origin = draftJoined // makes the record, and prefills nothing
	} else {
		d.base = from.AppendBinary(nil)
	}
	diff := differ{reader{c, h.shown}, reader{c, from}, d}
	diff.fields(h.shown, from, "", syncproto.ElemID{}, "")
	diff.lists()
	diff.marks()
	return d, d.err
}

// ackedState is the base with the acknowledged own parts joined.
func (c *Client) ackedState(id syncproto.RecordID, h *held, acked syncproto.Ranges) (*crdt.Record, error) {
	rec := crdt.New(id)
	if h.kept != nil {
		rec = h.kept.Clone() // what is shown is made on it
	} else if h.base != nil {
		rec = h.base.Clone()
	}
	for _, p := range c.own.parts[id] {
		if p.replica == c.id.Replica && !acked.Contains(p.seq) {
			continue
		}
		header, part, err := c.readPart(p)
		if err != nil {
			return nil, err
		}
		// What does not join is not needed: the draft names what it needs.
		_ = rec.Join(header, part, crdt.Options{})
	}
	return rec, nil
}

// setAside takes the unacknowledged changes out of the chain of the old id,
// and keeps them apart.
func (c *Client) setAside(b *localstore.Batch, acked syncproto.Ranges) error {
	for seq := syncproto.Seq(1); seq <= c.head.Seq; seq++ {
		if acked.Contains(seq) {
			continue
		}
		v, err := c.store.Get(changeKey(c.id.Replica, seq))
		if err != nil {
			return err
		}
		if v == nil {
			continue // let go of long ago
		}
		b.Put(join(prefixReplaced, c.id.Replica[:], u64(uint64(seq))), v)
		b.Delete(changeKey(c.id.Replica, seq))
	}
	old := c.own
	c.own = ownIndex{parts: map[syncproto.RecordID][]ownPart{}, records: map[ownChange][]syncproto.RecordID{}}
	for id, parts := range old.parts {
		for _, p := range parts {
			if p.replica != c.id.Replica || acked.Contains(p.seq) {
				c.own.add(id, p)
			}
		}
	}
	return nil
}

// reissue writes everything so far together with the drafts as changes of the
// new id, each its own change.
func (c *Client) reissue(b *localstore.Batch, drafts []anew) error {
	seeds := map[uint64]syncproto.Seed{}
	for _, a := range drafts {
		d := a.draft
		s := newSave(c)
		s.seal.always, s.seeds, s.header.Wall = true, seeds, a.wall
		part, err := c.compile(d, "", s)
		if errors.Is(err, errNothing) {
			continue
		}
		if err == nil {
			err = s.add(d, part)
		}
		if err == nil {
			err = s.write()
		}
		if err != nil {
			return fmt.Errorf("record %s: %w", d.record, err)
		}
		for _, w := range s.batch.Writes() {
			if w.Value == nil {
				b.Delete(w.Key)
			} else {
				b.Put(w.Key, w.Value)
			}
		}
		s.publish()
	}
	return c.store.Apply(b)
}
