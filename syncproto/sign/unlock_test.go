package sign_test

import (
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
)

// A code opens the device and the number it was made for, as typed anyhow, and
// nothing else; no letter of it can be another.
func TestUnlockCode(t *testing.T) {
	secret, replica := [32]byte{1}, syncproto.ReplicaID{2}
	number := sign.UnlockNumber([6]byte{0, 33, 70, 255, 4, 5})
	if again, err := sign.ReadUnlockNumber(" " + strings.ToLower(number[:3]) + "-" + number[3:]); err != nil || again != number {
		t.Fatalf("%q reads as %q, %v", number, again, err)
	}
	for _, days := range []int{1, 7, sign.MaxUnlockDays} {
		code := sign.UnlockCode(secret, replica, number, days)
		for _, typed := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), strings.ReplaceAll(code, "-", " ")} {
			if got, ok := sign.OpenUnlockCode(secret, replica, number, typed); !ok || got != days {
				t.Errorf("%q for %d days: %d, %v", typed, days, got, ok)
			}
		}
		for i := range code {
			other := []byte(code)
			if other[i]++; other[i] == '.' { // after the dash
				continue
			}
			if got, ok := sign.OpenUnlockCode(secret, replica, number, string(other)); ok {
				t.Errorf("%q opens as %q does, for %d days", other, code, got)
			}
		}
		for name, open := range map[string]func() (int, bool){
			"another device": func() (int, bool) { return sign.OpenUnlockCode(secret, syncproto.ReplicaID{3}, number, code) },
			"another secret": func() (int, bool) { return sign.OpenUnlockCode([32]byte{9}, replica, number, code) },
			"another number": func() (int, bool) { return sign.OpenUnlockCode(secret, replica, "222222", code) },
			"nothing":        func() (int, bool) { return sign.OpenUnlockCode(secret, replica, number, "") },
			"very long":      func() (int, bool) { return sign.OpenUnlockCode(secret, replica, number, strings.Repeat(code, 9)) },
		} {
			if _, ok := open(); ok {
				t.Errorf("%s: opens", name)
			}
		}
	}
	for _, typed := range []string{"", "ABC", "ABCDEFG", "ABCDE1", strings.Repeat("A", 99)} {
		if got, err := sign.ReadUnlockNumber(typed); err == nil {
			t.Errorf("%q reads as %q", typed, got)
		}
	}
}
