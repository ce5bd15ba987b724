package fakeserver

import (
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/text/fold"
)

// Fold folds all texts of a record, as a server does with a quiet one, and
// tells its readers to take it anew.
func (s *Server) Fold(id syncproto.RecordID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state
	u := st.unfolded[id]
	if u == nil {
		u = st.records[id].Clone()
		st.unfolded[id] = u
	}
	folded, tables := u.Fold(func(int, int) bool { return true })
	for _, t := range tables {
		st.tables[t.Fold] = t.Table
	}
	st.records[id] = folded
	s.touch(id)
}

func (s *Server) touch(id syncproto.RecordID) {
	for _, a := range s.state.atoms[id] {
		s.state.feeds[a] = append(s.state.feeds[a], entry{record: id, touch: true})
	}
}

// Release joins what Hold held, and holds no more.
func (s *Server) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Hold = nil
	s.state.waiting = append(s.state.waiting, s.state.setAside...)
	s.state.setAside = nil
	clear(s.state.held)
	s.retry()
}

// told is a part in ids of the log.
func (st *Snapshot) told(h syncproto.Header, p *syncproto.Part) *syncproto.Part {
	q, _, err := crdt.UnfoldPart(h.Replica, p, func(id syncproto.ReplicaID) (*fold.Table, error) { return st.tables[id], nil })
	if err != nil {
		panic(err)
	}
	return q
}

// joinFolded joins a part to a record that was folded once: to the resident
// state if that has the ids it names, and to the unfolded one always. late
// says that the unfolded one became the resident one.
func (st *Snapshot) joinFolded(next *crdt.Record, h syncproto.Header, p *syncproto.Part) (rec *crdt.Record, late bool, err error) {
	err = next.Join(h, p, crdt.Options{})
	u := st.unfolded[p.Record].Clone()
	if uErr := u.Join(h, st.told(h, p), crdt.Options{}); uErr != nil {
		return nil, false, uErr
	}
	st.unfolded[p.Record] = u
	if err != nil {
		return u.Clone(), true, nil
	}
	return next, false, nil
}

// Leave takes a record out of every feed, as if nobody might read it any more.
func (s *Server) Leave(id syncproto.RecordID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.state.atoms[id] {
		s.state.feeds[a] = append(s.state.feeds[a], entry{record: id, leave: true})
	}
	delete(s.state.atoms, id)
}
