package syncproto_test

import (
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
)

func ticket(root bool) syncproto.Ticket {
	t := syncproto.Ticket{Origin: "https://192.0.2.10:8443", Key: [32]byte{1, 2, 3}, Code: "2345-6789-ABCD-EFGH"}
	if root {
		t.Root = [32]byte{9, 31: 7}
	}
	return t
}

func TestTicket(t *testing.T) {
	for _, root := range []bool{false, true} {
		want := ticket(root)
		got, err := syncproto.ParseTicket(" " + want.String() + "\n")
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", want.String(), got, err)
		}
	}
	whole := ticket(true)
	s := whole.String()
	_, secret, _ := strings.Cut(s, "#")
	if len(s) > 160 || !strings.Contains(secret, whole.Code) || strings.Contains(strings.Split(s, "#")[0], whole.Code) {
		t.Errorf("%d characters, or the code stands before the #: %s", len(s), s)
	}
	for name, bad := range map[string]string{
		"nothing": "", "an address": "https://192.0.2.10:8443", "a code": whole.Code,
		"cut": s[:len(s)-20], "another version": strings.Replace(s, "#1.", "#2.", 1), "a part more": s + ".x",
		"a path": strings.Replace(s, "/enrol", "/a/enrol", 1), "a user": strings.Replace(s, "://", "://u:p@", 1),
		"ftp": strings.Replace(s, "https", "ftp", 1), "no code": strings.TrimSuffix(s, whole.Code), "a code with spaces": s + " x",
		"key cut": strings.Replace(s, "#1.A", "#1.", 1), "key of zeros": strings.Replace(s, strings.Split(secret, ".")[1], strings.Repeat("A", 43), 1),
		"long": s + strings.Repeat("A", 2000),
	} {
		if got, err := syncproto.ParseTicket(bad); err == nil || got != (syncproto.Ticket{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func FuzzTicket(f *testing.F) {
	for _, root := range []bool{false, true} {
		t := ticket(root)
		f.Add(t.String())
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := syncproto.ParseTicket(s)
		if err != nil {
			if got != (syncproto.Ticket{}) {
				t.Errorf("half read: %+v", got)
			}
			return
		}
		if got.String() != strings.TrimSpace(s) {
			t.Errorf("%q was read, written back it is %q", s, got.String())
		}
	})
}
