package clientsdk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/session"
)

// Past is a record as it stood after a change, as the server keeps it and as
// this device's person may read it: what is hidden from him now, or was then,
// is left out. Sensitive values are never in it.
type Past struct {
	Record syncproto.RecordID `json:"record"`
	Kind   string             `json:"kind"`
	Label  string             `json:"label,omitempty"`
	Title  string             `json:"title,omitempty"`
	Number string             `json:"number,omitempty"`
	Status string             `json:"status,omitempty"`
	AsOf   syncproto.ChangeID `json:"as_of"`
	Fields []PastField        `json:"fields"`
}

// PastField is one field of a Past. Of a masked one only the reason is given.
type PastField struct {
	Key      string        `json:"key"`
	Label    string        `json:"label,omitempty"`
	Value    any           `json:"value,omitempty"`
	Masked   string        `json:"masked,omitempty"`
	Passages []PastPassage `json:"passages,omitempty"`
}

// PastPassage is a run of a long text by one author, and when he wrote it by his
// clock, from the first change to the last. A text of one author has none.
type PastPassage struct {
	Text string    `json:"text"`
	By   string    `json:"by,omitempty"`
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
}

// PastChange is one change that was joined to a record on the server.
type PastChange struct {
	Change   syncproto.ChangeID `json:"change"` // what AsOf takes
	Author   syncproto.PersonID `json:"author"`
	By       string             `json:"by,omitempty"`
	Device   string             `json:"device,omitempty"`
	Written  time.Time          `json:"written"` // claimed
	Received time.Time          `json:"received"`
	What     string             `json:"what,omitempty"`
	Steps    []PastStep         `json:"steps,omitempty"`
	Hidden   bool               `json:"hidden,omitempty"` // it was not for this person then: AsOf does not open it
}

// PastStep is what a change did to one field, in words.
type PastStep struct {
	Field string `json:"field"`
	Label string `json:"label,omitempty"`
	Old   string `json:"old,omitempty"`
	New   string `json:"new,omitempty"`
}

// Changes asks the server for the changes that a record is made of, in the
// order they came: the latest, or those before one. earlier is set when there
// are more before them. It needs a network: a device keeps what stands, and of
// what was replaced only its own (History).
func (c *Client) Changes(ctx context.Context, record syncproto.RecordID, before syncproto.ChangeID) (list []PastChange, earlier syncproto.ChangeID, err error) {
	path := "/v1/records/" + record.String() + "/history"
	if !before.IsZero() {
		path += "?" + url.Values{"before": {before.String()}}.Encode()
	}
	var out struct {
		Entries []PastChange       `json:"entries"`
		Earlier syncproto.ChangeID `json:"earlier"`
	}
	if err := c.ask(ctx, path, &out); err != nil {
		return nil, earlier, fmt.Errorf("changes: %w", err)
	}
	return out.Entries, out.Earlier, nil
}

// AsOf asks the server for a record as it stood after a change of it. Like
// Changes it needs a network; ErrNoRecord when the record has no such change
// that this person may see.
func (c *Client) AsOf(ctx context.Context, record syncproto.RecordID, change syncproto.ChangeID) (*Past, error) {
	var out Past
	err := c.ask(ctx, "/v1/records/"+record.String()+"?"+url.Values{"as_of": {change.String()}}.Encode(), &out)
	if err != nil {
		return nil, fmt.Errorf("as of %s: %w", change, err)
	}
	return &out, nil
}

// ask reads an answer of the server's in JSON. An expired session is opened
// again by a sync, which brings up what waits as well.
func (c *Client) ask(ctx context.Context, path string, into any) error {
	return c.request(ctx, session.Request{Method: http.MethodGet, Path: path}, into)
}

func (c *Client) request(ctx context.Context, q session.Request, into any) error {
	r, err := c.fetch(ctx, q)
	if err == nil && (r.Status == http.StatusUnauthorized || r.Kind == syncproto.KindUnauthorized) {
		if _, err = c.Sync(ctx); err == nil {
			r, err = c.fetch(ctx, q)
		}
	}
	switch {
	case err != nil:
		return err
	case r.Status == http.StatusNotFound:
		return ErrNoRecord
	case r.Status != http.StatusOK:
		return &syncproto.Error{Kind: r.Kind, Text: fmt.Sprintf("the server answered %d: %s", r.Status, r.Text)}
	}
	if err := json.Unmarshal(r.Body, into); err != nil {
		return fmt.Errorf("the server's answer: %w", err)
	}
	return nil
}

// fetch sends one request under the present session.
func (c *Client) fetch(ctx context.Context, q session.Request) (session.Response, error) {
	c.mu.Lock()
	if c.closed || c.id == nil {
		defer c.mu.Unlock()
		if c.closed {
			return session.Response{}, ErrClosed
		}
		return session.Response{}, ErrNotEnrolled
	}
	link, err := c.transport()
	q.Token = c.token.Text
	c.mu.Unlock()
	if err != nil {
		return session.Response{}, err
	}
	if q.Token == "" {
		return session.Response{Status: http.StatusUnauthorized}, nil
	}
	r := link.Do(ctx, &q)
	return r, r.Err
}
