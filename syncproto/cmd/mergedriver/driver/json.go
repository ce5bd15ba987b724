package driver

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// errJSON is all that is said of a line that is no JSON object.
var errJSON = errors.New("not a JSON object in UTF-8")

// maxDepth bounds arrays and objects within each other.
const maxDepth = 100

// scanner reads JSON strictly (RFC 8259), strings in UTF-8. The first fault
// sticks: what is read after it means nothing.
type scanner struct {
	b   []byte
	off int
	bad bool
}

// next skips white space and returns the byte there, 0 at the end.
func (s *scanner) next() byte {
	for ; s.off < len(s.b); s.off++ {
		switch c := s.b[s.off]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) is(c byte) bool {
	if s.next() != c {
		return false
	}
	s.off++
	return true
}

func (s *scanner) want(c byte) {
	if !s.is(c) {
		s.bad = true
	}
}

// object reads an object and hands on each member as it stands.
func (s *scanner) object(depth int, member func(key, value []byte)) {
	s.want('{')
	for first := true; !s.bad && !s.is('}'); first = false {
		if !first {
			s.want(',')
		}
		key := s.string()
		s.want(':')
		value := s.value(depth)
		if !s.bad {
			member(key, value)
		}
	}
}

// array reads an array of elements.
func (s *scanner) array(element func()) {
	s.want('[')
	for first := true; !s.bad && !s.is(']'); first = false {
		if !first {
			s.want(',')
		}
		element()
	}
}

// value passes over any value and returns it as it stands.
func (s *scanner) value(depth int) []byte {
	c, from := s.next(), s.off
	switch {
	case depth > maxDepth:
		s.bad = true
	case c == '"':
		s.string()
	case c == '{':
		s.object(depth+1, func(_, _ []byte) {})
	case c == '[':
		s.array(func() { s.value(depth + 1) })
	case c == 't':
		s.literal("true")
	case c == 'f':
		s.literal("false")
	case c == 'n':
		s.literal("null")
	default:
		s.number()
	}
	return s.b[from:s.off]
}

func (s *scanner) literal(word string) {
	if !bytes.HasPrefix(s.b[s.off:], []byte(word)) {
		s.bad = true
		return
	}
	s.off += len(word)
}

// number passes over a number.
func (s *scanner) number() {
	s.next()
	s.opt('-')
	if !s.opt('0') {
		s.digits()
	}
	if s.opt('.') {
		s.digits()
	}
	if s.opt('e') || s.opt('E') {
		if !s.opt('+') {
			s.opt('-')
		}
		s.digits()
	}
}

func (s *scanner) opt(c byte) bool {
	if s.off == len(s.b) || s.b[s.off] != c {
		return false
	}
	s.off++
	return true
}

func (s *scanner) digits() {
	from := s.off
	for s.off < len(s.b) && s.b[s.off] >= '0' && s.b[s.off] <= '9' {
		s.off++
	}
	s.bad = s.bad || s.off == from
}

// string passes over a string and returns it, quotes and all.
func (s *scanner) string() []byte {
	if s.want('"'); s.bad {
		return nil
	}
	from := s.off - 1
	escaped := false
	for i := s.off; ; i++ {
		n := bytes.IndexByte(s.b[i:], '"')
		if n < 0 {
			break
		}
		if k := bytes.IndexByte(s.b[i:i+n], '\\'); k >= 0 {
			escaped = true
			i += k + 1 // and the byte behind it
			continue
		}
		s.off = i + n + 1
		raw := s.b[from:s.off]
		if !printable(raw) {
			break
		}
		if escaped {
			_, ok := unescape(raw[1 : len(raw)-1])
			s.bad = s.bad || !ok
		}
		return raw
	}
	s.bad = true
	return nil
}

// printable tells whether b is UTF-8 without control characters.
func printable(b []byte) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		if (x|(x-' '*each))&high != 0 {
			break
		}
	}
	for ; i < len(b); i++ {
		switch {
		case b[i] < ' ':
			return false
		case b[i] >= utf8.RuneSelf:
			return utf8.Valid(b[i:]) && bytes.IndexFunc(b[i:], func(r rune) bool { return r < ' ' }) < 0
		}
	}
	return true
}

// unescape decodes what stands between a string's quotes. Half of a surrogate
// pair is no Unicode: it is refused.
func unescape(b []byte) ([]byte, bool) {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		n := bytes.IndexByte(b, '\\')
		if n < 0 {
			return append(out, b...), true
		}
		out, b = append(out, b[:n]...), b[n+1:]
		if len(b) == 0 {
			return nil, false
		}
		if at := bytes.IndexByte([]byte(`"\/bfnrt`), b[0]); at >= 0 {
			out, b = append(out, "\"\\/\b\f\n\r\t"[at]), b[1:]
			continue
		}
		r, ok := unit(b)
		if !ok {
			return nil, false
		}
		b = b[5:]
		if utf16.IsSurrogate(r) {
			low, ok := rune(0), len(b) > 0 && b[0] == '\\'
			if ok {
				low, ok = unit(b[1:])
			}
			if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
				return nil, false
			}
			b = b[6:]
		}
		out = utf8.AppendRune(out, r)
	}
	return out, true
}

// unit reads the u and four hexadecimal digits of an escape.
func unit(b []byte) (rune, bool) {
	if len(b) < 5 || b[0] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[1:5]), 16, 16)
	return rune(n), err == nil
}

// textBytes decodes a string that a scanner passed over.
func textBytes(raw []byte) ([]byte, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return nil, false
	}
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner, true
	}
	return unescape(inner)
}

// number is a number that a scanner passed over: an int64 when it is a whole
// one within 64 bits, so that 1, 1.0 and 1e0 are one number, else a float64.
func number(raw []byte) (any, bool) {
	if len(raw) == 0 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return nil, false
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return nil, false // out of range
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f), true
	}
	return f, true
}
