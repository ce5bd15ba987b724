package feed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// errCursor is returned for a cursor this server cannot read: altered, of
// another server or another replica, or of an older sealing key.
var errCursor = errors.New("cursor not readable here")

// position is what a cursor says: how far the device is in each atom of its
// confirmed scope, in which epoch, and which schema and receipt it was given.
type position struct {
	epoch  string
	schema [8]byte
	log    [8]byte // fingerprint of the replica's log, and of the server's next address, when the last receipt was given
	self   [8]byte // fingerprint of the standing given last
	atoms  map[syncproto.Atom]progress
}

// progress is the last entry of an atom that a device has, by its number and
// the mark that tells it from another of this number: a store that was cut back
// and written to again is not as far as the device, however far it is.
type progress struct {
	n    uint64
	mark uint32
}

// sealer makes cursors opaque and unforgeable. The replica is bound in, so one
// device's cursor is worthless to another.
type sealer struct{ aead cipher.AEAD }

func newSealer(key [32]byte) (sealer, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCM(block)
	return sealer{aead}, err
}

const cursorFormat = 3

func (s sealer) seal(r syncproto.ReplicaID, p *position) syncproto.Cursor {
	b := wire.AppendText(wire.AppendArray(nil, 5), p.epoch)
	b = wire.AppendBytes(wire.AppendBytes(wire.AppendBytes(b, p.schema[:]), p.log[:]), p.self[:])
	names := make([]syncproto.Atom, 0, len(p.atoms))
	for a := range p.atoms {
		names = append(names, a)
	}
	slices.Sort(names)
	b = wire.AppendMap(b, len(names))
	for _, a := range names {
		at := p.atoms[a]
		b = wire.AppendUint(wire.AppendUint(wire.AppendArray(wire.AppendText(b, string(a)), 2), at.n), uint64(at.mark))
	}
	nonce := make([]byte, s.aead.NonceSize())
	rand.Read(nonce) // never fails, see crypto/rand
	out := append(syncproto.Cursor{cursorFormat}, nonce...)
	return s.aead.Seal(out, nonce, b, r[:])
}

func (s sealer) open(r syncproto.ReplicaID, c syncproto.Cursor) (*position, error) {
	n := s.aead.NonceSize()
	if len(c) < 1+n || c[0] != cursorFormat {
		return nil, errCursor
	}
	b, err := s.aead.Open(nil, c[1:1+n], c[1+n:], r[:])
	if err != nil {
		return nil, errCursor
	}
	d := wire.NewReader(b)
	p := &position{atoms: map[syncproto.Atom]progress{}}
	if d.Array(5) != 5 {
		d.Failf("a cursor has 5 members")
	}
	p.epoch = d.Text(64)
	d.Fixed(p.schema[:])
	d.Fixed(p.log[:])
	d.Fixed(p.self[:])
	for n := d.Map(len(b)); n > 0 && d.Err() == nil; n-- {
		a := syncproto.Atom(d.Text(64))
		if d.Array(2) != 2 {
			d.Failf("an atom of a cursor has 2 members")
		}
		p.atoms[a] = progress{d.Uint(), uint32(d.UintMax(math.MaxUint32))}
	}
	if err := d.Done(); err != nil {
		return nil, fmt.Errorf("%w: %w", errCursor, err)
	}
	return p, nil
}

// HashOf is what an idle device sends instead of its cursor.
func HashOf(c syncproto.Cursor) (h syncproto.CursorHash) {
	sum := sha256.Sum256(c)
	copy(h[:], sum[:])
	return h
}
