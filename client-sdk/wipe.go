package clientsdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/outbox"
	"github.com/chuantou/chuantou/client-sdk/syncloop"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/session"
)

// ErrWiped is returned once everything on this device was destroyed, as the
// administrator had ordered. The folder can be removed.
var ErrWiped = errors.New("本机数据已按管理员的要求清除；写过的内容服务器都已收到")

// due reports whether the device is to be wiped now: it was told to by a
// receipt, which only the server signs, and the server has all that was
// submitted. One that is handed back waits for its drafts too.
func (c *Client) due() (bool, error) {
	if c.receipt == nil || c.receipt.Order == syncproto.OrderNone || c.spent || outbox.Count(c.missing(0)) > 0 {
		return false, nil
	}
	if c.receipt.Order == syncproto.OrderWipe {
		return true, nil
	}
	n, err := c.draftCount()
	return c.receipt.Order == syncproto.OrderRetire && n == 0, err
}

func (c *Client) draftCount() (n int, err error) {
	err = localstore.ScanPrefix(c.store, prefixDraft, func(_, _ []byte) error { n++; return nil })
	return n, err
}

// wipeIfDue destroys what is here, then tells the server: what it is told has
// happened. Should it not be told, it goes on saying that it was not.
func (c *Client) wipeIfDue(ctx context.Context, link syncloop.Transport) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false, ErrClosed
	}
	now, err := c.due()
	if err != nil || !now {
		return false, err
	}
	drafts, err := c.draftCount()
	if err != nil {
		return false, err
	}
	body, err := json.Marshal(map[string]int{"drafts": drafts})
	if err != nil {
		return false, err
	}
	if err := c.erase(); err != nil {
		return false, fmt.Errorf("wipe: %w", err)
	}
	_ = link.Do(ctx, &session.Request{Method: http.MethodPost, Path: "/v1/sync/wiped", Type: session.TypeJSON, Token: c.token.Text, Body: body})
	return true, nil
}

// erase destroys everything and closes the client.
func (c *Client) erase() error {
	if c.wipe == nil {
		if err := eraseStore(c.store); err != nil {
			return err
		}
	}
	c.closed = true
	for w := range c.watchers {
		w.stop()
	}
	err := c.store.Close()
	if c.wipe != nil {
		err = errors.Join(err, c.wipe())
	}
	c.id, c.receipt, c.cache = nil, nil, nil
	return err
}

// eraseStore empties a store that the caller made, but for the mark that says so.
func eraseStore(s localstore.Store) error {
	for {
		var b localstore.Batch
		full := errors.New("enough for one batch")
		err := s.Scan([]byte{0}, nil, func(k, _ []byte) error {
			if string(k) != string(keyWiped) {
				b.Delete(append([]byte(nil), k...))
			}
			if len(b.Writes()) == 1000 {
				return full
			}
			return nil
		})
		if err != nil && !errors.Is(err, full) {
			return err
		}
		more := err != nil
		b.Put(keyWiped, []byte{storedFormat})
		if err := s.Apply(&b); err != nil || !more {
			return err
		}
	}
}
