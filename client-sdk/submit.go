package clientsdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Submit (提交) turns drafts into one change: what was written together, a
// visit with its demands and promises, is one save and arrives together. It is
// durable before Submit returns, and from then on part of the shared history.
// The drafts are gone afterwards. On an error nothing has changed, drafts
// included: an IncompleteError names the fields still to be filled.
func (c *Client) Submit(ctx context.Context, drafts ...*Draft) error {
	if err := c.cut(ctx, StatusSubmitted, drafts); err != nil {
		return fmt.Errorf("submit: %w", err)
	}
	return nil
}

// Share puts a draft that several people write (共同记录) into the shared
// history while it still is 草稿: only its recorders see it, until one of them
// submits it. The draft on the device is gone afterwards; Edit goes on.
func (c *Client) Share(ctx context.Context, drafts ...*Draft) error {
	if err := c.cut(ctx, StatusDraft, drafts); err != nil {
		return fmt.Errorf("share: %w", err)
	}
	return nil
}

// cut makes one change of the drafts.
func (c *Client) cut(ctx context.Context, status RecordStatus, drafts []*Draft) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrClosed
	case c.id == nil:
		return ErrNotEnrolled
	case c.spent:
		return ErrNeedsNewID
	case len(drafts) > syncproto.MaxPartsPerChange:
		return fmt.Errorf("%d records in one save, at most %d are possible", len(drafts), syncproto.MaxPartsPerChange)
	}
	s := newSave(c)
	for _, d := range drafts {
		if err := s.draft(d, status); err != nil {
			return err
		}
		s.batch.Delete(draftKey(d.id))
	}
	if len(s.parts) == 0 {
		return ErrUnchanged
	}
	return s.commit()
}

// maxChangeBytes leaves room below syncproto.MaxChangeBytes for what stands
// around the parts.
const maxChangeBytes = syncproto.MaxChangeBytes - 64<<10

// save is one change in the making: nothing of it is visible before commit.
type save struct {
	c      *Client
	header syncproto.Header
	seal   sealer
	batch  localstore.Batch
	counts counts
	parts  []syncproto.Part
	after  []*held   // what the records look like with the change joined
	head   chainHead // with the change appended
}

func newSave(c *Client) *save {
	s := &save{c: c, counts: c.counts.clone()}
	s.header = syncproto.Header{Replica: c.id.Replica, Seq: c.head.Seq + 1, Author: c.id.Person, Wall: c.wall(), Offset: c.place.Offset}
	s.seal = sealer{c: c, batch: &s.batch}
	return s
}

// draft compiles one draft into a part.
func (s *save) draft(d *Draft, status RecordStatus) error {
	if d.c != s.c {
		return errors.New("a draft of another client")
	}
	for i := range s.parts {
		if s.parts[i].Record == d.record {
			return fmt.Errorf("two drafts of record %s: submit one after the other", d.record)
		}
	}
	part, err := s.c.compile(d, status, s)
	if errors.Is(err, errNothing) {
		return nil
	}
	if err != nil {
		return err
	}
	if s.counts.Last == nil {
		s.counts.Last = map[string]syncproto.RecordID{}
	}
	if d.origin == draftNew {
		s.counts.Last[d.kindID] = d.record
	}
	return s.add(d, part)
}

// add joins the part to a copy of what is shown: what would not join is found
// before anything is written. A part made on what has left the device since
// its form was opened (the record was narrowed) is no mistake: the server has
// what it builds on, and joins it or says why not.
func (s *save) add(d *Draft, part syncproto.Part) error {
	h, err := s.c.record(part.Record)
	if err != nil {
		return err
	}
	next := &held{}
	if h != nil {
		*next = *h
	}
	if next.shown == nil {
		next.shown = crdt.New(part.Record)
	} else {
		next.shown = next.shown.Clone()
	}
	err = next.shown.Join(s.header, &part, crdt.Options{})
	if isLate(err) {
		err = s.addLate(d, next, &part)
	}
	var missing *crdt.MissingError
	switch {
	case errors.As(err, &missing), errors.Is(err, errNarrowed):
		if next.shown = nil; h != nil {
			next.shown = h.shown
		}
		next.unjoined = append(slices.Clone(next.unjoined), ownPart{replica: s.header.Replica, seq: s.header.Seq, part: len(s.parts), wall: s.header.Wall})
	case err != nil:
		return fmt.Errorf("record %s: %w", part.Record, err)
	}
	s.parts = append(s.parts, part)
	s.after = append(s.after, next)
	return nil
}

// commit appends the change to the chain, durably.
func (s *save) commit() error {
	err := s.write()
	if err == nil {
		err = s.c.store.Apply(&s.batch)
	}
	if err == nil {
		s.publish()
		s.c.keepSealed(s.header.Seq)
	}
	return err
}

// write puts the change and what goes with it into the batch.
func (s *save) write() error {
	c := s.c
	raw := wire.RawChange{Header: s.header, HeaderBytes: wire.AppendHeader(nil, &s.header)}
	total := 0
	for i := range s.parts {
		b := wire.AppendPart(nil, s.header.Replica, &s.parts[i])
		if _, err := wire.DecodePart(s.header.Replica, b); err != nil {
			return fmt.Errorf("record %s: %w", s.parts[i].Record, err)
		}
		total += len(b)
		raw.Parts = append(raw.Parts, wire.RawPart{Bytes: b})
	}
	if total > maxChangeBytes {
		return fmt.Errorf("the change has %d KB, at most %d can be sent in one: submit in smaller steps", total>>10, maxChangeBytes>>10)
	}
	seed, err := s.seed()
	if err != nil {
		return err
	}
	s.head = chainHead{Seq: s.header.Seq, Link: sign.Seal(raw, seed, c.head.Link).Link}
	s.batch.Put(changeKey(s.header.Replica, s.header.Seq), wire.AppendRawChange(append([]byte(nil), c.head.Link[:]...), &raw))
	s.batch.Put(headKey(s.header.Replica), s.head.append())
	s.batch.Put(keyCount, s.counts.append())
	for i := range s.after {
		c.putRow(&s.batch, s.parts[i].Record, s.after[i])
	}
	return nil
}

// seed returns the salt seed of the change's block, made and stored with the
// block's first change.
func (s *save) seed() (seed syncproto.Seed, err error) {
	block := syncproto.BlockOf(s.header.Seq)
	if (s.header.Seq-1)%syncproto.SeedBlock != 0 {
		return ownChain{s.c, s.header.Replica}.Seed(block)
	}
	if _, err := io.ReadFull(s.c.opt.Random, seed[:]); err != nil {
		return seed, fmt.Errorf("salt seed: %w", err)
	}
	s.batch.Put(seedKey(s.header.Replica, block), append([]byte(nil), seed[:]...))
	return seed, nil
}

// publish makes the saved change visible.
func (s *save) publish() {
	c := s.c
	c.head, c.counts = s.head, s.counts
	for _, k := range s.seal.fresh {
		c.keys.add(k)
	}
	var ids []syncproto.RecordID
	for i := range s.parts {
		id := s.parts[i].Record
		c.own.add(id, ownPart{replica: s.header.Replica, seq: s.header.Seq, part: i, wall: s.header.Wall})
		c.remember(id, s.after[i])
		ids = append(ids, id)
	}
	c.notify(ids...)
}
