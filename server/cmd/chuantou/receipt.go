package main

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"text/tabwriter"
	"time"

	"github.com/chuantou/chuantou/server"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

const receiptAbout = `chuantou receipt verify FILE (-data DIR | -server-key KEY)
chuantou audit verify -data DIR [-against FILE]
chuantou audit list   -data DIR [-after N]

A receipt is the server's signed word about one device: what it has of it, what
is held, since when. chuantou-device receipt FILE writes the last one.

receipt verify finds out whether it is genuine, and says what stands in it: by
the installation in DIR, or by KEY, the server's public key as every enrolment
ticket carries it. With -data it looks as well for the receipt's place in the
audit log: a server that has taken entries back since, or was restored from an
older backup, does not have it.

audit verify reads the audit log to its end and finds out whether anything was
altered; with -against also whether it still holds what the receipt in FILE saw.
audit list prints its last entries, or those after number N: log-ins (refused ones
by their number), grants, devices, codes, held work, what was opened for a reason.
`

// errTakenBack is what a receipt proves when its head is not in the log.
var errTakenBack = errors.New("the audit log does not have what the receipt saw: entries were taken back, or the server was restored from an older backup")

func receiptCommand(ctx context.Context, args []string, out io.Writer) error {
	c := newCommand("receipt", receiptAbout, out)
	data := c.String("data", "", "`folder` of the installation")
	key := c.String("server-key", "", "the server's public `key`, base64url")
	if err := c.parse(args); err != nil {
		return err
	}
	if len(c.words) != 2 || c.words[0] != "verify" || (*data == "") == (*key == "") {
		return &usageError{"receipt: want verify FILE, and one of -data and -server-key; chuantou receipt -h tells more"}
	}
	r, err := readReceipt(c.words[1])
	if err != nil {
		return err
	}
	public, err := base64.RawURLEncoding.DecodeString(*key)
	if *data != "" {
		public, err = server.PublicKey(*data)
	}
	if err != nil {
		return fmt.Errorf("the server's key: %w", err)
	}
	if err := sign.VerifyReceipt(ed25519.PublicKey(public), r); err != nil {
		return fmt.Errorf("%s: %w", c.words[1], err)
	}
	printReceipt(out, r)
	if *data == "" {
		return nil
	}
	return verifyAudit(ctx, *data, r, out)
}

func readReceipt(file string) (*syncproto.Receipt, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, wire.MaxPageBytes))
	if err != nil {
		return nil, err
	}
	r, err := wire.DecodeReceipt(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &r, nil
}

func printReceipt(out io.Writer, r *syncproto.Receipt) {
	fmt.Fprintf(out, "genuine: of device %s, given %s, epoch %s\n", r.Replica, time.UnixMilli(r.Wall).Local().Format("2006-01-02 15:04:05"), r.Epoch)
	n := 0
	for _, run := range r.Received {
		n += int(run.To - run.From + 1)
	}
	backed := 0
	for _, run := range r.BackedUp {
		backed += int(run.To - run.From + 1)
	}
	fmt.Fprintf(out, "%d changes received, %d of them in a verified backup, %d parts held or not accepted\n", n, backed, len(r.Held))
	if r.Forked {
		fmt.Fprintln(out, "the device's number is in use twice")
	}
	if r.Order != syncproto.OrderNone {
		fmt.Fprintln(out, "the device is told to destroy what it holds")
	}
}

func auditCommand(ctx context.Context, args []string, out io.Writer) error {
	c := newCommand("audit", receiptAbout, out)
	data := c.String("data", "", "`folder` of the installation")
	against := c.String("against", "", "`file` with a receipt")
	after := c.String("after", "", "list: the `number` of the entry to go on after; the last 500 without it")
	if err := c.parse(args); err != nil {
		return err
	}
	if len(c.words) != 1 || c.words[0] != "verify" && c.words[0] != "list" {
		return &usageError{"audit: want verify or list; chuantou audit -h tells more"}
	}
	if err := c.need("data"); err != nil {
		return err
	}
	if c.words[0] == "list" {
		return listAudit(ctx, *data, *after, out)
	}
	if *against == "" {
		return verifyAudit(ctx, *data, nil, out)
	}
	r, err := readReceipt(*against)
	if err != nil {
		return err
	}
	public, err := server.PublicKey(*data)
	if err == nil {
		err = sign.VerifyReceipt(public, r)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", *against, err)
	}
	return verifyAudit(ctx, *data, r, out)
}

// listAudit prints entries of the audit log, oldest first.
func listAudit(ctx context.Context, data, after string, out io.Writer) error {
	path := "/operator/audit/list"
	if after != "" {
		path += "?after=" + url.QueryEscape(after)
	}
	var list []server.AuditEntry
	if err := ask(ctx, data, path, nil, &list); err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, e := range list {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\n", e.N, e.At.Local().Format("2006-01-02 15:04:05"), cmp.Or(e.By, "(operator)"), e.What, e.About)
	}
	return t.Flush()
}

// verifyAudit has the audit log read to its end; r may be nil.
func verifyAudit(ctx context.Context, data string, r *syncproto.Receipt, out io.Writer) error {
	path := "/operator/audit"
	if r != nil {
		path += "?head=" + hex.EncodeToString(r.Audit[:])
	}
	var a server.Audited
	if err := ask(ctx, data, path, nil, &a); err != nil {
		return err
	}
	if a.Broken != "" {
		return errors.New(a.Broken)
	}
	fmt.Fprintf(out, "audit log: %d entries, none altered\n", a.Entries)
	if r == nil {
		return nil
	}
	if a.Contains == nil {
		return errTakenBack
	}
	_, err := fmt.Fprintf(out, "it still has the %d entries that the receipt saw\n", *a.Contains)
	return err
}
