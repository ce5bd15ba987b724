// Package vault keeps the random key of a device's store: wrapped by the
// person's PIN and by a key of the device, in one small file beside the store.
// Changing the PIN wraps the key anew and touches nothing else. Ten wrong PINs
// destroy it.
//
//	key, err := vault.Create(file, keys, pin, vault.Options{}) // once
//	key, err := vault.Open(file, keys, pin)                    // each time
//	err := vault.Change(file, keys, was, pin, vault.Options{})
//
// What stands between a thief and the key is the PIN *and* the device's key
// (DeviceKeys). A short PIN alone withstands nobody who may try at his own
// speed, argon2id or not: the device's key is what binds the trying to the
// device, and the count of tries to something that copying files does not turn
// back. KeyFile is the stand-in where there is no such thing.
package vault

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// MaxTries is how many wrong PINs in a row destroy the key.
const MaxTries = 10

// Bounds of a PIN: characters.
const (
	MinPIN = 6
	MaxPIN = 64
)

var (
	// ErrNeedsPIN is returned by Open without a PIN where one is set. It is
	// not counted as a try.
	ErrNeedsPIN = errors.New("this device's data is locked by a PIN")
	// ErrDropped is returned once the key was destroyed by ten wrong PINs.
	ErrDropped = errors.New("the key was destroyed after 10 wrong PINs: what is on this device can be opened by nobody any more")
	// ErrNoDeviceKey is returned when the device's key is not there: the
	// folder was copied from another device, or the key was removed.
	ErrNoDeviceKey = errors.New("the key of this device that belongs to the folder is missing")
	// ErrNone is returned by Open where no vault was made yet.
	ErrNone = errors.New("no key was made here yet")
	// ErrDamaged is returned for a file that is no vault, or one that was altered.
	ErrDamaged = errors.New("the file of the store's key is damaged")
	// ErrNewer is returned for a file of a newer version of the program.
	ErrNewer = errors.New("a newer version of the program wrote the file of the store's key: update the program")
	// ErrPIN is returned for a new PIN that cannot be one.
	ErrPIN = fmt.Errorf("a PIN has %d to %d characters, not all the same", MinPIN, MaxPIN)
)

// WrongPINError is returned by Open and Change for a PIN that does not open.
type WrongPINError struct{ Left int } // tries that are left before the key is destroyed

func (e *WrongPINError) Error() string {
	return fmt.Sprintf("wrong PIN; after %d more the key is destroyed", e.Left)
}

// ID names a vault to the keeper of device keys.
type ID [16]byte

// Tries counts how often a PIN was tried. Both numbers only grow, so that of
// two copies the larger is the later.
type Tries struct {
	Tried  uint32 // PINs tried
	Opened uint32 // Tried as it was when a PIN last opened
}

func (t Tries) wrong() int { return int(t.Tried) - int(min(t.Opened, t.Tried)) }

func (t Tries) merge(u Tries) Tries { return Tries{max(t.Tried, u.Tried), max(t.Opened, u.Opened)} }

// DeviceKeys are keys that do not leave the device: of an operating system's
// key store, of a chip, of a browser that was told not to export them. Each
// vault has one. The count of tries is kept with it, where putting back an
// older copy of the folder does not reach.
type DeviceKeys interface {
	// Make makes the key of a new vault, durably.
	Make(ID) error
	// Mix returns HMAC-SHA-256 of in under the vault's key; ErrNoDeviceKey.
	Mix(id ID, in []byte) ([32]byte, error)
	// Tries returns the count, SetTries stores it durably; ErrNoDeviceKey.
	Tries(ID) (Tries, error)
	SetTries(ID, Tries) error
	// Drop destroys the key; one that is gone already is no error.
	Drop(ID) error
}

// Cost is what trying one PIN takes, by argon2id.
type Cost struct {
	Passes    uint32
	MemoryKiB uint32
	Threads   uint8
}

// DefaultCost is the second recommended option of RFC 9106 §4: 64 MiB, what an
// old phone can spare for a moment.
var DefaultCost = Cost{Passes: 3, MemoryKiB: 64 << 10, Threads: 4}

// Bounds of the cost that a file may ask for: work from outside is bounded.
const (
	maxPasses    = 32
	maxMemoryKiB = 1 << 20
)

func (c Cost) check() bool {
	return c.Passes >= 1 && c.Passes <= maxPasses && c.Threads >= 1 && c.MemoryKiB >= 8*uint32(c.Threads) && c.MemoryKiB <= maxMemoryKiB
}

// Options are for new wrappings; the zero value is right for a device.
type Options struct {
	Cost Cost // zero: DefaultCost
}

// Create makes a random key and stores it wrapped. An empty pin leaves the
// device's key as the only lock. It replaces no file.
func Create(file string, keys DeviceKeys, pin string, o Options) (key [32]byte, err error) {
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return key, fmt.Errorf("make the store's key: %s: %w", file, cmp.Or(err, fs.ErrExist))
	}
	if err := checkPIN(pin); err != nil {
		return key, err
	}
	f := &sealed{}
	rand.Read(f.id[:]) // never fails, see crypto/rand
	rand.Read(key[:])
	if err := keys.Make(f.id); err != nil {
		return [32]byte{}, fmt.Errorf("make the device's key: %w", err)
	}
	if err = f.wrap(keys, pin, key, o); err == nil {
		err = f.write(file)
	}
	if err != nil {
		return [32]byte{}, fmt.Errorf("make the store's key: %w", err)
	}
	return key, nil
}

// Open unwraps the key. Each PIN counts as a try before it is tried: ending the
// process in between, or putting back an older copy of the file, wins nothing.
// Opening one folder from several processes at once may count as one try.
//
// Errors: ErrNone, ErrNeedsPIN, *WrongPINError, ErrDropped, ErrNoDeviceKey,
// ErrDamaged, ErrNewer, and those of the file system.
func Open(file string, keys DeviceKeys, pin string) (key [32]byte, err error) {
	f, err := read(file)
	if err != nil {
		return key, err
	}
	return f.open(file, keys, pin)
}

// Change wraps the key with another PIN, after the present one opened it. An
// empty pin takes the PIN off. Whoever has an older copy of the file, and the
// device's key, still opens that copy with the older PIN.
func Change(file string, keys DeviceKeys, was, pin string, o Options) error {
	f, err := read(file)
	if err != nil {
		return err
	}
	key, err := f.open(file, keys, was)
	if err != nil {
		return err
	}
	if err := f.wrap(keys, pin, key, o); err != nil {
		return err
	}
	return f.write(file)
}

// Destroy destroys the key for good, whatever the PIN: nothing that it encrypts
// can be opened any more. One that is gone already is no error.
func Destroy(file string, keys DeviceKeys) error {
	f, err := read(file)
	if errors.Is(err, ErrDropped) || errors.Is(err, ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	if err = f.drop(file, keys); errors.Is(err, ErrDropped) {
		err = nil
	}
	return err
}

// HasPIN reports whether Open wants a PIN; ErrNone, ErrDropped, ErrDamaged, ErrNewer.
func HasPIN(file string) (bool, error) {
	f, err := read(file)
	return f != nil && f.pin, err
}

func (f *sealed) open(file string, keys DeviceKeys, pin string) (key [32]byte, err error) {
	if !f.pin {
		return f.unwrap(keys, "")
	}
	if pin == "" {
		return key, ErrNeedsPIN
	}
	kept, err := keys.Tries(f.id)
	if err != nil {
		return key, err
	}
	f.tries = f.tries.merge(kept)
	if f.tries.wrong() >= MaxTries {
		return key, f.drop(file, keys) // was cut off before it was done
	}
	f.tries.Tried++
	if err := f.count(file, keys); err != nil {
		return key, err
	}
	key, err = f.unwrap(keys, pin)
	var wrong *WrongPINError
	switch {
	case err == nil:
		f.tries.Opened = f.tries.Tried
		return key, f.count(file, keys)
	case errors.As(err, &wrong) && wrong.Left == 0:
		return key, f.drop(file, keys)
	}
	return key, err
}

// count stores the tries in both places.
func (f *sealed) count(file string, keys DeviceKeys) error {
	return errors.Join(keys.SetTries(f.id, f.tries), f.write(file))
}

// drop destroys the key: the device's half first, then the wrapping.
func (f *sealed) drop(file string, keys DeviceKeys) error {
	if err := keys.Drop(f.id); err != nil {
		return fmt.Errorf("destroy the device's key: %w", err)
	}
	clear(f.box[:])
	f.dropped = true
	if err := f.write(file); err != nil {
		return fmt.Errorf("destroy the store's key: %w", err)
	}
	return ErrDropped
}

// checkPIN refuses what cannot be a new PIN; none is allowed.
func checkPIN(pin string) error {
	if pin == "" {
		return nil
	}
	n := utf8.RuneCountInString(pin)
	first, _ := utf8.DecodeRuneInString(pin)
	same := 0
	for _, r := range pin {
		if r == first {
			same++
		}
	}
	if !utf8.ValidString(pin) || n < MinPIN || n > MaxPIN || same == n {
		return ErrPIN
	}
	return nil
}

// wrap puts the key under a PIN and the device's key.
func (f *sealed) wrap(keys DeviceKeys, pin string, key [32]byte, o Options) error {
	if err := checkPIN(pin); err != nil {
		return err
	}
	if o.Cost == (Cost{}) {
		o.Cost = DefaultCost
	}
	f.cost, f.pin = o.Cost, pin != ""
	rand.Read(f.salt[:])
	rand.Read(f.nonce[:])
	aead, err := f.aead(keys, pin)
	if err != nil {
		return err
	}
	copy(f.box[:], aead.Seal(nil, f.nonce[:], key[:], f.header()))
	return nil
}

func (f *sealed) unwrap(keys DeviceKeys, pin string) (key [32]byte, err error) {
	aead, err := f.aead(keys, pin)
	if err != nil {
		return key, err
	}
	plain, err := aead.Open(nil, f.nonce[:], f.box[:], f.header())
	switch {
	case err == nil:
		return [32]byte(plain), nil
	case f.pin:
		return key, &WrongPINError{max(0, MaxTries-f.tries.wrong())}
	}
	return key, ErrDamaged
}

// aead derives the wrapping key: argon2id of the PIN, mixed with the device's key.
func (f *sealed) aead(keys DeviceKeys, pin string) (cipher.AEAD, error) {
	in := append([]byte("chuantou/vault/1"), f.id[:]...)
	if pin != "" {
		pin = norm.NFC.String(pin) // input methods differ in how they compose
		in = append(in, argon2.IDKey([]byte(pin), f.salt[:], f.cost.Passes, f.cost.MemoryKiB, f.cost.Threads, 32)...)
	}
	kek, err := keys.Mix(f.id, in)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(kek[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
