package server

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/chuantou/chuantou/server/authn"
	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// contacts remember when each device last spoke to the server and what it then
// said of itself. They are kept in memory and stored once a minute and at the
// end: a process that is killed forgets its last minute, which is not worth an
// fsync a sync.
type contacts struct {
	mu sync.Mutex
	of map[syncproto.ReplicaID]*contact
}

type contact struct {
	last   time.Time
	heard  time.Time // when it last took a page
	told   syncproto.Told
	toldAt time.Time // zero: it never said anything
	stored bool
}

// flushEvery is how much of that a kill may cost.
const flushEvery = time.Minute

var contactPrefix = store.Key("a/t/")

func contactKey(r syncproto.ReplicaID) store.Key { return append(bytes.Clone(contactPrefix), r[:]...) }

// The formats of a stored contact; the first did not say when a device last
// took a page.
const (
	contactFormat1 = 1
	contactFormat  = 2
)

func (c *contact) append() []byte {
	b := wire.AppendInt(wire.AppendArray([]byte{contactFormat}, 4), c.last.UnixMilli())
	b = wire.AppendInt(b, millis(c.heard))
	if c.toldAt.IsZero() {
		return wire.AppendBytes(wire.AppendInt(b, 0), nil)
	}
	return wire.AppendBytes(wire.AppendInt(b, c.toldAt.UnixMilli()), wire.AppendTold(nil, &c.told))
}

// millis is Unix milliseconds, 0 for never.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func decodeContact(v []byte) (c contact, err error) {
	if len(v) == 0 || v[0] != contactFormat && v[0] != contactFormat1 {
		return c, fmt.Errorf("a device's last contact is in a format this program does not know; a newer one wrote it")
	}
	members := 2 + int(v[0])
	r := wire.NewReader(v[1:])
	if n := r.Array(members); r.Err() == nil && n != members {
		r.Failf("%d members, want %d", n, members)
	}
	c.last = time.UnixMilli(r.Int())
	if v[0] == contactFormat {
		if at := r.Int(); at != 0 {
			c.heard = time.UnixMilli(at)
		}
	}
	at := r.Int()
	told := r.Bytes(len(v))
	if err := r.Done(); err != nil {
		return contact{}, fmt.Errorf("a device's last contact: %w", err)
	}
	if at != 0 {
		c.toldAt = time.UnixMilli(at)
		c.told, err = wire.DecodeTold(told)
	}
	c.stored = true
	return c, err
}

// load reads what was stored.
func (c *contacts) load(ctx context.Context, s store.Store) error {
	c.of = map[syncproto.ReplicaID]*contact{}
	return s.View(ctx, 0, func(r store.Reader) error {
		clear(c.of)
		return r.Scan(contactPrefix, store.PrefixEnd(contactPrefix), false, func(k store.Key, v []byte) (bool, error) {
			one, err := decodeContact(v)
			c.of[syncproto.ReplicaID(k[len(contactPrefix):])] = &one
			return true, err
		})
	})
}

// flush stores what is new.
func (c *contacts) flush(ctx context.Context, s store.Store) error {
	for {
		c.mu.Lock()
		var b store.Batch
		var some []*contact
		for r, one := range c.of {
			if !one.stored && len(some) < 500 {
				b.Put(contactKey(r), one.append())
				one.stored = true
				some = append(some, one)
			}
		}
		c.mu.Unlock()
		if len(some) == 0 {
			return nil
		}
		if _, err := s.Update(ctx, nil, func(store.Reader) (store.Batch, error) { return b, nil }); err != nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			for _, one := range some {
				one.stored = false
			}
			return fmt.Errorf("note devices' contacts: %w", err)
		}
	}
}

func (c *contacts) at(r syncproto.ReplicaID) *contact {
	one := c.of[r]
	if one == nil {
		one = &contact{}
		c.of[r] = one
	}
	return one
}

func (c *contacts) touch(r syncproto.ReplicaID, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.at(r)
	one.last, one.stored = at, false
}

// since reports whether a device was given a page, and so a receipt, after a time.
func (c *contacts) since(r syncproto.ReplicaID, t time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.of[r]
	return one != nil && one.last.After(t)
}

// took notes that a device was given a page.
func (c *contacts) took(r syncproto.ReplicaID, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.at(r)
	one.heard, one.stored = at, false
}

// heard is when a device last took a page, Unix milliseconds, 0 for never.
func (c *contacts) heard(r syncproto.ReplicaID) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one := c.of[r]; one != nil {
		return millis(one.heard)
	}
	return 0
}

func (c *contacts) told(r syncproto.ReplicaID, at time.Time, t syncproto.Told) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.at(r)
	one.told, one.toldAt, one.stored = t, at, false
}

// describe fills in what an administrator sees of it.
func (c *contacts) describe(r syncproto.ReplicaID, d *httpapi.Device) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.of[r]
	if one == nil {
		return
	}
	if !one.last.IsZero() {
		at := one.last.UTC()
		d.LastSync = &at
	}
	if one.toldAt.IsZero() {
		return
	}
	t := &one.told
	d.Told = &httpapi.DeviceTold{At: one.toldAt.UTC(), Waiting: t.Waiting, Drafts: t.Drafts, OffsetMS: t.Offset, Version: t.Version, AwayUntil: t.Trip}
	if t.Oldest != 0 {
		oldest := time.UnixMilli(t.Oldest).UTC()
		d.Told.Oldest = &oldest
	}
}

// silent lists devices that last spoke before a time.
func (c *contacts) silent(before time.Time) map[syncproto.ReplicaID]time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[syncproto.ReplicaID]time.Time{}
	for r, one := range c.of {
		if !one.last.IsZero() && one.last.Before(before) {
			out[r] = one.last
		}
	}
	return out
}

// Silent is reading.Devices. A device that was stopped is waited for by nobody.
func (s *Server) Silent(before time.Time) (n int, since time.Time) {
	for r, at := range s.contacts.silent(before) {
		if a, err := s.auth.Account(context.Background(), r); err != nil || a.State != authn.Active {
			continue
		}
		n++
		if since.IsZero() || at.Before(since) {
			since = at
		}
	}
	return n, since
}

// keepContacts stores them now and then until ctx ends.
func (s *Server) keepContacts(ctx context.Context) {
	t := time.NewTicker(flushEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		if err := s.contacts.flush(ctx, s.store); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("devices' contacts", "err", err)
		}
	}
}
