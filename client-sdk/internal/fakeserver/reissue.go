package fakeserver

import (
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// replacedKey names a change of a spent id.
type replacedKey struct {
	ownKey
	hash syncproto.Hash
}

// reissue gives what the server lacks of a spent id's changes to the asking one.
func (s *Server) reissue(rep *replica, body []byte) (int, []byte, error) {
	q, err := wire.DecodeReissueRequest(body)
	if err != nil {
		return 400, nil, syncproto.Errorf(syncproto.KindBadRequest, "%v", err)
	}
	if was := s.replicas[q.Former]; was == nil || was.person != rep.person || was == rep {
		return 403, nil, syncproto.Errorf(syncproto.KindForbidden, "not your id")
	} else if err := sign.VerifyReissue(was.pub, rep.id, &q); err != nil {
		return 422, nil, syncproto.Errorf(syncproto.KindBadSignature, "%v", err)
	}
	st := s.state
	out := make([]syncproto.Reissued, len(q.Changes))
	next := q.After
	for i, c := range q.Changes {
		at := replacedKey{ownKey{q.Former, c.Seq}, c.Hash}
		if st.reissued == nil {
			st.reissued = map[replacedKey]syncproto.Reissued{}
		}
		if known, ok := st.reissued[at]; ok {
			out[i] = known
			if known.As.Replica == rep.id {
				next = max(next, known.As.Seq)
			}
			continue
		}
		if st.changes[at.ownKey].Hash == c.Hash {
			continue
		}
		next++
		out[i].As = syncproto.ChangeID{Replica: rep.id, Seq: next}
		st.reissued[at], st.forked[q.Former] = out[i], true
	}
	return 200, wire.AppendReissued(nil, out), nil
}

// agreeing is how many changes of a bundle contradict nothing.
func (s *Server) agreeing(prev syncproto.Hash, changes []sign.SealedChange) int {
	if before, known := s.state.changes[ownKey{changes[0].Replica, changes[0].Seq - 1}]; known && before.Link != prev {
		return 0
	}
	for i, c := range changes {
		at := ownKey{c.Replica, c.Seq}
		old, known := s.state.changes[at]
		_, anew := s.state.reissued[replacedKey{at, c.Hash}]
		if known && old.Hash != c.Hash || !known && anew {
			return i
		}
	}
	return len(changes)
}

// linkOf is the chain link of a replica's highest change.
func (st *Snapshot) linkOf(id syncproto.ReplicaID) (link syncproto.Hash) {
	if rs := st.ranges[id]; len(rs) > 0 {
		link = st.changes[ownKey{id, rs[len(rs)-1].To}].Link
	}
	return link
}
