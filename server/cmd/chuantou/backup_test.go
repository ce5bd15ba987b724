package main_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// TestBackup: taken while the server works, verified, restored elsewhere; the
// restored installation has the same keys and accounts, and a history of its own.
func TestBackup(t *testing.T) {
	dir, code := folder(t)
	tmp := t.TempDir()
	at := func(name string) string { return filepath.Join(tmp, name) }
	p := serve(t, dir)
	d := newDevice(t, p)
	status, _ := d.enrol(code)
	d.must("enrol", status, 200)
	d.must("session", d.session(), 200)
	before := d.epoch()

	r := chuantou(t, "", nil, "backup", "key", at("key"))
	r.want(t, "key", 0, "age1")
	to := strings.TrimSpace(r.out)
	chuantou(t, "", nil, "backup", "key", at("key")).want(t, "a key where one is", 1, "exists")
	chuantou(t, "", nil, "backup", at("b"), "-data", dir, "-to", to).want(t, "backup", 0, "not verified")
	chuantou(t, "", nil, "backup", at("b"), "-data", dir, "-to", to).want(t, "over an older one", 1, "there already", "nothing was changed")
	chuantou(t, "", nil, "backup", "verify", at("b"), "-data", dir, "-key", at("key")).want(t, "verify", 0, "whole", "http://127.0.0.1")
	if err := os.WriteFile(at("pass"), []byte("东极的月亮很圆很圆很圆很圆\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	chuantou(t, "", nil, "backup", at("p"), "-data", dir, "-passphrase-file", at("pass")).want(t, "with a passphrase", 0, "whole")
	for _, file := range []string{"b", "p"} {
		b := read(t, at(file))
		for _, secret := range []string{"童例宁", strings.TrimSpace(read(t, filepath.Join(dir, "keys", "sign.key")))} {
			if strings.Contains(b, secret) {
				t.Errorf("%s can be read", file)
			}
		}
	}
	p.stop()
	chuantou(t, "", nil, "backup", at("stopped"), "-data", dir, "-to", to, "-key", at("key")).want(t, "of a server that is stopped", 0, "whole")

	other := filepath.Join(tmp, "other")
	chuantou(t, "", nil, "restore", at("b"), other, "-key", at("key")).want(t, "restore", 0, "restored", "serve -data "+other)
	p = serve(t, other)
	d.base, d.token = "http://"+p.addr, ""
	d.must("the same device at the restored server", d.session(), 200)
	if after := d.epoch(); after == before || after == "" {
		t.Errorf("epoch %q, was %q", after, before)
	}
	chuantou(t, "", nil, "backup", "verify", at("b"), "-data", other, "-key", at("key")).want(t, "an earlier history", 1, "before a restore")
	p.stop()
}

// epoch asks for a page and reads the epoch in it.
func (d *device) epoch() string {
	d.t.Helper()
	res, b := d.post("/v1/sync/pull", "application/cbor", wire.AppendPull(nil, &syncproto.PullRequest{}))
	d.must("pull", res.StatusCode, 200)
	page, err := wire.DecodePage(b)
	if err != nil {
		d.t.Fatal(err)
	}
	return page.Epoch
}

// TestRestoreRefuses: what is cut off, altered, of another server, or opened by
// another key leaves no folder; a folder in use is never touched.
func TestRestoreRefuses(t *testing.T) {
	dir, _ := folder(t)
	tmp := t.TempDir()
	at := func(name string) string { return filepath.Join(tmp, name) }
	r := chuantou(t, "", nil, "backup", "key", at("key"))
	chuantou(t, "", nil, "backup", "key", at("wrong")).want(t, "another key", 0)
	chuantou(t, "", nil, "backup", at("b"), "-data", dir, "-to", strings.TrimSpace(r.out)).want(t, "backup", 0)
	good := []byte(read(t, at("b")))
	flip := bytes.Clone(good)
	flip[len(flip)*2/3] ^= 8
	for name, b := range map[string][]byte{"cut": good[:len(good)*2/3], "cut by a byte": good[:len(good)-1], "altered": flip, "empty": {}, "longer": append(bytes.Clone(good), 0),
		"something else": []byte("hello")} {
		if err := os.WriteFile(at("bad"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		chuantou(t, "", nil, "backup", "verify", at("bad"), "-data", dir, "-key", at("key")).want(t, "verify, "+name, 1, "not a whole backup")
		chuantou(t, "", nil, "restore", at("bad"), at("new"), "-key", at("key")).want(t, name, 1, "not a whole backup")
		if _, err := os.Stat(at("new")); err == nil {
			t.Fatalf("%s: a folder is left", name)
		}
	}
	chuantou(t, "", nil, "restore", at("b"), at("new"), "-key", at("wrong")).want(t, "another key", 1, "does not open")
	chuantou(t, "", nil, "restore", at("b"), at("new"), "-key", at("key"), "-origin", "https://elsewhere.example").want(t, "another installation", 1, "of another server")
	chuantou(t, "", nil, "restore", at("b"), dir, "-key", at("key")).want(t, "over a folder in use", 1, "initialised already")
	chuantou(t, "", nil, "restore", at("none"), at("new"), "-key", at("key")).want(t, "no file", 1, "no such file")
	if _, err := os.Stat(at("new")); err == nil {
		t.Error("a folder is left")
	}
	another, _ := folder(t)
	chuantou(t, "", nil, "backup", "verify", at("b"), "-data", another, "-key", at("key")).want(t, "verify for another server", 1, "of another server")

	// Ended half way: no server opens it, another restore does it over.
	if err := os.MkdirAll(filepath.Join(at("half"), "store"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(at("half"), "RESTORING"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	chuantou(t, "", nil, "serve", "-data", at("half")).want(t, "serve half a restore", 1, "chuantou restore", "did not finish")
	chuantou(t, "", nil, "init", at("half"), "-origin", "http://127.0.0.1", "-name", "区", "-place", "3309", "-admin", "童例宁").want(t, "init there", 1, "not empty")
	chuantou(t, "", nil, "restore", at("b"), at("half"), "-key", at("key")).want(t, "again", 0)
	serve(t, at("half")).stop()
}
