package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStoreKey: a key wrapped with a passphrase, from init to restore. Every
// command that opens the store gets it from a file, by flag or environment, and
// says what is missing.
func TestStoreKey(t *testing.T) {
	tmp := t.TempDir()
	at := func(name string) string { return filepath.Join(tmp, name) }
	for name, pass := range map[string]string{"pass": "东极的月亮很圆很圆很圆很圆\n", "other": "庙子湖的灯塔很亮很亮很亮", "short": "短", "none": "\nx"} {
		if err := os.WriteFile(at(name), []byte(pass), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir := at("data")
	init := []string{"init", dir, "-origin", "http://127.0.0.1", "-name", "普陀区（示例）", "-place", "3309", "-admin", "童例宁"}
	chuantou(t, "", nil, append(init, "-store-passphrase-file", at("short"))...).want(t, "a short passphrase", 1, "at least 12 characters")
	chuantou(t, "", nil, append(init, "-store-passphrase-file", at("none"))...).want(t, "an empty one", 1, "empty")
	chuantou(t, "", nil, append(init, "-store-passphrase-file", at("pass"), "-plain-store")...).want(t, "a passphrase for nothing", 2, "-plain-store")
	chuantou(t, "", nil, append(init, "-store-passphrase-file", at("pass"), "-store-key", at("stick.key"))...).want(t, "init", 0)
	if text := read(t, at("stick.key")); !strings.HasPrefix(text, "argon2id ") {
		t.Errorf("the key is not wrapped: %q", text)
	}

	chuantou(t, "", nil, "serve", "-data", dir, "-listen", "127.0.0.1:0").want(t, "serve", 1, "wrapped with a passphrase", "-store-passphrase-file")
	chuantou(t, "", nil, "serve", "-data", dir, "-listen", "127.0.0.1:0", "-store-passphrase-file", at("other")).want(t, "serve", 1, "does not open")
	p := serve(t, dir, "-store-passphrase-file", at("pass"))
	chuantou(t, "", nil, "admin", "code", "-data", dir, "-person", "童例宁").want(t, "of a server that runs", 0)
	chuantou(t, "", nil, "storekey", "-data", dir, "-store-passphrase-file", at("pass"), "-renew").want(t, "renew while it runs", 1, "in use")
	p.stop()
	if log := p.log.String(); strings.Contains(log, "reads all") {
		t.Errorf("the key is wrapped, and yet:\n%s", log)
	}

	env := func(name string) []string { return []string{"CHUANTOU_STORE_PASSPHRASE_FILE=" + at(name)} }
	chuantou(t, "", nil, "admin", "code", "-data", dir, "-person", "童例宁").want(t, "of one that does not", 1, "wrapped with a passphrase", "CHUANTOU_STORE_PASSPHRASE_FILE")
	chuantou(t, "", env("pass"), "admin", "code", "-data", dir, "-person", "童例宁").want(t, "of one that does not, with the passphrase", 0)
	chuantou(t, "", env("pass"), "storekey", "-data", dir).want(t, "storekey, and what?", 2, "want one of")
	chuantou(t, "", env("pass"), "storekey", "-data", dir, "-renew").want(t, "renew", 0, "renewed")
	chuantou(t, "", env("pass"), "storekey", "-data", dir, "-new-passphrase-file", at("other")).want(t, "rewrap", 0, "wrapped anew")
	chuantou(t, "", env("pass"), "storekey", "-data", dir, "-no-passphrase").want(t, "with the former passphrase", 1, "does not open")

	chuantou(t, "", env("other"), "backup", at("b"), "-data", dir, "-passphrase-file", at("pass")).want(t, "backup", 0, "whole")
	chuantou(t, "", nil, "restore", at("b"), at("again"), "-passphrase-file", at("pass"), "-store-key", at("stick.key")).want(t, "restore over another's key", 1, "exists")
	if _, err := os.Stat(at("again")); err == nil || !strings.HasPrefix(read(t, at("stick.key")), "argon2id ") {
		t.Error("a refused restore left something, or took the key of another installation")
	}
	chuantou(t, "", nil, "restore", at("b"), at("again"), "-passphrase-file", at("pass"), "-store-key", at("new.key")).want(t, "restore", 0)
	if text := read(t, at("new.key")); len(text) != 65 {
		t.Errorf("a new key, bare: %q", text)
	}
	serve(t, at("again")).stop()
}
