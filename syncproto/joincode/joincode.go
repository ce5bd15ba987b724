// Package joincode turns the id of a meeting into a code that a second
// recorder types with no network, and back: 12 characters in groups of four,
// "7K3M-QX2P-9BHA".
//
// Sixty bits make both: the minute in 26 bits (since 2020, good until 2147)
// and 34 random bits. The id is a UUIDv7 whose time is the minute and whose
// other bits are the 34 random ones followed by 40 taken from a hash of all
// sixty, so a code gives exactly one id, and an id that was not made here has
// no code. The code is the sixty bits, stirred by a fixed permutation, in
// base 32.
//
// No bit is left for a checksum; the minute serves as one. Any mistyped
// character, or two exchanged, stirs into a minute anywhere between 2020 and
// 2147: Near, with a window of a day, lets 1 in 46,000 of them pass. Besides,
// the alphabet has no 0, O, 1 or I and these are refused by name, as is any
// other length than 12. What still slips through gives the id of a meeting
// that nobody else writes to: nothing is damaged, and the record can be made
// one with the right one later (并为一份).
package joincode

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/chuantou/chuantou/syncproto"
)

// Kind is the only kind of record that is joined by a code.
const Kind = "HY"

const (
	alphabet   = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	symbols    = 12
	minuteBits = 26
	randomBits = 34
)

// epoch is minute 0.
var epoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// ErrNotJoinable is returned for the code of an id that was not made to be joined.
var ErrNotJoinable = errors.New("this record has no joining code: only a meeting made on a device does")

// New makes the id of a new meeting. The minute is cut from now; a clock
// before 2020 or after 2147 counts as the nearest minute there is.
func New(now time.Time, random io.Reader) (syncproto.RecordID, error) {
	var b [8]byte
	if _, err := io.ReadFull(random, b[3:]); err != nil {
		return syncproto.RecordID{}, fmt.Errorf("id of a meeting: %w", err)
	}
	r := binary.BigEndian.Uint64(b[:]) & (1<<randomBits - 1)
	minute := min(max(0, int64(now.Sub(epoch)/time.Minute)), 1<<minuteBits-1)
	return expand(uint64(minute)<<randomBits | r), nil
}

// expand makes the id of the sixty bits.
func expand(bits uint64) (id syncproto.RecordID) {
	ms := uint64(epoch.UnixMilli()) + bits>>randomBits*60_000
	binary.BigEndian.PutUint64(id[:], ms<<16)
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("chuantou/join/1"), bits))
	fill := binary.BigEndian.Uint64(sum[:]) // 40 bits of it are used
	random := bits & (1<<randomBits - 1)
	// 12 bits after the version, 62 after the variant: 34 random, 40 filled.
	binary.BigEndian.PutUint16(id[6:], 0x7000|uint16(random>>(randomBits-12)))
	low := random<<40 | fill>>24
	binary.BigEndian.PutUint64(id[8:], 1<<63|low&(1<<62-1))
	return id
}

// bitsOf is the inverse of expand; false for an id that was not made here.
func bitsOf(id syncproto.RecordID) (uint64, bool) {
	ms := id.Millis() - epoch.UnixMilli()
	if ms < 0 || ms%60_000 != 0 || ms/60_000 >= 1<<minuteBits {
		return 0, false
	}
	random := uint64(binary.BigEndian.Uint16(id[6:])&0x0fff)<<(randomBits-12) |
		binary.BigEndian.Uint64(id[8:])&(1<<62-1)>>40
	bits := uint64(ms/60_000)<<randomBits | random
	return bits, expand(bits) == id
}

// half is one side of the permutation.
const half = symbols * 5 / 2

// stir is a Feistel network over the sixty bits: a fixed permutation in which
// every output bit depends on every input bit. It keeps no secret.
func stir(bits uint64) uint64 {
	left, right := bits>>half, bits&(1<<half-1)
	for round := range byte(4) {
		left, right = right, left^mix(round, right)
	}
	return left<<half | right
}

// unstir is the inverse of stir.
func unstir(bits uint64) uint64 {
	left, right := bits>>half, bits&(1<<half-1)
	for round := byte(4); round > 0; round-- {
		left, right = right^mix(round-1, left), left
	}
	return left<<half | right
}

func mix(round byte, v uint64) uint64 {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte{'s', 't', 'i', 'r', round}, v))
	return binary.BigEndian.Uint64(sum[:]) & (1<<half - 1)
}

// Code is the joining code of a meeting.
func Code(id syncproto.RecordID) (string, error) {
	bits, ok := bitsOf(id)
	if !ok {
		return "", ErrNotJoinable
	}
	bits = stir(bits)
	var out []byte
	for i := range symbols {
		if i > 0 && i%4 == 0 {
			out = append(out, '-')
		}
		out = append(out, alphabet[bits>>(5*(symbols-1-i))&31])
	}
	return string(out), nil
}

// Parse reads a code as a person types it: small letters, and hyphens or
// spaces between the groups, are taken; anything else is refused and named.
func Parse(code string) (syncproto.RecordID, error) {
	text := strings.ToUpper(strings.TrimSpace(code))
	if len(text) > 64 {
		return syncproto.RecordID{}, fmt.Errorf("a joining code has %d characters: this is much longer", symbols)
	}
	var bits uint64
	n := 0
	for _, c := range text {
		if (c == '-' || c == ' ') && n > 0 && n < symbols && n%4 == 0 {
			continue
		}
		v := strings.IndexRune(alphabet, c)
		switch {
		case c == '0' || c == 'O' || c == '1' || c == 'I':
			return syncproto.RecordID{}, fmt.Errorf("character %d is %q: a joining code has no 0, O, 1 or I; look at it again", n+1, c)
		case v < 0:
			return syncproto.RecordID{}, fmt.Errorf("character %d is %q: a joining code has letters and the digits 2 to 9 only", n+1, c)
		}
		if n++; n <= symbols {
			bits = bits<<5 | uint64(v)
		}
	}
	if n != symbols {
		return syncproto.RecordID{}, fmt.Errorf("a joining code has %d characters, this has %d", symbols, n)
	}
	return expand(unstir(bits)), nil
}

// Near reports whether the meeting's minute is within so much of now. A code
// that is not was probably mistyped, or one of the clocks is wrong: a reason to
// ask, never to refuse.
func Near(id syncproto.RecordID, now time.Time, within time.Duration) bool {
	d := now.Sub(time.UnixMilli(id.Millis()))
	return d.Abs() <= within
}
