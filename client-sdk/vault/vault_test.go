package vault_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/client-sdk/vault"
)

// cheap makes trying a PIN quick.
var cheap = vault.Options{Cost: vault.Cost{Passes: 1, MemoryKiB: 8, Threads: 1}}

const pin, other = "472915", "815203"

// place is where a vault lies: its file in a folder, the device's key outside.
type place struct {
	file string
	keys vault.KeyFile
}

func newPlace(t *testing.T) place {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	return place{filepath.Join(dir, "data", "vault"), vault.KeyFile(filepath.Join(dir, "device", "data.key"))}
}

func (p place) create(t *testing.T, pin string) [32]byte {
	t.Helper()
	key, err := vault.Create(p.file, p.keys, pin, cheap)
	if err != nil || key == ([32]byte{}) {
		t.Fatalf("create: %v", err)
	}
	return key
}

func (p place) opens(t *testing.T, pin string, want [32]byte) {
	t.Helper()
	if got, err := vault.Open(p.file, p.keys, pin); err != nil || got != want {
		t.Fatalf("open: %v, the same key: %t", err, got == want)
	}
}

func (p place) wrong(t *testing.T, left int) {
	t.Helper()
	key, err := vault.Open(p.file, p.keys, "000001")
	var wrong *vault.WrongPINError
	if !errors.As(err, &wrong) || wrong.Left != left || key != ([32]byte{}) {
		t.Fatalf("a wrong PIN: %v, want %d left", err, left)
	}
}

func TestOpen(t *testing.T) {
	p := newPlace(t)
	if _, err := vault.Open(p.file, p.keys, pin); !errors.Is(err, vault.ErrNone) {
		t.Errorf("before it is made: %v", err)
	}
	key := p.create(t, pin)
	p.opens(t, pin, key)
	if _, err := vault.Open(p.file, p.keys, ""); !errors.Is(err, vault.ErrNeedsPIN) {
		t.Errorf("without a PIN: %v", err)
	}
	p.wrong(t, 9)
	p.wrong(t, 8)
	p.opens(t, pin, key)
	p.wrong(t, 9) // the count began anew
	if _, err := vault.Create(p.file, p.keys, pin, cheap); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made a second time: %v", err)
	}
	p.opens(t, pin, key)
	for _, bad := range []string{"12345", "111111", strings.Repeat("1", 60) + "23456", "12345\xff"} {
		if err := vault.Change(p.file, p.keys, pin, bad, cheap); !errors.Is(err, vault.ErrPIN) {
			t.Errorf("new PIN %q: %v", bad, err)
		}
	}
	p.opens(t, pin, key)
}

// TestNeedsTheDevice: file and PIN without the device's key open nothing, nor
// do file and key of a vault without a PIN when one of them is another's.
func TestNeedsTheDevice(t *testing.T) {
	for _, with := range []string{pin, ""} {
		p := newPlace(t)
		key := p.create(t, with)
		q := newPlace(t)
		q.create(t, with)
		if _, err := vault.Open(p.file, q.keys, with); !errors.Is(err, vault.ErrNoDeviceKey) {
			t.Errorf("another device: %v", err)
		}
		if err := os.Remove(string(q.keys)); err != nil {
			t.Fatal(err)
		}
		if _, err := vault.Open(q.file, q.keys, with); !errors.Is(err, vault.ErrNoDeviceKey) {
			t.Errorf("no key file: %v", err)
		}
		// The secret itself exchanged for another.
		b := read(t, string(p.keys))
		at := bytes.Index(b, []byte(`"secret": "`)) + 11
		b[at] = '0' + (b[at]+1)%10
		write(t, string(p.keys), b)
		if got, err := vault.Open(p.file, p.keys, with); err == nil || got == key {
			t.Errorf("another secret: %v", err)
		}
	}
}

// TestTenWrong: the tenth destroys the key, the right PIN comes too late.
func TestTenWrong(t *testing.T) {
	p := newPlace(t)
	p.create(t, pin)
	for left := 9; left > 0; left-- {
		p.wrong(t, left)
	}
	before := read(t, p.file)
	secret := read(t, string(p.keys))
	if _, err := vault.Open(p.file, p.keys, "000001"); !errors.Is(err, vault.ErrDropped) {
		t.Fatalf("the tenth: %v", err)
	}
	for _, pin := range []string{pin, "", "000001"} {
		if _, err := vault.Open(p.file, p.keys, pin); !errors.Is(err, vault.ErrDropped) {
			t.Errorf("afterwards: %v", err)
		}
	}
	write(t, p.file, before)
	if _, err := vault.Open(p.file, p.keys, pin); !errors.Is(err, vault.ErrNoDeviceKey) {
		t.Errorf("with the file put back: %v", err)
	}
	// A stand-in file can be copied as well: that is what it is. The count in
	// either copy then still forbids the eleventh try.
	write(t, string(p.keys), secret)
	p.wrongOrDropped(t)
}

func (p place) wrongOrDropped(t *testing.T) {
	t.Helper()
	if _, err := vault.Open(p.file, p.keys, "000001"); !errors.Is(err, vault.ErrDropped) {
		t.Errorf("the tenth a second time: %v", err)
	}
}

// TestCountSurvivesRestore: putting back either file from before the wrong
// tries wins none back.
func TestCountSurvivesRestore(t *testing.T) {
	for _, what := range []string{"vault", "device's key"} {
		p := newPlace(t)
		key := p.create(t, pin)
		p.opens(t, pin, key)
		name := p.file
		if what != "vault" {
			name = string(p.keys)
		}
		old := read(t, name)
		for left := 9; left > 4; left-- {
			p.wrong(t, left)
			write(t, name, old)
		}
		p.opens(t, pin, key)
		for left := 9; left > 0; left-- {
			p.wrong(t, left)
			write(t, name, old)
		}
		if _, err := vault.Open(p.file, p.keys, "000001"); !errors.Is(err, vault.ErrDropped) {
			t.Errorf("%s put back each time: %v", what, err)
		}
	}
}

// stopping ends the "process" at a call: what a kill there leaves.
type stopping struct {
	vault.KeyFile
	after int // calls that still work
}

var errKilled = errors.New("killed")

func (s *stopping) step() error {
	if s.after--; s.after < 0 {
		return errKilled
	}
	return nil
}

func (s *stopping) Mix(id vault.ID, in []byte) ([32]byte, error) {
	if err := s.step(); err != nil {
		return [32]byte{}, err
	}
	return s.KeyFile.Mix(id, in)
}

func (s *stopping) SetTries(id vault.ID, t vault.Tries) error {
	if err := s.step(); err != nil {
		return err
	}
	return s.KeyFile.SetTries(id, t)
}

// TestCountSurvivesKill: a process that is ended between the count and the
// trying has used up the try.
func TestCountSurvivesKill(t *testing.T) {
	p := newPlace(t)
	key := p.create(t, pin)
	for range 4 {
		if _, err := vault.Open(p.file, &stopping{p.keys, 1}, "000001"); !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
	}
	p.wrong(t, 5)
	p.opens(t, pin, key)
	// Ended after the tenth was counted and before the key was destroyed: the
	// next opening does it, whatever the PIN.
	for range vault.MaxTries {
		if _, err := vault.Open(p.file, &stopping{p.keys, 1}, "000001"); !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
	}
	if _, err := vault.Open(p.file, p.keys, pin); !errors.Is(err, vault.ErrDropped) {
		t.Errorf("after ten that were cut off: %v", err)
	}
}

// TestChange: another PIN, none, one again: the key stays, only the wrapping is new.
func TestChange(t *testing.T) {
	p := newPlace(t)
	key := p.create(t, "")
	if has, err := vault.HasPIN(p.file); has || err != nil {
		t.Errorf("has a PIN: %t, %v", has, err)
	}
	p.opens(t, "", key)
	for _, step := range []struct{ was, pin string }{{"", pin}, {pin, other}, {other, ""}, {"", "密码密码密码一"}} {
		if err := vault.Change(p.file, p.keys, step.was, step.pin, cheap); err != nil {
			t.Fatal(err)
		}
		p.opens(t, step.pin, key)
	}
	var wrong *vault.WrongPINError
	if err := vault.Change(p.file, p.keys, other, pin, cheap); !errors.As(err, &wrong) || wrong.Left != 9 {
		t.Errorf("change with a wrong PIN: %v", err)
	}
}

func TestDamage(t *testing.T) {
	p := newPlace(t)
	key := p.create(t, pin)
	good, keys := read(t, p.file), read(t, string(p.keys))
	for name, b := range map[string][]byte{"empty": {}, "cut": good[:len(good)-1], "longer": append(bytes.Clone(good), 0), "text": []byte("hello"), "huge": make([]byte, 1<<20)} {
		write(t, p.file, b)
		if _, err := vault.Open(p.file, p.keys, pin); !errors.Is(err, vault.ErrDamaged) && !errors.Is(err, vault.ErrNewer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 1
		write(t, p.file, b)
		write(t, string(p.keys), keys)
		// A flipped count still opens; whatever opens gives the key.
		if got, err := vault.Open(p.file, p.keys, pin); (err == nil) != (got == key) {
			t.Errorf("byte %d: %v, the key: %t", i, err, got == key)
		}
	}
	write(t, p.file, append([]byte{9}, good[1:]...))
	if _, err := vault.Open(p.file, p.keys, pin); !errors.Is(err, vault.ErrNewer) {
		t.Errorf("format 9: %v", err)
	}
	for _, garbage := range []string{"\x00\x88", "hello", "\xff\xff\xff\xff", "\x09rubbish", "\x09"} {
		write(t, p.file, []byte(garbage))
		if _, err := vault.Open(p.file, p.keys, pin); !errors.Is(err, vault.ErrDamaged) || !strings.Contains(err.Error(), p.file) {
			t.Errorf("%q: %v, want damaged, and which file", garbage, err)
		}
	}
	write(t, string(p.keys), []byte("{"))
	write(t, p.file, good)
	if _, err := vault.Open(p.file, p.keys, pin); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("key file: %v", err)
	}
}

// TestFilesArePrivate: both files are their owner's, and a key file that is
// open to others is refused.
func TestFilesArePrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // files of a user are private there by inheritance
	}
	p := newPlace(t)
	key := p.create(t, pin)
	p.opens(t, pin, key)
	for _, name := range []string{p.file, string(p.keys)} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if err := os.Chmod(string(p.keys), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := vault.Open(p.file, p.keys, pin); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key file that others can read: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	p := place{filepath.Join(dir, "vault"), vault.KeyFile(filepath.Join(dir, "key"))}
	for _, with := range []string{pin, ""} {
		os.Remove(p.file)
		if _, err := vault.Create(p.file, p.keys, with, cheap); err != nil {
			f.Fatal(err)
		}
		b, err := os.ReadFile(p.file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	n := 0
	f.Fuzz(func(t *testing.T, b []byte) {
		n++
		name := filepath.Join(t.TempDir(), fmt.Sprint("vault", n))
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		// No keeper knows the ids of made-up files: how far reading comes is tested.
		key, err := vault.Open(name, vault.KeyFile(name+".none"), pin)
		if err == nil || key != ([32]byte{}) {
			t.Fatalf("opened: %v", err)
		}
		if _, err := vault.HasPIN(name); err == nil {
			return
		}
		if got, _ := os.ReadFile(name); !bytes.Equal(got, b) {
			t.Fatal("a refused file was changed")
		}
	})
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
