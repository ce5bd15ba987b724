package badgerstore

import "sync"

// snapshots knows which states views are reading, so that Badger keeps them:
// of what lies below the oldest only the newest version of each key is needed.
type snapshots struct {
	mu      sync.Mutex
	durable uint64     // the newest state that is on disk; views start here
	open    []snapshot // oldest first
}

type snapshot struct {
	at    uint64
	views int
}

// enter returns the state to read, kept until exit is called with it.
func (s *snapshots) enter() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.open); n == 0 || s.open[n-1].at != s.durable {
		s.open = append(s.open, snapshot{at: s.durable})
	}
	s.open[len(s.open)-1].views++
	return s.durable
}

func (s *snapshots) exit(at uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.open {
		if s.open[i].at == at {
			s.open[i].views--
			break
		}
	}
	for len(s.open) > 0 && s.open[0].views == 0 {
		s.open = s.open[1:]
	}
}

// advance makes at the newest durable state and returns the oldest one in use.
func (s *snapshots) advance(at uint64) (oldest uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.durable = at
	if len(s.open) > 0 {
		return s.open[0].at
	}
	return at
}

// newest returns the newest durable state.
func (s *snapshots) newest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.durable
}
