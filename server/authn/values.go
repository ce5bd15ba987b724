package authn

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"math"
	"strings"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// format is the first byte of every value; an unknown one is a newer program's.
const format = 1

var (
	devicePrefix = store.Key("a/d/")
	personPrefix = store.Key("a/p/")
	codePrefix   = store.Key("a/c/")
)

func deviceKey(r syncproto.ReplicaID) store.Key { return append(bytes.Clone(devicePrefix), r[:]...) }

func personKey(p syncproto.PersonID, r syncproto.ReplicaID) store.Key {
	return append(append(bytes.Clone(personPrefix), p[:]...), r[:]...)
}

// codeKey hides the code: who reads the store learns no code that still works.
// A code has 80 random bits, so a plain hash is enough.
func codeKey(code string) store.Key {
	h := sha256.Sum256([]byte("chuantou/code/1" + code))
	return append(bytes.Clone(codePrefix), h[:]...)
}

var passwordCodePrefix = store.Key("a/k/")

// passwordCodeKey is where a code lies that sets a password: it enrols nothing.
func passwordCodeKey(code string) store.Key {
	h := sha256.Sum256([]byte("chuantou/password-code/1" + code))
	return append(bytes.Clone(passwordCodePrefix), h[:]...)
}

func passwordKey(login string) store.Key {
	h := sha256.Sum256([]byte("chuantou/login/1" + login))
	return append(store.Key("a/w/"), h[:]...)
}

func loginKey(p syncproto.PersonID) store.Key { return append(store.Key("a/l/"), p[:]...) }

// open checks the format and starts reading a value's members.
func open(v []byte, what string, members int) (*wire.Reader, error) {
	if len(v) == 0 || v[0] != format {
		return nil, fmt.Errorf("%s in a format this program does not know; a newer one wrote it", what)
	}
	r := wire.NewReader(v[1:])
	if n := r.Array(members); r.Err() == nil && n != members {
		r.Failf("%d members, want %d", n, members)
	}
	return r, nil
}

func encodeAccount(c *Account) []byte {
	members := accountMembers
	if !c.Wipe && c.Wiped == 0 && c.Lease == 0 {
		members = plainAccountMembers
	}
	b := wire.AppendArray([]byte{format}, members)
	b = wire.AppendBytes(b, c.Replica[:])
	b = wire.AppendBytes(b, c.Person[:])
	b = wire.AppendBytes(b, c.Key)
	b = wire.AppendText(b, c.Device)
	b = wire.AppendInt(b, c.Enrolled)
	b = wire.AppendUint(b, uint64(c.State))
	if members == plainAccountMembers {
		return b
	}
	b = wire.AppendInt(wire.AppendBool(b, c.Wipe), c.Wiped)
	return wire.AppendUint(b, uint64(c.Lease))
}

// An account of which there is nothing more to say has the first six members.
const accountMembers, plainAccountMembers = 9, 6

func decodeAccount(v []byte) (Account, error) {
	members := accountMembers
	if len(v) > 1 && wire.NewReader(v[1:]).Array(accountMembers) == plainAccountMembers {
		members = plainAccountMembers
	}
	r, err := open(v, "account", members)
	if err != nil {
		return Account{}, err
	}
	c := Account{Key: make(ed25519.PublicKey, ed25519.PublicKeySize)}
	r.Fixed(c.Replica[:])
	r.Fixed(c.Person[:])
	r.Fixed(c.Key)
	c.Device = strings.Clone(r.Text(maxDeviceBytes))
	c.Enrolled = r.Int()
	c.State = State(r.UintMax(math.MaxUint8))
	if c.State < Active || c.State > Retired {
		r.Failf("unknown state %d", c.State)
	}
	if members == accountMembers {
		c.Wipe, c.Wiped = r.Bool(), r.Int()
		if c.Lease = int(r.UintMax(MaxLease)); !c.Wipe && c.Wiped == 0 && c.Lease == 0 {
			r.Failf("members that say nothing are left out")
		}
	}
	if err := r.Done(); err != nil {
		return Account{}, fmt.Errorf("account: %w", err)
	}
	return c, nil
}

// code is a one-time code as stored. Once used it names the key it was used
// with and the replica that came of it.
type code struct {
	person  syncproto.PersonID
	expires int64 // Unix milliseconds
	key     ed25519.PublicKey
	replica syncproto.ReplicaID
}

func (c *code) used() bool { return len(c.key) > 0 }

func encodeCode(c *code) []byte {
	b := wire.AppendArray([]byte{format}, 4)
	b = wire.AppendBytes(b, c.person[:])
	b = wire.AppendInt(b, c.expires)
	b = wire.AppendBytes(b, c.key)
	return wire.AppendBytes(b, c.replica[:])
}

func decodeCode(v []byte) (code, error) {
	r, err := open(v, "code", 4)
	if err != nil {
		return code{}, err
	}
	var c code
	r.Fixed(c.person[:])
	c.expires = r.Int()
	c.key = append(ed25519.PublicKey(nil), r.Bytes(ed25519.PublicKeySize)...)
	if len(c.key) != 0 && len(c.key) != ed25519.PublicKeySize {
		r.Failf("key of %d bytes", len(c.key))
	}
	r.Fixed(c.replica[:])
	if err := r.Done(); err != nil {
		return code{}, fmt.Errorf("code: %w", err)
	}
	return c, nil
}

// password is a web password as stored.
type password struct {
	person syncproto.PersonID
	cost   Cost
	salt   [16]byte
	hash   [32]byte
}

func encodePassword(p *password) []byte {
	b := wire.AppendArray([]byte{format}, 6)
	b = wire.AppendBytes(b, p.person[:])
	b = wire.AppendUint(b, uint64(p.cost.Passes))
	b = wire.AppendUint(b, uint64(p.cost.MemoryKiB))
	b = wire.AppendUint(b, uint64(p.cost.Threads))
	b = wire.AppendBytes(b, p.salt[:])
	return wire.AppendBytes(b, p.hash[:])
}

func decodePassword(v []byte) (password, error) {
	r, err := open(v, "password", 6)
	if err != nil {
		return password{}, err
	}
	var p password
	r.Fixed(p.person[:])
	p.cost.Passes = uint32(r.UintMax(math.MaxUint32))
	p.cost.MemoryKiB = uint32(r.UintMax(math.MaxUint32))
	p.cost.Threads = uint8(r.UintMax(math.MaxUint8))
	r.Fixed(p.salt[:])
	r.Fixed(p.hash[:])
	err = r.Done()
	if err == nil {
		err = p.cost.check()
	}
	if err != nil {
		return password{}, fmt.Errorf("password: %w", err)
	}
	return p, nil
}
