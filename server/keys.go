package server

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// keys are the server's secrets, one file each.
type keys struct {
	sign   ed25519.PrivateKey // receipts, and the server's own changes
	seal   *ecdh.PrivateKey   // unwraps sealing keys
	cursor [32]byte           // seals cursors
	pages  [32]byte           // signs the forms of pages
}

var keyFiles = [...]string{"sign.key", "seal.key", "cursor.key", "pages.key"}

func makeKeys(dir string) error {
	if err := os.Mkdir(keysDir(dir), 0o700); err != nil {
		return err
	}
	for _, name := range keyFiles {
		var secret [32]byte
		rand.Read(secret[:]) // never fails, see crypto/rand
		if err := writeNew(filepath.Join(keysDir(dir), name), []byte(hex.EncodeToString(secret[:])+"\n")); err != nil {
			return err
		}
	}
	return nil
}

func loadKeys(dir string) (keys, error) {
	k, err := parseKeys(func(name string) (string, []byte, error) {
		file := filepath.Join(keysDir(dir), name)
		if err := checkSecret(file); err != nil {
			return file, nil, err
		}
		b, err := os.ReadFile(file)
		return file, b, err
	})
	if err != nil {
		return keys{}, fmt.Errorf("server key: %w", err)
	}
	return k, nil
}

// parseKeys makes keys of the files that read gives, each with what errors call it.
func parseKeys(read func(name string) (file string, b []byte, err error)) (k keys, err error) {
	var secrets [len(keyFiles)][32]byte
	for i, name := range keyFiles {
		file, b, err := read(name)
		if err != nil {
			return k, err
		}
		secret, err := hex.DecodeString(strings.TrimSpace(string(b)))
		if err != nil || len(secret) != len(secrets[i]) {
			return k, fmt.Errorf("%s is damaged: want 64 hexadecimal digits", file)
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

// PublicKey is the public key of the installation in a folder: what its receipts
// are checked with.
func PublicKey(dir string) (ed25519.PublicKey, error) {
	if _, err := readSettings(dir); err != nil {
		return nil, err
	}
	k, err := loadKeys(dir)
	if err != nil {
		return nil, err
	}
	return k.sign.Public().(ed25519.PublicKey), nil
}
