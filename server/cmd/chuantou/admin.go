package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server"
	"github.com/chuantou/chuantou/server/authn"
)

const adminAbout = `chuantou admin code     -data DIR -person NAME [-by NAME] [-for password]
chuantou admin code     -data DIR -confirm REQUEST -by NAME
chuantou admin password -data DIR -person NAME [-login NAME] < FILE
chuantou admin sessions -data DIR -person NAME
chuantou admin end      -data DIR -person NAME [SESSION]
chuantou admin devices  -data DIR -person NAME
chuantou admin suspend  -data DIR DEVICE
chuantou admin resume   -data DIR DEVICE
chuantou admin revoke   -data DIR DEVICE
chuantou admin wipe     -data DIR DEVICE
chuantou admin retire   -data DIR DEVICE
chuantou admin lease    -data DIR DEVICE DAYS
chuantou admin unlock   -data DIR [-days N] DEVICE NUMBER
chuantou admin held     -data DIR -by NAME
chuantou admin release  -data DIR -by NAME DEVICE RECORD
chuantou admin reject   -data DIR -by NAME -reason TEXT DEVICE RECORD
chuantou admin reassign -data DIR -by NAME [-place CODE] [-person NAME] DEVICE RECORD
chuantou admin lost     -data DIR -by NAME [-yes] [-kind KIND -place CODE] DEVICE RECORD
chuantou admin deliver  -data DIR FILE
chuantou admin erase    -data DIR -by NAME -basis TEXT RECORD FIELD[,FIELD…]

code makes a one-time code for one device of a person: 24 hours, one use, as text
and as a QR with all that the device needs to know this server by. Give it to
that person alone; whoever enrols with it writes in that name. For a leader it
takes two administrators, where there are two: -by names the one who asks, which
prints a request, and with -confirm the other one. Or the leader makes the code
himself, on a device that he has: chuantou-device code.

With -for password the code enrols nothing: its person sets his own password by it,
at the /password page. For a leader that takes two administrators too, and password,
with which somebody else sets it, is refused.

password sets what a person logs in with on the pages. The password is the
first line of standard input, at least 10 characters. His earlier one stops
working and his open sessions end.

sessions lists where a person is logged in on the pages; end ends one of these
sessions, or all of them.

devices lists the devices of a person. suspend stops one, resume lets it in
again, revoke stops it for ever. A stopped device still hands in what it has not
sent, which is held until an administrator settles it, and gets nothing any more.
wipe revokes a lost device and has it destroy what it holds at its next contact,
after it has handed in what it had not sent. retire is for one that is handed
back: what it brings counts as ever, then it is wiped; drafts are waited for.

lease sets for how many days others' records stay open on a device that does not
hear from the server, 0 for what its owner's roles say (serve -lease). unlock
makes the code that opens them for 7 days, or -days: its owner reads out the
NUMBER that the device shows, and is read the code. Make sure it is his voice.

held lists what is stored whole and not applied (待处理), as far as the named
administrator answers for it: why, whose, since when. No content is shown.
release applies what one device has held in one record; reject lets it count
for nothing and tells its author the reason. Both are done in the name of the
administrator and stand in the record's history. reassign releases a record of
which nothing is applied yet, and gives it to another place or person.

lost prints which changes held work waits for that never came (缺前文), and with
-yes declares that they never will: what waits is applied, the record says
what is missing and who said so. Should they come after all, they take their
place. Where the beginning of the record is among them, -kind and -place say what
and where it was.

deliver takes in what a device wrote for the server alone and somebody carried
here: an exported outbox, or the outbox.sealed of a device that is locked for
ever. It may be delivered any number of times.

erase destroys what fields of a record said, in its whole history, whoever wrote
it: because the law wants it gone, or the person it tells of. A field of a list's
items is LIST.FIELD. It shows first what would go and prints what -confirm takes to
do it. In the place of the words stands that they were erased, when and on what
basis; chain and signatures still verify; readers' devices take the record anew.
DIR/erasures lists every act: keep a copy of it apart from the backups, restore
needs it. The next start of the server copies the store to new files, so that no
file has the words any more. Backups of before have them until you destroy them.

All work on a server that runs, through DIR/admin.sock, and on one that does
not. Where two people have one name, use the id of the person's record.
`

// adminFlags are the flags of all of admin's words; each needs some of them.
type adminFlags struct {
	data, person, login, by, reason string
	basis                           string
	confirm, place, kind            string
	purpose                         string
	yes                             bool
	days                            int
	words                           []string
	in                              io.Reader
	out                             io.Writer
}

// maybeOne stands for one word or none.
const maybeOne = -1

// adminWords are what can stand after admin, and what each needs.
var adminWords = map[string]struct {
	needs []string
	words int
	do    func(context.Context, *adminFlags) error
}{
	"code":     {[]string{"data"}, 0, adminCode},
	"password": {[]string{"data", "person"}, 0, adminPassword},
	"sessions": {[]string{"data", "person"}, 0, adminSessions},
	"end":      {[]string{"data", "person"}, maybeOne, adminEnd},
	"devices":  {[]string{"data", "person"}, 0, adminDevices},
	"suspend":  {[]string{"data"}, 1, adminSuspend},
	"resume":   {[]string{"data"}, 1, adminResume},
	"revoke":   {[]string{"data"}, 1, adminRevoke},
	"wipe":     {[]string{"data"}, 1, adminWipe},
	"retire":   {[]string{"data"}, 1, adminRetire},
	"lease":    {[]string{"data"}, 2, adminLease},
	"unlock":   {[]string{"data"}, 2, adminUnlock},
	"deliver":  {[]string{"data"}, 1, adminDeliver},
	"held":     {[]string{"data", "by"}, 0, adminHeld},
	"release":  {[]string{"data", "by"}, 2, adminRelease},
	"reject":   {[]string{"data", "by", "reason"}, 2, adminReject},
	"reassign": {[]string{"data", "by"}, 2, adminReassign},
	"erase":    {[]string{"data", "by", "basis"}, 2, adminErase},
	"lost":     {[]string{"data", "by"}, 2, adminLost},
}

func admin(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	what := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		what, args = args[0], args[1:]
	}
	c := newCommand("admin", adminAbout, out)
	f := adminFlags{in: in, out: out}
	c.StringVar(&f.data, "data", "", "`folder` that init made")
	c.StringVar(&f.person, "person", "", "code, password, devices, sessions, end, reassign: `name` or id of the person")
	c.StringVar(&f.login, "login", "", "password: the `name` to log in with, when not the person's own")
	c.StringVar(&f.confirm, "confirm", "", "code: the `request` of another administrator; erase: what the preview printed")
	c.StringVar(&f.basis, "basis", "", "erase: on what `basis` in law, as it will stand in the place of the words")
	c.StringVar(&f.by, "by", "", "code, held, release, reject, reassign, lost: `name` or id of the administrator in whose name")
	c.StringVar(&f.reason, "reason", "", "reject: what the author is told, in his `words`")
	c.StringVar(&f.purpose, "for", "", "code: `password` for one by which its person sets his password")
	c.StringVar(&f.place, "place", "", "reassign, lost: `code` of the place where the record belongs")
	c.StringVar(&f.kind, "kind", "", "lost: the `kind` of a record of which nothing is here, as ZF")
	c.BoolVar(&f.yes, "yes", false, "lost: declare it")
	c.IntVar(&f.days, "days", 0, "unlock: for how many `days` the code opens; 0 for 7")
	if err := c.parse(args); err != nil {
		return err
	}
	word, ok := adminWords[what]
	if !ok {
		return &usageError{fmt.Sprintf("admin: there is no %q; chuantou admin -h lists what there is", what)}
	}
	if err := c.need(word.needs...); err != nil {
		return err
	}
	if f.words = c.words; len(f.words) != word.words && (word.words != maybeOne || len(f.words) > 1) {
		return &usageError{fmt.Sprintf("admin %s: %d words after the flags, want %d; chuantou admin -h tells which", what, len(f.words), word.words)}
	}
	if err := word.do(ctx, &f); err != nil {
		return fmt.Errorf("admin %s: %w", what, err)
	}
	return nil
}

func adminCode(ctx context.Context, f *adminFlags) error {
	if f.person == "" && f.confirm == "" {
		return &usageError{"admin: -person is missing; chuantou admin -h tells what it is"}
	}
	var a struct {
		Code       string    `json:"code"`
		Ticket     string    `json:"ticket"`
		Request    string    `json:"request"`
		Expires    time.Time `json:"expires"`
		PersonName string    `json:"person_name"`
	}
	if err := ask(ctx, f.data, "/v1/admin/codes", map[string]string{"person": f.person, "confirm": f.confirm, "by": f.by, "for": f.purpose}, &a); err != nil {
		return err
	}
	if a.Request != "" {
		_, err := fmt.Fprintf(f.out, "%s is a leader: another administrator confirms this until %s:\n  chuantou admin code -confirm %s -by NAME\n",
			a.PersonName, a.Expires.Local().Format("2006-01-02 15:04"), a.Request)
		return err
	}
	if a.Ticket == "" {
		_, err := fmt.Fprintf(f.out, "%s   for %s, until %s, one use: the password is set with it at the /password page\n", a.Code, a.PersonName, a.Expires.Local().Format("2006-01-02 15:04"))
		return err
	}
	fmt.Fprintf(f.out, "%s   for a device of %s, until %s, one use\n", a.Code, a.PersonName, a.Expires.Local().Format("2006-01-02 15:04"))
	return printTicket(f.out, a.Ticket)
}

func adminPassword(ctx context.Context, f *adminFlags) error {
	// One byte over the limit lets the server say that it is too long.
	line, err := bufio.NewReader(io.LimitReader(f.in, authn.MaxPassword+1)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("standard input: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return errors.New("no password on standard input")
	}
	var a struct {
		Login string `json:"login"`
	}
	if err := ask(ctx, f.data, "/v1/admin/passwords", map[string]string{"person": f.person, "login": f.login, "password": line}, &a); err != nil {
		return err
	}
	_, err = fmt.Fprintf(f.out, "password set; log in as %s\n", a.Login)
	return err
}

func adminDeliver(ctx context.Context, f *adminFlags) error {
	file, err := os.Open(f.words[0])
	if err != nil {
		return err
	}
	defer file.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://operator/operator/outbox", file)
	if err != nil {
		return err
	}
	var d server.Delivered
	err = (&operator{data: f.data}).stream(req, func(r io.Reader) error { return json.NewDecoder(r).Decode(&d) })
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(f.out, "%d changes in %d bundles are here now\n", d.Changes, d.Bundles); err != nil {
		return err
	}
	switch {
	case d.Damaged != "":
		return fmt.Errorf("%s: %s", f.words[0], d.Damaged)
	case d.Refused > 0:
		return fmt.Errorf("%s: %d bundles were signed by no device of this server, or are damaged", f.words[0], d.Refused)
	}
	return nil
}

// ask posts to the installation in a folder as its operator; with nothing to
// send it gets.
func ask(ctx context.Context, data, path string, in, out any) error {
	method, body := http.MethodGet, []byte(nil)
	if in != nil {
		method = http.MethodPost
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://operator"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := (&operator{data: data}).do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return refusal(resp)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, out)
}
