package ingest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Author writes one change by the server's own replica, in a person's name:
// what has no device behind it, such as the first administrator. Each edit is
// made on the record's newest state. The change goes the way of every other:
// signed, chained, stored, joined, fed.
func (in *Ingest) Author(ctx context.Context, replica syncproto.ReplicaID, author syncproto.PersonID, kind string, id syncproto.RecordID, edit func(*crdt.Edit) error) error {
	in.authoring.Lock()
	defer in.authoring.Unlock()
	var log records.Log
	rec := crdt.New(id)
	err := in.Store.View(ctx, 0, func(r store.Reader) (err error) {
		if log, err = records.LoadLog(r, replica); err != nil {
			return err
		}
		now, _, err := in.loadState(r, id)
		if now != nil {
			rec = now
		}
		return err
	})
	if err != nil {
		return err
	}
	e := rec.Edit(replica, nil)
	if err := edit(e); err != nil {
		return err
	}
	part, changed := e.Part()
	if !changed {
		return nil
	}
	part.Kind = kind
	return in.authored(ctx, replica, author, &log, &part)
}

// Act writes one change to a record that a person made in a browser, who has
// no replica of his own there: by the pen of the record's township. seen names
// the last change that his page showed; the change is made on that version and
// is concurrent with everything joined since. edit may refuse by what stands
// now; it must not keep either state. KindNotFound when there is no such record
// or seen is no change of it.
//
// Rights are the caller's business, judged on now and its facts.
func (in *Ingest) Act(ctx context.Context, author syncproto.PersonID, id syncproto.RecordID, seen syncproto.ChangeID, edit func(now *crdt.Record, facts *authz.Facts, e *crdt.Edit) error) error {
	in.authoring.Lock()
	defer in.authoring.Unlock()
	epoch, err := in.Store.Epoch(ctx)
	if err != nil {
		return err
	}
	var log records.Log
	var now, shown *crdt.Record
	var pen syncproto.ReplicaID
	var facts authz.Facts
	err = in.Store.View(ctx, 0, func(r store.Reader) error {
		var steps uint32
		if now, steps, err = in.loadState(r, id); err != nil {
			return err
		}
		if now == nil {
			return errNoRecord
		}
		facts = in.Directory.Facts(now)
		pen = in.pen(epoch, facts.Place)
		if log, err = records.LoadLog(r, pen); err != nil {
			return err
		}
		shown, err = shownAt(ctx, r, now, steps, seen)
		return err
	})
	if err != nil {
		return err
	}
	e := shown.Edit(pen, now)
	if err := edit(now, &facts, e); err != nil {
		return err
	}
	part, changed := e.Part()
	if !changed {
		return nil
	}
	return in.authored(ctx, pen, author, &log, &part)
}

var (
	errNoRecord = syncproto.Errorf(syncproto.KindNotFound, "没有这条记录，或者不归您看")
	errNoChange = syncproto.Errorf(syncproto.KindNotFound, "这条记录没有这一处改动")
)

// loadState reads a record's state for changing, nil when there is none, and
// how many steps it is made of.
func (in *Ingest) loadState(r store.Reader, id syncproto.RecordID) (*crdt.Record, uint32, error) {
	c, ok, err := records.LoadRecord(r, id)
	if err != nil || !ok {
		return nil, 0, err
	}
	rec, err := in.Frames.State(r, id, &c)
	return rec, c.Steps, err
}

// shownAt is the state that a page showed whose last change was seen. Mostly
// that is the present one.
func shownAt(ctx context.Context, r store.Reader, now *crdt.Record, steps uint32, seen syncproto.ChangeID) (*crdt.Record, error) {
	last, err := records.Steps(r, now.ID, steps-1, 1)
	if err != nil {
		return nil, err
	}
	if len(last) == 1 && last[0].Change() == seen {
		return now.Clone(), nil
	}
	if seq := now.Version.Of(seen.Replica); seen.IsZero() || seq < seen.Seq {
		return nil, errNoChange
	}
	found := false
	rec, err := records.Replay(ctx, r, now.ID, func(_ int, j *records.Joined, _ *crdt.Record) (bool, error) {
		found = j.Change() == seen
		return !found, nil
	})
	if err == nil && !found {
		err = errNoChange
	}
	return rec, err
}

// pen is the replica that writes for the people of a township in this epoch:
// one chain each, so that a store put back to an earlier day begins others.
func (in *Ingest) pen(epoch, place string) syncproto.ReplicaID {
	return in.penOf("chuantou/pen/1", epoch, place)
}

func (in *Ingest) penOf(use, epoch, place string) syncproto.ReplicaID {
	m := hmac.New(sha256.New, in.Key.Seed())
	m.Write([]byte(use))
	m.Write(binary.BigEndian.AppendUint64(nil, uint64(len(epoch))))
	m.Write([]byte(epoch))
	m.Write([]byte(place[:min(len(place), syncproto.TownshipDigits)]))
	return syncproto.PenID([16]byte(m.Sum(nil)))
}

func (in *Ingest) authored(ctx context.Context, replica syncproto.ReplicaID, author syncproto.PersonID, log *records.Log, part *syncproto.Part) error {
	o := in.own(replica, author, log, part)
	t, err := in.update(ctx, []opened{o})
	if err != nil {
		return fmt.Errorf("server's own change %d: %w", o.bundle.From, err)
	}
	if len(t.bundles) != 1 || len(t.bundles[0].joined) != 1 {
		// It is durable, and held like any other: nothing is lost, but nobody
		// may be told that it counts.
		return fmt.Errorf("server's own change %d of replica %s was not joined", o.bundle.From, replica)
	}
	return nil
}

// own makes the bundle of one change by a replica of the server's.
func (in *Ingest) own(replica syncproto.ReplicaID, author syncproto.PersonID, log *records.Log, part *syncproto.Part) opened {
	h := syncproto.Header{Replica: replica, Seq: log.Head + 1, Author: author, Wall: in.Now().UnixMilli()}
	c := wire.RawChange{Header: h, HeaderBytes: wire.AppendHeader(nil, &h), Parts: []wire.RawPart{{Bytes: wire.AppendPart(nil, replica, part)}}}
	prev := log.Link
	if h.Seq == 1 {
		prev = sign.ChainStart(replica)
	}
	seed := in.seed(replica, syncproto.BlockOf(h.Seq))
	u, _ := sign.MakeBundle(in.Key, []wire.RawChange{c}, []syncproto.Seed{seed}, prev, wire.EffortFast)
	return opened{bundle: *u, changes: []sign.SealedChange{sign.Seal(c, seed, prev)}, parts: [][]readPart{{{Part: *part}}}, device: Device{Person: author, Server: true}}
}

// seed derives the salt seeds of the server's own changes from its key, so
// that none needs to be stored.
func (in *Ingest) seed(replica syncproto.ReplicaID, block uint64) (s syncproto.Seed) {
	m := hmac.New(sha256.New, in.Key.Seed())
	m.Write([]byte("chuantou/own-seed/1"))
	m.Write(replica[:])
	m.Write(binary.BigEndian.AppendUint64(nil, block))
	m.Sum(s[:0])
	return s
}
