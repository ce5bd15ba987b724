package badgerstore

import "sync"

// queue holds the updates that wait, in lanes that are served by turns: one
// update of a lane, then one of the next. Within a lane the order is that of
// arrival.
type queue struct {
	mu    sync.Mutex
	some  sync.Cond // an update came, or stop was called
	lanes map[string]*lane
	turns []*lane // the lanes that are not empty, in the order of their turns
	err   error   // set by stop: what push answers from then on
}

type lane struct {
	name    string
	waiting []*update
}

func newQueue() *queue {
	q := &queue{lanes: make(map[string]*lane)}
	q.some.L = &q.mu
	return q
}

func (q *queue) push(name string, u *update) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return q.err
	}
	l := q.lanes[name]
	if l == nil {
		l = &lane{name: name}
		q.lanes[name] = l
		q.turns = append(q.turns, l)
	}
	l.waiting = append(l.waiting, u)
	q.some.Signal()
	return nil
}

// pop takes the update whose turn it is. When there is none it returns nil, or
// waits for one if wait is set; after stop it does not wait.
func (q *queue) pop(wait bool) *update {
	q.mu.Lock()
	defer q.mu.Unlock()
	for wait && len(q.turns) == 0 && q.err == nil {
		q.some.Wait()
	}
	if len(q.turns) == 0 {
		return nil
	}
	l := q.turns[0]
	q.turns[0] = nil
	q.turns = q.turns[1:]
	u := l.waiting[0]
	l.waiting[0] = nil
	if l.waiting = l.waiting[1:]; len(l.waiting) > 0 {
		q.turns = append(q.turns, l)
	} else {
		delete(q.lanes, l.name)
	}
	return u
}

// stop makes push refuse with err. The first call counts.
func (q *queue) stop(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = err
	}
	q.some.Broadcast()
}

// stopped returns the error given to stop, nil before.
func (q *queue) stopped() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}
