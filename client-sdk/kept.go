package clientsdk

import (
	"errors"
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// A server that folds a record, or unfolds it again, gives a base with other
// ids (SPEC.md §1.8). Own work that the server has not joined yet may name the
// old ones. Then the base before is kept beside the new one, and what is shown
// is that with the own work, until a base covers the work or takes it. The
// kept base serves showing and writing only: digests and what the server sends
// go to the base proper.

// over joins the own changes that base does not cover onto a copy of it. late
// says that some could not be because base has other ids than they name.
func (c *Client) over(id syncproto.RecordID, base *crdt.Record) (shown *crdt.Record, unjoined []ownPart, late bool, err error) {
	shown = base
	for _, p := range c.own.parts[id] {
		if base != nil && base.Version.Covers(p.replica, p.seq) {
			continue
		}
		header, part, err := c.readPart(p)
		if err != nil {
			return nil, nil, false, err
		}
		if shown == base {
			if base == nil {
				shown = crdt.New(id)
			} else {
				shown = base.Clone()
			}
		}
		err = shown.Join(header, part, crdt.Options{})
		if err == nil || errors.Is(err, crdt.ErrKnown) {
			continue
		}
		unjoined = append(unjoined, p)
		late = late || isLate(err)
	}
	return shown, unjoined, late, nil
}

func isLate(err error) bool {
	var missing *crdt.MissingError
	return errors.As(err, &missing) && missing.Late
}

// overlay sets what is shown: the base with the own changes joined that it
// does not cover; or the kept base with them, if more of them can be shown on
// that. A kept base that is of no use, or shows what was taken away since, goes.
func (c *Client) overlay(id syncproto.RecordID, h *held) (err error) {
	var late bool
	if h.shown, h.unjoined, late, err = c.over(id, h.base); err != nil {
		return err
	}
	if late && h.kept == nil {
		if h.kept, err = c.loadKept(id); err != nil {
			return err
		}
		h.keptStored = h.kept != nil
	}
	if !late || h.kept == nil || narrower(h.base, h.kept) {
		h.kept = nil
		return nil
	}
	shown, unjoined, _, err := c.over(id, h.kept)
	if err != nil {
		return err
	}
	if len(unjoined) >= len(h.unjoined) {
		h.kept = nil
		return nil
	}
	h.shown, h.unjoined = shown, unjoined
	return nil
}

// narrower reports whether now lacks a field or an item that was had: the
// reader may not see it any more.
func narrower(now, was *crdt.Record) bool {
	if now == nil {
		return true
	}
	fields := now.Fields()
	for _, f := range was.Fields() {
		if !slices.Contains(fields, f) {
			return true
		}
		for _, old := range was.Items(f.Name, true) {
			item := now.Item(f.Name, old.ID)
			if item == nil {
				return true
			}
			for _, sub := range old.Fields() {
				if !slices.Contains(item.Fields(), sub) {
					return true
				}
			}
		}
	}
	return false
}

// errNarrowed is returned for a part that cannot be shown any more: it changes
// what is no longer to be seen.
var errNarrowed = errors.New("it changes what is no longer to be seen")

// addLate adds a part to next that what is shown cannot take: it was written
// in a form that shows the record from before a fold. It can be shown on what
// the form showed.
func (s *save) addLate(d *Draft, next *held, part *syncproto.Part) error {
	kept, err := d.scratch()
	if err != nil {
		return err
	}
	if narrower(next.base, kept) {
		return errNarrowed
	}
	shown, unjoined, _, err := s.c.over(d.record, kept)
	if err != nil {
		return err
	}
	if shown == kept {
		shown = kept.Clone()
	}
	if err := shown.Join(s.header, part, crdt.Options{}); err != nil {
		return err
	}
	next.shown, next.unjoined, next.kept = shown, unjoined, kept
	next.putKept(&s.batch, d.record)
	return nil
}

// putKept writes or removes the kept base.
func (h *held) putKept(b *localstore.Batch, id syncproto.RecordID) {
	if h.kept != nil {
		b.Put(keptKey(id), appendKept(h.kept.AppendBinary(nil)))
	} else if h.keptStored {
		b.Delete(keptKey(id))
	}
	h.keptStored = h.kept != nil
}

func appendKept(state []byte) []byte { return wire.AppendBytes(beginStored(1), state) }

func decodeKept(v []byte) (state []byte, err error) {
	r, err := openStored(v, 1)
	if err != nil {
		return nil, fmt.Errorf("kept base: %w", err)
	}
	state = r.Bytes(len(v))
	return state, closeStored(r, "kept base")
}

func (c *Client) loadKept(id syncproto.RecordID) (*crdt.Record, error) {
	v, err := c.store.Get(keptKey(id))
	if err != nil || v == nil {
		return nil, err
	}
	state, err := decodeKept(v)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", id, err)
	}
	rec, err := crdt.Decode(state)
	if err != nil {
		return nil, fmt.Errorf("%w: record %s: %w", errStored, id, err)
	}
	return rec, nil
}
