package authn

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
)

// CodeLife is how long a one-time code can be used.
const CodeLife = 24 * time.Hour

const (
	// codeAlphabet has 32 letters, five bits each, and none that is read or
	// typed for another: no 0 and O, no 1 and I.
	codeAlphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	codeLetters  = 16 // 80 bits
	codeGroup    = 4
)

// ErrCodeShape is returned for what cannot be a code at all. It tells a
// guesser nothing and an honest person that a letter is missing.
var ErrCodeShape = syncproto.Errorf(syncproto.KindBadRequest, "登记码是 %d 个字母和数字，请对照再填一次", codeLetters)

// CreateCode makes a one-time code that enrols one device of a person. Whether
// the person exists, and whether the caller may admit him, was decided before.
func (a *Authn) CreateCode(ctx context.Context, person syncproto.PersonID) (text string, expires time.Time, err error) {
	return a.createCode(ctx, person, codeKey)
}

// CreatePasswordCode makes a one-time code by which a person sets his password
// for the pages: nobody else comes to know it.
func (a *Authn) CreatePasswordCode(ctx context.Context, person syncproto.PersonID) (text string, expires time.Time, err error) {
	return a.createCode(ctx, person, passwordCodeKey)
}

func (a *Authn) createCode(ctx context.Context, person syncproto.PersonID, keyOf func(string) store.Key) (text string, expires time.Time, err error) {
	if text, err = a.letters(codeLetters); err != nil {
		return "", time.Time{}, err
	}
	expires = a.Now().Add(CodeLife)
	key := keyOf(text)
	value := encodeCode(&code{person: person, expires: expires.UnixMilli()})
	_, err = a.Store.Update(ctx, []store.Key{key}, func(store.Reader) (b store.Batch, err error) {
		b.Put(key, value)
		return b, nil
	})
	if err != nil {
		return "", time.Time{}, fmt.Errorf("create code: %w", storeError(err))
	}
	return groupCode(text), expires, nil
}

// letters makes a random word of n letters of the alphabet.
func (a *Authn) letters(n int) (string, error) {
	raw := make([]byte, n)
	if err := a.random(raw); err != nil {
		return "", err
	}
	for i, b := range raw {
		raw[i] = codeAlphabet[b%32] // 256 is a multiple of 32: no letter is likelier
	}
	return string(raw), nil
}

func groupCode(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i += codeGroup {
		if i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(text[i : i+codeGroup])
	}
	return b.String()
}

// maxCodeInput bounds what is looked at: groups may be written apart anyhow.
const maxCodeInput = 128

// normalCode reads a code as a person typed it: in small letters, with blanks
// or dashes, or in the full-width forms of an input method.
func normalCode(s string) (string, error) {
	if len(s) > maxCodeInput {
		return "", ErrCodeShape
	}
	out := make([]byte, 0, codeLetters)
	for _, c := range s {
		if c >= '！' && c <= '～' {
			c -= '！' - '!'
		}
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		switch {
		case c == '-' || c == ' ' || c == '\u3000' || c == '—' || c == '–':
		case c < 0x80 && strings.IndexByte(codeAlphabet, byte(c)) >= 0 && len(out) < codeLetters:
			out = append(out, byte(c))
		default:
			return "", ErrCodeShape
		}
	}
	if len(out) != codeLetters {
		return "", ErrCodeShape
	}
	return string(out), nil
}
