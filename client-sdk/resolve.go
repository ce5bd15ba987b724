package clientsdk

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
)

// ErrSettled is returned by a resolution whose versions are no longer those
// that stand: somebody settled the value, or one more version came. Nothing was
// changed; show the record as it is now.
var ErrSettled = errors.New("this value has changed since you looked: look at it again and choose then")

// Conflict is a value of which several versions stand: a field of the record,
// or with Item and Sub one of a list's items.
type Conflict struct {
	Field  string  `json:"field"`
	Item   ItemRef `json:"item,omitempty"`
	Sub    string  `json:"sub,omitempty"`
	Label  string  `json:"label"`
	Mark   string  `json:"mark"` // 有不同修改, 待核, 待裁定
	Values []Shown `json:"values"`
}

// Resolution settles a conflict: Chosen becomes the value, or with Write set
// Value does, a value of the person's own (另写). Settles names the versions
// that he was shown, no more and no fewer.
type Resolution struct {
	syncproto.Choice
	Write bool `json:"write,omitempty"`
	Value any  `json:"value,omitempty"`
}

// Conflicts lists the values of which the view shows several versions.
func (v *View) Conflicts() []Conflict {
	var out []Conflict
	for _, f := range v.Fields {
		for _, s := range f.All {
			i := slices.IndexFunc(out, func(c Conflict) bool { return c.Field == f.Key && c.Item == s.Item && c.Sub == s.Sub })
			if i < 0 {
				i = len(out)
				out = append(out, Conflict{Field: f.Key, Item: s.Item, Sub: s.Sub, Label: f.Label, Mark: f.Mark})
			}
			out[i].Values = append(out[i].Values, s)
		}
	}
	return out
}

// Choose is the resolution by which the i-th version becomes the value.
func (c *Conflict) Choose(i int) Resolution {
	r := Resolution{Choice: syncproto.Choice{Field: c.Field, Sub: c.Sub, Chosen: c.Values[i].Version}}
	if c.Item != "" {
		r.Item, _ = c.Item.elem() // a view writes what elem reads
	}
	for _, v := range c.Values {
		if !v.Elsewhere {
			r.Settles = append(r.Settles, v.Version)
		}
	}
	return r
}

// Write is the resolution by which a value that nobody wrote yet becomes it.
func (c *Conflict) Write(value any) Resolution {
	r := c.Choose(0)
	r.Write, r.Value = true, value
	return r
}

// Resolve settles a conflict (采用此版本). It is saved and durable like a
// Submit; ErrSettled when the versions it names are no longer those that stand.
func (c *Client) Resolve(ctx context.Context, record syncproto.RecordID, r Resolution) error {
	return c.act(ctx, record, "resolve", func(d *Draft) { d.Resolve(r) })
}

// Resolve settles a conflict together with what else the draft changes: on the
// version that the draft was opened on, so that a version which came meanwhile
// stays beside it.
func (d *Draft) Resolve(r Resolution) *Draft {
	if d.err != nil {
		return d
	}
	if r.Write && len(r.Settles) > 0 {
		r.Chosen = r.Settles[0] // none of them is
	}
	item := ItemRef("")
	if !r.Item.IsNone() {
		item = ItemRef(r.Item.String())
	}
	f, err := d.fieldOf(r.Field, r.Sub)
	if err == nil && f.MergeClass() != schema.ClassValue {
		err = errors.New("has no versions to choose from")
	}
	if err == nil {
		err = r.Check()
	}
	if err != nil {
		return d.fail(r.Field, err)
	}
	rec, err := d.scratch()
	if err != nil {
		return d.fail(r.Field, err)
	}
	live := liveAt(rec, &r.Choice)
	dots := make([]syncproto.Dot, len(live))
	for i := range live {
		dots[i] = live[i].Dot
	}
	switch {
	case !r.Names(dots):
		d.err = fmt.Errorf("%s: %w", r.Field, ErrSettled)
		return d
	case r.Write:
		return d.set(r.Field, item, r.Sub, r.Value)
	}
	return d.adopt(rec, f, item, &r.Choice, live)
}

func liveAt(rec *crdt.Record, ch *syncproto.Choice) []crdt.Entry {
	if ch.Item.IsNone() {
		return rec.Values(ch.Field)
	}
	if item := rec.Item(ch.Field, ch.Item); item != nil {
		return item.Values(ch.Sub)
	}
	return nil
}

// adopt writes the chosen version once more. Of a value that several keys make
// together the others follow from the same writer: they are never mixed.
func (d *Draft) adopt(rec *crdt.Record, f *schema.Field, item ItemRef, ch *syncproto.Choice, live []crdt.Entry) *Draft {
	for _, e := range live {
		if e.Dot == ch.Chosen {
			d.again(edit{Kind: editSet, Field: ch.Field, Item: item, Sub: ch.Sub}, ch.Item, e)
		}
	}
	for _, other := range f.Group() {
		for _, e := range rec.Values(other) {
			if other != ch.Field && item == "" && e.Dot.Change() == ch.Chosen.Change() {
				d.again(edit{Kind: editSet, Field: other}, syncproto.ElemID{}, e)
			}
		}
	}
	return d
}

// again puts an edit that writes a value as it stands, opened: under another
// dot it is sealed anew.
func (d *Draft) again(e edit, item syncproto.ElemID, entry crdt.Entry) {
	at := placeOf(e.Field, item, e.Sub, entry.Dot)
	at.Record = d.record
	v, err := d.c.openLocked(entry.Value, at)
	if err != nil {
		d.fail(e.Field, err)
		return
	}
	e.Value = v
	d.put(e)
}
