package wire

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto"
)

// tagSealed marks a sealed value ("ct" in ASCII, from CBOR's first-come range).
const tagSealed = 0x6374

// EncodeValue makes a Value from plain Go: nil, bool, string, int, int64,
// uint64, float64, []byte, syncproto.Sealed, []any, []string, map[string]any.
// It refuses other types, invalid UTF-8 and what exceeds the limits of a value.
func EncodeValue(v any) (syncproto.Value, error) {
	b, err := appendAny(nil, v, 0)
	if err != nil {
		return nil, err
	}
	if len(b) > syncproto.MaxValueBytes {
		return nil, fmt.Errorf("value of %d bytes over the limit %d", len(b), syncproto.MaxValueBytes)
	}
	return b, nil
}

// Must returns v or panics: for values made of constants, and tests.
func Must(v syncproto.Value, err error) syncproto.Value {
	if err != nil {
		panic(err)
	}
	return v
}

func appendAny(b []byte, v any, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("value nested deeper than %d", MaxDepth)
	}
	switch v := v.(type) {
	case nil:
		return AppendNil(b), nil
	case bool:
		return AppendBool(b, v), nil
	case string:
		if !utf8.ValidString(v) {
			return nil, fmt.Errorf("text is not UTF-8")
		}
		return AppendText(b, v), nil
	case int:
		return AppendInt(b, int64(v)), nil
	case int64:
		return AppendInt(b, v), nil
	case uint64:
		return AppendUint(b, v), nil
	case float64:
		return AppendFloat(b, v), nil
	case []byte:
		return AppendBytes(b, v), nil
	case syncproto.Sealed:
		return appendSealed(b, v), nil
	case []string:
		b = AppendArray(b, len(v))
		for _, s := range v {
			var err error
			if b, err = appendAny(b, s, depth+1); err != nil {
				return nil, err
			}
		}
		return b, nil
	case []any:
		b = AppendArray(b, len(v))
		for _, item := range v {
			var err error
			if b, err = appendAny(b, item, depth+1); err != nil {
				return nil, err
			}
		}
		return b, nil
	case map[string]any:
		return appendStringMap(b, v, depth)
	}
	return nil, fmt.Errorf("value of Go type %T has no encoding", v)
}

func appendStringMap(b []byte, m map[string]any, depth int) ([]byte, error) {
	b = AppendMap(b, len(m))
	for _, k := range sortedKeys(m) {
		var err error
		if b, err = appendAny(b, k, depth+1); err != nil {
			return nil, err
		}
		if b, err = appendAny(b, m[k], depth+1); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// sortedKeys orders text keys as their encodings sort: shorter first, then by bytes.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}

func compareKeys(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func appendSealed(b []byte, s syncproto.Sealed) []byte {
	b = AppendArray(AppendTag(b, tagSealed), 4)
	b = AppendUint(b, uint64(s.Suite))
	b = AppendBytes(b, s.Key[:])
	b = AppendBytes(b, s.Nonce[:])
	return AppendBytes(b, s.Ciphertext)
}

// DecodeValue reads a Value back: nil, bool, string, int64, float64, []byte,
// syncproto.Sealed, []any, map[string]any. It refuses anything else.
func DecodeValue(v syncproto.Value) (any, error) {
	r := NewReader(v)
	out := readAny(r, 0)
	if err := r.Done(); err != nil {
		return nil, err
	}
	return out, nil
}

func readAny(r *Reader, depth int) any {
	if depth > MaxDepth {
		r.Failf("nested deeper than %d", MaxDepth)
	}
	if r.err != nil || r.off >= len(r.b) {
		r.Failf("input ends early")
		return nil
	}
	switch r.b[r.off] & 0xe0 {
	case majorUint, majorNeg:
		return r.Int()
	case majorBytes:
		return slices.Clone(r.Bytes(len(r.b)))
	case majorText:
		return r.Text(len(r.b))
	case majorArray:
		return readItems(r, depth)
	case majorMap:
		return readMap(r, depth)
	case majorTag:
		return readSealed(r)
	}
	return readOther(r)
}

func readItems(r *Reader, depth int) any {
	n := r.Array(len(r.b))
	out := make([]any, 0, min(n, 64))
	for ; n > 0 && r.err == nil; n-- {
		out = append(out, readAny(r, depth+1))
	}
	return out
}

func readMap(r *Reader, depth int) any {
	n := r.Map(len(r.b))
	out := make(map[string]any, min(n, 64))
	last := ""
	for i := 0; i < n && r.err == nil; i++ {
		k := r.Text(len(r.b))
		if i > 0 && compareKeys(k, last) <= 0 {
			r.Failf("map keys out of order or repeated")
		}
		last = k
		out[k] = readAny(r, depth+1)
	}
	return out
}

func readSealed(r *Reader) any {
	if tag := r.expect(majorTag, "a tag"); tag != tagSealed {
		r.Failf("unknown tag %d", tag)
		return nil
	}
	if r.Array(4) != 4 {
		r.Failf("a sealed value has 4 members")
	}
	var s syncproto.Sealed
	s.Suite = syncproto.Suite(r.UintMax(math.MaxUint8))
	r.Fixed(s.Key[:])
	r.Fixed(s.Nonce[:])
	s.Ciphertext = slices.Clone(r.Bytes(syncproto.MaxValueBytes))
	return s
}

func readOther(r *Reader) any {
	at := r.off
	_, n := r.head()
	if r.err != nil {
		return nil
	}
	c := r.b[at]
	r.checkOther(at, n)
	switch c {
	case headFalse:
		return false
	case headTrue:
		return true
	case headF16:
		return float16value(uint16(n))
	case headF32:
		return float64(math.Float32frombits(uint32(n)))
	case headF64:
		return math.Float64frombits(n)
	}
	return nil
}

// TextOf reads a value that is text; ok is false for any other.
func TextOf(v syncproto.Value) (s string, ok bool) {
	if len(v) == 0 || v[0]&0xe0 != majorText {
		return "", false
	}
	r := Reader{b: v}
	s = r.Text(len(v))
	return s, r.Done() == nil
}

// CheckValue reports why v is not one canonical value within the limits, nil if it is.
func CheckValue(v syncproto.Value) error {
	r := NewReader(v)
	r.Raw(syncproto.MaxValueBytes)
	return r.Done()
}

// IsSealed reports whether v is a sealed value.
func IsSealed(v syncproto.Value) bool {
	return len(v) > 3 && v[0] == majorTag|25 && v[1] == tagSealed>>8 && v[2] == tagSealed&0xff
}
