package crdt

import (
	"container/heap"
	"errors"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
)

// queue holds one record's waiting parts.
type queue struct {
	parts map[syncproto.Dot]*waiter // by change (op 0)
	// on lists them by the replica whose change they wait for, elements those
	// that wait for an element without a number.
	on       map[syncproto.ReplicaID]*waiters
	elements []*waiter
}

type waiter struct {
	WaitingPart
	seq  syncproto.Seq // waited for
	size int
}

func newQueue() *queue {
	return &queue{parts: map[syncproto.Dot]*waiter{}, on: map[syncproto.ReplicaID]*waiters{}}
}

func (w *waiter) key() syncproto.Dot {
	return syncproto.Dot{Replica: w.Header.Replica, Seq: w.Header.Seq}
}

// waiters is a heap by the change waited for.
type waiters []*waiter

func (h waiters) Len() int           { return len(h) }
func (h waiters) Less(i, j int) bool { return h[i].seq < h[j].seq }
func (h waiters) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push adds a *waiter; for container/heap.
func (h *waiters) Push(x any) { *h = append(*h, x.(*waiter)) }

// Pop takes the last; for container/heap.
func (h *waiters) Pop() any {
	n := len(*h) - 1
	w := (*h)[n]
	(*h)[n] = nil
	*h = (*h)[:n]
	return w
}

func (q *queue) wait(w *waiter, missing *MissingError) {
	if w.seq = missing.Seq; w.seq == 0 {
		q.elements = append(q.elements, w)
		return
	}
	h := q.on[missing.Replica]
	if h == nil {
		h = &waiters{}
		q.on[missing.Replica] = h
	}
	heap.Push(h, w)
}

// take removes and returns the next waiter for a change of the replica up to
// seq, nil if there is none.
func (q *queue) take(id syncproto.ReplicaID, seq syncproto.Seq) *waiter {
	h := q.on[id]
	if h == nil || (*h)[0].seq > seq {
		return nil
	}
	w := heap.Pop(h).(*waiter)
	if h.Len() == 0 {
		delete(q.on, id)
	}
	return w
}

// release joins what waited for changes of the raised replicas, or for
// elements, and what waited for that, until nothing more fits.
func (s *Replica) release(r *Record, out *Outcome, raised []syncproto.ReplicaID, elements bool) {
	q := s.waiting[r.ID]
	if q == nil {
		return
	}
	retry := func(w *waiter) {
		if s.retry(q, r, w, out) {
			raised = append(raised, w.Header.Replica)
			elements = elements || bringsElements(&w.Part)
		}
	}
	for len(raised) > 0 || elements {
		for len(raised) > 0 {
			id := raised[len(raised)-1]
			raised = raised[:len(raised)-1]
			for w := q.take(id, r.Version.Of(id)); w != nil; w = q.take(id, r.Version.Of(id)) {
				retry(w)
			}
		}
		if elements {
			list := q.elements
			q.elements, elements = nil, false
			for _, w := range list {
				retry(w)
			}
		}
	}
	if len(q.parts) == 0 {
		delete(s.waiting, r.ID)
	}
}

// retry joins a waiter taken out of the queue, or puts it back.
func (s *Replica) retry(q *queue, r *Record, w *waiter, out *Outcome) (joined bool) {
	err := r.Join(w.Header, &w.Part, w.Options)
	var missing *MissingError
	if errors.As(err, &missing) {
		q.wait(w, missing)
		return false
	}
	delete(q.parts, w.key())
	s.parts--
	s.bytes -= w.size
	id := PartID{r.ID, w.Header.Replica, w.Header.Seq}
	switch {
	case err == nil:
		out.Joined = append(out.Joined, id)
		return true
	case !errors.Is(err, ErrKnown):
		out.Refused = append(out.Refused, Refusal{id, err})
	}
	return false
}

// bringsElements reports whether a part may hold what others refer to.
func bringsElements(p *syncproto.Part) bool {
	return slices.ContainsFunc(p.Ops, func(op syncproto.Op) bool {
		return op.Kind == syncproto.OpText || op.Kind == syncproto.OpItemInsert || op.Kind == syncproto.OpItemMove
	})
}

// sizeOf estimates the memory that a waiting part takes.
func sizeOf(p *syncproto.Part) int {
	n := 256 + 40*len(p.Seen)
	for i := range p.Ops {
		op := &p.Ops[i]
		n += 192 + len(op.Field) + len(op.Sub) + len(op.Value) + len(op.Edit)
	}
	return n
}
