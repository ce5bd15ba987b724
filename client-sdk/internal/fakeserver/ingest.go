package fakeserver

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

func (s *Server) push(rep *replica, body []byte) (int, []byte, error) {
	bundles, err := wire.DecodePush(body)
	if err != nil {
		return 400, nil, syncproto.Errorf(syncproto.KindBadRequest, "%v", err)
	}
	for i := range bundles {
		changes, err := sign.OpenBundle(&bundles[i], rep.pub)
		if err != nil {
			return 400, nil, syncproto.Errorf(syncproto.KindBadSignature, "%v", err)
		}
		fits := s.agreeing(bundles[i].PrevLink, changes)
		if fits < len(changes) {
			s.state.forked[bundles[i].Replica] = true // kept apart, not applied
		}
		for _, c := range changes[:fits] {
			s.take(c)
		}
	}
	s.retry()
	return 200, s.receipt(rep.id), nil
}

func (s *Server) take(c sign.SealedChange) {
	at := ownKey{c.Replica, c.Seq}
	st := s.state
	if _, ok := st.changes[at]; ok {
		return
	}
	c.HeaderBytes = bytes.Clone(c.HeaderBytes)
	for i := range c.Parts {
		c.Parts[i].Bytes = bytes.Clone(c.Parts[i].Bytes)
	}
	st.changes[at] = c
	st.ranges[c.Replica] = st.ranges[c.Replica].Add(c.Seq, c.Seq)
	for i := range c.Parts {
		part, err := wire.DecodePart(c.Replica, c.Parts[i].Bytes)
		if err != nil {
			panic(err) // the device checks before it signs
		}
		s.takeKeys(&part)
		if s.Hold != nil {
			if reason := s.Hold(&part); reason != 0 {
				st.held[c.Replica] = append(st.held[c.Replica], syncproto.Held{Seq: c.Seq, Record: part.Record, Reason: reason})
				st.setAside = append(st.setAside, waitingPart{c.Header, part})
				continue
			}
		}
		if !s.join(c.Header, &part) {
			st.waiting = append(st.waiting, waitingPart{c.Header, part})
		}
	}
}

func (s *Server) takeKeys(p *syncproto.Part) {
	for _, op := range p.Ops {
		if op.Field == seal.KeysField {
			if k, err := seal.Unwrap(s.seal, op.Value); err == nil {
				s.state.keys = append(s.state.keys, k)
			}
		}
	}
}

// join joins a part and feeds it; false when it must wait.
func (s *Server) join(h syncproto.Header, p *syncproto.Part) bool {
	st := s.state
	rec := st.records[p.Record]
	if rec == nil {
		rec = crdt.New(p.Record)
	}
	next, late, err := rec.Clone(), false, error(nil)
	if st.unfolded[p.Record] != nil {
		next, late, err = st.joinFolded(next, h, p)
	} else {
		err = next.Join(h, p, crdt.Options{})
	}
	if err != nil {
		var missing *crdt.MissingError
		if errors.As(err, &missing) {
			return false
		}
		panic(fmt.Sprintf("part of change %d of %s: %v", h.Seq, h.Replica, err))
	}
	st.records[p.Record] = next
	was, now := st.atoms[p.Record], s.atomsOf(next)
	st.atoms[p.Record] = now
	for _, a := range now {
		st.feeds[a] = append(st.feeds[a], entry{header: h, record: p.Record, touch: late || was != nil && !slices.Equal(was, now)})
	}
	for _, a := range was {
		if !slices.Contains(now, a) {
			st.feeds[a] = append(st.feeds[a], entry{record: p.Record, leave: true})
		}
	}
	return true
}

// retry joins what waited for its causes.
func (s *Server) retry() {
	for again := true; again; {
		again = false
		waiting := s.state.waiting
		s.state.waiting = nil
		for _, w := range waiting {
			if s.join(w.header, &w.part) {
				again = true
			} else {
				s.state.waiting = append(s.state.waiting, w)
			}
		}
	}
}

func plainOf(v syncproto.Value) any { out, _ := wire.DecodeValue(v); return out }

func (s *Server) atomsOf(rec *crdt.Record) []syncproto.Atom {
	if k, ok := s.schema.Kind(rec.Kind); ok && k.Reference {
		return []syncproto.Atom{syncproto.AtomReference}
	}
	draft := true
	for _, e := range rec.Log("status") {
		draft = draft && plainOf(e.Value) == "草稿"
	}
	for _, e := range rec.Values("status") {
		draft = draft && plainOf(e.Value) == "草稿"
	}
	place, ok := rec.Value("place_code")
	if draft || !ok {
		var out []syncproto.Atom
		add := func(v any) {
			text, _ := v.(string)
			if id, err := syncproto.ParseRecordID(text); err == nil && !slices.Contains(out, syncproto.PersonAtom(id)) {
				out = append(out, syncproto.PersonAtom(id))
			}
		}
		if e, ok := rec.Value("recorder_id"); ok {
			add(plainOf(e.Value))
		}
		for _, m := range rec.Set("recorder_ids") {
			add(plainOf(m.Value))
		}
		slices.Sort(out)
		return out
	}
	return []syncproto.Atom{syncproto.TownshipAtom(plainOf(place.Value).(string))}
}

func (s *Server) receipt(id syncproto.ReplicaID) []byte {
	st := s.state
	c := syncproto.Receipt{Suite: syncproto.Suite1, Server: sign.KeyHash(s.key.Public().(ed25519.PublicKey)), Epoch: fmt.Sprint(st.epoch),
		Replica: id, Received: st.ranges[id], Held: slices.Clone(st.held[id]), Level: syncproto.LevelDurable, Wall: s.now().UnixMilli(), Forked: st.forked[id], Link: st.linkOf(id)}
	if c.BackedUp = st.backed[id]; len(c.BackedUp) > 0 && c.BackedUp.Covers(c.Received) {
		c.Level = syncproto.LevelBackedUp
	}
	for _, w := range st.waiting {
		if w.header.Replica == id {
			c.Held = append(c.Held, syncproto.Held{Seq: w.header.Seq, Record: w.part.Record, Reason: syncproto.HoldMissing})
		}
	}
	sign.SignReceipt(s.key, &c)
	return wire.AppendReceipt(nil, &c)
}
