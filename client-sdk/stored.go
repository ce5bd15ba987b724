package clientsdk

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"math"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/session"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// errStored is wrapped when what the store gives back is not what was written.
var errStored = errors.New("the device's store is damaged")

func beginStored(members int) []byte { return wire.AppendArray([]byte{storedFormat}, members) }

// openStored checks the format byte and the array head.
func openStored(v []byte, members int) (*wire.Reader, error) {
	r, _, err := openStoredUpTo(v, members, members)
	return r, err
}

// openStoredUpTo is openStored for a value whose last members may be missing.
func openStoredUpTo(v []byte, least, most int) (r *wire.Reader, members int, err error) {
	if len(v) == 0 {
		return nil, 0, fmt.Errorf("%w: empty value", errStored)
	}
	if v[0] != storedFormat {
		return nil, 0, localstore.ErrNewer
	}
	r = wire.NewReader(v[1:])
	if members = r.Array(most); r.Err() == nil && members < least {
		r.Failf("%d members, want %d", members, least)
	}
	return r, members, nil
}

// readPairs reads the head of a list of pairs and returns how many there are.
func readPairs(r *wire.Reader, limit int) int {
	n := r.Array(limit)
	if n%2 != 0 {
		r.Failf("odd number of members")
	}
	return n / 2
}

func closeStored(r *wire.Reader, what string) error {
	if err := r.Done(); err != nil {
		return fmt.Errorf("%w: %s: %w", errStored, what, err)
	}
	return nil
}

// identity is who a device is: made at enrolment, changed by ReEnrol alone.
type identity struct {
	Origin     string
	Root       [32]byte // fingerprint of what vouches for the origin, zero for the system's roots
	Replica    syncproto.ReplicaID
	Key        ed25519.PrivateKey
	Person     syncproto.PersonID
	PersonName string
	Device     string
	ServerKey  ed25519.PublicKey
	SealKey    []byte // the server's X25519 public key
	// Former are the replica ids this store had before, oldest first: their
	// changes stay, and stay in the overlay.
	Former []syncproto.ReplicaID
}

func (d *identity) append() []byte {
	b := beginStored(10)
	b = wire.AppendBytes(wire.AppendText(b, d.Origin), d.Root[:])
	b = wire.AppendBytes(b, d.Replica[:])
	b = wire.AppendBytes(b, d.Key.Seed())
	b = wire.AppendBytes(b, d.Person[:])
	b = wire.AppendText(b, d.PersonName)
	b = wire.AppendText(b, d.Device)
	b = wire.AppendBytes(b, d.ServerKey)
	b = wire.AppendBytes(b, d.SealKey)
	b = wire.AppendArray(b, len(d.Former))
	for i := range d.Former {
		b = wire.AppendBytes(b, d.Former[i][:])
	}
	return b
}

func decodeIdentity(v []byte) (*identity, error) {
	r, err := openStored(v, 10)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	var d identity
	var seed [ed25519.SeedSize]byte
	d.Origin = r.Text(1 << 10)
	r.Fixed(d.Root[:])
	r.Fixed(d.Replica[:])
	r.Fixed(seed[:])
	r.Fixed(d.Person[:])
	d.PersonName = r.Text(1 << 10)
	d.Device = r.Text(1 << 10)
	d.ServerKey = append(ed25519.PublicKey(nil), r.Bytes(64)...)
	d.SealKey = append([]byte(nil), r.Bytes(64)...)
	for n := r.Array(1 << 10); n > 0 && r.Err() == nil; n-- {
		var id syncproto.ReplicaID
		r.Fixed(id[:])
		d.Former = append(d.Former, id)
	}
	if err := closeStored(r, "identity"); err != nil {
		return nil, err
	}
	d.Key = ed25519.NewKeyFromSeed(seed[:])
	return &d, nil
}

// place is where the device stands in the server's feeds.
type place struct {
	Cursor syncproto.Cursor
	Epoch  string
	Offset int64 // server's clock minus the device's, as last learned
}

func (p *place) append() []byte {
	b := wire.AppendBytes(beginStored(3), p.Cursor)
	return wire.AppendInt(wire.AppendText(b, p.Epoch), p.Offset)
}

func decodePlace(v []byte) (p place, err error) {
	r, err := openStored(v, 3)
	if err != nil {
		return p, fmt.Errorf("place: %w", err)
	}
	p.Cursor = append(syncproto.Cursor(nil), r.Bytes(wire.MaxCursorBytes)...)
	p.Epoch = r.Text(1 << 10)
	p.Offset = r.Int()
	return p, closeStored(r, "place")
}

func appendToken(t session.Token) []byte {
	return wire.AppendInt(wire.AppendText(beginStored(2), t.Text), t.Expires)
}

func decodeToken(v []byte) (t session.Token, err error) {
	r, err := openStored(v, 2)
	if err != nil {
		return t, fmt.Errorf("token: %w", err)
	}
	t.Text = r.Text(256)
	t.Expires = r.Int()
	return t, closeStored(r, "token")
}

// chainHead is the end of a replica's chain.
type chainHead struct {
	Seq  syncproto.Seq
	Link syncproto.Hash
}

func (h *chainHead) append() []byte {
	return wire.AppendBytes(wire.AppendUint(beginStored(2), uint64(h.Seq)), h.Link[:])
}

func decodeChainHead(v []byte) (h chainHead, err error) {
	r, err := openStored(v, 2)
	if err != nil {
		return h, fmt.Errorf("chain head: %w", err)
	}
	h.Seq = syncproto.Seq(r.UintMax(math.MaxInt64))
	r.Fixed(h.Link[:])
	return h, closeStored(r, "chain head")
}

// classSum is a digest for a reader with these classes.
type classSum struct {
	Classes syncproto.Audience
	Hash    syncproto.Hash
}

// baseRow is a base as stored: where it is fed from, what it adds to the
// digest sums, and the state.
type baseRow struct {
	Atoms []syncproto.Atom
	Tag   [8]byte // of the schema that Sums were made with
	Sums  []classSum
	State []byte
}

func (b *baseRow) append() []byte {
	out := append(make([]byte, 0, len(b.State)+48*len(b.Sums)+64), beginStored(4)...)
	out = wire.AppendArray(out, len(b.Atoms))
	for _, a := range b.Atoms {
		out = wire.AppendText(out, string(a))
	}
	out = wire.AppendBytes(out, b.Tag[:])
	out = wire.AppendArray(out, 2*len(b.Sums))
	for i := range b.Sums {
		out = wire.AppendBytes(wire.AppendUint(out, uint64(b.Sums[i].Classes)), b.Sums[i].Hash[:])
	}
	return wire.AppendBytes(out, b.State)
}

func decodeBaseRow(v []byte) (b baseRow, err error) {
	r, err := openStored(v, 4)
	if err != nil {
		return b, fmt.Errorf("base: %w", err)
	}
	for n := r.Array(1 << 10); n > 0 && r.Err() == nil; n-- {
		b.Atoms = append(b.Atoms, syncproto.Atom(r.Text(64)))
	}
	r.Fixed(b.Tag[:])
	for n := readPairs(r, 64); n > 0 && r.Err() == nil; n-- {
		s := classSum{Classes: syncproto.Audience(r.UintMax(math.MaxUint8))}
		r.Fixed(s.Hash[:])
		b.Sums = append(b.Sums, s)
	}
	b.State = r.Bytes(len(v))
	return b, closeStored(r, "base")
}

// counts are the counters of local numbers, and the last record of each kind.
type counts struct {
	Day  string // 20060102; the counter begins anew each day
	N    int
	Last map[string]syncproto.RecordID // kind -> own record submitted last
}

func (c *counts) clone() counts {
	out := *c
	out.Last = maps.Clone(c.Last)
	return out
}

func (c *counts) append() []byte {
	b := wire.AppendUint(wire.AppendText(beginStored(3), c.Day), uint64(c.N))
	kinds := sortedKeys(c.Last)
	b = wire.AppendArray(b, 2*len(kinds))
	for _, k := range kinds {
		id := c.Last[k]
		b = wire.AppendBytes(wire.AppendText(b, k), id[:])
	}
	return b
}

func decodeCounts(v []byte) (c counts, err error) {
	r, err := openStored(v, 3)
	if err != nil {
		return c, fmt.Errorf("counters: %w", err)
	}
	c.Day = r.Text(16)
	c.N = int(r.UintMax(math.MaxInt32))
	c.Last = map[string]syncproto.RecordID{}
	for n := readPairs(r, 1<<12); n > 0 && r.Err() == nil; n-- {
		kind := r.Text(syncproto.MaxKindBytes)
		var id syncproto.RecordID
		r.Fixed(id[:])
		c.Last[kind] = id
	}
	return c, closeStored(r, "counters")
}

func appendRanges(rs syncproto.Ranges) []byte {
	b := wire.AppendArray([]byte{storedFormat}, 2*len(rs))
	for _, r := range rs {
		b = wire.AppendUint(wire.AppendUint(b, uint64(r.From)), uint64(r.To))
	}
	return b
}

func decodeRanges(v []byte) (rs syncproto.Ranges, err error) {
	if len(v) == 0 || v[0] != storedFormat {
		return nil, localstore.ErrNewer
	}
	r := wire.NewReader(v[1:])
	for n := readPairs(r, 1<<17); n > 0 && r.Err() == nil; n-- {
		rs = rs.Add(syncproto.Seq(r.UintMax(math.MaxInt32)), syncproto.Seq(r.UintMax(math.MaxInt32)))
	}
	return rs, closeStored(r, "ranges")
}
