//go:build !js

package clientsdk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/chuantou/chuantou/client-sdk/localstore/badgerstore"
	"github.com/chuantou/chuantou/client-sdk/vault"
)

// What lies in a device's folder. The device's own key lies outside it.
const (
	vaultName  = "vault"         // the store's key, wrapped
	storeName  = "store"         // everything, encrypted
	sealedName = "outbox.sealed" // what the server lacks, for the server alone
	wipedName  = "wiped"         // everything was destroyed by order, or is just being
)

// ErrPlainFolder is returned for a folder whose store is not encrypted: it was
// written by a version of the program before 1.
var ErrPlainFolder = errors.New("this folder was written before devices' stores were encrypted: sync it with the program that wrote it, then enrol a new folder")

// SealedOutbox is the file in a device's folder that holds what the server
// lacks, sealed so that only the server can open it. It is there while there is
// something of that kind, and needs no PIN to be taken to the server.
func SealedOutbox(dir string) string { return filepath.Join(dir, sealedName) }

// Open opens the client whose data lies in dir; the folder is made if absent.
// One folder is one person on one device, and open in one place at a time:
// a second Open fails with localstore.ErrLocked.
//
// The store is encrypted under a random key, which package vault keeps in the
// folder: wrapped by Options.PIN, if there is one, and by the device's key
// (Options.DeviceKeys). A folder is made with the PIN that is given, later
// ChangePIN sets another. Errors beside those of the store: vault.ErrNeedsPIN,
// *vault.WrongPINError, vault.ErrDropped, vault.ErrNoDeviceKey.
func Open(dir string, o Options) (*Client, error) {
	c, err := open(filepath.Clean(dir), o)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return c, nil
}

func open(dir string, o Options) (*Client, error) {
	if _, err := os.Stat(filepath.Join(dir, "MANIFEST")); err == nil {
		return nil, ErrPlainFolder
	}
	if _, err := os.Stat(filepath.Join(dir, wipedName)); err == nil {
		return nil, errors.Join(ErrWiped, wipeFolder(dir, o)) // should it have been cut off
	}
	key, err := storeKey(dir, o)
	if err != nil {
		return nil, err
	}
	s, err := badgerstore.Open(filepath.Join(dir, storeName), badgerstore.Options{Key: key[:]})
	if err != nil {
		return nil, err
	}
	c, err := OpenStore(s, o)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wipe = func() error { return wipeFolder(dir, o) }
	c.sealed = sealedCopy{file: SealedOutbox(dir), stale: true}
	c.keepSealed(0)
	return c, nil
}

// wipeFolder destroys the key of a closed store, and then what can no longer be
// read. The mark comes first: whatever is cut off goes on when the folder is
// opened again.
func wipeFolder(dir string, o Options) error {
	mark := filepath.Join(dir, wipedName)
	if err := writeMark(mark); err != nil {
		return err
	}
	if err := vault.Destroy(filepath.Join(dir, vaultName), deviceKeys(dir, o)); err != nil {
		return err
	}
	var failed error
	for _, name := range []string{storeName, vaultName, sealedName} {
		failed = errors.Join(failed, os.RemoveAll(filepath.Join(dir, name)))
	}
	return failed
}

func writeMark(name string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(ErrWiped.Error() + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// storeKey opens the vault, or makes one for a folder without a store.
func storeKey(dir string, o Options) (key [32]byte, err error) {
	file, keys := filepath.Join(dir, vaultName), deviceKeys(dir, o)
	key, err = vault.Open(file, keys, o.PIN)
	if !errors.Is(err, vault.ErrNone) {
		return key, err
	}
	if _, err := os.Stat(filepath.Join(dir, storeName)); !errors.Is(err, fs.ErrNotExist) {
		return key, fmt.Errorf("%w: %s is missing, without it the store cannot be read", vault.ErrDamaged, file)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return key, err
	}
	return vault.Create(file, keys, o.PIN, o.Vault)
}

func deviceKeys(dir string, o Options) vault.DeviceKeys {
	if o.DeviceKeys != nil {
		return o.DeviceKeys
	}
	return vault.KeyFile(KeyFile(dir))
}

// KeyFile is where the device's key for a folder lies when Options name no
// other keeper: a file beside the folder, for its owner alone.
func KeyFile(dir string) string { return filepath.Clean(dir) + ".key" }

// ChangePIN gives the folder another PIN, or with an empty one takes it off.
// The key of the store stays and is wrapped anew; o names the present PIN. The
// folder may be open meanwhile. Errors as of Open, and vault.ErrPIN.
func ChangePIN(dir, pin string, o Options) error {
	if err := vault.Change(filepath.Join(dir, vaultName), deviceKeys(dir, o), o.PIN, pin, o.Vault); err != nil {
		return fmt.Errorf("change PIN: %w", err)
	}
	return nil
}

// HasPIN reports whether the folder wants a PIN to be opened; vault.ErrNone
// for one that was never opened.
func HasPIN(dir string) (bool, error) { return vault.HasPIN(filepath.Join(dir, vaultName)) }
