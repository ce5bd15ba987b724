package clientsdk_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/internal/fakeserver"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/localstore/badgerstore"
	"github.com/chuantou/chuantou/client-sdk/vault"
)

// planted are texts of every class (domain.md 5.2), each where such a text
// stands; none may be read out of a device's folder without its key.
var planted = map[string]string{
	"internal: a visit":                "内部缆桩断了两根",
	"internal: others' records":        "别人看见码头塌了",
	"personal: whom was talked to":     "曾例海试",
	"personal: an address":             "前岙七十七号",
	"sensitive: cause of poverty":      "因病",
	"sensitive: health":                "长期慢性病",
	"sensitive: ID number":             "330903195001010022",
	"draft, never submitted":           "草稿里的翁例娥",
	"draft, taken back":                "收回去的仇例娣",
	"place of what is read":            village,
	"name of the device's owner":       "方例远",
	"one-time code and server address": "https://fake.example",
}

// plant works on a device until every planted text has been in its store: as a
// draft, as an own change, sent and unsent, and as another's record.
func plant(t *testing.T, w *world, c *clientsdk.Client) {
	t.Helper()
	ctx := context.Background()
	if err := c.Enrol(ctx, "https://fake.example", w.server.Code(personA), "A7"); err != nil {
		t.Fatal(err)
	}
	b, _ := w.device(personB, "B2")
	for range 400 { // more than one transaction of the engine takes: through the journal
		w.submit(b, w.visit(b, planted["internal: others' records"]+strings.Repeat("浪很大风也很大", 250)))
	}
	w.sync(b)
	h, err := c.Create("HD")
	if err != nil {
		t.Fatal(err)
	}
	h.Fill(map[string]any{"head_person_id": fakeserver.ID(50).String(), "place_code": village, "owner_unit": unitU3.String(),
		"address": planted["personal: an address"], "hamlet": "前岙", "causes": []any{planted["sensitive: cause of poverty"]}})
	h.AddItem("members", map[string]any{"name": planted["personal: whom was talked to"], "relation": "0", "sex": "1", "health": planted["sensitive: health"],
		"id_no": planted["sensitive: ID number"], "birth": map[string]any{"on": "1950", "calendar": "公历"}})
	h.Log("consent", map[string]any{"on": "2026-01-05", "text_version": "告知-1", "who": personA.String(), "mode": "口头"})
	w.submit(c, h)
	w.sync(c)
	d := w.visit(c, planted["internal: a visit"])
	d.AddItem("interviewees", map[string]any{"person": planted["personal: whom was talked to"]})
	w.submit(c, d) // unsent
	d = w.visit(c, planted["draft, taken back"])
	if err := d.Save(); err != nil {
		t.Fatal(err)
	}
	if err := d.Set("situation", planted["draft, never submitted"]).Save(); err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp("", "outbox")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := c.ExportOutbox(f); n != 1 || err != nil {
		t.Fatal(n, err)
	}
}

// readable lists which of the planted texts stand in a file below dir.
func readable(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the engine tidied up meanwhile
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		files++
		for what, text := range planted {
			if bytes.Contains(b, []byte(text)) {
				found[what] = path
			}
		}
		return err
	})
	if err != nil || files < 4 {
		t.Fatalf("%d files, %v", files, err)
	}
	return found
}

// TestFolderIsUnreadable plants texts of every class and looks for them in
// every file that the device made: store, journal, key files, sealed outbox,
// export, temporary files; while it is open, and after it was closed. A plain
// store, worked on in the same way, gives them all: so the search finds them.
func TestFolderIsUnreadable(t *testing.T) {
	root := t.TempDir()
	t.Setenv("TMPDIR", filepath.Join(root, "tmp"))
	for _, dir := range []string{"tmp", "plain"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t, 21)
	s, err := badgerstore.Open(filepath.Join(root, "plain", "store"), badgerstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := w.open(s)
	plant(t, w, c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	found := readable(t, filepath.Join(root, "plain"))
	for what := range planted {
		if found[what] == "" && !strings.HasPrefix(what, "sensitive") {
			t.Errorf("a plain store does not show %s: nothing would be proved below", what)
		}
	}
	if err := os.RemoveAll(filepath.Join(root, "plain")); err != nil {
		t.Fatal(err)
	}

	w = newWorld(t, 22)
	dir := filepath.Join(root, "device")
	o := clientsdk.Options{Clock: w.clock.now, Dial: w.server.Dial, PIN: "472915", Vault: cheapPIN}
	if c, err = clientsdk.Open(dir, o); err != nil {
		t.Fatal(err)
	}
	defer func() { c.Close() }()
	plant(t, w, c)
	for what, file := range readable(t, root) {
		t.Errorf("open: %s can be read in %s", what, file)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for what, file := range readable(t, root) {
		t.Errorf("closed: %s can be read in %s", what, file)
	}
	for _, key := range [][]byte{nil, bytes.Repeat([]byte{1}, 32)} {
		if _, err := badgerstore.Open(filepath.Join(dir, "store"), badgerstore.Options{Key: key}); !errors.Is(err, localstore.ErrKey) {
			t.Errorf("the store opened with another key: %v", err)
		}
	}
	if c, err = clientsdk.Open(dir, o); err != nil {
		t.Fatal(err)
	}
	if rows, err := c.Query(clientsdk.Filter{Kinds: []string{"ZF"}}); err != nil || len(rows) != 401 {
		t.Errorf("%d visits, %v", len(rows), err)
	}
}

// cheapPIN makes trying a PIN quick.
var cheapPIN = vault.Options{Cost: vault.Cost{Passes: 1, MemoryKiB: 8, Threads: 1}}

// TestTenWrongPINs: the key is destroyed, and what was not sent can still be
// opened, by the server alone: also what was saved after a sync.
func TestTenWrongPINs(t *testing.T) {
	w := newWorld(t, 23)
	dir := filepath.Join(t.TempDir(), "device")
	o := clientsdk.Options{Clock: w.clock.now, Dial: w.server.Dial, PIN: "472915", Vault: cheapPIN}
	c, err := clientsdk.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Enrol(context.Background(), "https://fake.example", w.server.Code(personA), "A7"); err != nil {
		t.Fatal(err)
	}
	sealed := clientsdk.SealedOutbox(dir)
	w.submit(c, w.visit(c, "第一条"))
	w.sync(c)
	if _, err := os.Stat(sealed); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("all is sent, and a sealed outbox is there: %v", err)
	}
	w.submit(c, w.visit(c, "第二条"))
	w.submit(c, w.visit(c, "第三条"))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	wrong := o
	wrong.PIN = "472916"
	for range vault.MaxTries - 1 {
		var e *vault.WrongPINError
		if _, err := clientsdk.Open(dir, wrong); !errors.As(err, &e) {
			t.Fatal(err)
		}
	}
	if _, err := clientsdk.Open(dir, wrong); !errors.Is(err, vault.ErrDropped) {
		t.Fatalf("the tenth: %v", err)
	}
	if _, err := clientsdk.Open(dir, o); !errors.Is(err, vault.ErrDropped) {
		t.Errorf("the right one afterwards: %v", err)
	}
	f, err := os.Open(sealed)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	bundles, err := w.server.OpenOutbox(f)
	changes := 0
	for i := range bundles {
		changes += bundles[i].Count
	}
	if err != nil || changes != 2 || bundles[0].From != 2 {
		t.Errorf("%d changes in %d bundles, %v", changes, len(bundles), err)
	}
}

// TestSealedCopyCatchesUp: a sealed outbox that is gone, or lags behind after a
// crash, is made anew when the folder is opened.
func TestSealedCopyCatchesUp(t *testing.T) {
	w := newWorld(t, 24)
	dir := filepath.Join(t.TempDir(), "device")
	o := clientsdk.Options{Clock: w.clock.now, Dial: w.server.Dial}
	c, err := clientsdk.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Enrol(context.Background(), "https://fake.example", w.server.Code(personA), "A7"); err != nil {
		t.Fatal(err)
	}
	w.submit(c, w.visit(c, "第一条"))
	w.submit(c, w.visit(c, "第二条"))
	sealed := clientsdk.SealedOutbox(dir)
	for _, damage := range []func() error{
		func() error { return os.Remove(sealed) },
		func() error { return os.Truncate(sealed, 100) },
	} {
		if err := errors.Join(c.Close(), damage()); err != nil {
			t.Fatal(err)
		}
		if c, err = clientsdk.Open(dir, o); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(sealed)
		if err != nil {
			t.Fatal(err)
		}
		bundles, err := w.server.OpenOutbox(f)
		f.Close()
		if err != nil || len(bundles) != 1 || bundles[0].Count != 2 {
			t.Errorf("%d bundles, %v", len(bundles), err)
		}
	}
	c.Close()
}

// TestSharedTablet: two people on one tablet have a folder each; neither's PIN
// opens the other's.
func TestSharedTablet(t *testing.T) {
	w := newWorld(t, 25)
	tablet := t.TempDir()
	open := func(name, pin string) (*clientsdk.Client, error) {
		return clientsdk.Open(filepath.Join(tablet, name), clientsdk.Options{Clock: w.clock.now, Dial: w.server.Dial, PIN: pin, Vault: cheapPIN})
	}
	a, err := open("fang", "472915")
	if err != nil {
		t.Fatal(err)
	}
	b, err := open("tong", "815203")
	if err != nil {
		t.Fatal(err)
	}
	for c, p := range map[*clientsdk.Client]int{a: 1, b: 2} {
		if err := c.Enrol(context.Background(), "https://fake.example", w.server.Code(fakeserver.ID(p)), "T1"); err != nil {
			t.Fatal(err)
		}
	}
	ida, _ := a.Identity()
	idb, _ := b.Identity()
	if ida.Replica == idb.Replica || ida.Person == idb.Person {
		t.Errorf("%v and %v", ida, idb)
	}
	if err := errors.Join(a.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	var wrong *vault.WrongPINError
	if _, err := open("tong", "472915"); !errors.As(err, &wrong) {
		t.Errorf("the other's PIN: %v", err)
	}
	if _, err := open("tong", ""); !errors.Is(err, vault.ErrNeedsPIN) {
		t.Errorf("no PIN: %v", err)
	}
	if b, err = open("tong", "815203"); err != nil {
		t.Fatal(err)
	}
	b.Close()
}

// TestChangePIN: only the wrapping is written; what is open stays open.
func TestChangePIN(t *testing.T) {
	w := newWorld(t, 26)
	dir := filepath.Join(t.TempDir(), "device")
	o := clientsdk.Options{Clock: w.clock.now, Dial: w.server.Dial, Vault: cheapPIN}
	c, err := clientsdk.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Enrol(context.Background(), "https://fake.example", w.server.Code(personA), "A7"); err != nil {
		t.Fatal(err)
	}
	d := w.visit(c, "看码头")
	before := written(t, filepath.Join(dir, "store"))
	if err := clientsdk.ChangePIN(dir, "472915", o); err != nil {
		t.Fatal(err)
	}
	if after := written(t, filepath.Join(dir, "store")); after != before {
		t.Errorf("the store was written: %s, was %s", after, before)
	}
	w.submit(c, d)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := clientsdk.Open(dir, o); !errors.Is(err, vault.ErrNeedsPIN) {
		t.Errorf("without the PIN: %v", err)
	}
	o.PIN = "472915"
	if c, err = clientsdk.Open(dir, o); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w.value(c, d.Record(), "situation", "看码头")
}

// written lists the files of a folder with the times they were last written.
func written(t *testing.T, dir string) (out string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		out += f.Name() + info.ModTime().String() + "\n"
	}
	return out
}

// TestPlainFolderIsRefused: a folder from before encryption is not taken for a
// new one, nor is one whose wrapped key is gone.
func TestPlainFolderIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "device")
	s, err := badgerstore.Open(dir, badgerstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := clientsdk.Open(dir, clientsdk.Options{}); !errors.Is(err, clientsdk.ErrPlainFolder) {
		t.Errorf("a plain folder: %v", err)
	}
	dir = filepath.Join(t.TempDir(), "device")
	c, err := clientsdk.Open(dir, clientsdk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Close(), os.Remove(filepath.Join(dir, "vault"))); err != nil {
		t.Fatal(err)
	}
	if _, err := clientsdk.Open(dir, clientsdk.Options{}); !errors.Is(err, vault.ErrDamaged) {
		t.Errorf("without the wrapped key: %v", err)
	}
}
