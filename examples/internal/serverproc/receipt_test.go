package serverproc_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
)

// fails runs a command that must not work and says why.
func (s *site) fails(want string, args ...string) {
	s.t.Helper()
	out, err := exec.CommandContext(s.t.Context(), s.server.Bin, args...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), want) {
		s.t.Errorf("%v: %v, want it to say %q:\n%s", args, err, want, out)
	}
}

// A receipt that a person kept is found genuine, an altered one is not; and it
// shows when the server has taken back what it had done.
func TestReceiptVerify(t *testing.T) {
	s := newSite(t)
	p := s.phone("张试验", "B2")
	noteAt(t, p.Client, township, "一条")
	s.chuantou("admin", "lease", "-data", s.server.Data, p.replica().String(), "20")
	noteAt(t, p.Client, township, "又一条")
	file := filepath.Join(t.TempDir(), "receipt")
	must(t, os.WriteFile(file, p.Receipt(), 0o600))
	data := s.server.Data
	out := s.chuantou("receipt", "verify", file, "-data", data)
	for _, want := range []string{"genuine", p.replica().String(), "2 changes received", "none altered", "that the receipt saw"} {
		if !strings.Contains(out, want) {
			t.Errorf("says nothing of %q:\n%s", want, out)
		}
	}
	var answer struct{ Ticket string }
	must(t, s.server.Admin(t.Context(), "/v1/admin/codes", map[string]string{"person": "管理员"}, &answer))
	ticket, err := syncproto.ParseTicket(answer.Ticket)
	must(t, err)
	s.chuantou("receipt", "verify", file, "-server-key", base64.RawURLEncoding.EncodeToString(ticket.Key[:]))
	s.chuantou("audit", "verify", "-data", data, "-against", file)

	whole := p.Receipt()
	signature, counted := bytes.Clone(whole), bytes.Clone(whole)
	signature[len(whole)-1] ^= 1
	id := p.replica()
	counted[bytes.Index(whole, id[:])+len(id)+2]++ // how many changes were received
	for name, b := range map[string][]byte{"signature": signature, "one change more": counted, "cut": whole[:40], "nothing": nil, "more": append(bytes.Clone(whole), 0)} {
		bad := filepath.Join(t.TempDir(), "altered")
		must(t, os.WriteFile(bad, b, 0o600))
		s.fails("altered: receipt", "receipt", "verify", bad, "-data", data)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	ticket.Key[3] ^= 1
	s.fails("does not verify", "receipt", "verify", file, "-server-key", base64.RawURLEncoding.EncodeToString(ticket.Key[:]))

	// An older copy of the folder is put back: what was done since is gone.
	must(t, s.server.Stop())
	older := filepath.Join(t.TempDir(), "older")
	must(t, os.CopyFS(older, os.DirFS(data)))
	must(t, os.Chmod(filepath.Join(older, "keys"), 0o700))
	for _, k := range []string{"sign", "seal", "cursor", "pages", "store"} {
		must(t, os.Chmod(filepath.Join(older, "keys", k+".key"), 0o600))
	}
	must(t, s.server.Start(t.Context(), s.server.Addr))
	s.chuantou("admin", "lease", "-data", data, p.replica().String(), "10")
	noteAt(t, p.Client, township, "第三条")
	must(t, os.WriteFile(file, p.Receipt(), 0o600))
	s.chuantou("receipt", "verify", file, "-data", data)
	must(t, s.server.Stop())
	s.fails("taken back", "receipt", "verify", file, "-data", older)
	s.fails("taken back", "audit", "verify", "-data", older, "-against", file)
	s.chuantou("audit", "verify", "-data", older)
}
