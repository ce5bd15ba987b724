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
	"github.com/chuantou/chuantou/syncproto/session"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// ReEnrol gives this store a new replica id and key, by a new one-time code of
// the same person, and issues anew what the server does not have of its work.
// It is for a store that exists twice (Summary.NeedsNewID), and for one that a
// restored server does not know (Summary.Unknown). Everything stays:
// the records, the drafts, the changes that the server has under the old id.
//
// Each change is issued anew by itself, in order and on the version that its
// form showed, and names the one it replaces: what others wrote meanwhile is
// beside it, not under it. Should the way to the server break on the way, call
// it again; a code that was taken is not needed a second time, unless the server
// was put back to before it was.
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
	// A server that does not know the old id has nothing to be offered under it.
	if err := c.pushSpent(ctx, link); err != nil && syncproto.KindOf(err) != syncproto.KindUnauthorized {
		return fmt.Errorf("enrol again: %w", err)
	}
	next, fates, err := c.askNext(ctx, link, was, code)
	if err != nil {
		return fmt.Errorf("enrol again: %w", err)
	}
	if err := c.moveTo(next, link, fates); err != nil {
		return fmt.Errorf("enrol again: %w", err)
	}
	return nil
}

// pushSpent offers the server once more, under the old id, what it says it has
// not: others may have seen it before the server lost it again, or another copy
// of this store may have it too. What contradicts the other store's is held.
func (c *Client) pushSpent(ctx context.Context, link syncloop.Transport) error {
	c.mu.Lock()
	cfg := c.sessionConfig(link)
	cfg.PushOnly = true
	c.mu.Unlock()
	rep := syncloop.Run(ctx, link, session.New(cfg, &syncState{c: c, spent: true}), c.opt.Clock)
	return rep.Push
}

// askNext enrols once more, or goes on with the identity of a try that broke
// off, and asks under it what is to be issued anew. A server that was put back to
// before that try knows nothing of its identity, nor of what it gave to it, and
// nothing was written under it yet: it gives way to another.
func (c *Client) askNext(ctx context.Context, link syncloop.Transport, was *identity, code string) (next *identity, fates map[syncproto.Seq]syncproto.Reissued, err error) {
	c.mu.Lock()
	err = c.get(keyNext, func(v []byte) (err error) { next, err = decodeIdentity(v); return err })
	c.mu.Unlock()
	if err != nil {
		return nil, nil, err
	}
	if next != nil {
		if fates, err = c.askReissue(ctx, link, next); syncproto.KindOf(err) != syncproto.KindUnauthorized {
			return next, fates, err
		}
	}
	if next, err = c.nextIdentity(ctx, link, was, code); err == nil {
		fates, err = c.askReissue(ctx, link, next)
	}
	return next, fates, err
}

// nextIdentity enrols once more. The new identity is stored before it is used:
// what the server gives to it for issuing anew it gives to no other.
func (c *Client) nextIdentity(ctx context.Context, link syncloop.Transport, was *identity, code string) (next *identity, err error) {
	key, err := c.pendingKey(was.Origin, code)
	if err != nil {
		return nil, err
	}
	if next, err = c.askIdentity(ctx, link, code, was.Device, key); err != nil {
		return nil, err
	}
	if next.Person != was.Person {
		return nil, fmt.Errorf("the code is another person's; this store belongs to %s", was.PersonName)
	}
	if !bytes.Equal(next.ServerKey, was.ServerKey) {
		return nil, ErrOtherServer
	}
	next.Origin, next.Root, next.Former = was.Origin, was.Root, append(slices.Clone(was.Former), was.Replica)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	var b localstore.Batch
	b.Put(keyNext, next.append())
	b.Delete(keyEnrolling)
	return next, c.store.Apply(&b)
}

// askReissue asks what of the present id's changes the server has, and by what
// the others are issued anew.
func (c *Client) askReissue(ctx context.Context, link syncloop.Transport, next *identity) (map[syncproto.Seq]syncproto.Reissued, error) {
	c.mu.Lock()
	q, key := syncproto.ReissueRequest{Former: c.id.Replica}, c.id.Key
	own, err := c.ownHashes()
	cfg := session.Config{Replica: next.Replica, ServerKey: next.ServerKey, Random: c.opt.Random, Offset: c.place.Offset,
		Sign: func(q *sign.SessionRequest) syncproto.Signature { return sign.SignSession(next.Key, q) }}
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	fates := map[syncproto.Seq]syncproto.Reissued{}
	for some := range slices.Chunk(own, syncproto.MaxReissue) {
		q.Changes = some
		sign.SignReissue(key, next.Replica, &q)
		rep := syncloop.Run(ctx, link, session.NewAsk(cfg, "/v1/sync/reissue", wire.AppendReissueRequest(nil, &q)), c.opt.Clock)
		if rep.Pull != nil {
			return nil, rep.Pull
		}
		cfg.Token, cfg.Offset = rep.Token, rep.Offset
		all, err := wire.DecodeReissued(rep.Answer)
		if err != nil || len(all) != len(some) {
			return nil, errors.Join(errAnswer, err)
		}
		for i, a := range all {
			if a.As.IsZero() {
				continue
			}
			fates[some[i].Seq] = a
			if a.As.Replica == next.Replica {
				q.After = max(q.After, a.As.Seq)
			}
		}
	}
	return fates, nil
}

// ownHashes names the own changes of the present id that are on the device.
// Those let go of are in a backup of the server's.
func (c *Client) ownHashes() (out []syncproto.ReissueChange, err error) {
	chain := ownChain{c, c.id.Replica}
	for seq := syncproto.Seq(1); seq <= c.head.Seq; seq++ {
		if c.backups.Dropped.Contains(seq) {
			continue
		}
		s, err := c.sealedChange(chain, seq)
		if err != nil {
			return nil, err
		}
		out = append(out, syncproto.ReissueChange{Seq: seq, Hash: s.Hash})
	}
	return out, nil
}

func (c *Client) sealedChange(chain ownChain, seq syncproto.Seq) (sign.SealedChange, error) {
	change, prev, err := chain.Change(seq)
	if err != nil {
		return sign.SealedChange{}, err
	}
	seed, err := chain.Seed(syncproto.BlockOf(seq))
	if err != nil {
		return sign.SealedChange{}, err
	}
	return sign.Seal(change, seed, prev), nil
}

// moveTo takes on the new identity and issues anew, in one write.
func (c *Client) moveTo(next *identity, link syncloop.Transport, fates map[syncproto.Seq]syncproto.Reissued) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	r := newReissue(c, next)
	for seq := syncproto.Seq(1); seq <= c.head.Seq; seq++ {
		if fate, ok := fates[seq]; ok {
			if err := r.change(seq, &fate); err != nil {
				return fmt.Errorf("own change %d: %w", seq, err)
			}
		}
	}
	if err := r.dropBases(); err != nil {
		return err
	}
	at := c.place
	at.Cursor = nil // the server seals cursors for one replica
	r.batch.Put(keyIdentity, next.append())
	r.batch.Put(keyPlace, at.append())
	r.batch.Put(headKey(next.Replica), r.head.append())
	for _, k := range [][]byte{keyEnrolling, keyNext, keyReceipt, keyAcked, keyToken, keyBackups, keyTold, keyUnknown} {
		r.batch.Delete(k)
	}
	if err := c.store.Apply(&r.batch); err != nil {
		return err
	}
	c.id, c.head, c.place, c.own = next, r.head, at, r.own
	c.receipt, c.acked, c.spent, c.backups, c.told, c.stranger = nil, nil, false, backups{}, nil, false
	c.link, c.token = link, session.Token{}
	r.sums.commitSums()
	clear(c.cache)
	c.newCutter()
	c.sealed.stale = true
	c.keepSealed(0)
	c.reissuedRows(r)
	return nil
}

// reissuedRows brings the rows of what was issued anew up to date: it reads the
// new changes from the store. The records say what they said: should it fail, a
// list shows at most an old 有不同修改, until the record is next written.
func (c *Client) reissuedRows(r *reissue) {
	var b localstore.Batch
	var ids []syncproto.RecordID
	for id := range r.anew {
		if h, err := c.record(id); err == nil && h != nil {
			c.putRow(&b, id, h)
		}
		ids = append(ids, id)
	}
	_ = c.store.Apply(&b)
	c.notify(ids...)
}
