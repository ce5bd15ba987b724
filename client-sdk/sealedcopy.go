package clientsdk

import (
	"crypto/ecdh"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/chuantou/chuantou/syncproto"
)

// sealedCopy is the outbox once more, in a file outside the encrypted store,
// sealed so that only the server can open it: what is left of unsent work when
// the store's key is gone. It is written while the device is unlocked, since
// afterwards nobody could. It is not fsynced with every save, the store is: a
// power cut may cost it the last ones until the store is next opened.
type sealedCopy struct {
	file  string // "" for a client that keeps none
	stale bool   // write it whole the next time
}

// keepSealed brings the sealed copy up to date after a save, number 0 for
// none. An error leaves it stale; what was saved is saved all the same.
func (c *Client) keepSealed(saved syncproto.Seq) {
	if c.sealed.file == "" || c.id == nil || c.spent {
		return
	}
	var err error
	switch {
	case c.sealed.stale:
		err = c.rewriteSealed()
	case saved > 0:
		err = c.appendSealed(syncproto.Ranges{{From: saved, To: saved}})
	}
	c.sealed.stale = err != nil
}

func (c *Client) appendSealed(changes syncproto.Ranges) (err error) {
	f, err := os.OpenFile(c.sealed.file, os.O_APPEND|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return c.rewriteSealed()
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	server, err := c.serverSealKey()
	if err == nil {
		_, err = c.cutter.AppendFile(f, server, changes)
	}
	return err
}

// rewriteSealed replaces the file; an empty outbox has none.
func (c *Client) rewriteSealed() error {
	missing := c.missing(0)
	if len(missing) == 0 {
		if err := os.Remove(c.sealed.file); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	tmp := c.sealed.file + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = c.writeOutbox(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(tmp, c.sealed.file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return nil
}

func (c *Client) serverSealKey() (*ecdh.PublicKey, error) {
	pub, err := ecdh.X25519().NewPublicKey(c.id.SealKey)
	if err != nil {
		return nil, fmt.Errorf("the server's sealing key: %w", err)
	}
	return pub, nil
}

func (c *Client) writeOutbox(w io.Writer) (changes int, err error) {
	server, err := c.serverSealKey()
	if err != nil {
		return 0, err
	}
	return c.cutter.WriteFile(w, server, c.missing(0))
}
