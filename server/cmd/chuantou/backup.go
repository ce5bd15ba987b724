package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server"
	"github.com/chuantou/chuantou/server/backup"
)

const backupAbout = `chuantou backup FILE -data DIR (-to RECIPIENT [-key KEYFILE] | -passphrase-file FILE)
chuantou backup verify FILE [-data DIR] (-key KEYFILE | -passphrase-file FILE)
chuantou backup key KEYFILE

The first writes all that is needed to serve again into FILE: the store with the
accounts in it, the server's keys, server.json. The server may go on meanwhile.
FILE is sealed: to a recipient, whose secret KEYFILE need not be on this
machine, or with a passphrase, the first line of a file. It appears under its
name only once it is whole; one that is there is not replaced.

A backup is worth what a restore of it gives. verify reads FILE to its end; with
-data it tells the installation, which from then on says "backed up" in its
receipts, so that devices need not keep that work for ever. backup does the same
by itself when it has what opens FILE: the passphrase, or -key.

key makes a KEYFILE to keep elsewhere, and prints the recipient that belongs to
it. Without KEYFILE or passphrase a backup opens for nobody. FILE is in the
format of age (age-encryption.org), which opens it too.

Not in it: the key of the store, which a restored one has its own of; the folder
given with -kinds, TLS certificates, the list of erasures.
`

const restoreAbout = `chuantou restore FILE DIR (-key KEYFILE | -passphrase-file FILE) [-origin URL]
                 [-store-key FILE] [-store-passphrase-file FILE] [-erasures FILE]

Makes the installation in FILE anew in DIR, which must be new or empty. A FILE
that is cut off, altered or of a newer version leaves nothing there; a restore
that was ended half way leaves a folder that no server opens, and is run again.

The restored store begins a new history. Devices notice by themselves, and push
again what the backup does not have; nothing they were told is received is lost
as long as they are there. It is encrypted with a new key: -store-key and
-store-passphrase-file say where that goes, as for init. -erasures is the list
of what was erased (chuantou admin erase), which is in no backup: DIR/erasures of
the installation that was, or a copy that was kept. All of it is erased again
before the folder opens, and whenever a device brings it. With -origin a backup of another installation is
refused.
`

type backupFlags struct{ data, to, key, passphrase string }

func (f *backupFlags) define(c *command) {
	c.StringVar(&f.data, "data", "", "`folder` of the installation")
	c.StringVar(&f.key, "key", "", "`file` with the secret key, made by chuantou backup key")
	c.StringVar(&f.passphrase, "passphrase-file", "", "`file` whose first line is the passphrase")
}

func backupCommand(ctx context.Context, args []string, out io.Writer) error {
	c := newCommand("backup", backupAbout, out)
	var f backupFlags
	f.define(c)
	c.StringVar(&f.to, "to", "", "`recipient` to seal to, age1…")
	if err := c.parse(args); err != nil {
		return err
	}
	switch {
	case len(c.words) == 2 && c.words[0] == "verify":
		return backupVerify(ctx, &f, c.words[1], out)
	case len(c.words) == 2 && c.words[0] == "key":
		return backupKey(c.words[1], out)
	case len(c.words) != 1:
		return &usageError{"backup: name one file to write; chuantou backup -h tells more"}
	}
	if err := c.need("data"); err != nil {
		return err
	}
	lock, err := f.lock()
	if err != nil {
		return err
	}
	if err := writeBackup(ctx, &f, c.words[0], lock); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if f.key == "" && f.passphrase == "" {
		_, err = fmt.Fprintf(out, "%s written, not verified: chuantou backup verify %s -data %s -key KEYFILE\n", c.words[0], c.words[0], f.data)
		return err
	}
	return backupVerify(ctx, &f, c.words[0], out)
}

func (f *backupFlags) lock() (backup.Lock, error) {
	if (f.to == "") == (f.passphrase == "") {
		return backup.Lock{}, &usageError{"backup: want -to RECIPIENT or -passphrase-file FILE"}
	}
	if f.to != "" {
		return backup.LockTo(f.to)
	}
	pass, err := firstLine(f.passphrase)
	if err != nil {
		return backup.Lock{}, err
	}
	return backup.LockWith(pass)
}

func (f *backupFlags) opener() (backup.Key, error) {
	if (f.key == "") == (f.passphrase == "") {
		return backup.Key{}, &usageError{"want -key KEYFILE or -passphrase-file FILE"}
	}
	if f.passphrase != "" {
		pass, err := firstLine(f.passphrase)
		if err != nil {
			return backup.Key{}, err
		}
		return backup.PassphraseKey(pass)
	}
	b, err := readSmall(f.key)
	if err != nil {
		return backup.Key{}, err
	}
	return backup.ParseKey(string(b))
}

func firstLine(file string) (string, error) {
	b, err := readSmall(file)
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimRight(line, "\r"), err
}

func readSmall(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 64<<10))
}

func backupKey(file string, out io.Writer) error {
	secret, recipient, err := backup.NewKey()
	if err != nil {
		return fmt.Errorf("backup key: %w", err)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("backup key: %w", err)
	}
	_, err = fmt.Fprintf(f, "# opens backups of 船头记 that were sealed to\n# %s\n# keep it away from the server, and keep it\n%s\n", recipient, secret)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("backup key: %w", err)
	}
	_, err = fmt.Fprintln(out, recipient)
	return err
}

// writeBackup writes the file under another name, and gives it its own once it
// is whole and durable.
func writeBackup(ctx context.Context, f *backupFlags, file string, lock backup.Lock) (err error) {
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("%s is there already; nothing was changed", file)
	}
	part := file + ".part"
	w, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part))
		}
	}()
	err = sealBackup(ctx, f.data, &gentle{f: w}, lock)
	if err = errors.Join(err, w.Sync(), w.Close()); err != nil {
		return err
	}
	if err := os.Rename(part, file); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(file))
}

func sealBackup(ctx context.Context, data string, w io.Writer, lock backup.Lock) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://operator/operator/backup?program="+url.QueryEscape(version()), nil)
	if err != nil {
		return err
	}
	return (&operator{data: data}).stream(req, func(r io.Reader) error {
		sealed, err := backup.Seal(w, lock)
		if err == nil {
			_, err = io.Copy(sealed, r)
		}
		if err != nil {
			return err
		}
		return sealed.Close()
	})
}

// gentle writes a long file so that the disk is not busy with it when the
// server wants to make its work durable: it syncs every few megabytes.
type gentle struct {
	f       *os.File
	pending int
}

const gentleBytes = 4 << 20

func (g *gentle) Write(b []byte) (int, error) {
	n, err := g.f.Write(b)
	if g.pending += n; err == nil && g.pending >= gentleBytes {
		g.pending = 0
		err = g.f.Sync()
	}
	return n, err
}

// syncFolder makes a new name durable, where a folder can be opened for that.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = f.Sync() // not every system has it
	return f.Close()
}

func backupVerify(ctx context.Context, f *backupFlags, file string, out io.Writer) error {
	key, err := f.opener()
	if err != nil {
		return fmt.Errorf("backup verify: %w", err)
	}
	v, err := openBackup(file, key, server.VerifyBackup)
	if err != nil {
		return fmt.Errorf("backup verify: %s: %w", file, err)
	}
	if f.data != "" {
		if err := tellBackedUp(ctx, f.data, v); err != nil {
			return fmt.Errorf("backup verify: the file is whole, but: %w", err)
		}
	}
	return printBackup(out, "whole: ", file, &v.Summary)
}

// openBackup opens a file and gives its content to read.
func openBackup[T any](file string, key backup.Key, read func(io.Reader) (T, error)) (out T, err error) {
	f, err := os.Open(file)
	if err != nil {
		return out, err
	}
	defer f.Close()
	r, err := backup.Open(f, key)
	if err != nil {
		return out, err
	}
	return read(r)
}

func tellBackedUp(ctx context.Context, data string, v *server.Verified) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://operator/operator/backed-up", bytes.NewReader(body))
	if err != nil {
		return err
	}
	return (&operator{data: data}).stream(req, func(io.Reader) error { return nil })
}

func printBackup(out io.Writer, what, file string, s *backup.Summary) error {
	_, err := fmt.Fprintf(out, "%s%s\n  of %s, server %s\n  taken %s, %d keys, %d MB\n", what, file, s.Origin, hex.EncodeToString(s.Server[:8]),
		time.UnixMilli(s.Taken).Format("2006-01-02 15:04:05"), s.Pairs, s.Bytes>>20)
	return err
}

func restore(ctx context.Context, args []string, out io.Writer) error {
	c := newCommand("restore", restoreAbout, out)
	var f backupFlags
	f.define(c)
	origin := c.String("origin", "", "refuse a backup that is not of this `URL`")
	erasures := c.String("erasures", "", "the list of what was erased, DIR/erasures of the installation that was: a `file`")
	var n newStoreFlags
	n.define(c)
	if err := c.parse(args); err != nil {
		return err
	}
	if len(c.words) != 2 || f.data != "" {
		return &usageError{"restore: name a backup and a folder to make; chuantou restore -h tells more"}
	}
	file, dir := c.words[0], c.words[1]
	o := server.RestoreOptions{Origin: *origin}
	var err error
	if o.Store, err = n.newStore(); err != nil {
		return err
	}
	if *erasures != "" {
		if o.Erasures, err = os.ReadFile(*erasures); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	key, err := f.opener()
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	sum, err := openBackup(file, key, func(r io.Reader) (backup.Summary, error) { return server.Restore(ctx, dir, o, r) })
	if err != nil {
		return fmt.Errorf("restore: %s: %w", file, err)
	}
	if err := printBackup(out, "restored: ", file, &sum); err != nil {
		return err
	}
	if *erasures == "" {
		if _, err := fmt.Fprintln(out, "no list of erasures was given: what was erased since the backup is there again"); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(out, "a new history begins; devices push again what the backup does not have\n\nnext: chuantou serve -data %s -listen :8080\n", dir)
	return err
}
