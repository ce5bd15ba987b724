package simtest

import (
	"context"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/history"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// counts say how much a world, or several, did. An op is one of SPEC.md §4.3: a
// field set, a member added, all that one save did to a text, an entry of a log.
type counts struct {
	acts     int // what people did, as the log of the checker has it
	ops      int // of acknowledged saves, in the server's log at the end
	followed int // those of them that the checker follows one by one
}

func (c *counts) add(o counts) {
	c.acts, c.ops, c.followed = c.acts+o.acts, c.ops+o.ops, c.followed+o.followed
}

// logged looks all acknowledged saves of a record up where the server keeps
// them for ever: each is in its log, and the record's history has it or the list
// of what is held does. It counts their ops on the way.
func (s *sim) logged(id syncproto.RecordID, parts []writtenBy) {
	must(s.t, s.server.disk.View(context.Background(), 0, func(r store.Reader) error {
		steps, err := records.Steps(r, id, 0, 1<<30)
		if err != nil {
			return err
		}
		joined := map[syncproto.ChangeID]bool{}
		for i := range steps {
			joined[steps[i].Change()] = true
		}
		for _, p := range parts {
			if p.Fate != history.Acked && p.Fate != history.Held {
				continue
			}
			at := syncproto.ChangeID{Replica: p.replica, Seq: p.seq}
			part, err := s.partOf(r, at, id)
			if err != nil {
				return err
			}
			if part == nil {
				s.find("record %s: save %d by %s (%s) is not in the server's log", id, p.Save, p.By, at)
				continue
			}
			held := false
			if err := records.HoldsOf(r, at, func(_ int, h records.Hold) error { held = held || h.Record == id; return nil }); err != nil {
				return err
			}
			if !joined[at] && (p.Fate == history.Acked || !held) {
				s.find("record %s: save %d by %s (%s, fate %d) is in the server's log, and in no history", id, p.Save, p.By, at, p.Fate)
			}
			s.count(part)
		}
		return nil
	}))
}

func (s *sim) count(p *syncproto.Part) {
	s.counts.ops += len(p.Ops)
	for i := range p.Ops {
		if _, ok := followedOf(s.kinds[p.Record], p.Ops[i].Field); ok || p.Ops[i].Field == "" {
			s.counts.followed++
		}
	}
}

// partOf reads a record's part of a change from the server's log, nil when it is
// not there.
func (s *sim) partOf(r store.Reader, at syncproto.ChangeID, id syncproto.RecordID) (*syncproto.Part, error) {
	if _, ok := s.changes[at]; !ok {
		u, from, ok, err := records.FindBundle(r, at.Replica, at.Seq)
		if err != nil || !ok {
			return nil, err
		}
		raw, err := wire.Decompress(u.Frame, u.RawBytes)
		if err != nil {
			return nil, err
		}
		all, err := wire.DecodeFrame(raw, at.Replica, from, u.Count)
		if err != nil {
			return nil, err
		}
		for i := range all {
			s.changes[syncproto.ChangeID{Replica: at.Replica, Seq: all[i].Seq}] = all[i].Parts
		}
	}
	for _, raw := range s.changes[at] {
		if p, err := wire.DecodePart(at.Replica, raw.Bytes); err == nil && p.Record == id {
			return &p, nil
		}
	}
	return nil, nil
}
