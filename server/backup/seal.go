package backup

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

// Lock is what a backup is sealed with: a passphrase, or the public half of a
// key whose other half lies elsewhere.
type Lock struct{ to age.Recipient }

// Key opens a backup.
type Key struct{ with []age.Identity }

// NewKey makes a key: the secret to keep away from the server, and the public
// recipient to seal backups to.
func NewKey() (secret, recipient string, err error) {
	k, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", err
	}
	return k.String(), k.Recipient().String(), nil
}

// LockTo seals to a recipient, "age1…".
func LockTo(recipient string) (Lock, error) {
	r, err := age.ParseX25519Recipient(strings.TrimSpace(recipient))
	if err != nil {
		return Lock{}, fmt.Errorf("recipient: want what `chuantou backup key` printed, age1…: %w", err)
	}
	return Lock{r}, nil
}

// MinPassphrase is how many characters a passphrase has at least.
const MinPassphrase = 12

// LockWith seals with a passphrase.
func LockWith(passphrase string) (Lock, error) {
	if len([]rune(passphrase)) < MinPassphrase {
		return Lock{}, fmt.Errorf("a passphrase has at least %d characters: whoever has the file may try as fast as he can", MinPassphrase)
	}
	r, err := age.NewScryptRecipient(passphrase)
	return Lock{r}, err
}

// ParseKey reads a secret key, as NewKey makes it; lines that begin with # are
// left out.
func ParseKey(text string) (Key, error) {
	ids, err := age.ParseIdentities(strings.NewReader(text))
	if err != nil {
		return Key{}, fmt.Errorf("backup key: %w", err)
	}
	return Key{ids}, nil
}

// PassphraseKey opens what LockWith sealed.
func PassphraseKey(passphrase string) (Key, error) {
	id, err := age.NewScryptIdentity(passphrase)
	return Key{[]age.Identity{id}}, err
}

// Seal returns a writer whose content goes to w sealed. The backup is whole
// only once Close returned nil.
func Seal(w io.Writer, l Lock) (io.WriteCloser, error) { return age.Encrypt(w, l.to) }

// Open opens a sealed backup; ErrKey and ErrDamaged, also from reading on.
func Open(r io.Reader, k Key) (io.Reader, error) {
	in, err := age.Decrypt(r, k.with...)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none):
		return nil, ErrKey
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return sealed{in}, nil
}

// sealed words what reading finds wrong.
type sealed struct{ r io.Reader }

func (s sealed) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: it is cut off or was altered (%w)", ErrDamaged, err)
	}
	return n, err
}
