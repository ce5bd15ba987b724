package crdt_test

import (
	"bytes"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// The small model of SPEC.md §1.7: every history of a few changes by three
// replicas over a tiny alphabet of ops, every set of changes that a replica
// may hold, every way to come to it, against the definitions.
//
// A history grows by one change at a time. Two orders of writing down the same
// history are told apart by a normal form and only one is kept; so are
// histories that differ in the names of replicas alone. Per history every
// causally closed set of its changes is a state; it is reached from each of
// the sets that lack one of its last changes, all of which must give the same
// bytes: then, by induction, all orders of delivery do.

var (
	smallChanges = flag.Int("small.changes", 6, "changes in a history of the small model")
	smallLetters = flag.Bool("small.all", false, "the whole alphabet at full length, not the pairs of it (an hour)")
)

// letter is one kind of change.
type letter struct {
	name string
	do   func(e *crdt.Edit) error
}

// alphabet is a set of letters and what of the state they concern.
type alphabet struct {
	letters []letter
	root    []letter // what the change that everyone has seen holds
	changes int      // less than the default length
	windows bool
	check   func(r *crdt.Record, m *model) string // "" if engine and definitions agree
}

// cut is how many changes of each replica a state has, the root not counted.
type cut [3]int

func (c cut) has(d cut) bool { return c[0] >= d[0] && c[1] >= d[1] && c[2] >= d[2] }

func (c cut) join(d cut) cut { return cut{max(c[0], d[0]), max(c[1], d[1]), max(c[2], d[2])} }

// past is one change of a history: its part, and the smallest cut that holds it.
type past struct {
	x       saved
	replica int
	seen    cut // what its form showed
	causes  cut // with its replica's earlier changes and what those had seen
}

// small is the search for one alphabet.
type small struct {
	t         *testing.T
	a         *alphabet
	depth     int
	histories int
	failed    *atomic.Bool // by any of the searches: stop
}

type history struct {
	changes []past
	count   cut
	states  map[cut]*crdt.Record
	bytes   map[cut][]byte
}

func TestSmallModel(t *testing.T) {
	// Millions of small states come and go: collect seldom.
	percent := debug.SetGCPercent(1000)
	t.Cleanup(func() { debug.SetGCPercent(percent) })
	for name, a := range alphabets() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			depth := *smallChanges
			if a.changes > 0 && !*smallLetters {
				depth = min(depth, a.changes)
			}
			if raceEnabled || testing.Short() {
				depth = min(depth, 4) // the detector makes it ten times slower
			}
			n := searchAll(t, &a, depth)
			t.Logf("%d histories of up to %d changes over %d letters", n, depth, len(a.letters))
		})
	}
}

// searchAll splits the search at the second change over the processors.
func searchAll(t *testing.T, a *alphabet, depth int) int {
	var mu sync.Mutex
	var wg sync.WaitGroup
	total := 0
	failed := &atomic.Bool{}
	work := make(chan [2]int)
	for range runtime.GOMAXPROCS(0) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for job := range work {
				s := &small{t: t, a: a, depth: depth, failed: failed}
				s.from(job)
				mu.Lock()
				total += s.histories
				mu.Unlock()
			}
		}()
	}
	for i := range a.letters {
		for j := range a.letters {
			work <- [2]int{i, j}
		}
	}
	close(work)
	wg.Wait()
	return total
}

// from searches the histories whose first two changes have the given letters.
func (s *small) from(first [2]int) {
	h := s.root()
	s.extend(h, func(depth, letter int) bool { return depth > 1 || letter == first[depth] })
}

// root is the change that everyone has seen: it creates the record.
func (s *small) root() *history {
	e := crdt.New(recordID(1)).Edit(replicaID(1), nil)
	must(s.t, e.Create("ZF"))
	for _, l := range s.a.root {
		must(s.t, l.do(e))
	}
	p, _ := e.Part()
	x := saved{syncproto.Header{Replica: replicaID(1), Seq: 1, Author: recordID(9), Wall: 0}, p}
	r := crdt.New(recordID(1))
	must(s.t, r.Join(x.h, &x.p, crdt.Options{}))
	h := &history{states: map[cut]*crdt.Record{{}: r}, bytes: map[cut][]byte{{}: r.AppendBinary(nil)}}
	h.changes = []past{{x: x, replica: -1}}
	return h
}

// extend adds every possible next change and goes on from there.
func (s *small) extend(h *history, wanted func(depth, letter int) bool) {
	depth := len(h.changes) - 1
	if depth == s.depth || s.failed.Load() {
		s.histories++
		return
	}
	used := 0
	for r := range 3 {
		if h.count[r] > 0 {
			used = r + 1
		}
	}
	for r := 0; r < 3 && r <= used; r++ {
		h.eachSeen(r, s.a.windows, func(seen cut) {
			causes := seen.join(h.known(r, h.count[r]))
			if !h.normal(r, causes) {
				return
			}
			for i := range s.a.letters {
				if wanted(depth, i) {
					s.add(h, r, i, seen, causes, wanted)
				}
			}
		})
	}
}

// eachSeen visits the closed sets of changes that a form of replica r may
// show: with all of its own changes, or with windows left open before them.
func (h *history) eachSeen(r int, windows bool, visit func(seen cut)) {
	var all []cut // first: visits come and go with states
	for c := range h.states {
		if c[r] == h.count[r] || windows {
			all = append(all, c)
		}
	}
	for _, c := range all {
		visit(c)
	}
}

// known is what replica r had when it had saved its n-th change.
func (h *history) known(r, n int) cut {
	x := h.lastOf(r, n)
	if x == nil {
		return cut{}
	}
	out := x.causes
	out[r] = n
	return out
}

// normal keeps one order of each history: a change does not stand behind a
// concurrent one of a higher replica when it could stand before it.
func (h *history) normal(r int, causes cut) bool {
	n := h.count
	for i := len(h.changes) - 1; i > 0; i-- {
		q := h.changes[i].replica
		if causes[q] >= n[q] {
			return true
		}
		if q > r {
			return false
		}
		n[q]--
	}
	return true
}

// add makes the change and all states that hold it, goes on from there and
// takes it back. A letter that changes nothing here is passed over.
func (s *small) add(h *history, r, l int, seen, causes cut, wanted func(depth, letter int) bool) {
	e := h.states[seen].Clone().Edit(replicaID(r+1), h.states[causes])
	must(s.t, s.a.letters[l].do(e))
	p, any := e.Part()
	if !any {
		return
	}
	n := len(h.changes)
	x := saved{syncproto.Header{Replica: replicaID(r + 1), Seq: syncproto.Seq(h.count[r] + 2), Author: recordID(9), Wall: int64(n * 7919 % 13)}, p}
	h.changes = append(h.changes, past{x, r, seen, causes})
	h.count[r]++
	reached := s.reach(h)
	if !s.failed.Load() {
		s.extend(h, wanted)
	}
	for _, c := range reached {
		delete(h.states, c)
		delete(h.bytes, c)
	}
	h.changes = h.changes[:n]
	h.count[r]--
}

// reach makes the states that hold the last change, each in every way, and
// compares it with the definitions.
func (s *small) reach(h *history) []cut {
	last := &h.changes[len(h.changes)-1]
	cuts := h.cutsWith(last)
	for _, c := range cuts {
		for r := range 3 {
			from := c
			from[r]--
			x := h.lastOf(r, c[r])
			if c[r] == 0 || x == nil || h.states[from] == nil || !from.has(x.causes) {
				continue
			}
			rec := h.states[from].Clone()
			if err := rec.Join(x.x.h, &x.x.p, crdt.Options{}); err != nil {
				s.fail(h, c, "join: %v", err)
				return cuts
			}
			state := rec.AppendBinary(nil)
			if h.states[c] == nil {
				h.states[c], h.bytes[c] = rec, state
			} else if !bytes.Equal(h.bytes[c], state) {
				s.fail(h, c, "two orders give different states\n%s\n%s", dumpRecord(h.states[c]), dumpRecord(rec))
			}
		}
		if h.states[c] == nil {
			s.fail(h, c, "no way leads to a closed set")
			return cuts
		}
		if diff := s.a.check(h.states[c], h.model(c)); diff != "" {
			s.fail(h, c, "engine and definitions differ: %s\n%s\n%s", diff, dumpRecord(h.states[c]), dumpModel(h.model(c)))
		}
	}
	return cuts
}

// cutsWith lists the closed sets that hold the last change, smaller ones first.
func (h *history) cutsWith(last *past) []cut {
	var out []cut
	for c := range h.states {
		if c[last.replica] == h.count[last.replica]-1 && c.has(last.causes) {
			c[last.replica]++
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b cut) int { return a[0] + a[1] + a[2] - b[0] - b[1] - b[2] })
	return out
}

// lastOf is the n-th change of replica r.
func (h *history) lastOf(r, n int) *past {
	for i := range h.changes {
		if h.changes[i].replica == r {
			if n--; n == 0 {
				return &h.changes[i]
			}
		}
	}
	return nil
}

// model is the definitions' view of a closed set.
func (h *history) model(c cut) *model {
	m := &model{parts: make([]saved, 0, len(h.changes))}
	var n cut
	for i := range h.changes {
		x := &h.changes[i]
		if x.replica >= 0 {
			if n[x.replica]++; n[x.replica] > c[x.replica] {
				continue
			}
		}
		m.parts = append(m.parts, x.x)
	}
	return m
}

func (s *small) fail(h *history, c cut, format string, args ...any) {
	s.t.Helper()
	if s.failed.Swap(true) {
		return
	}
	for i := range h.changes {
		x := &h.changes[i]
		s.t.Logf("change %d by replica %d, seen %v: %+v", i, x.replica, x.seen, x.x.p.Ops)
	}
	s.t.Errorf("state %v: %s", c, fmt.Sprintf(format, args...))
}
