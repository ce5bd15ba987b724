package main

import (
	"context"
	"fmt"
	"io"

	"github.com/chuantou/chuantou/server"
)

const initAbout = `chuantou init DIR -origin URL -name NAME -place CODE -admin NAME

Makes an installation in DIR, which must be new or empty:

  DIR/keys         the server's secrets, readable by their owner alone; with an
                   https origin root.pem, which everybody may have
  DIR/store        everything recorded, encrypted with DIR/keys/store.key
  DIR/server.json  what was decided here: origin, name, place

and prints a one-time code with which the first administrator enrols a device.
The origin is for ever: browsers keep what they store under it, and devices are
told it at enrolment. On a LAN without names, promise the machine a fixed
address and use that. For an https origin an authority of the installation's own
is made too, which can vouch for that origin and for nothing else; serve uses it
unless it is given a certificate.

Encryption is worth what keeps its key. Move DIR/keys to another volume and leave
a symbolic link; or have only the store's key on one, -store-key FILE; or wrap it
with a passphrase, which serve then asks for. Without that key the store opens for
nobody; a backup does not need it.

Keep a copy of DIR/keys elsewhere, apart from backups of DIR/store: who has both
has everything; who has a backup without seal.key cannot read what was sealed.
`

func initialise(ctx context.Context, args []string, out io.Writer) error {
	c := newCommand("init", initAbout, out)
	var o server.InitOptions
	c.StringVar(&o.Origin, "origin", "", "the one `URL` of this installation for ever: https://NAME, or http://ADDRESS on a trusted LAN")
	c.StringVar(&o.Name, "name", "", "whose installation this is: 普陀区")
	c.StringVar(&o.Place, "place", "", "place `code` of the owner, which is the first administrator's territory: 330903")
	c.StringVar(&o.Admin, "admin", "", "`name` of the first administrator")
	var n newStoreFlags
	n.define(c)
	if err := c.parse(args); err != nil {
		return err
	}
	if len(c.words) != 1 {
		return &usageError{"init: name one folder to make; chuantou init -h tells what goes into it"}
	}
	if err := c.need("origin", "name", "place", "admin"); err != nil {
		return err
	}
	o.Dir = c.words[0]
	var err error
	if o.Store, err = n.newStore(); err != nil {
		return err
	}
	made, err := server.Init(ctx, o)
	if err != nil {
		return fmt.Errorf("init: %w", err)
	}
	fmt.Fprintf(out, `installation made in %s
keys: %s
      keep a copy elsewhere, apart from backups of the store: who has both has
      everything, and without seal.key the sealed values of a backup stay shut
first administrator: %s
one-time code:       %s   (until %s, one use)
`, o.Dir, made.Keys, o.Admin, made.Code, made.Expires.Local().Format("2006-01-02 15:04"))
	if err := printTicket(out, made.Ticket); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\nnext: chuantou serve -data %s -listen :8080\n", o.Dir)
	return err
}
