package ingest

import (
	"context"
	"slices"
	"sync"
)

// gate bounds how much work is under way, in bytes: who finds no room waits
// in line, in the order of arrival. More at once would not be done sooner and
// would only hold more memory.
type gate struct {
	size int

	mu   sync.Mutex
	used int
	line []*place
}

// place is somebody in the line; let is closed when he is let in.
type place struct {
	n   int
	let chan struct{}
}

// enter waits until n bytes of work may begin, or ctx ends. What is larger
// than the gate goes through alone. The returned function ends the work.
func (g *gate) enter(ctx context.Context, n int) (leave func(), err error) {
	n = min(n, g.size)
	p := &place{n: n, let: make(chan struct{})}
	g.mu.Lock()
	g.line = append(g.line, p)
	g.admit()
	g.mu.Unlock()
	leave = func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.used -= n
		g.admit()
	}
	select {
	case <-p.let:
		return leave, nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	i := slices.Index(g.line, p)
	if i >= 0 {
		g.line = slices.Delete(g.line, i, i+1)
		g.admit() // who stood behind may need less
	}
	g.mu.Unlock()
	if i < 0 {
		leave() // let in at the same moment
	}
	return nil, ctx.Err()
}

// admit lets in whom there is room for, from the front.
func (g *gate) admit() {
	for len(g.line) > 0 && g.used+g.line[0].n <= g.size {
		g.used += g.line[0].n
		close(g.line[0].let)
		g.line[0] = nil
		g.line = g.line[1:]
	}
}
