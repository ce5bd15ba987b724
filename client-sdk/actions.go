package clientsdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/view"
)

// Void (作废) voids a record with a reason. It stays listed among the voided;
// an edit by someone who did not know brings it back for a person to decide.
func (c *Client) Void(ctx context.Context, record syncproto.RecordID, reason string) error {
	if reason == "" {
		return fmt.Errorf("void: a reason is needed")
	}
	return c.act(ctx, record, "void", func(d *Draft) { d.value(edit{Kind: editDelete}, reason) })
}

// Restore (恢复) takes a record out of the voided.
func (c *Client) Restore(ctx context.Context, record syncproto.RecordID) error {
	return c.act(ctx, record, "restore", func(d *Draft) { d.put(edit{Kind: editRestore}) })
}

// Correct (更正) writes what a field of a submitted record should have said. The
// old value stays to be seen, with the reason. It takes a 更正建议 too: value is
// then what the suggestion says.
func (c *Client) Correct(ctx context.Context, record syncproto.RecordID, field string, value any, reason string) error {
	return c.correct(ctx, record, field, value, reason, view.Corrects)
}

// Decline says no to a 更正建议 (不采纳): the edit stays in the history and is
// suggested no more.
func (c *Client) Decline(ctx context.Context, record syncproto.RecordID, field string, value any, reason string) error {
	return c.correct(ctx, record, field, value, reason, view.Declines)
}

func (c *Client) correct(ctx context.Context, record syncproto.RecordID, field string, value any, reason, kind string) error {
	v, err := c.Get(record)
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	if reason == "" {
		return fmt.Errorf("%s: a reason is needed", kind)
	}
	return c.act(ctx, record, kind, func(d *Draft) {
		if d.kind != nil && d.kind.IsSensitive(field, "") {
			d.fail(field, errors.New("is sensitive: a correction would tell it in the open; void the record and write it anew"))
			return
		}
		if kind == view.Corrects {
			d.corrects = field
			d.Set(field, value)
		}
		d.value(edit{Kind: editLog, Field: view.CorrectionsOf(field)}, map[string]any{"field": field, "kind": kind, "old": v.Value(field), "new": value, "reason": reason,
			"who": d.person.String(), "when": c.now().In(localZone).Format(time.RFC3339)})
	})
}

// Merge (并为一份) puts two records of one meeting or visit together: the one
// with the smaller id stays and shows what both say; the other points to it.
// It returns the one that stays.
func (c *Client) Merge(ctx context.Context, a, b syncproto.RecordID) (stays syncproto.RecordID, err error) {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	switch va, err := c.Get(a); {
	case a == b:
		return a, errors.New("merge: a record with itself")
	case err != nil:
		return a, fmt.Errorf("merge: %w", err)
	default:
		if vb, err := c.Get(b); err == nil && vb.Kind != va.Kind {
			return a, fmt.Errorf("merge: a %s and a %s", va.KindName, vb.KindName)
		}
	}
	return a, c.act(ctx, b, "merge", func(d *Draft) { d.Set("merged_into", a.String()) })
}

// Split (拆开) takes a record out of the one it was put into.
func (c *Client) Split(ctx context.Context, record syncproto.RecordID) error {
	return c.act(ctx, record, "split", func(d *Draft) { d.Set("merged_into", nil) })
}

// act saves one small change at once. It leaves the record's status as it is.
func (c *Client) act(ctx context.Context, record syncproto.RecordID, what string, change func(*Draft)) error {
	d, err := c.Edit(record)
	if err == nil {
		change(d)
		err = c.cut(ctx, "", []*Draft{d})
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// ExportOutbox writes what the server lacks as a file that anyone may carry to
// it and only the server can open, and says how many changes are in it. The
// outbox stays as it is.
func (c *Client) ExportOutbox(w io.Writer) (changes int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return 0, ErrClosed
	case c.id == nil:
		return 0, fmt.Errorf("export outbox: %w", ErrNotEnrolled)
	}
	return c.writeOutbox(w)
}
