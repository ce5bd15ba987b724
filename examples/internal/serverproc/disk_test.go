package serverproc_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/server/backup"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/badgerstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// planted are texts of every class (domain.md 5.2) and of all that a server keeps
// beside records. What is sensitive is sealed by the device that wrote it.
var planted = map[string]string{
	"internal: a visit":          "内部缆桩断了两根",
	"internal: text held back":   "邻镇码头的灯坏了",
	"internal: a corrected text": "先写错的那一句话",
	"personal: an address":       "前岙七十七号",
	"personal: a name":           "曾例海试",
	"sensitive: poverty":         "因病",
	"sensitive: health":          "长期慢性病",
	"sensitive: ID number":       "330903195001010022",
	"account: log-in name":       "zhang-li-hai",
	"account: a device's name":   "张家的旧平板",
	"audit: why held work ended": "请改记到本镇来",
	"directory: a person":        "张例海试",
}

func sensitive(what string) bool { return strings.HasPrefix(what, "sensitive") }

// plant has people work until every planted text has come to the server. It returns
// the device that wrote them, and its note with the internal ones.
func plant(t *testing.T, s *site) (*clientsdk.Client, syncproto.RecordID) {
	t.Helper()
	ctx := t.Context()
	s.person(planted["directory: a person"])
	code, err := s.server.Code(ctx, planted["directory: a person"])
	must(t, err)
	c := s.open()
	must(t, c.Enrol(ctx, s.origin, code, planted["account: a device's name"]))
	syncAll(t, c)
	must(t, s.server.Admin(ctx, "/v1/admin/passwords", map[string]string{"person": planted["directory: a person"], "login": planted["account: log-in name"],
		"password": "很长很长很长很长的密码"}, nil))
	submit := func(d *clientsdk.Draft) syncproto.RecordID {
		t.Helper()
		must(t, c.Submit(context.Background(), d))
		return d.Record()
	}
	head, err := c.Create("person")
	must(t, err)
	submit(head.Set("name", planted["personal: a name"]))
	h, err := c.Create("HD")
	must(t, err)
	me, _ := c.Identity()
	h.Fill(map[string]any{"head_person_id": head.Record().String(), "place_code": township, "owner_unit": s.unit.String(),
		"address": planted["personal: an address"], "hamlet": "前岙", "causes": []any{planted["sensitive: poverty"]}})
	h.AddItem("members", map[string]any{"name": planted["personal: a name"], "relation": "0", "sex": "1", "health": planted["sensitive: health"],
		"id_no": planted["sensitive: ID number"], "birth": map[string]any{"on": "1950", "calendar": "公历"}})
	h.Log("consent", map[string]any{"on": "2026-01-05", "text_version": "告知-1", "who": me.Person.String(), "mode": "口头"})
	submit(h)
	note, err := c.Create("SJ")
	must(t, err)
	id := submit(note.Set("on", "2026-05-20").Set("heard", planted["internal: a corrected text"]).Set("visibility", "本级及上级").Set("place_code", township))
	syncAll(t, c)
	edit, err := c.Edit(id)
	must(t, err)
	submit(edit.Set("heard", planted["internal: a visit"]))
	syncAll(t, c)
	held := noteAt(t, c, "990000002", planted["internal: text held back"])
	must(t, s.server.Admin(ctx, "/v1/admin/held/reject", map[string]string{"replica": me.Replica.String(), "record": held.String(), "by": "管理员",
		"reason": planted["audit: why held work ended"]}, nil))
	syncAll(t, c, s.office)
	return c, id
}

// readable lists which planted texts stand in b.
func readable(found map[string]string, where string, b []byte) {
	for what, text := range planted {
		if bytes.Contains(b, []byte(text)) {
			found[what] = where
		}
	}
}

// inFiles looks into every file of a test but the program itself, which names the
// codes of its forms.
func (s *site) inFiles(t *testing.T) map[string]string {
	t.Helper()
	dir := filepath.Dir(filepath.Dir(s.server.Data)) // log and address lie beside the folder, the folder for temporary files beside that
	found, files := map[string]string{}, 0
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !d.Type().IsRegular() || path == s.server.Bin {
			return nil // the engine tidied up meanwhile
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		files++
		readable(found, path, b)
		return err
	}))
	if files < 10 {
		t.Fatalf("%d files below %s", files, dir)
	}
	return found
}

// inContents looks into what a plain store holds, told as plainly as can be:
// records' states, the frames of bundles and feeds unpacked, all else as it lies.
func inContents(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	s, err := badgerstore.Open(filepath.Join(dir, "store"), badgerstore.Options{MustExist: true})
	must(t, err)
	defer s.Close()
	must(t, s.View(t.Context(), 0, func(r store.Reader) error {
		frames, states, unpacked := records.NewFrames(), 0, 0
		err := records.EachRecord(r, syncproto.RecordID{}, func(id syncproto.RecordID, c *records.Record) (bool, error) {
			rec, err := frames.State(r, id, c)
			if err == nil && rec != nil {
				readable(found, "state of "+id.String(), rec.AppendBinary(nil))
				states++
			}
			return true, err
		})
		if err != nil {
			return err
		}
		err = r.Scan(nil, nil, false, func(k store.Key, v []byte) (bool, error) {
			readable(found, string(k[:1]), slices.Concat(k, v))
			var frame []byte
			var raw int
			switch k[0] {
			case 'b', 'y':
				u, err := records.DecodeBundle(v)
				if err != nil {
					return false, err
				}
				frame, raw = u.Frame, u.RawBytes
			case 'f':
				e, err := records.DecodeEntry(v)
				if err != nil {
					return false, err
				}
				frame, raw = e.Frame, e.RawBytes
			}
			if len(frame) == 0 {
				return true, nil
			}
			plain, err := wire.Decompress(frame, raw)
			readable(found, string(k[:1])+", unpacked", plain)
			unpacked++
			return true, err
		})
		if states < 5 || unpacked < 5 {
			t.Errorf("%d states and %d frames: the search has missed them", states, unpacked)
		}
		return err
	}))
	return found
}

// inBackup looks into an opened backup.
func inBackup(t *testing.T, s *site) map[string]string {
	t.Helper()
	tmp := t.TempDir()
	pass, file := filepath.Join(tmp, "pass"), filepath.Join(tmp, "backup")
	const phrase = "东极的月亮很圆很圆很圆很圆"
	must(t, os.WriteFile(pass, []byte(phrase+"\n"), 0o600))
	s.chuantou("backup", file, "-data", s.server.Data, "-passphrase-file", pass)
	found := inFilesOf(t, file)
	for what, where := range found {
		t.Errorf("%s can be read in a sealed backup, %s", what, where)
	}
	f, err := os.Open(file)
	must(t, err)
	defer f.Close()
	key, err := backup.PassphraseKey(phrase)
	must(t, err)
	r, err := backup.Open(f, key)
	must(t, err)
	b, err := io.ReadAll(r)
	must(t, err)
	readable(found, "an opened backup", b)
	return found
}

func inFilesOf(t *testing.T, file string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(file)
	must(t, err)
	found := map[string]string{}
	readable(found, file, b)
	return found
}

// TestServersDiskIsUnreadable plants texts of every class and looks for them in
// every file that the server made: store, keys, settings, log, temporary files;
// while it runs, after it was killed and after it was stopped.
func TestServersDiskIsUnreadable(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	s := newSite(t, "-log-level", "debug")
	plant(t, s)
	check := func(when string) {
		t.Helper()
		for what, where := range s.inFiles(t) {
			t.Errorf("%s: %s can be read in %s", when, what, where)
		}
	}
	check("running")
	s.server.Kill()
	check("killed")
	must(t, s.server.Start(t.Context(), "127.0.0.1:0"))
	must(t, s.server.Stop())
	check("stopped")
}

// TestSensitiveValuesStaySealed: what a device sealed stands in no file of a
// server without encryption, in nothing that such a store holds, in no log and in
// no opened backup. All else that was planted is found there: so the search finds.
func TestSensitiveValuesStaySealed(t *testing.T) {
	t.Setenv("CHUANTOU_PLAIN_STORE", "true")
	s := newSite(t, "-log-level", "debug")
	plant(t, s)
	opened := inBackup(t, s)
	must(t, s.server.Stop())
	files, contents := s.inFiles(t), inContents(t, s.server.Data)
	for what := range planted {
		where := map[string]string{"a file": files[what], "what the store holds": contents[what], "a backup": opened[what]}
		if !sensitive(what) {
			if contents[what] == "" {
				t.Errorf("%s is not found in what the store holds: nothing would be proved", what)
			}
			continue
		}
		for in, at := range where {
			if at != "" {
				t.Errorf("%s can be read in %s: %s", what, in, at)
			}
		}
	}
	if len(files) < 4 {
		t.Errorf("only %v can be read in the files of a plain store: nothing would be proved of an encrypted one", files)
	}
}
