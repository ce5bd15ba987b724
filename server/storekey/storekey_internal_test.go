package storekey

import (
	"errors"
	"strings"
	"testing"
)

// cheap makes trying a passphrase quick.
var cheap = cost{passes: 1, memoryKiB: 8, threads: 1}

const passphrase = "东极的月亮很圆很圆很圆很圆"

func TestBare(t *testing.T) {
	k := New()
	text, err := Encode(k, "")
	if err != nil || len(text) != 65 || Wrapped(text) {
		t.Fatalf("%q, %v", text, err)
	}
	if got, err := Decode(text, ""); got != k || err != nil {
		t.Errorf("%v", err)
	}
}

func TestWrapped(t *testing.T) {
	k := New()
	text, err := Encode(k, passphrase)
	if err != nil || !Wrapped(text) || len(text) > MaxBytes {
		t.Fatalf("%q, %v", text, err)
	}
	if got, err := Decode(text, passphrase); got != k || err != nil {
		t.Errorf("%v", err)
	}
	for _, wrong := range []string{"", "东极的月亮很圆很圆很圆很方"} {
		if got, err := Decode(text, wrong); got != (Key{}) || !errors.Is(err, ErrPassphrase) {
			t.Errorf("with %q: %v", wrong, err)
		}
	}
	if again, _ := Encode(k, passphrase); again == text {
		t.Error("wrapped alike twice")
	}
	for _, bad := range []string{"短了", strings.Repeat("长", 600), strings.Repeat("a", 11) + "\xff"} {
		if _, err := Encode(k, bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestRefused(t *testing.T) {
	good := wrap(New(), passphrase, cheap, make([]byte, saltBytes))
	w := strings.Fields(good)
	with := func(i int, s string) string {
		out := append([]string(nil), w...)
		out[i] = s
		return strings.Join(out, " ")
	}
	for what, c := range map[string]struct {
		text string
		want error
	}{
		"empty":              {"", ErrDamaged},
		"short":              {"0011", ErrDamaged},
		"no digits":          {strings.Repeat("x", 64), ErrDamaged},
		"long":               {strings.Repeat("0", MaxBytes+1), ErrDamaged},
		"another method":     {with(0, "scrypt"), ErrNewer},
		"no cost":            {with(1, "0"), ErrDamaged},
		"a cost of hours":    {with(1, "4000000"), ErrDamaged},
		"all memory":         {with(2, "4294967295"), ErrDamaged},
		"no thread":          {with(3, "0"), ErrDamaged},
		"a cost altered":     {with(1, "2"), ErrPassphrase},
		"salt altered":       {with(4, strings.Repeat("1", 32)), ErrPassphrase},
		"salt cut":           {with(4, "00"), ErrDamaged},
		"box altered":        {with(5, strings.Repeat("1", 96)), ErrPassphrase},
		"box cut":            {with(5, w[5][:90]), ErrDamaged},
		"something behind":   {good + " more", ErrDamaged},
		"capital letters":    {with(5, strings.ToUpper(w[5])), ErrDamaged},
		"the box is missing": {strings.Join(w[:5], " "), ErrDamaged},
	} {
		if k, err := Decode(c.text, passphrase); !errors.Is(err, c.want) || k != (Key{}) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
}

// FuzzDecode: what is taken has the form that Encode writes; no text makes trying
// it take more than the bounds say. Costs above a cheap one are not tried.
func FuzzDecode(f *testing.F) {
	bare, _ := Encode(Key{1}, "")
	f.Add(bare)
	f.Add(wrap(Key{1}, passphrase, cheap, make([]byte, saltBytes)))
	f.Add("argon2id 1 8 1 00 00")
	f.Add("argon2id 4294967296 8 1  ")
	f.Fuzz(func(t *testing.T, text string) {
		words := strings.Fields(text)
		if len(text) <= MaxBytes && len(words) > 1 {
			c, _, _, err := parse(words)
			if err == nil && !c.check() {
				t.Fatalf("a cost of %+v was taken", c)
			}
			if err == nil && c != cheap {
				return
			}
		}
		k, err := Decode(text, passphrase)
		if err != nil {
			if k != (Key{}) {
				t.Fatalf("a key and %v", err)
			}
			return
		}
		if len(words) == 1 {
			if again, _ := Encode(k, ""); strings.TrimSpace(again) != words[0] {
				t.Fatalf("%q was read as %q", text, again)
			}
		}
	})
}
