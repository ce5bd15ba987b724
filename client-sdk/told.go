package clientsdk

import (
	"fmt"
	"time"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/outbox"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// offsetTold is how far the clock's offset may move before it is told again:
// measured over a network it never comes out the same.
const offsetTold = time.Minute

// tell is what the server is to be told of this device: nil when it was told
// the same last.
func (c *Client) tell(offset int64) *syncproto.Told {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	missing := c.missing(0)
	t := syncproto.Told{Waiting: outbox.Count(missing), Offset: offset, Version: c.opt.Version, Trip: c.trip}
	if len(missing) > 0 {
		if change, _, err := (ownChain{c, c.id.Replica}).Change(missing[0].From); err == nil {
			t.Oldest = change.Wall
		}
	}
	var err error
	if t.Drafts, err = c.draftCount(); err != nil {
		return nil // it is only told
	}
	if was := c.told; was != nil {
		if d := time.Duration(t.Offset-was.Offset) * time.Millisecond; d.Abs() < offsetTold {
			t.Offset = was.Offset
		}
		if t == *was {
			return nil
		}
	}
	c.telling = &t
	return &t
}

// wasTold stores what the server was just told.
func (c *Client) wasTold() error {
	t := c.telling
	c.telling = nil
	if t == nil {
		return nil
	}
	var b localstore.Batch
	b.Put(keyTold, wire.AppendTold(nil, t))
	if err := c.store.Apply(&b); err != nil {
		return err
	}
	c.told = t
	return nil
}

// noteKnown takes down whether the server knew this device: one that was
// restored from an older backup may not.
func (c *Client) noteKnown(known bool) error {
	if known != c.stranger {
		return nil
	}
	var b localstore.Batch
	if known {
		b.Delete(keyUnknown)
	} else {
		b.Put(keyUnknown, []byte{storedFormat})
	}
	if err := c.store.Apply(&b); err != nil {
		return err
	}
	c.stranger = !known
	return nil
}

// PlanTrip tells the server, at the next sync, the day until which this device
// will be away (2026-06-14), "" for no trip: so that nobody wonders.
func (c *Client) PlanTrip(until string) error {
	if until != "" {
		if _, err := time.Parse(time.DateOnly, until); err != nil {
			return fmt.Errorf("trip: %q is no day such as 2026-06-14", until)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	var b localstore.Batch
	b.Put(keyTrip, []byte(until))
	if err := c.store.Apply(&b); err != nil {
		return fmt.Errorf("trip: %w", err)
	}
	c.trip = until
	return nil
}
