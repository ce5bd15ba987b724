package clientsdk

import (
	"fmt"
	"math"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// maxDraftEdits bounds a stored draft.
const maxDraftEdits = 1 << 16

func (d *Draft) append() []byte {
	members := 6
	if !d.under.IsZero() {
		members = 7
	}
	b := beginStored(members)
	b = wire.AppendBytes(b, d.record[:])
	b = wire.AppendText(b, d.kindID)
	b = wire.AppendUint(b, uint64(d.origin))
	b = wire.AppendInt(b, d.opened)
	b = wire.AppendBytes(b, d.base)
	b = wire.AppendArray(b, len(d.edits))
	for i := range d.edits {
		e := &d.edits[i]
		b = wire.AppendUint(wire.AppendArray(b, 6), uint64(e.Kind))
		b = wire.AppendText(b, e.Field)
		b = wire.AppendText(b, string(e.Item))
		b = wire.AppendText(b, e.Sub)
		b = wire.AppendBytes(b, e.Value)
		b = wire.AppendText(b, e.Text)
	}
	if members == 7 {
		b = wire.AppendBytes(b, d.under[:])
	}
	return b
}

func (c *Client) decodeDraft(id DraftID, v []byte) (*Draft, error) {
	d := &Draft{c: c, id: id, person: c.person()}
	r, members, err := openStoredUpTo(v, 6, 7)
	if err != nil {
		return nil, fmt.Errorf("draft %s: %w", id, err)
	}
	r.Fixed(d.record[:])
	d.kindID = r.Text(syncproto.MaxKindBytes)
	d.origin = draftOrigin(r.UintMax(uint64(draftJoined)))
	d.opened = r.Int()
	if d.base = slices.Clone(r.Bytes(len(v))); len(d.base) == 0 {
		d.base = nil
	}
	for n := r.Array(maxDraftEdits); n > 0 && r.Err() == nil; n-- {
		if r.Array(6) != 6 {
			r.Failf("an edit has 6 members")
		}
		e := edit{Kind: editKind(r.UintMax(math.MaxUint8))}
		if e.Kind == 0 || e.Kind > editOldItem {
			r.Failf("unknown edit %d", e.Kind)
		}
		e.Field = r.Text(syncproto.MaxFieldBytes)
		e.Item = ItemRef(r.Text(128))
		e.Sub = r.Text(syncproto.MaxFieldBytes)
		e.Value = slices.Clone(r.Bytes(syncproto.MaxValueBytes))
		e.Text = r.Text(len(v))
		d.edits = append(d.edits, e)
	}
	if members == 7 {
		if r.Fixed(d.under[:]); d.under.IsZero() && r.Err() == nil {
			r.Failf("a draft of no replica")
		}
	}
	if err := closeStored(r, "draft"); err != nil {
		return nil, err
	}
	if k, ok := c.schema.Kind(d.kindID); ok {
		d.kind = k
	}
	return d, nil
}

func sortDrafts(ds []*Draft) {
	slices.SortFunc(ds, func(a, b *Draft) int {
		if a.opened != b.opened {
			if a.opened < b.opened {
				return -1
			}
			return 1
		}
		if a.id < b.id {
			return -1
		}
		return 1
	})
}
