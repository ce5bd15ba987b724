package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/syncproto"
)

// command is one word of the command line.
type command struct {
	args, short, help string
	run               func(a *app, args []string) error
	closed            bool // works on the folder without opening the store
}

// order is how help lists the commands: as a day goes.
var order = []string{"enrol", "new", "edit", "join", "submit", "share", "discard", "list", "show", "history", "past", "resolve", "correct", "decline", "merge", "split", "void", "restore",
	"sync", "status", "trip", "devices", "code", "password", "lock", "unlock", "export-outbox", "receipt", "pin", "kinds"}

var commands map[string]command

func init() {
	commands = map[string]command{
		"enrol": {"TICKET|URL CODE [-name NAME]", "give this device its identity, by a one-time code", `
TICKET is the whole text of the administrator's QR: the device then knows the
server by its key and root. Or URL is the server's address, CODE the code alone.
NAME is the device's short name in local numbers (A7). With -again CODE a device
whose number is in use twice takes a new one; nothing is lost.
A device without a PIN gets one here: from -pin-file, $CHUANTOU_DEVICE_PIN, or as
typed at the terminal; with neither it stays without, which is said.`, (*app).enrol, false},
		"new": {"KIND [-submit] FIELD=VALUE…", "begin a record; it stays a draft until submit", "", (*app).create, false},
		"edit": {"RECORD|DRAFT [-submit] FIELD=VALUE…", "change a draft, or begin a change to a record", `
FIELD-=VALUE takes a member out of a set or strikes out an item.`, (*app).edit, false},
		"join":    {"CODE [-anyway] FIELD=VALUE…", "write into a meeting of another device, by its code, with no network", "", (*app).join, false},
		"submit":  {"DRAFT…|-all", "提交: make one change of the drafts; durable, and on its way at the next sync", "", (*app).submit, false},
		"share":   {"DRAFT…", "共同记录: let the other recorders see a draft that is not submitted yet", "", (*app).share, false},
		"discard": {"DRAFT", "throw a draft away", "", (*app).discard, false},
		"list": {"[-kind KIND] [-place CODE] [-from DAY] [-to DAY] [-text T] [-voided] [-conflicts]", "list records, and the drafts on this device", `
Days are written 2026-05-18.`, (*app).list, false},
		"show":    {"RECORD|DRAFT", "show a record with its fields and all values of a conflict", "", (*app).show, false},
		"history": {"RECORD", "who saved what of a record, as far as this device knows", "", (*app).history, false},
		"past": {"RECORD [CHANGE]", "list a record's changes as the server has them, or show it as it stood after one", `
Needs a network. CHANGE is REPLICA/SEQ as the list names it.`, (*app).past, false},
		"resolve": {"RECORD FIELD N|=VALUE", "采用此版本: settle a value of which several versions stand", `
N is the number of a version as show lists them; =VALUE writes another value.
FIELD of a list's item is ITEM FIELD as show names them, in one argument.`, (*app).resolve, false},
		"correct": {"RECORD FIELD VALUE REASON", "更正: what a field should have said; VALUE @N takes the N-th 更正建议", "", (*app).correct, false},
		"decline": {"RECORD FIELD VALUE REASON", "不采纳: say no to the 更正建议 VALUE, or @N", "", (*app).decline, false},
		"merge":   {"RECORD RECORD", "并为一份: two records of one meeting or visit", "", (*app).merge, false},
		"split":   {"RECORD", "拆开: take a record out of the one it was put into", "", (*app).split, false},
		"void":    {"RECORD REASON", "作废 with a reason", "", (*app).void, false},
		"restore": {"RECORD", "恢复 a voided record", "", (*app).restore, false},
		"sync":    {"", "push what the server lacks, pull what is new", "", (*app).sync, false},
		"status":  {"[RECORD]", "what is on its way and what waits for a person", "", (*app).status, false},
		"trip":    {"DAY|-none", "tell, with the next sync, until which day this device will be away (2026-06-14)", "", (*app).trip, false},
		"code":    {"", "a one-time code for another device of this person; needs a network", "", (*app).code, false},
		"password": {"[LOGIN]", "what this device's person logs in with on the server's pages; needs a network", `
The first line of standard input, at least 10 characters; his name, or LOGIN, goes with it.
An earlier one stops working, and open sessions end.`, (*app).password, false},
		"devices": {"", "the other devices that are enrolled in this person's name", "", (*app).devices, false},
		"lock": {"", "lock others' records on this device until the next sync, or a code", `
Own records, drafts and what waits to be sent stay open.`, (*app).lock, false},
		"unlock": {"[CODE]", "open others' records again by a code that the administrator reads out", `
Without CODE it shows the number to read out to the administrator, who makes the
code from it: good once, for this device, within 24 hours. Ten wrong codes, and
only a sync opens.`, (*app).unlock, false},
		"export-outbox": {"FILE", "write what the server lacks to a file that anyone may carry and only the server can open", "", (*app).exportOutbox, false},
		"receipt":       {"FILE", "write the server's last signed word about this device to a file", "", (*app).receipt, false},
		"pin": {"[-new-file FILE | -none]", "set or change the PIN, or take it off", `
The present PIN is given as for every command. The new one is read from FILE,
else from $CHUANTOU_DEVICE_NEW_PIN, else asked for twice at the terminal. The
data stays as it is, only its key is wrapped anew. Ten wrong PINs in a row
destroy the key; what was not sent can then be opened by the server alone.`, (*app).changePIN, true},
		"kinds": {"[KIND]", "list the kinds of record, or the fields of one", "", (*app).kinds, false},
	}
}

// flagsFirst lets flags stand anywhere among a command's arguments.
func parse(flags *flag.FlagSet, args []string) ([]string, error) {
	flags.SetOutput(io.Discard)
	var rest []string
	for {
		if err := flags.Parse(args); err != nil {
			return nil, errUsage
		}
		if flags.NArg() == 0 {
			return rest, nil
		}
		rest = append(rest, flags.Arg(0))
		args = flags.Args()[1:]
	}
}

func (a *app) enrol(args []string) error {
	flags := flag.NewFlagSet("enrol", flag.ContinueOnError)
	name := flags.String("name", "", "")
	again := flags.String("again", "", "")
	rest, err := parse(flags, args)
	switch {
	case err != nil:
		return err
	case *again != "" && len(rest) == 0:
		err = a.client.ReEnrol(a.ctx, *again)
	case *again == "" && len(rest) == 1 && syncproto.IsTicket(rest[0]):
		err = a.client.EnrolTicket(a.ctx, rest[0], *name)
	case *again == "" && len(rest) == 2:
		err = a.client.Enrol(a.ctx, rest[0], rest[1], *name)
	default:
		return errUsage
	}
	if err != nil {
		return err
	}
	id, _ := a.client.Identity()
	locked, err := a.firstPIN()
	if err != nil {
		return fmt.Errorf("the device is enrolled, but: %w", err)
	}
	if a.json {
		return a.printJSON(map[string]any{"origin": id.Origin, "replica": id.Replica, "person": id.Person, "person_name": id.PersonName, "device": id.Device, "pin": locked})
	}
	a.printf("%s 的设备，服务器 %s，编号 %s\n", id.PersonName, id.Origin, id.Replica)
	if !locked {
		a.printf("没有设 PIN：钥匙在 %s，拿到它和数据的人就能读；要设请运行 chuantou-device pin\n", clientsdk.KeyFile(a.dir))
	}
	return nil
}

func (a *app) create(args []string) error {
	flags := flag.NewFlagSet("new", flag.ContinueOnError)
	submit := flags.Bool("submit", false, "")
	rest, err := parse(flags, args)
	if err != nil || len(rest) == 0 {
		return errUsage
	}
	d, err := a.client.Create(rest[0])
	if err != nil {
		return err
	}
	return a.fill(d, rest[1:], *submit)
}

func (a *app) edit(args []string) error {
	flags := flag.NewFlagSet("edit", flag.ContinueOnError)
	submit := flags.Bool("submit", false, "")
	rest, err := parse(flags, args)
	if err != nil || len(rest) == 0 {
		return errUsage
	}
	d, err := a.findDraft(rest[0])
	if errors.Is(err, clientsdk.ErrNoDraft) {
		var id syncproto.RecordID
		if id, err = a.findRecord(rest[0]); err == nil {
			d, err = a.client.Edit(id)
		}
		if v, viewErr := a.client.Get(id); viewErr == nil && a.client.Settled(v) {
			fmt.Fprintf(a.errs, "这条记录 %s 起不能直接改了：改了不生效，会留作更正建议；要改请写更正（correct）\n", v.SettledAt.In(zone).Format("1月2日15:04"))
		}
	}
	if err != nil {
		return err
	}
	return a.fill(d, rest[1:], *submit)
}

func (a *app) join(args []string) error {
	flags := flag.NewFlagSet("join", flag.ContinueOnError)
	anyway := flags.Bool("anyway", false, "")
	submit := flags.Bool("submit", false, "")
	rest, err := parse(flags, args)
	if err != nil || len(rest) == 0 {
		return errUsage
	}
	d, err := a.client.Join(rest[0])
	if err != nil {
		return err
	}
	if a.client.FarFromNow(d.Record()) && !*anyway {
		return fmt.Errorf("the code %s is of a meeting of %s: it was probably mistyped, or the clock of one of the devices is wrong; if it is right, add -anyway",
			rest[0], time.UnixMilli(d.Record().Millis()).Format(time.DateOnly))
	}
	return a.fill(d, rest[1:], *submit)
}

// fill sets fields, saves the draft, and submits it if asked.
func (a *app) fill(d *clientsdk.Draft, assignments []string, submit bool) error {
	for _, s := range assignments {
		if err := a.assign(d, s); err != nil {
			return err
		}
	}
	if err := d.Save(); err != nil {
		return err
	}
	state := clientsdk.SyncDraft
	if submit {
		if err := a.client.Submit(a.ctx, d); err != nil {
			return fmt.Errorf("the draft %s is saved, but: %w", d.ID(), err)
		}
		state = clientsdk.SyncPending
	}
	code, _ := clientsdk.Code(d.Record())
	if a.json {
		return a.printJSON(map[string]any{"draft": d.ID(), "record": d.Record(), "kind": d.Kind(), "code": code, "sync": state})
	}
	a.printf("%s  %s\n", d.Record(), state)
	if !submit {
		a.printf("draft %s\n", d.ID())
	}
	if code != "" {
		a.printf("joining code %s\n", code)
	}
	return nil
}

func (a *app) submit(args []string) error {
	flags := flag.NewFlagSet("submit", flag.ContinueOnError)
	all := flags.Bool("all", false, "")
	rest, err := parse(flags, args)
	if err != nil || (len(rest) == 0) != *all {
		return errUsage
	}
	ds, err := a.drafts(rest, *all)
	if err != nil {
		return err
	}
	if err := a.client.Submit(a.ctx, ds...); err != nil {
		return err
	}
	return a.printCut(ds)
}

func (a *app) share(args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	ds, err := a.drafts(args, false)
	if err != nil {
		return err
	}
	if err := a.client.Share(a.ctx, ds...); err != nil {
		return err
	}
	return a.printCut(ds)
}

func (a *app) drafts(names []string, all bool) (ds []*clientsdk.Draft, err error) {
	if all {
		if ds, err = a.client.Drafts(); err == nil && len(ds) == 0 {
			err = errors.New("there are no drafts")
		}
		return ds, err
	}
	for _, name := range names {
		d, err := a.findDraft(name)
		if err != nil {
			return nil, err
		}
		ds = append(ds, d)
	}
	return ds, nil
}

func (a *app) printCut(ds []*clientsdk.Draft) error {
	var ids []syncproto.RecordID
	for _, d := range ds {
		ids = append(ids, d.Record())
	}
	if a.json {
		return a.printJSON(map[string]any{"records": ids, "sync": clientsdk.SyncPending})
	}
	for _, id := range ids {
		a.printf("%s  %s\n", id, clientsdk.SyncPending)
	}
	return nil
}

func (a *app) discard(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	d, err := a.findDraft(args[0])
	if err == nil {
		err = a.client.Discard(d.ID())
	}
	return err
}

func (a *app) exportOutbox(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	f, err := os.OpenFile(args[0], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("export outbox: %w", err)
	}
	n, err := a.client.ExportOutbox(f)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(args[0]))
	}
	if a.json {
		return a.printJSON(map[string]any{"file": args[0], "changes": n})
	}
	a.printf("%d 条写入 %s\n", n, args[0])
	return nil
}

// findRecord finds a record by id, by the end of its id, or by its number.
func (a *app) findRecord(name string) (syncproto.RecordID, error) {
	if id, err := syncproto.ParseRecordID(name); err == nil {
		return id, nil
	}
	kinds := append([]string{}, a.client.Schema().KindIDs()...)
	rows, err := a.client.Query(clientsdk.Filter{Kinds: kinds, Voided: true})
	if err != nil {
		return syncproto.RecordID{}, err
	}
	var found []syncproto.RecordID
	for _, r := range rows {
		if r.Number == name || len(name) >= 4 && strings.HasSuffix(r.Record.String(), name) {
			found = append(found, r.Record)
		}
	}
	switch len(found) {
	case 0:
		return syncproto.RecordID{}, fmt.Errorf("%w: %q", clientsdk.ErrNoRecord, name)
	case 1:
		return found[0], nil
	}
	return syncproto.RecordID{}, fmt.Errorf("%q names %d records: give more of the id", name, len(found))
}

// findDraft finds a draft by id, by the end of its id, or by its record.
func (a *app) findDraft(name string) (*clientsdk.Draft, error) {
	ds, err := a.client.Drafts()
	if err != nil {
		return nil, err
	}
	var found []*clientsdk.Draft
	for _, d := range ds {
		if len(name) >= 4 && (strings.HasSuffix(string(d.ID()), name) || d.Record().String() == name) {
			found = append(found, d)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("%w: %q", clientsdk.ErrNoDraft, name)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%q names %d drafts: give the draft's id", name, len(found))
}
