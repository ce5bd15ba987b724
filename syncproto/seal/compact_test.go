package seal_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// sealedSize seals a value, opens it again and returns how long it was sealed.
func sealedSize(t *testing.T, v syncproto.Value) int {
	t.Helper()
	random := rand.NewChaCha8([32]byte{5})
	k, err := seal.NewKey(syncproto.RecordID{1}, random)
	if err != nil {
		t.Fatal(err)
	}
	at := seal.Place{Record: syncproto.RecordID{2}, Field: "geo", Dot: syncproto.Dot{Seq: 3}}
	sealed, err := k.Seal(v, at, random)
	if err != nil {
		t.Fatal(err)
	}
	x, err := wire.DecodeValue(sealed)
	if err != nil {
		t.Fatal(err)
	}
	back, err := k.Open(x.(syncproto.Sealed), at)
	if err != nil {
		t.Fatalf("%x: %v", v, err)
	}
	if !bytes.Equal(back, v) {
		t.Fatalf("%x came back as %x", v, back)
	}
	return len(x.(syncproto.Sealed).Ciphertext) - 16
}

// A position is sealed short, and every value comes back as it was.
func TestPositions(t *testing.T) {
	for _, c := range []struct {
		v    any
		size int // -1: as it is
	}{
		{map[string]any{"lat": 26.38727, "lng": 120.82616, "datum": "WGS-84"}, 10},
		{map[string]any{"lat": -26.3872701, "lng": 120.8261602, "datum": "GCJ-02", "accuracy": int64(10)}, 16},
		{map[string]any{"lat": int64(30), "lng": 122.5, "datum": "WGS-84"}, 6},
		{map[string]any{"lat": math.Nextafter(0.3, 1), "lng": 122.5, "datum": "WGS-84"}, -1},
		{map[string]any{"lat": 30.0, "lng": 122.5, "datum": "WGS-84"}, -1},
		{map[string]any{"lat": math.Inf(1), "lng": 1.5, "datum": "WGS-84"}, -1},
		{map[string]any{"lat": math.Copysign(0, -1), "lng": 1.5, "datum": "WGS-84"}, -1},
		{map[string]any{"lat": 1e300, "lng": 1.5, "datum": "WGS-84"}, -1},
		{map[string]any{"lat": 30.5, "lng": 122.5, "datum": "BD-09"}, -1},
		{map[string]any{"lat": 30.5, "lng": 122.5}, -1},
		{map[string]any{"lat": 30.5, "lng": 122.5, "datum": "WGS-84", "x": 1}, -1},
		{map[string]any{"lat": 30.5, "lng": 122.5, "datum": "WGS-84", "accuracy": "10"}, -1},
		{"13800000000", -1},
		{nil, -1},
		{[]byte{0xc7, 0, 0, 0}, -1},
	} {
		v := wire.Must(wire.EncodeValue(c.v))
		want := c.size
		if want < 0 {
			want = len(v)
		}
		if got := sealedSize(t, v); got != want {
			t.Errorf("%v takes %d bytes, want %d", c.v, got, want)
		}
	}
}

// Random positions come back as they were.
func TestRandomPositions(t *testing.T) {
	const seed = 20260528
	r := rand.New(rand.NewPCG(seed, seed))
	for i := range 3000 {
		places := math.Pow10(r.IntN(9))
		lat, lng := math.Round((r.Float64()*180-90)*places)/places, math.Round((r.Float64()*360-180)*places)/places
		v, err := wire.EncodeValue(map[string]any{"lat": lat, "lng": lng, "datum": "WGS-84"})
		if err != nil {
			t.Fatal(err)
		}
		if n := sealedSize(t, v); n > len(v) {
			t.Fatalf("seed %d, position %d: %d bytes of %d", seed, i, n, len(v))
		}
	}
}

// What begins like a short form and is none does not open.
func TestNotPosition(t *testing.T) {
	random := rand.NewChaCha8([32]byte{5})
	k, err := seal.NewKey(syncproto.RecordID{1}, random)
	if err != nil {
		t.Fatal(err)
	}
	for _, plain := range [][]byte{{0xc7}, {0xc7, 0}, {0xc7, 0, 2}, {0xc7, 0, 2, 2, 2}, {0xc7, 4, 20, 20}, {0xc7, 8 << 2, 2, 2}, {0xc7, 0, 0x82, 0, 2}} {
		at := seal.Place{Field: "geo"}
		// Seal takes what is no value as it is.
		sealed, err := k.Seal(plain, at, random)
		if err != nil {
			t.Fatal(err)
		}
		x, err := wire.DecodeValue(sealed)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := k.Open(x.(syncproto.Sealed), at); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("%x opened as %x, %v", plain, v, err)
		}
	}
}
