// Package storekey is the form of the file that holds the key of a server's
// store: the key itself, for a file that lies where the store does not, or the
// key wrapped with a passphrase, for one that lies beside it.
//
//	text, err := storekey.Encode(storekey.New(), "") // into the file
//	key, err := storekey.Decode(text, passphrase)    // out of it
//
// It touches no file and asks nobody.
package storekey

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Key encrypts a store.
type Key [32]byte

// New makes a key.
func New() (k Key) {
	rand.Read(k[:]) // never fails, see crypto/rand
	return k
}

var (
	// ErrDamaged: the text is none that Encode makes.
	ErrDamaged = errors.New("the store's key is damaged: want 64 hexadecimal digits, or a key wrapped with a passphrase")
	// ErrNewer: the key is wrapped in a way that this program does not know.
	ErrNewer = errors.New("the store's key was wrapped by a newer version of the program")
	// ErrPassphrase: the passphrase does not open the key.
	ErrPassphrase = errors.New("the passphrase does not open the store's key")
)

// cost is what trying one passphrase takes, by argon2id: above what its RFC 9106
// advises where memory is short, and done once when a server starts.
type cost struct {
	passes, memoryKiB uint32
	threads           uint8
}

var (
	usual = cost{passes: 3, memoryKiB: 64 << 10, threads: 4}
	most  = cost{passes: 32, memoryKiB: 1 << 20, threads: 64}
)

func (c cost) check() bool {
	return c.passes >= 1 && c.passes <= most.passes && c.threads >= 1 && c.threads <= most.threads &&
		c.memoryKiB >= 8*uint32(c.threads) && c.memoryKiB <= most.memoryKiB
}

const (
	// MinPassphrase is how many characters a passphrase has at least: whoever has
	// the file may try as fast as he can.
	MinPassphrase = 12
	maxPassphrase = 1024

	// MaxBytes is more than a text of Encode has.
	MaxBytes = 512

	method    = "argon2id"
	saltBytes = 16
	boxBytes  = len(Key{}) + 16
)

// Encode gives the text that holds k, wrapped if there is a passphrase.
func Encode(k Key, passphrase string) (string, error) {
	if passphrase == "" {
		return hex.EncodeToString(k[:]) + "\n", nil
	}
	if n := utf8.RuneCountInString(passphrase); n < MinPassphrase || len(passphrase) > maxPassphrase || !utf8.ValidString(passphrase) {
		return "", fmt.Errorf("a passphrase has at least %d characters, this one has %d: whoever has the disk may try as fast as he can", MinPassphrase, n)
	}
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	return wrap(k, passphrase, usual, salt), nil
}

func wrap(k Key, passphrase string, c cost, salt []byte) string {
	head := fmt.Sprintf("%s %d %d %d %x", method, c.passes, c.memoryKiB, c.threads, salt)
	box := c.sealer(passphrase, salt).Seal(nil, onlyNonce, k[:], []byte(head))
	return fmt.Sprintf("%s %x\n", head, box)
}

// onlyNonce: the key that wraps has a salt of its own and wraps this once.
var onlyNonce = make([]byte, 12)

// sealer is slow on purpose.
func (c cost) sealer(passphrase string, salt []byte) cipher.AEAD {
	passphrase = norm.NFC.String(passphrase) // input methods differ in how they compose
	block, err := aes.NewCipher(argon2.IDKey([]byte(passphrase), salt, c.passes, c.memoryKiB, c.threads, 32))
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// Wrapped tells whether it takes a passphrase to Decode text.
func Wrapped(text string) bool { return strings.Contains(strings.TrimSpace(text), " ") }

// Decode reads the key out of a text, with the passphrase if it is wrapped.
func Decode(text, passphrase string) (k Key, err error) {
	if len(text) > MaxBytes {
		return k, ErrDamaged
	}
	words := strings.Fields(text)
	if len(words) == 1 {
		err = decodeHex(k[:], words[0])
		return k, err
	}
	c, salt, box, err := parse(words)
	if err != nil {
		return k, err
	}
	plain, err := c.sealer(passphrase, salt).Open(nil, onlyNonce, box, []byte(strings.Join(words[:5], " ")))
	if err != nil {
		return k, ErrPassphrase
	}
	return Key(plain), nil
}

// parse reads the words of a wrapped key.
func parse(words []string) (c cost, salt, box []byte, err error) {
	if len(words) > 1 && words[0] != method {
		return c, nil, nil, ErrNewer
	}
	if len(words) != 6 {
		return c, nil, nil, ErrDamaged
	}
	n, err := fmt.Sscanf(strings.Join(words[1:4], " "), "%d %d %d", &c.passes, &c.memoryKiB, &c.threads)
	if n != 3 || err != nil || !c.check() {
		return c, nil, nil, fmt.Errorf("%w (its cost)", ErrDamaged)
	}
	salt, box = make([]byte, saltBytes), make([]byte, boxBytes)
	if decodeHex(salt, words[4]) != nil || decodeHex(box, words[5]) != nil {
		return c, nil, nil, ErrDamaged
	}
	return c, salt, box, nil
}

// decodeHex reads exactly the bytes of out, in small letters as Encode writes them.
func decodeHex(out []byte, s string) error {
	if len(s) != hex.EncodedLen(len(out)) || s != strings.ToLower(s) {
		return ErrDamaged
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return ErrDamaged
	}
	copy(out, b)
	return nil
}
