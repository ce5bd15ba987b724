package strict_test

import (
	"encoding/binary"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/chuantou/chuantou/syncproto/text/strict"
)

// Numbers, signed numbers and texts are read exactly if they are what a writer
// writes.
func FuzzReader(f *testing.F) {
	for _, b := range []string{"", "\x00", "\x7f", "\x80\x01", "\x80\x00", "\xff\xff\xff\xff\x0f", "船a\xff", "\xed\xa0\x80", "\xf0\xa0\xae\xb7"} {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := strict.NewReader(b)
		v := r.Number()
		if err := r.Done(); (err == nil) != (string(binary.AppendUvarint(nil, v)) == string(b)) || err != nil && !errors.Is(err, strict.ErrInvalid) {
			t.Fatalf("%x is the number %d: %v", b, v, err)
		}
		r = strict.NewReader(b)
		s := r.Signed()
		if err := r.Done(); (err == nil) != (string(strict.AppendSigned(nil, s)) == string(b)) {
			t.Fatalf("%x is the signed number %d: %v", b, s, err)
		}
		r = strict.NewReader(b)
		n := r.Runes(r.Bytes(len(b)))
		if err := r.Done(); (err == nil) != utf8.Valid(b) || err == nil && n != utf8.RuneCount(b) {
			t.Fatalf("%x has %d code points: %v", b, n, err)
		}
	})
}
