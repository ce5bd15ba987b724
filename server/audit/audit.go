// Package audit is the list of what people did to devices, accounts and held
// work: append-only, each entry linked by hash to the one before. Every receipt
// carries its head, so that a server which takes an entry back is found out by
// whoever kept a receipt. It holds no content of records.
//
//	l/ n    n-th entry, from 1
//	l       how many there are, and the link after the last (Head)
//
//	link n = SHA-256("chuantou/audit/1" ‖ link n−1 ‖ n (8 bytes) ‖ entry), link 0 is zero
package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Entry is one act.
type Entry struct {
	Wall int64              // server's clock, Unix milliseconds
	By   syncproto.PersonID // zero: the operator of the machine, who named nobody
	What string             // a word or two: device revoked
	// About says to whom or what: ids, states; never a field's value.
	About string
}

// Head says how long the list is and ends in what link.
type Head struct {
	N    uint64
	Link syncproto.Hash
}

// ErrBroken is returned when the list was altered.
var ErrBroken = errors.New("the audit log was altered")

const (
	format        = 1
	maxWhatBytes  = 128
	maxAboutBytes = 2 << 10
)

var (
	headKey = store.Key("l")
	prefix  = store.Key("l/")
)

func entryKey(n uint64) store.Key { return binary.BigEndian.AppendUint64(bytes.Clone(prefix), n) }

func (e *Entry) append() []byte {
	b := wire.AppendBytes(wire.AppendInt(wire.AppendArray([]byte{format}, 4), e.Wall), e.By[:])
	return wire.AppendText(wire.AppendText(b, e.What), e.About)
}

func open(v []byte, members int) (*wire.Reader, error) {
	if len(v) == 0 || v[0] != format {
		return nil, fmt.Errorf("audit log: in a format this program does not know; a newer one wrote it")
	}
	r := wire.NewReader(v[1:])
	if n := r.Array(members); r.Err() == nil && n != members {
		r.Failf("%d members, want %d", n, members)
	}
	return r, nil
}

func decodeEntry(v []byte) (e Entry, err error) {
	r, err := open(v, 4)
	if err != nil {
		return e, err
	}
	e.Wall = r.Int()
	r.Fixed(e.By[:])
	e.What, e.About = r.Text(maxWhatBytes), r.Text(maxAboutBytes)
	if err := r.Done(); err != nil {
		return Entry{}, fmt.Errorf("audit log: %w", err)
	}
	return e, nil
}

// LoadHead reads the head; an empty list has the zero one.
func LoadHead(r store.Reader) (h Head, err error) {
	v, err := r.Get(headKey)
	if err != nil || v == nil {
		return h, err
	}
	d, err := open(v, 2)
	if err != nil {
		return h, err
	}
	h.N = d.UintMax(math.MaxInt64)
	d.Fixed(h.Link[:])
	if err := d.Done(); err != nil {
		return Head{}, fmt.Errorf("audit log: head: %w", err)
	}
	return h, nil
}

func (h Head) next(entry []byte) Head {
	b := append([]byte("chuantou/audit/1"), h.Link[:]...)
	b = binary.BigEndian.AppendUint64(b, h.N+1)
	return Head{h.N + 1, sha256.Sum256(append(b, entry...))}
}

// Append adds an entry durably. What is too long is cut.
func Append(ctx context.Context, s store.Store, e Entry) error {
	e.What, e.About = clip(e.What, maxWhatBytes), clip(e.About, maxAboutBytes)
	v := e.append()
	_, err := s.Update(ctx, []store.Key{headKey}, func(r store.Reader) (b store.Batch, err error) {
		h, err := LoadHead(r)
		if err != nil {
			return b, err
		}
		put(&b, h, v)
		return b, nil
	})
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return string(bytes.ToValidUTF8([]byte(s[:n]), nil))
}

// Each calls visit with the entries after number n, until it returns false. It
// checks no links: Verify does.
func Each(r store.Reader, n uint64, visit func(n uint64, e Entry) bool) error {
	return r.Scan(entryKey(n+1), store.PrefixEnd(prefix), false, func(k store.Key, v []byte) (bool, error) {
		e, err := decodeEntry(v)
		if err != nil || len(k) != len(prefix)+8 {
			return false, fmt.Errorf("%w: entry at %x: %w", ErrBroken, []byte(k), err)
		}
		return visit(binary.BigEndian.Uint64(k[len(prefix):]), e), nil
	})
}

// AppendIn adds an entry within an update that holds HeadKey's guard: durable
// with it or not at all. At most one of them in an update, and on a snapshot of its own.
func AppendIn(r store.Reader, b *store.Batch, e Entry) error {
	e.What, e.About = clip(e.What, maxWhatBytes), clip(e.About, maxAboutBytes)
	h, err := LoadHead(r)
	if err != nil {
		return err
	}
	put(b, h, e.append())
	return nil
}

// HeadKey is what an update guards that uses AppendIn.
func HeadKey() store.Key { return bytes.Clone(headKey) }

func put(b *store.Batch, h Head, v []byte) {
	h = h.next(v)
	b.Put(entryKey(h.N), v)
	b.Put(headKey, wire.AppendBytes(wire.AppendUint(wire.AppendArray([]byte{format}, 2), h.N), h.Link[:]))
}

// Verify reads the whole list and calls visit, which may be nil, with each
// entry and the head after it. ErrBroken when something was altered.
func Verify(r store.Reader, visit func(Entry, Head)) (Head, error) {
	want, err := LoadHead(r)
	if err != nil {
		return Head{}, err
	}
	var h Head
	err = r.Scan(prefix, store.PrefixEnd(prefix), false, func(k store.Key, v []byte) (bool, error) {
		if !bytes.Equal(k, entryKey(h.N+1)) {
			return false, fmt.Errorf("%w: entry %d is missing", ErrBroken, h.N+1)
		}
		e, err := decodeEntry(v)
		if err != nil {
			return false, fmt.Errorf("%w: entry %d: %w", ErrBroken, h.N+1, err)
		}
		h = h.next(v)
		if visit != nil {
			visit(e, h)
		}
		return true, nil
	})
	if err == nil && h != want {
		err = fmt.Errorf("%w: it ends after %d entries otherwise than its head says (%d)", ErrBroken, h.N, want.N)
	}
	return h, err
}
