package clientsdk

import (
	"context"

	"github.com/chuantou/chuantou/syncproto"
)

// watcher collects what changed until its reader takes it: a slow reader
// misses nothing, and sees a record that changed ten times once.
type watcher struct {
	c       *Client
	changed map[syncproto.RecordID]bool // guarded by c.mu
	wake    chan struct{}               // one place: there is something
	done    chan struct{}
	stopped bool
}

// Watch tells which records changed on this device, by own saves or by a sync,
// from now on until ctx ends or the client is closed; then the channel is
// closed.
func (c *Client) Watch(ctx context.Context) <-chan syncproto.RecordID {
	out := make(chan syncproto.RecordID)
	w := &watcher{c: c, changed: map[syncproto.RecordID]bool{}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	c.mu.Lock()
	if c.closed {
		w.stop()
	} else {
		c.watchers[w] = true
	}
	c.mu.Unlock()
	go w.run(ctx, out)
	return out
}

func (w *watcher) run(ctx context.Context, out chan<- syncproto.RecordID) {
	defer close(out)
	defer func() {
		w.c.mu.Lock()
		delete(w.c.watchers, w)
		w.c.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.done:
			return
		case <-w.wake:
		}
		for id, ok := w.take(); ok; id, ok = w.take() {
			select {
			case <-ctx.Done():
				return
			case <-w.done:
				return
			case out <- id:
			}
		}
	}
}

func (w *watcher) take() (id syncproto.RecordID, ok bool) {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	for id := range w.changed {
		delete(w.changed, id)
		return id, true
	}
	return id, false
}

// stop ends the watcher. The caller holds c.mu.
func (w *watcher) stop() {
	if !w.stopped {
		w.stopped = true
		close(w.done)
	}
}

// notify tells all watchers. The caller holds c.mu.
func (c *Client) notify(ids ...syncproto.RecordID) {
	if len(ids) == 0 {
		return
	}
	for w := range c.watchers {
		for _, id := range ids {
			w.changed[id] = true
		}
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}
