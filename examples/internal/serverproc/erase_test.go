package serverproc_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestErase: what an administrator erases is gone from pages of devices at their next
// contact, and from every file after a restart; a backup of before, restored with
// the list of erasures, and the device that wrote it do not bring it back.
func TestErase(t *testing.T) {
	t.Setenv("CHUANTOU_PLAIN_STORE", "true")
	s := newSite(t)
	c, id := plant(t, s)
	tmp := t.TempDir()
	pass, file, list := filepath.Join(tmp, "pass"), filepath.Join(tmp, "backup"), filepath.Join(tmp, "erasures")
	must(t, os.WriteFile(pass, []byte("东极的月亮很圆很圆很圆很圆\n"), 0o600))
	s.chuantou("backup", file, "-data", s.server.Data, "-passphrase-file", pass)
	gone := []string{"internal: a visit", "internal: a corrected text"}
	check := func(when string, there bool) {
		t.Helper()
		must(t, s.server.Stop())
		files, contents := s.inFiles(t), inContents(t, s.server.Data)
		for _, what := range gone {
			if (contents[what] != "") != there {
				t.Errorf("%s: %s stands in %q of what the store holds", when, what, contents[what])
			}
			if !there && files[what] != "" {
				t.Errorf("%s: %s can be read in %s", when, what, files[what])
			}
		}
		if contents["personal: an address"] == "" {
			t.Errorf("%s: what was not erased is gone", when)
		}
	}
	check("before", true)
	must(t, s.server.Start(t.Context(), s.server.Addr))

	erase := []string{"admin", "erase", "-data", s.server.Data, "-by", "管理员", "-basis", "本人要求", id.String(), "heard"}
	out := s.chuantou(erase...)
	token := regexp.MustCompile(`-confirm ([0-9a-f]{8})`).FindStringSubmatch(out)
	if token == nil || !strings.Contains(out, "2 changes") || !strings.Contains(out, "nothing was done") {
		t.Fatalf("the preview:\n%s", out)
	}
	s.fails("look at the preview again", append(erase, "-confirm", "00000000")...)
	if out = s.chuantou(append(erase, "-confirm", token[1])...); !strings.Contains(out, "2 changes") {
		t.Errorf("erased:\n%s", out)
	}
	s.fails("没有内容", erase...)
	s.fails("管理员来删除", append(erase, "-by", "张试验")...)
	s.fails("没有叫", append(erase, "-by", "没有这个人")...)
	s.chuantou("audit", "verify", "-data", s.server.Data)
	syncAll(t, s.office, c)
	v, err := s.office.Get(id)
	if err != nil || !strings.HasPrefix(v.Value("heard").(string), "该内容已依法删除（") || !strings.HasSuffix(v.Value("heard").(string), "，依据：本人要求）") {
		t.Errorf("another device shows %q, %v", v.Value("heard"), err)
	}
	must(t, s.server.Stop())
	must(t, s.server.Start(t.Context(), s.server.Addr)) // copies the store
	check("erased", false)

	b, err := os.ReadFile(filepath.Join(s.server.Data, "erasures"))
	must(t, err)
	must(t, os.WriteFile(list, b, 0o600))
	must(t, os.RemoveAll(s.server.Data))
	s.chuantou("restore", file, s.server.Data, "-passphrase-file", pass, "-erasures", list)
	must(t, s.server.Start(t.Context(), s.server.Addr))
	syncAll(t, c, c, s.office)
	check("restored", false)
}
