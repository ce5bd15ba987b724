package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// MaxDepth bounds how deep arrays, maps and tags may nest in any input.
const MaxDepth = 16

// ErrEncoding is wrapped by every refusal of a decoder here: the bytes are
// damaged, truncated, not canonical or over a limit. Retrying cannot help.
var ErrEncoding = errors.New("not acceptable CBOR")

// Reader reads one encoded message. The first refusal sticks: all later reads
// return zero values and Err says what was wrong and where. Byte slices it
// returns alias the input. Not safe for concurrent use.
type Reader struct {
	b    []byte
	off  int
	err  error
	room *PartRoom // nil: none
}

// NewReader reads from b, which must not change meanwhile.
func NewReader(b []byte) *Reader { return &Reader{b: b} }

// Err returns the first refusal, nil if none.
func (r *Reader) Err() error { return r.err }

// Offset is how many bytes have been read.
func (r *Reader) Offset() int { return r.off }

// Done returns the first refusal, or one if bytes are left over.
func (r *Reader) Done() error {
	if r.err == nil && r.off != len(r.b) {
		r.Failf("%d trailing bytes", len(r.b)-r.off)
	}
	return r.err
}

// More reports whether unread bytes are left and nothing was refused.
func (r *Reader) More() bool { return r.err == nil && r.off < len(r.b) }

// Failf records a refusal found by the caller, with the position.
func (r *Reader) Failf(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w at byte %d: %s", ErrEncoding, r.off, fmt.Sprintf(format, args...))
	}
}

func (r *Reader) head() (major byte, n uint64) {
	if r.err != nil {
		return 0, 0
	}
	if r.off >= len(r.b) {
		r.Failf("input ends early")
		return 0, 0
	}
	c := r.b[r.off]
	major, info := c&0xe0, c&0x1f
	if info < 24 {
		r.off++
		return major, uint64(info)
	}
	if info > 27 {
		r.Failf("indefinite length or reserved head 0x%02x", c)
		return 0, 0
	}
	return major, r.longHead(major, info)
}

func (r *Reader) longHead(major, info byte) uint64 {
	width := 1 << (info - 24)
	if len(r.b)-r.off < 1+width {
		r.Failf("input ends early")
		return 0
	}
	p := r.b[r.off+1:]
	var n, least uint64
	switch width {
	case 1:
		n, least = uint64(p[0]), 24
	case 2:
		n, least = uint64(binary.BigEndian.Uint16(p)), 1<<8
	case 4:
		n, least = uint64(binary.BigEndian.Uint32(p)), 1<<16
	default:
		n, least = binary.BigEndian.Uint64(p), 1<<32
	}
	if major != majorOther && n < least {
		r.Failf("length not in its shortest form")
		return 0
	}
	r.off += 1 + width
	return n
}

func (r *Reader) expect(major byte, what string) uint64 {
	at := r.off
	m, n := r.head()
	if r.err == nil && m != major {
		r.off = at
		r.Failf("want %s, found major type %d", what, m>>5)
		return 0
	}
	return n
}

// Uint reads an unsigned integer. Most are small.
func (r *Reader) Uint() uint64 {
	if r.off < len(r.b) && r.b[r.off] < 24 && r.err == nil {
		r.off++
		return uint64(r.b[r.off-1])
	}
	return r.longUint()
}

func (r *Reader) longUint() uint64 { return r.expect(majorUint, "an unsigned integer") }

// UintMax reads an unsigned integer of at most limit.
func (r *Reader) UintMax(limit uint64) uint64 {
	n := r.Uint()
	if n > limit {
		r.Failf("number %d over the limit %d", n, limit)
		return 0
	}
	return n
}

// Int reads a signed integer.
func (r *Reader) Int() int64 {
	at := r.off
	m, n := r.head()
	if r.err != nil {
		return 0
	}
	if m > majorNeg {
		r.off = at
		r.Failf("want an integer, found major type %d", m>>5)
		return 0
	}
	if n > math.MaxInt64 {
		r.Failf("integer beyond 64 bits")
		return 0
	}
	if m == majorNeg {
		return -1 - int64(n)
	}
	return int64(n)
}

func (r *Reader) take(n uint64, limit int, what string) []byte {
	if r.err != nil {
		return nil
	}
	if n > uint64(limit) {
		r.Failf("%s of %d bytes over the limit %d", what, n, limit)
		return nil
	}
	if n > uint64(len(r.b)-r.off) {
		r.Failf("input ends early")
		return nil
	}
	p := r.b[r.off : r.off+int(n) : r.off+int(n)]
	r.off += int(n)
	return p
}

// Bytes reads a byte string of at most limit bytes; it aliases the input.
func (r *Reader) Bytes(limit int) []byte {
	return r.take(r.expect(majorBytes, "a byte string"), limit, "byte string")
}

// Fixed reads a byte string of exactly len(dst) bytes into dst.
func (r *Reader) Fixed(dst []byte) {
	if n := len(dst); n < 24 && len(r.b)-r.off > n && r.b[r.off] == majorBytes|byte(n) && r.err == nil { // an id
		copy(dst, r.b[r.off+1:])
		r.off += 1 + n
		return
	}
	p := r.Bytes(len(dst))
	if r.err == nil && len(p) != len(dst) {
		r.Failf("byte string of %d bytes, want %d", len(p), len(dst))
		return
	}
	copy(dst, p)
}

// Text reads a text string of at most limit bytes of valid UTF-8.
func (r *Reader) Text(limit int) string { return string(r.text(limit)) }

func (r *Reader) text(limit int) []byte {
	p := r.take(r.expect(majorText, "a text string"), limit, "text string")
	if r.err == nil && !utf8.Valid(p) {
		r.Failf("text is not UTF-8")
		return nil
	}
	return p
}

// name reads a text that comes again and again.
func (r *Reader) name(limit int) string {
	p := r.text(limit)
	if r.room == nil {
		return string(p)
	}
	return r.room.name(p)
}

// Array reads the head of an array of at most limit items. Each item takes at
// least one byte, so a count beyond the remaining input is refused here.
func (r *Reader) Array(limit int) int { return r.count(r.expect(majorArray, "an array"), limit, 1) }

// Map reads the head of a map of at most limit pairs.
func (r *Reader) Map(limit int) int { return r.count(r.expect(majorMap, "a map"), limit, 2) }

func (r *Reader) count(n uint64, limit, least int) int {
	if r.err != nil {
		return 0
	}
	if n > uint64(limit) {
		r.Failf("%d entries over the limit %d", n, limit)
		return 0
	}
	if n*uint64(least) > uint64(len(r.b)-r.off) {
		r.Failf("input ends early")
		return 0
	}
	return int(n)
}

// Bool reads true or false.
func (r *Reader) Bool() bool {
	if r.err != nil {
		return false
	}
	if r.off < len(r.b) && (r.b[r.off] == headTrue || r.b[r.off] == headFalse) {
		r.off++
		return r.b[r.off-1] == headTrue
	}
	r.Failf("want a boolean")
	return false
}

// Nil reads null if it comes next and reports whether it did.
func (r *Reader) Nil() bool {
	if r.err == nil && r.off < len(r.b) && r.b[r.off] == headNil {
		r.off++
		return true
	}
	return false
}

// IsBytes reports whether a byte string comes next.
func (r *Reader) IsBytes() bool {
	return r.err == nil && r.off < len(r.b) && r.b[r.off]&0xe0 == majorBytes
}

// IsArray reports whether an array comes next.
func (r *Reader) IsArray() bool {
	return r.err == nil && r.off < len(r.b) && r.b[r.off]&0xe0 == majorArray
}

// Raw reads one item of any kind, checks that it is canonical, at most limit
// bytes and not nested beyond MaxDepth, and returns its bytes (aliasing the
// input).
func (r *Reader) Raw(limit int) []byte {
	start := r.off
	r.skip(0)
	if r.err == nil && r.off-start > limit {
		r.off = start
		r.Failf("item over the limit of %d bytes", limit)
	}
	if r.err != nil {
		return nil
	}
	return r.b[start:r.off:r.off]
}

func (r *Reader) skip(depth int) {
	if depth > MaxDepth {
		r.Failf("nested deeper than %d", MaxDepth)
		return
	}
	at := r.off
	major, n := r.head()
	if r.err != nil {
		return
	}
	switch major {
	case majorUint, majorNeg:
		if n > math.MaxInt64 && major == majorNeg {
			r.Failf("integer beyond 64 bits")
		}
	case majorBytes:
		r.take(n, len(r.b), "byte string")
	case majorText:
		if p := r.take(n, len(r.b), "text string"); r.err == nil && !utf8.Valid(p) {
			r.Failf("text is not UTF-8")
		}
	case majorArray:
		for i := r.count(n, len(r.b), 1); i > 0 && r.err == nil; i-- {
			r.skip(depth + 1)
		}
	case majorMap:
		r.skipMap(r.count(n, len(r.b), 2), depth)
	case majorTag:
		r.skip(depth + 1)
	default:
		r.checkOther(at, n)
	}
}

func (r *Reader) skipMap(n, depth int) {
	var last []byte
	for ; n > 0 && r.err == nil; n-- {
		start := r.off
		r.skip(depth + 1)
		key := r.b[start:r.off]
		if last != nil && string(key) <= string(last) && r.err == nil {
			r.Failf("map keys out of order or repeated")
			return
		}
		last = key
		r.skip(depth + 1)
	}
}

// checkOther accepts false, true, null and floats in their shortest form.
func (r *Reader) checkOther(at int, n uint64) {
	c := r.b[at]
	switch c {
	case headFalse, headTrue, headNil:
		return
	case headF16:
		if f := float16value(uint16(n)); !math.IsNaN(f) || n == 0x7e00 {
			return
		}
	case headF32:
		f := float64(math.Float32frombits(uint32(n)))
		if _, short := float16bits(f); !short && !math.IsNaN(f) {
			return
		}
	case headF64:
		f := math.Float64frombits(n)
		if float64(float32(f)) != f && !math.IsNaN(f) {
			return
		}
	}
	r.off = at
	r.Failf("simple value or float not in its canonical form")
}
