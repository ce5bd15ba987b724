package clientsdk

import (
	"context"
	"fmt"
	"io"

	"github.com/chuantou/chuantou/syncproto"
)

// Resolve chooses a value of a field with several (采用此版本): the chosen one
// replaces all that are shown. It is saved and durable like a Submit.
func (c *Client) Resolve(ctx context.Context, record syncproto.RecordID, field string, value any) error {
	return c.act(ctx, record, "resolve", func(d *Draft) { d.Set(field, value) })
}

// ResolveItem chooses a value of a field of a list item.
func (c *Client) ResolveItem(ctx context.Context, record syncproto.RecordID, list string, item ItemRef, sub string, value any) error {
	return c.act(ctx, record, "resolve", func(d *Draft) { d.SetItem(list, item, map[string]any{sub: value}) })
}

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
