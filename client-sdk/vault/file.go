package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"

	"github.com/chuantou/chuantou/syncproto/wire"
)

// format is the version of the file; an older program refuses a newer one.
const format = 1

// sealed is the file of a vault: a format byte, then a CBOR array
// [id, pin, passes, memory in KiB, threads, salt, nonce, box, tried, opened, dropped].
type sealed struct {
	id      ID
	pin     bool
	cost    Cost
	salt    [16]byte
	nonce   [12]byte
	box     [48]byte // the key under AES-256-GCM
	tries   Tries
	dropped bool
}

const members = 11

// header is what the box is bound to: all that decides how it is opened.
func (f *sealed) header() []byte {
	b := wire.AppendBool(wire.AppendBytes(nil, f.id[:]), f.pin)
	b = wire.AppendUint(wire.AppendUint(wire.AppendUint(b, uint64(f.cost.Passes)), uint64(f.cost.MemoryKiB)), uint64(f.cost.Threads))
	return wire.AppendBytes(b, f.salt[:])
}

func (f *sealed) append() []byte {
	b := wire.AppendArray([]byte{format}, members)
	b = append(b, f.header()...)
	b = wire.AppendBytes(wire.AppendBytes(b, f.nonce[:]), f.box[:])
	b = wire.AppendUint(wire.AppendUint(b, uint64(f.tries.Tried)), uint64(f.tries.Opened))
	return wire.AppendBool(b, f.dropped)
}

func decode(b []byte) (*sealed, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrDamaged)
	}
	if b[0] != format {
		return nil, fmt.Errorf("%w: it begins with byte %d", notOurs(b), b[0])
	}
	f := &sealed{}
	r := wire.NewReader(b[1:])
	if n := r.Array(members); r.Err() == nil && n != members {
		r.Failf("%d members, want %d", n, members)
	}
	r.Fixed(f.id[:])
	f.pin = r.Bool()
	f.cost = Cost{uint32(r.UintMax(maxPasses)), uint32(r.UintMax(maxMemoryKiB)), uint8(r.UintMax(math.MaxUint8))}
	if r.Err() == nil && !f.cost.check() {
		r.Failf("a cost of %d passes, %d KiB, %d threads", f.cost.Passes, f.cost.MemoryKiB, f.cost.Threads)
	}
	r.Fixed(f.salt[:])
	r.Fixed(f.nonce[:])
	r.Fixed(f.box[:])
	f.tries = Tries{uint32(r.UintMax(math.MaxUint32 - 1)), uint32(r.UintMax(math.MaxUint32 - 1))}
	f.dropped = r.Bool()
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return f, nil
}

// notOurs tells a file of a newer version, a small number and an array, from
// one that is no vault.
func notOurs(b []byte) error {
	if b[0] > format && b[0] < 32 && len(b) > 1 && b[1]>>5 == 4 {
		return ErrNewer
	}
	return ErrDamaged
}

// maxFileBytes is far more than a vault has.
const maxFileBytes = 4 << 10

func read(file string) (*sealed, error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFileBytes {
		return nil, fmt.Errorf("%w: %s is too long", ErrDamaged, file)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	f, err := decode(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if f.dropped {
		return nil, ErrDropped
	}
	return f, nil
}

func (f *sealed) write(file string) error { return replace(file, f.append()) }

// replace writes a file for its owner alone, whole or not at all, durably.
func replace(file string, b []byte) error {
	tmp := file + ".tmp"
	w, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	if err == nil {
		err = w.Sync()
	}
	if err = errors.Join(err, w.Close()); err == nil {
		err = os.Rename(tmp, file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return syncDir(filepath.Dir(file))
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" || runtime.GOOS == "js" {
		return nil // a folder cannot be opened for it there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
