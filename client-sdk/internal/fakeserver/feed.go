package fakeserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/session"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// A cursor is epoch, then per atom its name and number, all in the clear, then
// a fingerprint of the receipt.
type cursor struct {
	Epoch int
	Atoms map[syncproto.Atom]int
	Last  string
	Keys  int
}

func (s *Server) scope(rep *replica) []syncproto.Atom {
	out := []syncproto.Atom{syncproto.PersonAtom(rep.person)}
	for a := range s.state.feeds {
		if a[0] == 't' || a == syncproto.AtomReference {
			out = append(out, a)
		}
	}
	slices.Sort(out)
	return out
}

func (s *Server) pull(rep *replica, body []byte) (int, []byte, error) {
	q, err := wire.DecodePull(body)
	if err != nil {
		return 400, nil, syncproto.Errorf(syncproto.KindBadRequest, "%v", err)
	}
	if q.Hash != (syncproto.CursorHash{}) {
		c, ok := s.tokens["cursor "+string(q.Hash[:])]
		if !ok || c != rep.id {
			return 409, nil, syncproto.Errorf(syncproto.KindCursor, "send the whole cursor")
		}
		q.Cursor = s.cursors[q.Hash]
	}
	was := cursor{Atoms: map[syncproto.Atom]int{}}
	if len(q.Cursor) > 0 {
		if err := json.Unmarshal(q.Cursor, &was); err != nil {
			was = cursor{Atoms: map[syncproto.Atom]int{}}
		}
	}
	for _, a := range q.Again {
		delete(was.Atoms, a)
	}
	page := s.page(rep, &was)
	if page == nil {
		return http.StatusNoContent, nil, nil
	}
	h := session.HashCursor(page.Cursor)
	s.tokens["cursor "+string(h[:])] = rep.id
	s.cursors[h] = page.Cursor
	return 200, wire.AppendPage(nil, page), nil
}

func (s *Server) page(rep *replica, was *cursor) *syncproto.Page {
	st := s.state
	next := cursor{Epoch: st.epoch, Atoms: map[syncproto.Atom]int{}}
	p := &syncproto.Page{Epoch: fmt.Sprint(st.epoch), Wall: s.now().UnixMilli()}
	budget := s.PageEntries
	for _, a := range s.scope(rep) {
		feed := st.feeds[a]
		from := min(was.Atoms[a], len(feed)) // numbers beyond the feed: an older copy was put back
		if was.Epoch != st.epoch {
			from = 0
		}
		to := len(feed)
		if s.PageEntries > 0 {
			to = min(to, from+budget)
			budget -= to - from
		}
		next.Atoms[a] = to
		s.entries(p, rep, a, feed[from:to])
		if to < len(feed) {
			p.More = true
		} else if from < to {
			p.Digests = append(p.Digests, s.digest(a))
		}
	}
	if p.More {
		p.Digests = nil
	}
	receipt := s.receipt(rep.id)
	sum := sha256.Sum256([]byte(fmt.Sprint(st.ranges[rep.id], st.held[rep.id], st.forked[rep.id], st.backed[rep.id])))
	next.Last = base64.RawURLEncoding.EncodeToString(sum[:6])
	if next.Last != was.Last {
		c, err := wire.DecodeReceipt(receipt)
		if err != nil {
			panic(err)
		}
		p.Receipt = &c
	}
	for _, k := range st.keys[min(was.Keys, len(st.keys)):] {
		p.Keys = append(p.Keys, syncproto.HeldKey{Holder: k.Holder, Key: k.ID, Secret: k.Secret})
	}
	next.Keys = len(st.keys)
	if was.Epoch == 0 {
		p.Schema = s.schema.Marshal()
	}
	p.Cursor, _ = json.Marshal(next)
	before, _ := json.Marshal(was)
	if bytes.Equal(before, p.Cursor) {
		return nil
	}
	p.Done, p.Total = 1, 1
	return p
}

func (s *Server) entries(p *syncproto.Page, rep *replica, a syncproto.Atom, feed []entry) {
	sent := map[syncproto.RecordID]bool{}
	for _, e := range feed {
		switch {
		case e.leave:
			p.Entries = append(p.Entries, syncproto.Entry{Kind: syncproto.EntryLeave, Atom: a, Records: []syncproto.RecordID{e.record}})
			delete(sent, e.record)
		case sent[e.record]:
		case e.touch || s.AsStates:
			if slices.Contains(s.state.atoms[e.record], a) {
				sent[e.record] = true
				p.Entries = append(p.Entries, stateEntry(a, s.state.records[e.record]))
			}
		case e.header.Replica == rep.id && !s.state.backed[rep.id].Contains(e.header.Seq):
			p.Entries = append(p.Entries, syncproto.Entry{Kind: syncproto.EntryOwn, Atom: a, From: e.header.Seq, To: e.header.Seq})
		default:
			p.Entries = append(p.Entries, s.sliceEntry(a, &e))
		}
	}
}

func stateEntry(a syncproto.Atom, rec *crdt.Record) syncproto.Entry {
	raw := wire.AppendStates(nil, []syncproto.State{{Record: rec.ID, Bytes: rec.AppendBinary(nil)}})
	return syncproto.Entry{Kind: syncproto.EntryStates, Atom: a, Count: 1, RawBytes: len(raw), Frame: wire.Compress(raw, wire.EffortFast)}
}

// sliceEntry is the change with the parts of other records withheld.
func (s *Server) sliceEntry(a syncproto.Atom, e *entry) syncproto.Entry {
	c := s.state.changes[ownKey{e.header.Replica, e.header.Seq}]
	raw := c.RawChange
	raw.Parts = slices.Clone(raw.Parts)
	for i := range raw.Parts {
		part, err := wire.DecodePart(c.Replica, raw.Parts[i].Bytes)
		if err != nil || part.Record != e.record {
			raw.Parts[i] = wire.RawPart{Digest: sign.PartDigest(c.Salts[i], raw.Parts[i].Bytes)}
		}
	}
	b := wire.AppendRawChange(nil, &raw)
	return syncproto.Entry{Kind: syncproto.EntryChanges, Atom: a, Replica: c.Replica, From: c.Seq, Count: 1, RawBytes: len(b), Frame: wire.Compress(b, wire.EffortFast)}
}

func (s *Server) digest(a syncproto.Atom) syncproto.AtomDigest {
	d := syncproto.AtomDigest{Atom: a, Classes: syncproto.ForAll}
	for id, atoms := range s.state.atoms {
		if slices.Contains(atoms, a) {
			d.Records++
			d.Sum = d.Sum.Add(s.state.records[id].Digest(nil))
		}
	}
	return d
}
