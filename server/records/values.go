package records

import (
	"fmt"
	"math"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// format is the version byte of every value here; an older program refuses a newer one.
const format = 1

func begin(b []byte, members int) []byte { return wire.AppendArray(append(b, format), members) }

// openAny checks the format byte.
func openAny(v []byte, what string) (*wire.Reader, error) {
	if len(v) == 0 || v[0] != format {
		return nil, fmt.Errorf("stored %s: unknown format, a newer version of the program wrote it", what)
	}
	return wire.NewReader(v[1:]), nil
}

// open checks the format byte and reads the array head.
func open(v []byte, members int, what string) (*wire.Reader, error) {
	r, err := openAny(v, what)
	if err != nil {
		return nil, err
	}
	if n := r.Array(members); r.Err() == nil && n != members {
		r.Failf("%s of %d members", what, n)
	}
	return r, nil
}

func done(r *wire.Reader, what string) error {
	if err := r.Done(); err != nil {
		return fmt.Errorf("stored %s: %w", what, err)
	}
	return nil
}

// AppendKey encodes a sealing key.
func AppendKey(b []byte, k *seal.Key) []byte {
	b = wire.AppendBytes(begin(b, 3), k.ID[:])
	return wire.AppendBytes(wire.AppendBytes(b, k.Holder[:]), k.Secret[:])
}

// LoadKey reads a sealing key; ok is false when it is unknown or destroyed.
func LoadKey(r store.Reader, id syncproto.KeyID) (k seal.Key, ok bool, err error) {
	v, err := r.Get(SealKey(id))
	if err != nil || v == nil {
		return k, false, err
	}
	d, err := open(v, 3, "sealing key")
	if err != nil {
		return k, false, err
	}
	d.Fixed(k.ID[:])
	d.Fixed(k.Holder[:])
	d.Fixed(k.Secret[:])
	return k, true, done(d, "sealing key")
}

// AppendNumber encodes a running number.
func AppendNumber(b []byte, n uint32) []byte { return wire.AppendUint(append(b, format), uint64(n)) }

// DecodeNumber reads a running number; nil is 0.
func DecodeNumber(v []byte) uint32 {
	if len(v) < 2 {
		return 0
	}
	return uint32(wire.NewReader(v[1:]).UintMax(math.MaxUint32))
}
