// Package server is the one place that wires the server's parts together: keys
// and store from a folder, accounts, ingest, feeds, reads, routes and pages.
// Start with Init, then New and Run; cmd/chuantou is a thin shell over them.
package server

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chuantou/chuantou/syncproto"
)

// ErrNotInitialised is returned for a folder that `chuantou init` has not seen.
var ErrNotInitialised = errors.New("nothing is here yet: run `chuantou init` on this folder first")

// ErrInitialised is returned by Init for a folder that is in use already.
var ErrInitialised = errors.New("this folder is initialised already; nothing was changed")

// Config says how to run a server. Dir is required.
type Config struct {
	Dir    string // what Init made
	Listen string // host:port; port 0 picks one
	Kinds  string // folder of kinds of record that add to or override the built-in ones; "" for none
	Log    *slog.Logger
	// Clock is the server's clock, nil for the system's. Another is for
	// demonstrations and tests alone: receipts and ledger years are taken from it.
	Clock func() time.Time
	// Bound is told the address the listener got; may be nil.
	Bound func(addr string)
}

// settings is DIR/server.json: what was decided at init for ever.
type settings struct {
	Format  int                 `json:"format"`
	Origin  string              `json:"origin"`
	Name    string              `json:"name"`
	Place   string              `json:"place"`
	Replica syncproto.ReplicaID `json:"replica"` // the server's own pen
}

const settingsFormat = 1

// The parts of a data folder.
func storeDir(dir string) string     { return filepath.Join(dir, "store") }
func keysDir(dir string) string      { return filepath.Join(dir, "keys") }
func settingsFile(dir string) string { return filepath.Join(dir, "server.json") }

// AdminSocket is where a running server listens for its operator.
func AdminSocket(dir string) string { return filepath.Join(dir, "admin.sock") }

func loadSettings(dir string) (s settings, err error) {
	b, err := os.ReadFile(settingsFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("%s: %w", dir, ErrNotInitialised)
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("%s: %w", settingsFile(dir), err)
	}
	if s.Format != settingsFormat {
		return s, fmt.Errorf("%s: format %d was written by a newer version of the program", settingsFile(dir), s.Format)
	}
	return s, nil
}

// keys are the server's secrets, one file each.
type keys struct {
	sign   ed25519.PrivateKey
	seal   *ecdh.PrivateKey
	cursor [32]byte
	pages  [32]byte
}

var keyFiles = []string{"sign.key", "seal.key", "cursor.key", "pages.key"}

func makeKeys(dir string) error {
	if err := os.MkdirAll(keysDir(dir), 0o700); err != nil {
		return err
	}
	for _, name := range keyFiles {
		var secret [32]byte
		rand.Read(secret[:]) // never fails, see crypto/rand
		if err := os.WriteFile(filepath.Join(keysDir(dir), name), []byte(hex.EncodeToString(secret[:])+"\n"), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func loadKeys(dir string) (k keys, err error) {
	var secrets [4][32]byte
	for i, name := range keyFiles {
		file := filepath.Join(keysDir(dir), name)
		b, err := os.ReadFile(file)
		if err != nil {
			return k, fmt.Errorf("server key: %w", err)
		}
		secret, err := hex.DecodeString(strings.TrimSpace(string(b)))
		if err != nil || len(secret) != 32 {
			return k, fmt.Errorf("server key %s is damaged: want 64 hexadecimal digits", file)
		}
		copy(secrets[i][:], secret)
	}
	k.sign = ed25519.NewKeyFromSeed(secrets[0][:])
	k.cursor, k.pages = secrets[2], secrets[3]
	if k.seal, err = ecdh.X25519().NewPrivateKey(secrets[1][:]); err != nil {
		return k, fmt.Errorf("seal key: %w", err)
	}
	return k, nil
}
