package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chuantou/chuantou/client-sdk/internal/fakeserver"
)

// TestPIN: a PIN comes from a file or the environment, never from the command
// line; enrol sets the first one; ten wrong ones leave the sealed outbox alone.
func TestPIN(t *testing.T) {
	server := fakeserver.New(3, time.Now)
	srv := httptest.NewServer(server)
	defer srv.Close()
	dir := t.TempDir()
	file := func(name, pin string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(pin), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	first, second, bad := file("first", "472915\n"), file("second", "815203"), file("bad", "000001")
	d := terminal{t, filepath.Join(dir, "d")}
	d.fails(exitError, "no key was made", "pin", "-new-file", first)
	d.ok("-pin-file", first, "enrol", srv.URL, server.Code(fakeserver.ID(1)), "-name", "A7")
	d.fails(exitError, pinVariable, "status")
	d.ok("-pin-file", first, "new", "ZF", "met=未遇")
	d.fails(exitError, "9 more", "-pin-file", bad, "status")
	d.fails(exitError, "PIN file", "-pin-file", filepath.Join(dir, "none"), "status")
	d.fails(exitError, "is empty", "-pin-file", file("empty", "\n"), "status")
	d.fails(exitError, "no new PIN", "-pin-file", first, "pin")
	d.fails(exitError, "not all the same", "-pin-file", first, "pin", "-new-file", file("weak", "111111"))
	d.ok("-pin-file", first, "pin", "-new-file", second)
	d.fails(exitError, "wrong PIN", "-pin-file", first, "status")
	t.Setenv(pinVariable, "815203")
	has(t, d.ok("status"), "草稿 1 份")
	d.ok("pin", "-none")
	os.Unsetenv(pinVariable)
	d.ok("status")
	t.Setenv(newPINVariable, "815203")
	d.ok("pin")
	d.ok("-pin-file", second, "submit", d.draft(second))
	for range 9 {
		d.fails(exitError, "wrong PIN", "-pin-file", bad, "status")
	}
	d.fails(exitError, "outbox.sealed", "-pin-file", bad, "status")
	d.fails(exitError, "outbox.sealed", "-pin-file", second, "status")
	f, err := os.Open(filepath.Join(d.dir, "outbox.sealed"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if bundles, err := server.OpenOutbox(f); err != nil || len(bundles) != 1 {
		t.Errorf("%d bundles, %v", len(bundles), err)
	}

	e := terminal{t, filepath.Join(dir, "e")}
	has(t, e.ok("enrol", srv.URL, server.Code(fakeserver.ID(2))), "没有设 PIN", "e.key")
	if out := e.ok("status"); strings.Contains(out, "尚未注册") {
		t.Errorf("a device without a PIN: %s", out)
	}
}

// draft completes the one draft and returns its id.
func (d terminal) draft(pinFile string) string {
	d.t.Helper()
	rows := d.json("-pin-file", pinFile, "list")["records"].([]any)
	draft := rows[0].(map[string]any)["draft"].(string)
	d.ok(append([]string{"-pin-file", pinFile, "edit", draft}, visit[2:]...)...)
	return draft
}
