package seal

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// What is encrypted does not compress afterwards, and nearly every sealed value
// is the position at which a record was made: 40 bytes of names and floats for
// what are seven digits twice. Such a value is sealed in a short form of ten
// bytes (SPEC.md §6); every other as it is.

// formPosition begins the short form. No value begins with that byte.
const formPosition = 0xc7

// maxPlaces is how many decimal places a short form can have: a centimetre.
const maxPlaces = 7

var datums = [...]string{"WGS-84", "GCJ-02"}

// The bits of the second byte; the decimal places stand above them.
const (
	bitDatum    = 1
	bitAccuracy = 2
	shiftPlaces = 2
)

// compact returns what is encrypted for a value: the short form if the value
// is a position that comes back from it bit by bit, else the value itself.
func compact(v syncproto.Value) []byte {
	b := shorten(v)
	if back, ok := expand(b); !ok || !bytes.Equal(back, v) {
		return v
	}
	return b
}

func shorten(v syncproto.Value) []byte {
	plain, err := wire.DecodeValue(v)
	m, ok := plain.(map[string]any)
	if err != nil || !ok || len(m) < 3 || len(m) > 4 {
		return nil
	}
	numbers := []any{m["lat"], m["lng"]}
	flags := byte(0)
	if m["datum"] == datums[1] {
		flags = bitDatum
	}
	if accuracy, ok := m["accuracy"]; ok {
		flags |= bitAccuracy
		numbers = append(numbers, accuracy)
	}
	for places := 0; places <= maxPlaces; places++ {
		b := []byte{formPosition, flags | byte(places<<shiftPlaces)}
		for _, x := range numbers {
			n, ok := scaled(x, places)
			if !ok {
				b = nil
				break
			}
			b = binary.AppendVarint(b, n)
		}
		if b != nil {
			return b
		}
	}
	return nil
}

// scaled is x times 10^places if that is a whole number and x comes back from it.
func scaled(x any, places int) (int64, bool) {
	var f float64
	switch x := x.(type) {
	case int64:
		f = float64(x)
	case float64:
		f = x
	default:
		return 0, false
	}
	pow := math.Pow10(places)
	n := math.Round(f * pow)
	return int64(n), math.Abs(n) < 1<<40 && n/pow == f
}

// expand reads a short form; ok is false for what shorten would not have written.
func expand(b []byte) (v syncproto.Value, ok bool) {
	if len(b) < 2 || b[0] != formPosition || b[1]>>shiftPlaces > maxPlaces {
		return nil, false
	}
	places := int(b[1] >> shiftPlaces)
	m := map[string]any{"datum": datums[b[1]&bitDatum]}
	names := []string{"lat", "lng", "accuracy"}
	if b[1]&bitAccuracy == 0 {
		names = names[:2]
	}
	rest := b[2:]
	for _, name := range names {
		n, size := binary.Varint(rest)
		if size <= 0 {
			return nil, false
		}
		rest = rest[size:]
		if f := float64(n) / math.Pow10(places); f == math.Trunc(f) {
			m[name] = int64(f)
		} else {
			m[name] = f
		}
	}
	v, err := wire.EncodeValue(m)
	return v, err == nil && len(rest) == 0 && bytes.Equal(shorten(v), b)
}
