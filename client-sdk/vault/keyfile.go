package vault

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// KeyFile stands for a device's key store where there is none, a plain Linux
// machine or a server: a file of that name, 0600, outside the store's folder.
// It is what its name says. Who copies the store without it has nothing; who
// copies both may try PINs as fast as argon2id lets him, and without a PIN has
// everything.
type KeyFile string

type keyFileContent struct {
	About  string                 `json:"about"`
	Format int                    `json:"format"`
	Keys   map[string]keyFileItem `json:"keys"` // by vault
}

type keyFileItem struct {
	Secret string `json:"secret"`
	Tried  uint32 `json:"tried"`
	Opened uint32 `json:"opened"`
}

const (
	keyFileFormat = 1
	keyFileAbout  = "keys of 船头记 on this device; without them its data cannot be read. Keep it to yourself and out of backups of the data"
)

// Make implements DeviceKeys.
func (f KeyFile) Make(id ID) error {
	c, err := f.load()
	if errors.Is(err, fs.ErrNotExist) {
		c, err = keyFileContent{Keys: map[string]keyFileItem{}}, os.MkdirAll(filepath.Dir(string(f)), 0o700)
	}
	if err != nil {
		return err
	}
	var secret [32]byte
	rand.Read(secret[:])
	c.Keys[hex.EncodeToString(id[:])] = keyFileItem{Secret: hex.EncodeToString(secret[:])}
	return f.store(c)
}

// Mix implements DeviceKeys.
func (f KeyFile) Mix(id ID, in []byte) (out [32]byte, err error) {
	_, item, err := f.item(id)
	if err != nil {
		return out, err
	}
	secret, err := hex.DecodeString(item.Secret)
	if err != nil || len(secret) != 32 {
		return out, fmt.Errorf("the device's key file %s is damaged", string(f))
	}
	h := hmac.New(sha256.New, secret)
	h.Write(in)
	return [32]byte(h.Sum(nil)), nil
}

// Tries implements DeviceKeys.
func (f KeyFile) Tries(id ID) (Tries, error) {
	_, item, err := f.item(id)
	return Tries{item.Tried, item.Opened}, err
}

// SetTries implements DeviceKeys.
func (f KeyFile) SetTries(id ID, t Tries) error {
	c, item, err := f.item(id)
	if err != nil {
		return err
	}
	item.Tried, item.Opened = t.Tried, t.Opened
	c.Keys[hex.EncodeToString(id[:])] = item
	return f.store(c)
}

// Drop implements DeviceKeys.
func (f KeyFile) Drop(id ID) error {
	c, err := f.load()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	delete(c.Keys, hex.EncodeToString(id[:]))
	return f.store(c)
}

func (f KeyFile) item(id ID) (c keyFileContent, item keyFileItem, err error) {
	c, err = f.load()
	if errors.Is(err, fs.ErrNotExist) {
		return c, item, fmt.Errorf("%w: %s is not there", ErrNoDeviceKey, string(f))
	}
	if err != nil {
		return c, item, err
	}
	item, ok := c.Keys[hex.EncodeToString(id[:])]
	if !ok {
		return c, item, fmt.Errorf("%w: it is not in %s", ErrNoDeviceKey, string(f))
	}
	return c, item, nil
}

func (f KeyFile) load() (c keyFileContent, err error) {
	info, err := os.Stat(string(f))
	if err != nil {
		return c, err
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return c, fmt.Errorf("the device's key file %s can be opened by others (mode %04o): chmod 600 it, after finding out who did", string(f), mode)
	}
	b, err := os.ReadFile(string(f))
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(b, &c); err != nil || c.Format < 1 || c.Keys == nil {
		return c, fmt.Errorf("the device's key file %s is damaged", string(f))
	}
	if c.Format > keyFileFormat {
		return c, fmt.Errorf("the device's key file %s was written by a newer version of the program", string(f))
	}
	return c, nil
}

func (f KeyFile) store(c keyFileContent) error {
	c.About, c.Format = keyFileAbout, keyFileFormat
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return replace(string(f), append(b, '\n'))
}
