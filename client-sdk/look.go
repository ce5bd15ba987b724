package clientsdk

import (
	"slices"
	"time"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/view"
)

// look is a record with what belongs to it on this device: the records put
// into it, and those of its household that it has to agree with. What cannot
// be read is left out; it shows itself when it is opened by itself.
func (c *Client) look(rec *crdt.Record) *view.Look {
	l := view.Of(c.schema, rec, c.now().In(localZone).Format(time.DateOnly))
	for _, id := range c.mergedInto(rec.ID) {
		if other := c.other(id); other != nil && view.MergedInto(other) == rec.ID && !other.Deleted() {
			l.Merged = append(append(l.Merged, other), c.look(other).Merged...)
		}
	}
	slices.SortFunc(l.Merged, func(a, b *crdt.Record) int { return a.ID.Compare(b.ID) })
	if rec.Kind == "GB" || rec.Kind == "FA" {
		l.Siblings = c.siblings(rec)
	}
	return l
}

// mergedInto lists the records that once pointed to this one. Each points to a
// smaller id, so that following them ends.
func (c *Client) mergedInto(to syncproto.RecordID) (ids []syncproto.RecordID) {
	prefix := join(prefixInto, to[:])
	_ = localstore.ScanPrefix(c.store, prefix, func(k, _ []byte) error {
		if id := syncproto.RecordID(k[len(prefix):]); id.Compare(to) > 0 {
			ids = append(ids, id)
		}
		return nil
	})
	return ids
}

// other is another record as shown, nil if there is nothing to show.
func (c *Client) other(id syncproto.RecordID) *crdt.Record {
	h, err := c.record(id)
	if err != nil || h == nil {
		return nil
	}
	if c.locks() && c.lent(h.shown) {
		return nil
	}
	return h.shown
}

// siblings are the other records of the kind for the same household.
func (c *Client) siblings(rec *crdt.Record) (out []*crdt.Record) {
	household := refOf(rec, "household_id")
	var ids []syncproto.RecordID
	_ = localstore.ScanPrefix(c.store, prefixRow, func(_, v []byte) error {
		row, err := decodeRow(v)
		if err == nil && row.Kind == rec.Kind && row.Record != rec.ID {
			ids = append(ids, row.Record)
		}
		return err
	})
	slices.SortFunc(ids, syncproto.RecordID.Compare)
	for _, id := range ids {
		if other := c.other(id); other != nil && refOf(other, "household_id") == household {
			out = append(out, other)
		}
	}
	return out
}
