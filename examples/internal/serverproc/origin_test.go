package serverproc_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
)

// An installation with an authority of its own gets another address. Devices
// hear of it at the old one, in what the server signs, and go on at the new one
// by the new root; one that has not heard keeps the move from being finished. A
// restored backup of it answers at the new address, and devices know it.
func TestOriginMoves(t *testing.T) {
	from, to := freeAddress(t), strings.Replace(freeAddress(t), "127.0.0.1", "127.0.0.2", 1)
	s := ownAuthority(t, from, "-also-listen", to)
	first, second := device(t, time.Now), device(t, time.Now)
	for _, c := range []*clientsdk.Client{first, second} {
		ticket := ticketOf(t, s)
		must(t, c.EnrolTicket(t.Context(), ticket.String(), "A7"))
	}
	syncAll(t, first, second)
	origin := func(typed string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), s.Bin, append([]string{"origin"}, args...)...)
		cmd.Stdin = strings.NewReader(typed + "\n")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	at := func(c *clientsdk.Client) string {
		id, _ := c.Identity()
		return id.Origin
	}
	if out, err := origin("yes", "move", "-data", s.Data, "https://"+to); err == nil {
		t.Fatalf("moved without the address typed again:\n%s", out)
	}
	if out, err := origin("https://"+to, "move", "-data", s.Data, "https://"+to); err != nil || !strings.Contains(out, "have not: 2") {
		t.Fatalf("move: %v\n%s", err, out)
	}
	syncAll(t, first) // hears of it at the old address
	if at(first) != "https://"+from {
		t.Errorf("went over before a sync there: %s", at(first))
	}
	syncAll(t, first)
	if at(first) != "https://"+to {
		t.Fatalf("the device is still at %s", at(first))
	}
	if out, err := origin("https://"+to, "finish", "-data", s.Data, "https://"+to); err == nil {
		t.Fatalf("finished although a device has not heard:\n%s", out)
	}
	syncAll(t, second, second)
	if out, err := origin("https://"+to, "finish", "-data", s.Data, "https://"+to); err != nil || !strings.Contains(out, "origin: https://"+to) {
		t.Fatalf("finish: %v\n%s", err, out)
	}
	must(t, s.Stop())
	s.Args = s.Args[:len(s.Args)-2] // the old address is gone
	must(t, s.Start(t.Context(), to))
	syncAll(t, first, second)
	if ticket := ticketOf(t, s); ticket.Origin != "https://"+to {
		t.Errorf("tickets say %s", ticket.Origin)
	} else {
		must(t, device(t, time.Now).EnrolTicket(t.Context(), ticket.String(), "B2"))
	}
	pass, file := filepath.Join(t.TempDir(), "pass"), filepath.Join(t.TempDir(), "backup")
	must(t, os.WriteFile(pass, []byte("东极的月亮很圆很圆很圆很圆\n"), 0o600))
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), s.Bin, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	run("backup", file, "-data", s.Data, "-passphrase-file", pass)
	must(t, s.Stop())
	s.Data = filepath.Join(t.TempDir(), "restored")
	run("restore", file, s.Data, "-passphrase-file", pass)
	must(t, s.Start(t.Context(), to))
	syncAll(t, first, second)
}
