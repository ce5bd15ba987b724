package authn

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"sync"
	"time"
)

// tokenBytes is the length of a session token.
const tokenBytes = 24

// Token is a session token: whoever has it is the caller. In a header or a
// cookie it stands as 32 characters of base64url.
type Token [tokenBytes]byte

// Text is the token as it travels.
func (t Token) Text() string { return base64.RawURLEncoding.EncodeToString(t[:]) }

// ParseToken reads a token's text; ok is false for anything else.
func ParseToken(s string) (t Token, ok bool) {
	if len(s) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return t, false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(t[:], []byte(s))
	return t, err == nil && n == tokenBytes
}

// tokenTable keeps sessions under the hashes of their tokens: a copy of the
// memory gives nobody a session, and a lookup tells nothing through its time.
// Each holder has at most perHolder of them; the longest unused gives way.
type tokenTable[H comparable] struct {
	perHolder  int
	idle, life time.Duration // ends after idle without use, and after life anyhow

	mu     sync.Mutex
	byHash map[[32]byte]*tokenEntry[H]
	of     map[H][]*tokenEntry[H]
}

type tokenEntry[H comparable] struct {
	hash         [32]byte
	holder       H
	remote       string
	opened, used time.Time
}

func newTokenTable[H comparable](perHolder int, idle, life time.Duration) *tokenTable[H] {
	return &tokenTable[H]{perHolder: perHolder, idle: idle, life: life,
		byHash: map[[32]byte]*tokenEntry[H]{}, of: map[H][]*tokenEntry[H]{}}
}

func (t *tokenTable[H]) add(tok Token, holder H, remote string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if list := t.of[holder]; len(list) >= t.perHolder {
		t.remove(slices.MinFunc(list, func(a, b *tokenEntry[H]) int { return a.used.Compare(b.used) }))
	}
	e := &tokenEntry[H]{hash: sha256.Sum256(tok[:]), holder: holder, remote: remote, opened: now, used: now}
	t.byHash[e.hash] = e
	t.of[holder] = append(t.of[holder], e)
}

func (t *tokenTable[H]) over(e *tokenEntry[H], now time.Time) bool {
	return now.Sub(e.used) >= t.idle || now.Sub(e.opened) >= t.life
}

func (t *tokenTable[H]) find(tok Token, now time.Time) (holder H, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.byHash[sha256.Sum256(tok[:])]
	if e == nil {
		return holder, false
	}
	if t.over(e, now) {
		t.remove(e)
		return holder, false
	}
	if t.idle < t.life {
		e.used = now
	}
	return e.holder, true
}

func (t *tokenTable[H]) end(tok Token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.byHash[sha256.Sum256(tok[:])]; e != nil {
		t.remove(e)
	}
}

func (t *tokenTable[H]) endAll(holder H) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.of[holder] {
		delete(t.byHash, e.hash)
	}
	delete(t.of, holder)
}

func (t *tokenTable[H]) nameOf(tok Token) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.byHash[sha256.Sum256(tok[:])]; e != nil {
		return e.name()
	}
	return ""
}

// endNamed ends the holder's session of that name, see name.
func (t *tokenTable[H]) endNamed(holder H, name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.of[holder] {
		if e.name() == name {
			t.remove(e)
			return true
		}
	}
	return false
}

func (t *tokenTable[H]) remove(e *tokenEntry[H]) {
	delete(t.byHash, e.hash)
	list := slices.DeleteFunc(t.of[e.holder], func(x *tokenEntry[H]) bool { return x == e })
	if len(list) == 0 {
		delete(t.of, e.holder)
		return
	}
	t.of[e.holder] = list
}

func (t *tokenTable[H]) list(holder H, now time.Time) []tokenEntry[H] {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []tokenEntry[H]
	for _, e := range t.of[holder] {
		if !t.over(e, now) {
			out = append(out, *e)
		}
	}
	slices.SortFunc(out, func(a, b tokenEntry[H]) int {
		return cmp.Or(a.opened.Compare(b.opened), cmp.Compare(a.name(), b.name()))
	})
	return out
}

func (t *tokenTable[H]) sweep(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.byHash {
		if t.over(e, now) {
			t.remove(e)
		}
	}
}

// name tells one session of a holder from another without giving it away.
func (e *tokenEntry[H]) name() string { return hex.EncodeToString(e.hash[:6]) }
