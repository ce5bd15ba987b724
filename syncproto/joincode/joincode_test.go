package joincode_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/joincode"
)

// vectors are final: a code written on paper must open the same record for ever.
var vectors = []struct{ code, id string }{
	{"2222-2222-2222", "029cdf66-a5c0-72f5-9c5a-004c7f1ba8f8"},
	{"ZZZZ-ZZZZ-ZZZZ", "020feb4b-d320-7c3d-9a06-8d1323164499"},
	{"7K3M-QX2P-9BHA", "023adbc8-5ce0-7614-b18c-99168ce099da"},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		id, err := joincode.Parse(v.code)
		if err != nil {
			t.Fatalf("%s: %v", v.code, err)
		}
		if id.String() != v.id {
			t.Errorf("%s is %s, want %s", v.code, id, v.id)
		}
		back, err := joincode.Code(id)
		if err != nil || back != v.code {
			t.Errorf("%s came back as %s, %v", v.code, back, err)
		}
		if _, err := syncproto.ParseRecordID(id.String()); err != nil {
			t.Errorf("%s: %v", v.code, err)
		}
	}
}

func TestNewAndBack(t *testing.T) {
	const seed = 3
	r := rand.NewChaCha8([32]byte{seed})
	for range 2000 {
		now := time.Date(2026, 5, 21, 18, 30, 12, 0, time.UTC).Add(time.Duration(r.Uint64() % uint64(50*365*24*time.Hour)))
		id, err := joincode.New(now, r)
		if err != nil {
			t.Fatal(err)
		}
		if got := time.UnixMilli(id.Millis()).UTC(); !got.Equal(now.Truncate(time.Minute)) {
			t.Fatalf("seed %d: id of %s says %s", seed, now, got)
		}
		code, err := joincode.Code(id)
		if err != nil {
			t.Fatal(err)
		}
		for _, typed := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), " " + strings.ReplaceAll(code, "-", " ") + "\n"} {
			if back, err := joincode.Parse(typed); err != nil || back != id {
				t.Fatalf("seed %d: %q gives %s, %v: want %s", seed, typed, back, err, id)
			}
		}
	}
}

func TestClockOutOfRange(t *testing.T) {
	for _, now := range []time.Time{time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)} {
		id, err := joincode.New(now, rand.NewChaCha8([32]byte{1}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := joincode.Code(id); err != nil {
			t.Errorf("clock at %s: %v", now, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	for code, want := range map[string]string{
		"":                      "has 0",
		"7K3M-QX2P-9BH":         "has 11",
		"7K3M-QX2P-9BHAA":       "has 13",
		"7K3M-QX2P-9BH0":        "character 12 is '0'",
		"7K3M-OX2P-9BHA":        "character 5 is 'O'",
		"7K3M-QX2P-9BH#":        "character 12 is '#'",
		"7K3-MQX2P-9BHA":        "character 4 is '-'",
		"-7K3M-QX2P-9BHA":       "character 1 is '-'",
		"7K3M-QX2P-9BHA-":       "character 13 is '-'",
		"7K3M-QX2P-9BH船":        "character 12 is '船'",
		strings.Repeat("A", 80): "much longer",
	} {
		if id, err := joincode.Parse(code); err == nil || !strings.Contains(err.Error(), want) || !id.IsZero() {
			t.Errorf("%q: %s, %v: want an error with %q", code, id, err, want)
		}
	}
}

func TestOnlyJoinableIDsHaveACode(t *testing.T) {
	r := rand.NewChaCha8([32]byte{9})
	id, _ := joincode.New(time.Date(2026, 5, 21, 0, 0, 0, 0, time.UTC), r)
	for i := range id {
		for bit := range 8 {
			other := id
			other[i] ^= 1 << bit
			if code, err := joincode.Code(other); err == nil {
				if back, _ := joincode.Parse(code); back != other {
					t.Fatalf("the code of %s opens %s", other, back)
				}
			} else if !errors.Is(err, joincode.ErrNotJoinable) {
				t.Fatal(err)
			}
		}
	}
	if _, err := joincode.Code(syncproto.NewRecordID(time.Date(2026, 5, 21, 0, 0, 0, 0, time.UTC))); !errors.Is(err, joincode.ErrNotJoinable) {
		t.Errorf("an ordinary id: %v", err)
	}
}

// TestTypingErrors counts what Near finds of single wrong characters and of
// neighbours exchanged: all but a few in a hundred thousand.
func TestTypingErrors(t *testing.T) {
	const seed = 4
	now := time.Date(2026, 5, 21, 18, 30, 0, 0, time.UTC)
	r := rand.NewChaCha8([32]byte{seed})
	tried, passed := 0, 0
	try := func(wrong string) {
		id, err := joincode.Parse(wrong)
		if err != nil {
			t.Fatal(err)
		}
		tried++
		if joincode.Near(id, now, 12*time.Hour) {
			passed++
		}
	}
	for range 40 {
		id, _ := joincode.New(now, r)
		grouped, _ := joincode.Code(id)
		code := strings.ReplaceAll(grouped, "-", "")
		for i, c := range code {
			for _, d := range "23456789ABCDEFGHJKLMNPQRSTUVWXYZ" {
				if c != d {
					try(code[:i] + string(d) + code[i+1:])
				}
			}
			if i > 0 && code[i-1] != code[i] {
				try(code[:i-1] + code[i:i+1] + code[i-1:i] + code[i+1:])
			}
		}
	}
	if tried < 15_000 || passed*10_000 > tried {
		t.Errorf("seed %d: %d of %d mistyped codes went unnoticed", seed, passed, tried)
	}
	id, _ := joincode.New(now, r)
	if !joincode.Near(id, now.Add(-7*time.Hour), 8*time.Hour) || joincode.Near(id, now.Add(9*time.Hour), 8*time.Hour) {
		t.Error("Near does not keep its bound")
	}
}

func TestNoRandomness(t *testing.T) {
	if id, err := joincode.New(time.UnixMilli(0), bytes.NewReader(nil)); err == nil || !id.IsZero() {
		t.Errorf("without randomness: %s, %v", id, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.code)
	}
	f.Add("7k3m qx2p 9bha")
	f.Add("0O1I")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := joincode.Parse(s)
		if err != nil {
			if !id.IsZero() {
				t.Fatal("refused and half read")
			}
			return
		}
		code, err := joincode.Code(id)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := joincode.Parse(code); err != nil || back != id {
			t.Fatalf("%q is %s, written %s, read back %s, %v", s, id, code, back, err)
		}
	})
}
