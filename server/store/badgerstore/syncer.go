package badgerstore

import (
	"fmt"

	"github.com/chuantou/chuantou/server/store"
)

// answer ends all members of g.
func (g *group) answer(res result) {
	for _, u := range g.members {
		u.done <- res
	}
}

// syncLoop makes groups durable, as many at a time as there are, and answers
// their callers.
func (s *Store) syncLoop() {
	defer close(s.synced)
	var failed error
	for g := range s.groups {
		all := []*group{g}
		for more := true; more; {
			select {
			case g, ok := <-s.groups:
				if more = ok; ok {
					all = append(all, g)
				}
			default:
				more = false
			}
		}
		if failed == nil {
			failed = s.sync(all)
		}
		for _, g := range all {
			if g.log != nil {
				g.log.release()
			}
			if failed != nil {
				g.answer(result{err: fmt.Errorf("%w (%w)", store.ErrMaybe, failed)})
			} else {
				s.stats.updates.Add(uint64(len(g.members)))
				g.answer(result{mark: store.Mark(g.at)})
			}
		}
	}
}

// sync makes groups durable and readable by views.
func (s *Store) sync(groups []*group) error {
	var last *logFile
	for _, g := range groups {
		if g.log == nil || g.log == last {
			continue
		}
		if err := g.log.sync(); err != nil {
			err = fmt.Errorf("sync: %w", err)
			s.stop(err)
			return err
		}
		last = g.log
		s.stats.syncs.Add(1)
	}
	s.db.SetDiscardTs(s.snapshots.advance(groups[len(groups)-1].at))
	return nil
}
