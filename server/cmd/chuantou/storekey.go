package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"

	"github.com/chuantou/chuantou/server"
)

const storeKeyAbout = `chuantou storekey -data DIR -new-passphrase-file FILE
chuantou storekey -data DIR -no-passphrase
chuantou storekey -data DIR -renew

Changes the key that the store of DIR is encrypted with, DIR/keys/store.key or
what that links to.

With -new-passphrase-file it is wrapped with another passphrase, the first line of
FILE, with -no-passphrase with none; the key stays the same, and the server may
run. -renew makes a new key, for when the old one may be known to others: what is
written from then on is encrypted anew, what is there is only wrapped anew, so a
copy of the disk that somebody took with the old key stays readable to him. It
takes a moment, whatever the size of the store; the server must be stopped.

The passphrase of now is taken from -store-passphrase-file, else asked for.
`

const (
	passphraseFlag  = "store-passphrase-file"
	passphraseUsage = "`file` whose first line is the passphrase that the store's key is wrapped with"
	// passphraseEnv stands for the flag with every command, as for all flags.
	passphraseEnv = "CHUANTOU_STORE_PASSPHRASE_FILE"
)

// newStoreFlags say how a store is made.
type newStoreFlags struct {
	key, passphrase string
	plain           bool
}

func (f *newStoreFlags) define(c *command) {
	c.StringVar(&f.key, "store-key", "", "`file` to make for the store's key, on another volume; DIR/keys/store.key becomes a link to it")
	c.StringVar(&f.passphrase, passphraseFlag, "", "`file` whose first line is a passphrase to wrap the store's key with")
	c.BoolVar(&f.plain, "plain-store", false, "do not encrypt the store: whoever has the disk reads all")
}

func (f *newStoreFlags) newStore() (n server.NewStore, err error) {
	if f.plain && (f.key != "" || f.passphrase != "") {
		return n, &usageError{"-plain-store makes a store without a key: leave out the other one"}
	}
	n = server.NewStore{Plain: f.plain, KeyFile: f.key}
	if f.passphrase != "" {
		n.Passphrase, err = givenPassphrase(f.passphrase)
	}
	return n, err
}

func givenPassphrase(file string) (string, error) {
	pass, err := firstLine(file)
	if err == nil && pass == "" {
		err = fmt.Errorf("%s: its first line is empty, want a passphrase", file)
	}
	return pass, err
}

// storePassphrase gets the passphrase of the store's key when it is first asked
// for: from the file, which may be one that can be read only once, or from who
// sits at the terminal.
func storePassphrase(file string) server.Passphrase {
	return sync.OnceValues(func() (string, error) {
		if file == "" {
			file = os.Getenv(passphraseEnv)
		}
		if file != "" {
			return givenPassphrase(file)
		}
		if !term.IsTerminal(int(os.Stdin.Fd())) {
			return "", fmt.Errorf("%w: -%s FILE, or %s", server.ErrNeedsPassphrase, passphraseFlag, passphraseEnv)
		}
		fmt.Fprint(os.Stderr, "passphrase of the store's key: ")
		b, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(os.Stderr)
		return string(b), err
	})
}

func storeKey(args []string, out io.Writer) error {
	c := newCommand("storekey", storeKeyAbout, out)
	data := c.String("data", "", "`folder` of the installation")
	was := c.String(passphraseFlag, "", passphraseUsage)
	next := c.String("new-passphrase-file", "", "`file` whose first line is the passphrase to wrap it with")
	none := c.Bool("no-passphrase", false, "leave it as it is, for a file on another volume")
	renew := c.Bool("renew", false, "make a new key")
	if err := c.parse(args); err != nil {
		return err
	}
	if err := cmp.Or(c.noWords(), c.need("data")); err != nil {
		return err
	}
	chosen := 0
	for _, is := range []bool{*next != "", *none, *renew} {
		if is {
			chosen++
		}
	}
	if chosen != 1 {
		return &usageError{"storekey: want one of -new-passphrase-file FILE, -no-passphrase, -renew"}
	}
	done, err := "wrapped anew", error(nil)
	if *renew {
		done, err = "renewed", server.RenewStoreKey(*data, storePassphrase(*was))
	} else {
		pass := ""
		if *next != "" {
			if pass, err = givenPassphrase(*next); err != nil {
				return fmt.Errorf("storekey: %w", err)
			}
		}
		err = server.RewrapStoreKey(*data, storePassphrase(*was), pass)
	}
	if err != nil {
		return fmt.Errorf("storekey: %w", err)
	}
	_, err = fmt.Fprintf(out, "the key of the store in %s is %s\n", *data, done)
	return err
}
