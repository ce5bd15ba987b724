package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/badgerstore"
	"github.com/chuantou/chuantou/server/storekey"
)

// storeKeyName is the file among the keys that opens the store, or a link to it.
// It is in no backup: a restored store has a key of its own.
const storeKeyName = "store.key"

// What stands beside the key while it is changed: the key that the store is being
// put under, and the present one wrapped anew.
const (
	nextSuffix = ".next"
	wrapSuffix = ".wrap"
)

var (
	// ErrNeedsPassphrase is returned when the store's key is wrapped and nobody
	// gave the passphrase.
	ErrNeedsPassphrase = errors.New("the store's key is wrapped with a passphrase, and none is given")
	// ErrKeyChange is returned when a change of the store's key was cut off.
	ErrKeyChange = errors.New("a change of the store's key was cut off: `chuantou storekey -renew` ends it")
	// ErrPlainStore is returned by those that change the key of a store that has none.
	ErrPlainStore = errors.New("this installation's store is not encrypted: a backup restored into a new folder is")
)

// Passphrase gives the passphrase that the store's key is wrapped with. It is
// called only when it is; nil stands for one that nobody knows.
type Passphrase func() (string, error)

// NewStore says how Init and Restore make the store.
type NewStore struct {
	Plain      bool   // without encryption: whoever has the disk reads all
	KeyFile    string // where the key goes, and a link to it among the others; "" for there
	Passphrase string // wraps the key; "" leaves it bare
}

// makeStore makes the key and the store of a new installation, whose folder of
// keys is there.
func makeStore(dir string, n NewStore) (*badgerstore.Store, error) {
	o := badgerstore.Options{Logger: slog.New(slog.DiscardHandler)}
	if !n.Plain {
		k := storekey.New()
		if err := n.write(dir, k); err != nil {
			return nil, fmt.Errorf("the store's key: %w", err)
		}
		o.Key = k[:]
	}
	return badgerstore.Open(storeDir(dir), o)
}

func (n NewStore) write(dir string, k storekey.Key) error {
	text, err := storekey.Encode(k, n.Passphrase)
	if err != nil {
		return err
	}
	name := storeKeyFile(dir)
	if n.KeyFile != "" {
		if n.KeyFile, err = filepath.Abs(n.KeyFile); err != nil {
			return err
		}
		if err := writeNew(n.KeyFile, []byte(text)); err != nil {
			return err
		}
		return os.Symlink(n.KeyFile, name) // last: clearAway takes what it leads to for ours
	}
	return writeNew(name, []byte(text))
}

// given is the passphrase of NewStore for who opens what it made.
func (n NewStore) given() Passphrase { return func() (string, error) { return n.Passphrase, nil } }

func storeKeyFile(dir string) string { return filepath.Join(keysDir(dir), storeKeyName) }

// readStoreKey reads the key out of a file, and tells what it is wrapped with.
func readStoreKey(file string, pass Passphrase) (k storekey.Key, passphrase string, err error) {
	if err := checkSecret(file); err != nil {
		return k, "", err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return k, "", err
	}
	if storekey.Wrapped(string(text)) {
		if pass == nil {
			return k, "", ErrNeedsPassphrase
		}
		if passphrase, err = pass(); err != nil {
			return k, "", err
		}
	}
	if k, err = storekey.Decode(string(text), passphrase); err != nil {
		err = fmt.Errorf("%s: %w", file, err)
	}
	return k, passphrase, err
}

// rewriteStore copies the closed store of an installation to new files.
func rewriteStore(dir string, pass Passphrase, log *slog.Logger) error {
	o := badgerstore.Options{Logger: log}
	if sealed, err := badgerstore.Sealed(storeDir(dir)); err != nil {
		return err
	} else if sealed {
		_, k, _, err := presentKey(dir, pass)
		if err != nil {
			return err
		}
		o.Key = k[:]
	}
	return badgerstore.Rewrite(context.Background(), storeDir(dir), o)
}

// openStore opens the store of an installation with its key.
func openStore(dir string, pass Passphrase, log *slog.Logger) (*badgerstore.Store, error) {
	if err := badgerstore.Settle(storeDir(dir)); err != nil {
		return nil, err
	}
	o := badgerstore.Options{Logger: log, MustExist: true}
	sealed, err := badgerstore.Sealed(storeDir(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if !sealed {
		return badgerstore.Open(storeDir(dir), o)
	}
	file, err := filepath.EvalSymlinks(storeKeyFile(dir))
	if err != nil {
		return nil, fmt.Errorf("the store's key: %w", err)
	}
	k, _, err := readStoreKey(file, pass)
	if err != nil {
		return nil, fmt.Errorf("the store's key: %w", err)
	}
	o.Key = k[:]
	s, err := badgerstore.Open(storeDir(dir), o)
	if !errors.Is(err, store.ErrKey) {
		return s, err
	}
	// A change of the key was cut off: the store is under the next one already,
	// whose file has not got its name yet.
	if k, _, nextErr := readStoreKey(file+nextSuffix, pass); nextErr == nil {
		o.Key = k[:]
		if s, err = badgerstore.Open(storeDir(dir), o); err == nil {
			if err = putInPlace(file, nextSuffix); err != nil {
				return nil, errors.Join(err, s.Close())
			}
			return s, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", file, err)
}

// RewrapStoreKey wraps the key of an installation's store with another passphrase,
// "" for none. The store is not touched and may be in use. Who has the file as it
// was, and the passphrase of then, has the key as before: see RenewStoreKey.
func RewrapStoreKey(dir string, pass Passphrase, passphrase string) error {
	if _, err := loadSettings(dir); err != nil {
		return err
	}
	file, k, _, err := presentKey(dir, pass)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(file + nextSuffix); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, ErrKeyChange) // the present key may be no longer the one that opens
	}
	if err := writeBeside(file, wrapSuffix, k, passphrase); err != nil {
		return fmt.Errorf("the store's key: %w", err)
	}
	return putInPlace(file, wrapSuffix)
}

// RenewStoreKey puts the store of an installation under a new key, wrapped with
// the same passphrase if there is one. No server may run on it. Cut off anywhere,
// the installation opens with the one key or the other.
func RenewStoreKey(dir string, pass Passphrase) error {
	if _, err := loadSettings(dir); err != nil {
		return err
	}
	// Opened once, so that a change that was cut off is ended.
	s, err := openStore(dir, pass, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	file, was, passphrase, err := presentKey(dir, pass)
	if err != nil {
		return err
	}
	next := storekey.New()
	if err := writeBeside(file, nextSuffix, next, passphrase); err != nil {
		return fmt.Errorf("the store's key: %w", err)
	}
	if err := badgerstore.Rekey(storeDir(dir), was[:], next[:]); err != nil {
		return err
	}
	return putInPlace(file, nextSuffix)
}

// presentKey reads the key of an encrypted installation; it tells its file and
// what it is wrapped with.
func presentKey(dir string, pass Passphrase) (file string, k storekey.Key, passphrase string, err error) {
	sealed, err := badgerstore.Sealed(storeDir(dir))
	if err == nil && !sealed {
		err = ErrPlainStore
	}
	if err != nil {
		return "", k, "", err
	}
	if file, err = filepath.EvalSymlinks(storeKeyFile(dir)); err == nil {
		k, passphrase, err = readStoreKey(file, pass)
	}
	if err != nil {
		return "", k, "", fmt.Errorf("the store's key: %w", err)
	}
	return file, k, passphrase, nil
}

// writeBeside writes a key beside the present one's file.
func writeBeside(file, suffix string, k storekey.Key, passphrase string) error {
	text, err := storekey.Encode(k, passphrase)
	if err != nil {
		return err
	}
	if err := os.Remove(file + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return writeNew(file+suffix, []byte(text))
}

// putInPlace gives what writeBeside wrote the name of the present key, durably.
func putInPlace(file, suffix string) error {
	if err := os.Rename(file+suffix, file); err != nil {
		return err
	}
	return syncDir(filepath.Dir(file))
}

// storeKeyBeside tells whether the store is encrypted, and whether its key lies
// beside it for everybody who has the disk: on its volume, and not wrapped.
func (s *Server) storeKeyBeside() (sealed, openly bool, err error) {
	if sealed, err = badgerstore.Sealed(storeDir(s.cfg.Dir)); err != nil || !sealed {
		return sealed, false, err
	}
	text, err := os.ReadFile(storeKeyFile(s.cfg.Dir))
	if err != nil || storekey.Wrapped(string(text)) {
		return true, false, err
	}
	openly, err = sameVolume(storeKeyFile(s.cfg.Dir), storeDir(s.cfg.Dir))
	return true, openly, err
}
