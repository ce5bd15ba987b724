package driver_test

import (
	"encoding/base64"
	"math/rand/v2"
	"slices"
	"testing"
)

func fromBase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func toBase64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func flip(b []byte, i int) []byte {
	out := slices.Clone(b)
	out[i] ^= 1 << (i % 8)
	return out
}

func letters(rng *rand.Rand, n int) string {
	out := make([]byte, n)
	for i := range out {
		out[i] = "abcdefghijklmnopqrstuvwxyz     "[rng.IntN(31)]
	}
	return string(out)
}
