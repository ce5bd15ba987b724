package server_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/chuantou/chuantou/server"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/badgerstore"
	"github.com/chuantou/chuantou/server/storekey"
)

func known(pass string) server.Passphrase { return func() (string, error) { return pass, nil } }

// opens opens an installation and closes it.
func opens(dir string, pass server.Passphrase) error {
	s, err := server.New(server.Config{Dir: dir, Passphrase: pass})
	if err != nil {
		return err
	}
	return s.Close()
}

func keyOf(t *testing.T, file, pass string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	k, err := storekey.Decode(string(text), pass)
	if err != nil {
		t.Fatal(err)
	}
	return k[:]
}

const (
	onePass   = "东极的月亮很圆很圆很圆很圆"
	otherPass = "庙子湖的灯塔很亮很亮很亮"
)

// TestRewrapStoreKey: another passphrase opens, the former does not, the key and
// the store stay.
func TestRewrapStoreKey(t *testing.T) {
	dir := folder(t)
	file := filepath.Join(dir, "keys", "store.key")
	was := keyOf(t, file, "")
	if err := server.RewrapStoreKey(dir, nil, onePass); err != nil {
		t.Fatal(err)
	}
	if err := opens(dir, nil); !errors.Is(err, server.ErrNeedsPassphrase) {
		t.Errorf("without the passphrase: %v", err)
	}
	if err := opens(dir, known(otherPass)); !errors.Is(err, storekey.ErrPassphrase) {
		t.Errorf("another passphrase: %v", err)
	}
	if err := opens(dir, known(onePass)); err != nil {
		t.Error(err)
	}
	if err := server.RewrapStoreKey(dir, known(otherPass), ""); !errors.Is(err, storekey.ErrPassphrase) {
		t.Errorf("rewrapped with a wrong passphrase: %v", err)
	}
	if err := server.RewrapStoreKey(dir, known(onePass), "短"); err == nil {
		t.Error("a passphrase of one character was taken")
	}
	if err := server.RewrapStoreKey(dir, known(onePass), otherPass); err != nil {
		t.Fatal(err)
	}
	if got := keyOf(t, file, otherPass); string(got) != string(was) {
		t.Error("the key is another one")
	}
	if err := server.RewrapStoreKey(plainFolder(t), nil, onePass); !errors.Is(err, server.ErrPlainStore) {
		t.Errorf("of a plain store: %v", err)
	}
}

// TestRenewStoreKey: the store is under a new key; wherever a renewal was cut off
// the installation opens, and the next one ends it.
func TestRenewStoreKey(t *testing.T) {
	dir := folder(t)
	file := filepath.Join(dir, "keys", "store.key")
	was := keyOf(t, file, "")
	if err := server.RenewStoreKey(dir, nil); err != nil {
		t.Fatal(err)
	}
	now := keyOf(t, file, "")
	if string(now) == string(was) {
		t.Fatal("the key is the former one")
	}
	if s, err := badgerstore.Open(filepath.Join(dir, "store"), badgerstore.Options{Key: was}); !errors.Is(err, store.ErrKey) {
		t.Errorf("the former key opened the store: %v, %v", s, err)
	}
	if err := opens(dir, nil); err != nil {
		t.Fatal(err)
	}

	next := storekey.New()
	text, _ := storekey.Encode(next, "")
	if err := os.WriteFile(file+".next", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := server.RewrapStoreKey(dir, nil, onePass); !errors.Is(err, server.ErrKeyChange) {
		t.Errorf("rewrapped while nobody knows which key opens: %v", err)
	}
	if err := opens(dir, nil); err != nil {
		t.Errorf("cut off before the store was put under the next key: %v", err)
	}
	if err := badgerstore.Rekey(filepath.Join(dir, "store"), now, next[:]); err != nil {
		t.Fatal(err)
	}
	if err := opens(dir, nil); err != nil {
		t.Errorf("cut off after the store was put under the next key: %v", err)
	}
	if got := keyOf(t, file, ""); string(got) != string(next[:]) {
		t.Error("the next key has not got its name")
	}
	if err := server.RewrapStoreKey(dir, nil, onePass); err != nil {
		t.Fatal(err)
	}
	if err := server.RenewStoreKey(dir, known(onePass)); err != nil {
		t.Fatal(err)
	}
	if err := opens(dir, nil); !errors.Is(err, server.ErrNeedsPassphrase) {
		t.Errorf("a renewed key is not wrapped as the former was: %v", err)
	}
	running := open(t, server.Config{Dir: dir, Passphrase: known(onePass)})
	if err := server.RenewStoreKey(dir, known(onePass)); !errors.Is(err, store.ErrInUse) {
		t.Errorf("while a server runs: %v", err)
	}
	_ = running
}

// TestStoreKeyElsewhere: the key lies where it was told to, found by a link; a key
// that is there is not replaced, and one that is gone or open to others is named.
func TestStoreKeyElsewhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stick.key")
	dir := folderWith(t, server.NewStore{KeyFile: file})
	if err := server.RenewStoreKey(dir, nil); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(filepath.Join(dir, "keys", "store.key")); to != file || err != nil {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if err := opens(dir, nil); err != nil {
		t.Error(err)
	}
	key := keyOf(t, file, "")
	_, err := server.Init(t.Context(), server.InitOptions{Dir: filepath.Join(t.TempDir(), "other"), Origin: "http://127.0.0.1", Name: "另一处", Place: "3309",
		Admin: "童例宁", Store: server.NewStore{KeyFile: file}})
	if !errors.Is(err, os.ErrExist) || string(keyOf(t, file, "")) != string(key) {
		t.Errorf("another installation took the file: %v", err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := opens(dir, nil); err == nil {
		t.Error("a key that others can read was taken")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := opens(dir, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the key: %v", err)
	}
}

// TestPurge: an installation in which something was erased copies its store when it
// is opened, under the key it has.
func TestPurge(t *testing.T) {
	dir := folder(t)
	if err := server.RewrapStoreKey(dir, nil, onePass); err != nil {
		t.Fatal(err)
	}
	registry := filepath.Join(dir, "store", "KEYREGISTRY")
	was, err := os.ReadFile(registry)
	if err != nil {
		t.Fatal(err)
	}
	marker := filepath.Join(dir, "PURGE")
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := opens(dir, nil); !errors.Is(err, server.ErrNeedsPassphrase) {
		t.Errorf("without the passphrase: %v", err)
	}
	if err := opens(dir, known(onePass)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(marker); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the marker is there: %v", err)
	}
	if now, err := os.ReadFile(registry); err != nil || string(now) == string(was) {
		t.Errorf("the store was not copied, %v", err)
	}
	if err := opens(dir, known(onePass)); err != nil {
		t.Error(err)
	}
}
