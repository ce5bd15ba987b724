package wire

import (
	"encoding/binary"
	"math"
)

// Major types of CBOR, already shifted into the head byte.
const (
	majorUint  = 0 << 5
	majorNeg   = 1 << 5
	majorBytes = 2 << 5
	majorText  = 3 << 5
	majorArray = 4 << 5
	majorMap   = 5 << 5
	majorTag   = 6 << 5
	majorOther = 7 << 5
)

const (
	headFalse = 0xf4
	headTrue  = 0xf5
	headNil   = 0xf6
	headF16   = 0xf9
	headF32   = 0xfa
	headF64   = 0xfb
)

func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

// AppendUint appends an unsigned integer.
func AppendUint(b []byte, n uint64) []byte { return appendHead(b, majorUint, n) }

// AppendInt appends a signed integer.
func AppendInt(b []byte, n int64) []byte {
	if n < 0 {
		return appendHead(b, majorNeg, uint64(-1-n))
	}
	return appendHead(b, majorUint, uint64(n))
}

// AppendBytes appends a byte string.
func AppendBytes(b, p []byte) []byte { return append(appendHead(b, majorBytes, uint64(len(p))), p...) }

// AppendText appends a text string; s must be valid UTF-8.
func AppendText(b []byte, s string) []byte {
	return append(appendHead(b, majorText, uint64(len(s))), s...)
}

// AppendArray appends the head of an array of n items, which the caller appends next.
func AppendArray(b []byte, n int) []byte { return appendHead(b, majorArray, uint64(n)) }

// AppendMap appends the head of a map of n pairs, which the caller appends next
// in ascending order of their encoded keys.
func AppendMap(b []byte, n int) []byte { return appendHead(b, majorMap, uint64(n)) }

// AppendTag appends a tag head; the tagged item comes next.
func AppendTag(b []byte, tag uint64) []byte { return appendHead(b, majorTag, tag) }

// AppendBool appends true or false.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, headTrue)
	}
	return append(b, headFalse)
}

// AppendNil appends null.
func AppendNil(b []byte) []byte { return append(b, headNil) }

// AppendFloat appends a float in the shortest of the three widths that holds
// it exactly; every NaN becomes the one canonical NaN.
func AppendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) {
		return append(b, headF16, 0x7e, 0x00)
	}
	if h, ok := float16bits(f); ok {
		return binary.BigEndian.AppendUint16(append(b, headF16), h)
	}
	if g := float32(f); float64(g) == f {
		return binary.BigEndian.AppendUint32(append(b, headF32), math.Float32bits(g))
	}
	return binary.BigEndian.AppendUint64(append(b, headF64), math.Float64bits(f))
}

// float16bits converts f to half precision when that is exact.
func float16bits(f float64) (uint16, bool) {
	g := float32(f)
	if float64(g) != f {
		return 0, false
	}
	bits := math.Float32bits(g)
	sign := uint16(bits >> 16 & 0x8000)
	exp := int(bits>>23&0xff) - 127
	frac := bits & 0x7fffff
	switch {
	case bits&0x7fffffff == 0:
		return sign, true
	case exp == 128: // infinity; NaN was handled before
		return sign | 0x7c00, frac == 0
	case exp >= -14 && exp <= 15:
		return sign | uint16(exp+15)<<10 | uint16(frac>>13), frac&0x1fff == 0
	case exp >= -24 && exp < -14: // subnormal half
		shift := uint(-exp - 14 + 13)
		full := frac | 0x800000
		return sign | uint16(full>>shift), full&(1<<shift-1) == 0
	}
	return 0, false
}

func float16value(h uint16) float64 {
	sign, exp, frac := float64(1), int(h>>10&0x1f), float64(h&0x3ff)
	if h&0x8000 != 0 {
		sign = -1
	}
	switch exp {
	case 0:
		return sign * math.Ldexp(frac, -24)
	case 31:
		if frac != 0 {
			return math.NaN()
		}
		return sign * math.Inf(1)
	}
	return sign * math.Ldexp(1024+frac, exp-25)
}
