package ingest

import (
	"context"
	"crypto/ed25519"
	"errors"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
)

// A store that exists twice takes a new replica id and issues anew what the
// server does not have of its own line (SPEC.md §4.6). What that is the server
// decides once, before the first such change is written: a change that was given
// to one new id is never given to another, and never joined as it was.

var errNotYours = syncproto.Errorf(syncproto.KindForbidden, "这不是您以前的设备编号")

// Reissue says what becomes of a spent id's changes, for the replica that
// takes over from it. It may be asked again, with the same answer.
func (in *Ingest) Reissue(ctx context.Context, replica syncproto.ReplicaID, q syncproto.ReissueRequest) (out []syncproto.Reissued, err error) {
	var persons [2]syncproto.PersonID
	var key ed25519.PublicKey // of the former id
	for i, r := range []syncproto.ReplicaID{replica, q.Former} {
		dev, err := in.Devices.Device(ctx, r)
		if r == q.Former && syncproto.KindOf(err) == syncproto.KindUnauthorized {
			return allAnew(replica, &q), nil
		}
		if err != nil || dev.Server {
			return nil, errors.Join(errNotYours, err)
		}
		persons[i], key = dev.Person, dev.Key
	}
	if replica == q.Former || persons[0] != persons[1] {
		return nil, errNotYours
	}
	// The same person's is not enough: a second device of his must not take what
	// the first has still to send.
	if err := sign.VerifyReissue(key, replica, &q); err != nil {
		return nil, syncproto.Errorf(syncproto.KindBadSignature, "%v", err)
	}
	_, err = in.updateWith(ctx, []store.Key{records.LogKey(q.Former)}, nil, func(t *txn) (store.Batch, error) {
		if out, err = t.reissue(replica, &q); err != nil {
			return store.Batch{}, err
		}
		return t.finish()
	})
	return out, err
}

// allAnew answers for an id that this server never enrolled: it was restored
// from a backup of before that, and has nothing of it. Nothing is written down:
// whose the id was cannot be known, and nobody may block another's way by it.
func allAnew(replica syncproto.ReplicaID, q *syncproto.ReissueRequest) []syncproto.Reissued {
	out := make([]syncproto.Reissued, len(q.Changes))
	for i := range out {
		out[i].As = syncproto.ChangeID{Replica: replica, Seq: q.After + 1 + syncproto.Seq(i)}
	}
	return out
}

func (t *txn) reissue(replica syncproto.ReplicaID, q *syncproto.ReissueRequest) ([]syncproto.Reissued, error) {
	log, err := t.log(q.Former)
	if err != nil {
		return nil, err
	}
	waiting, err := t.waitingOf(q.Former)
	if err != nil {
		return nil, err
	}
	out := make([]syncproto.Reissued, len(q.Changes))
	last := q.After
	for i, c := range q.Changes {
		if out[i], err = t.reissued(q.Former, c.Seq, c.Hash); err != nil {
			return nil, err
		}
		if out[i].As.Replica == replica {
			last = max(last, out[i].As.Seq)
		}
	}
	for i, c := range q.Changes {
		if !out[i].As.IsZero() {
			continue
		}
		same, err := t.hasChange(log, q.Former, c)
		if err != nil {
			return nil, err
		}
		held := waiting[c.Seq]
		if same && len(held) == 0 {
			continue
		}
		last++
		out[i].As = syncproto.ChangeID{Replica: replica, Seq: last}
		if same {
			if out[i].Parts, err = t.giveUp(log, held); err != nil {
				return nil, err
			}
		}
		log.Forked = true
		t.b.Put(records.ReissueKey(q.Former, c.Seq, c.Hash), records.AppendReissued(nil, &out[i]))
	}
	return out, nil
}

// hasChange reports whether the server has just this change under its number.
func (t *txn) hasChange(log *records.Log, replica syncproto.ReplicaID, c syncproto.ReissueChange) (bool, error) {
	if !log.Received.Contains(c.Seq) {
		return false, nil
	}
	u, from, ok, err := t.find(replica, c.Seq)
	return ok && u.Hashes[c.Seq-from] == c.Hash, err
}

// waitingOf lists the parts of a replica that wait for a cause, by their change.
// Once their store leaves the id, that is mostly a change of its own that it
// issues anew, and would never come.
func (t *txn) waitingOf(replica syncproto.ReplicaID) (map[syncproto.Seq][]waiter, error) {
	out := map[syncproto.Seq][]waiter{}
	err := records.EachHold(t.r, replica, func(seq syncproto.Seq, part int, h records.Hold) (bool, error) {
		if h.Reason == syncproto.HoldMissing {
			out[seq] = append(out[seq], waiter{records.HeldPart{Replica: replica, Seq: seq, Part: part}, h})
		}
		return true, nil
	})
	return out, err
}

// giveUp takes parts off the lists of what waits: they are issued anew.
func (t *txn) giveUp(log *records.Log, held []waiter) (parts []int, err error) {
	for _, x := range held {
		w, err := t.record(x.hold.Record)
		if err != nil {
			return nil, err
		}
		log.Held--
		w.Waiting--
		t.released[x.HeldPart] = true
		t.b.Delete(records.HoldKey(x.Replica, x.Seq, x.Part))
		t.b.Delete(records.WaitKey(x.hold.Record, x.Replica, x.Seq, x.Part))
		parts = append(parts, x.Part)
	}
	return parts, nil
}

// reissued is by what a change of a spent id is said anew, zero for nothing.
func (t *txn) reissued(replica syncproto.ReplicaID, seq syncproto.Seq, hash syncproto.Hash) (syncproto.Reissued, error) {
	v, err := t.r.Get(records.ReissueKey(replica, seq, hash))
	if err != nil || v == nil {
		return syncproto.Reissued{}, err
	}
	return records.DecodeReissued(v)
}

// replaces closes what is held of the change that a stored one issues anew: it
// stays to be read in the log and waits no more. The header alone is enough for
// a store that was put back to before it gave the change away.
func (t *txn) replaces(dev Device, c *sign.SealedChange) error {
	was := c.Replaces
	if was.IsZero() || was.Replica == c.Replica {
		return nil
	}
	former, err := t.in.Devices.Device(t.ctx, was.Replica)
	if err != nil || former.Server || former.Person != dev.Person {
		return nil // not its own to close
	}
	log, err := t.log(was.Replica)
	if err != nil {
		return err
	}
	known, err := t.reissued(was.Replica, was.Seq, was.Hash)
	if err != nil {
		return err
	}
	if known.As.IsZero() {
		log.Forked = true
		known.As = syncproto.ChangeID{Replica: c.Replica, Seq: c.Seq}
		t.b.Put(records.ReissueKey(was.Replica, was.Seq, was.Hash), records.AppendReissued(nil, &known))
	}
	return t.closeFork(log, was)
}

// closeFork takes a fork's parts of one change off the list of what waits.
func (t *txn) closeFork(log *records.Log, was syncproto.Replaced) error {
	return records.HoldsOf(t.r, was.ChangeID, func(part int, h records.Hold) error {
		if part&records.ForkedPart == 0 {
			return nil
		}
		v, err := records.GetBlocks(t.r, records.ForkKey(was.Replica, h.Bundle, h.Fork))
		if err != nil || v == nil {
			return err
		}
		u, err := records.DecodeBundle(v)
		if i := int(was.Seq - h.Bundle); err != nil || i < 0 || i >= len(u.Hashes) || u.Hashes[i] != was.Hash {
			return err
		}
		at := records.HeldPart{Replica: was.Replica, Seq: was.Seq, Part: part}
		if !t.released[at] {
			t.released[at] = true
			log.Held--
			t.b.Delete(records.HoldKey(at.Replica, at.Seq, at.Part))
		}
		return nil
	})
}

// saidAnew reports whether what issues a change anew has arrived.
func (t *txn) saidAnew(c *sign.SealedChange) (bool, error) {
	r, err := t.reissued(c.Replica, c.Seq, c.Hash)
	if err != nil || r.As.IsZero() {
		return false, err
	}
	log, err := t.log(r.As.Replica)
	return err == nil && log.Received.Contains(r.As.Seq), err
}
