// Package strict reads what FORMAT.md is made of: numbers, replica ids and
// text. Every value has one encoding and what is not it is refused; a count is
// bounded by the bytes that are there before anything is made of it.
package strict

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
)

// ErrInvalid is wrapped by every refusal, with what was refused and why.
var ErrInvalid = errors.New("invalid text edit or state")

const (
	// MaxCounter bounds counters in encodings, so that sums with them fit 64 bits.
	MaxCounter = 1 << 40
	// MaxElements bounds a text, tombstones included. The tables of a text are
	// in proportion to its elements, and a few bytes can claim many of them.
	MaxElements = 1 << 24
)

// Reader reads one encoded value. The first refusal sticks: reads after it
// return zero. Byte slices it returns alias the input.
type Reader struct {
	b   []byte
	off int
	err error
}

// NewReader reads from b.
func NewReader(b []byte) Reader { return Reader{b: b} }

// Failf records a refusal, with the position.
func (r *Reader) Failf(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w at byte %d: %s", ErrInvalid, r.off, fmt.Sprintf(format, args...))
	}
}

// Err is the first refusal, nil if there is none.
func (r *Reader) Err() error { return r.err }

// Rest is how many bytes are unread.
func (r *Reader) Rest() int { return len(r.b) - r.off }

// Done returns the first refusal, or one if bytes are left over.
func (r *Reader) Done() error {
	if r.off != len(r.b) {
		r.Failf("%d trailing bytes", len(r.b)-r.off)
	}
	return r.err
}

// Number reads an unsigned varint in its shortest form.
func (r *Reader) Number() uint64 {
	if r.off < len(r.b) && r.b[r.off] < 0x80 && r.err == nil {
		r.off++
		return uint64(r.b[r.off-1])
	}
	return r.longNumber()
}

func (r *Reader) longNumber() uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.b[r.off:])
	if n <= 0 || n > 1 && r.b[r.off+n-1] == 0 {
		r.Failf("number cut short, too long or not in its shortest form")
		return 0
	}
	r.off += n
	return v
}

// Max reads a number of at most limit.
func (r *Reader) Max(limit uint64, what string) uint64 {
	v := r.Number()
	if v > limit {
		r.Failf("%s %d over %d", what, v, limit)
		return 0
	}
	return v
}

// Signed reads a signed number of 32 bits, in zigzag form.
func (r *Reader) Signed() int32 {
	v := r.Max(1<<32-1, "number")
	return int32(uint32(v)>>1) ^ -int32(v&1)
}

// AppendSigned appends what Signed reads.
func AppendSigned(b []byte, v int32) []byte {
	return binary.AppendUvarint(b, uint64(uint32(v<<1)^uint32(v>>31)))
}

// Count reads how many things follow that take at least least bytes each.
func (r *Reader) Count(least int, what string) int {
	return int(r.Max(uint64((len(r.b)-r.off)/least), what))
}

// Bytes reads n bytes.
func (r *Reader) Bytes(n int) []byte {
	if r.err != nil || n > len(r.b)-r.off {
		r.Failf("input ends early")
		return nil
	}
	r.off += n
	return r.b[r.off-n : r.off : r.off]
}

// Runes counts the code points of b, which must be valid UTF-8. Nearly all are
// ASCII or of three bytes; those are told without a call.
func (r *Reader) Runes(b []byte) int {
	n := 0
	for i := 0; i < len(b); n++ {
		switch c := b[i]; {
		case c < utf8.RuneSelf:
			i++
		case c > 0xe0 && c < 0xf0 && c != 0xed && i+2 < len(b) && b[i+1]&0xc0 == 0x80 && b[i+2]&0xc0 == 0x80:
			i += 3
		default:
			c, size := utf8.DecodeRune(b[i:])
			if c == utf8.RuneError && size == 1 {
				r.Failf("text is not UTF-8")
				return 0
			}
			i += size
		}
	}
	return n
}

// Replicas are replica ids in ascending order.
type Replicas []syncproto.ReplicaID

// Replicas appends the next n ids, which ascend, to dst.
func (r *Reader) Replicas(dst Replicas, n int) Replicas {
	for i := range n {
		var id syncproto.ReplicaID
		copy(id[:], r.Bytes(len(id)))
		if i > 0 && dst[len(dst)-1].Compare(id) >= 0 {
			r.Failf("replicas out of order")
		}
		dst = append(dst, id)
	}
	return dst
}

// Append appends the ids to b, without their number.
func (s Replicas) Append(b []byte) []byte {
	for i := range s {
		b = append(b, s[i][:]...)
	}
	return b
}

// Add puts an id among the others.
func (s *Replicas) Add(id syncproto.ReplicaID) {
	if i, ok := s.Find(id); !ok {
		*s = slices.Insert(*s, i, id)
	}
}

// Find says where an id stands, or would.
func (s Replicas) Find(id syncproto.ReplicaID) (int, bool) {
	return slices.BinarySearchFunc(s, id, syncproto.ReplicaID.Compare)
}
