package ingest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

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
		c, ok, err := records.LoadRecord(r, id)
		if err != nil || !ok || len(c.State) == 0 {
			return err
		}
		rec, err = crdt.Decode(append([]byte(nil), c.State...))
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

func (in *Ingest) authored(ctx context.Context, replica syncproto.ReplicaID, author syncproto.PersonID, log *records.Log, part *syncproto.Part) error {
	h := syncproto.Header{Replica: replica, Seq: log.Head + 1, Author: author, Wall: in.Now().UnixMilli()}
	c := wire.RawChange{Header: h, HeaderBytes: wire.AppendHeader(nil, &h), Parts: []wire.RawPart{{Bytes: wire.AppendPart(nil, replica, part)}}}
	prev := log.Link
	if h.Seq == 1 {
		prev = sign.ChainStart(replica)
	}
	seed := in.seed(replica, syncproto.BlockOf(h.Seq))
	u, _ := sign.MakeBundle(in.Key, []wire.RawChange{c}, []syncproto.Seed{seed}, prev, wire.EffortFast)
	o := opened{bundle: *u, changes: []sign.SealedChange{sign.Seal(c, seed, prev)}, parts: [][]readPart{{{Part: *part}}}, device: Device{Person: author, Server: true}}
	if err := in.commit(ctx, []opened{o}); err != nil {
		return fmt.Errorf("server's own change %d: %w", h.Seq, err)
	}
	return nil
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
