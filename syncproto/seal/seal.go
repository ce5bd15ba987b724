// Package seal encrypts sensitive values on the device before they enter the
// history, and wraps the keys for the server (SPEC.md §6). A value is sealed
// under a key that belongs to a holder, normally the household it tells of:
// destroying the key destroys every value sealed under it, wherever copies of
// the history lie.
//
// Suite 1 is AES-256-GCM with a random nonce for values, and HPKE (RFC 9180:
// X25519, HKDF-SHA-256, AES-256-GCM, base mode) for wrapping keys.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// KeysField is the set field that carries wrapped keys in the part that first
// uses them. It belongs to no kind and is shown to nobody.
const KeysField = "sealing_keys"

// ErrOpen is returned when a value or a key cannot be opened: wrong key,
// altered bytes, or a value moved to another place.
var ErrOpen = errors.New("sealed value does not open")

// Key is one sealing key.
type Key struct {
	ID     syncproto.KeyID
	Holder syncproto.RecordID
	Secret [32]byte
}

// Place is what a sealed value is bound to: it opens nowhere else.
type Place struct {
	Record syncproto.RecordID
	Field  string
	Item   syncproto.ElemID
	Sub    string
	Dot    syncproto.Dot
}

func (p Place) additionalData() []byte {
	b := append([]byte("chuantou/seal/1"), p.Record[:]...)
	b = wire.AppendText(b, p.Field)
	b = append(b, p.Item.Replica[:]...)
	b = binary.BigEndian.AppendUint64(b, p.Item.Counter)
	b = wire.AppendText(b, p.Sub)
	b = append(b, p.Dot.Replica[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Dot.Seq))
	return binary.BigEndian.AppendUint32(b, p.Dot.Op)
}

// NewKey makes a key for a holder from the given source of randomness.
func NewKey(holder syncproto.RecordID, random io.Reader) (k Key, err error) {
	k.Holder = holder
	if _, err = io.ReadFull(random, k.ID[:]); err == nil {
		_, err = io.ReadFull(random, k.Secret[:])
	}
	if err != nil {
		return Key{}, fmt.Errorf("sealing key: %w", err)
	}
	return k, nil
}

func (k *Key) aead() cipher.AEAD {
	block, err := aes.NewCipher(k.Secret[:])
	if err == nil {
		var g cipher.AEAD
		if g, err = cipher.NewGCM(block); err == nil {
			return g
		}
	}
	panic(fmt.Sprintf("aes-gcm: %v", err)) // only for key lengths that the type rules out
}

// Seal encrypts a value for one place.
func (k *Key) Seal(plain syncproto.Value, at Place, random io.Reader) (syncproto.Value, error) {
	s := syncproto.Sealed{Suite: syncproto.Suite1, Key: k.ID}
	if _, err := io.ReadFull(random, s.Nonce[:]); err != nil {
		return nil, fmt.Errorf("seal: nonce: %w", err)
	}
	s.Ciphertext = k.aead().Seal(nil, s.Nonce[:], compact(plain), at.additionalData())
	return wire.EncodeValue(s)
}

// Open decrypts a sealed value found at a place.
func (k *Key) Open(s syncproto.Sealed, at Place) (syncproto.Value, error) {
	if s.Suite != syncproto.Suite1 {
		return nil, fmt.Errorf("sealed value suite %d: %w", s.Suite, syncproto.ErrUnknownSuite)
	}
	if s.Key != k.ID {
		return nil, fmt.Errorf("%w: it names another key", ErrOpen)
	}
	plain, err := k.aead().Open(nil, s.Nonce[:], s.Ciphertext, at.additionalData())
	if err != nil {
		return nil, ErrOpen
	}
	if len(plain) > 0 && plain[0] == formPosition {
		v, ok := expand(plain)
		if !ok {
			return nil, fmt.Errorf("%w: not a position", ErrOpen)
		}
		return v, nil
	}
	if err := wire.CheckValue(plain); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOpen, err)
	}
	return plain, nil
}

func wrapInfo(k *Key) []byte {
	b := append([]byte("chuantou/wrap/1"), k.ID[:]...)
	return append(b, k.Holder[:]...)
}

// Wrap encrypts a key to the server's X25519 public key, as a value of KeysField.
func Wrap(server *ecdh.PublicKey, k *Key) (syncproto.Value, error) {
	pub, err := hpke.NewDHKEMPublicKey(server)
	if err != nil {
		return nil, fmt.Errorf("wrap key: %w", err)
	}
	box, err := hpke.Seal(pub, hpke.HKDFSHA256(), hpke.AES256GCM(), wrapInfo(k), k.Secret[:])
	if err != nil {
		return nil, fmt.Errorf("wrap key: %w", err)
	}
	return wire.EncodeValue([]any{int64(syncproto.Suite1), k.ID[:], k.Holder[:], box})
}

// Unwrap opens a value of KeysField with the server's private key.
func Unwrap(server *ecdh.PrivateKey, v syncproto.Value) (k Key, err error) {
	if err := readWrapped(v, &k, func(box []byte) error {
		priv, err := hpke.NewDHKEMPrivateKey(server)
		if err != nil {
			return err
		}
		plain, err := hpke.Open(priv, hpke.HKDFSHA256(), hpke.AES256GCM(), wrapInfo(&k), box)
		if err != nil || len(plain) != len(k.Secret) {
			return ErrOpen
		}
		copy(k.Secret[:], plain)
		return nil
	}); err != nil {
		return Key{}, fmt.Errorf("unwrap key: %w", err)
	}
	return k, nil
}

func readWrapped(v syncproto.Value, k *Key, open func(box []byte) error) error {
	r := wire.NewReader(v)
	if r.Array(4) != 4 {
		r.Failf("a wrapped key has 4 members")
	}
	if suite := r.Uint(); r.Err() == nil && syncproto.Suite(suite) != syncproto.Suite1 {
		return fmt.Errorf("suite %d: %w", suite, syncproto.ErrUnknownSuite)
	}
	r.Fixed(k.ID[:])
	r.Fixed(k.Holder[:])
	box := r.Bytes(256)
	if err := r.Done(); err != nil {
		return err
	}
	return open(box)
}
