package authn

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
)

// Cost is what trying one password takes, by argon2id.
type Cost struct {
	Passes    uint32
	MemoryKiB uint32
	Threads   uint8
}

// DefaultCost is the second of the settings that OWASP's password storage
// page gives for argon2id: 19 MiB, so that two log-ins at once leave the
// server the memory that syncing needs.
var DefaultCost = Cost{Passes: 2, MemoryKiB: 19 << 10, Threads: 1}

const (
	maxCostMemoryKiB = 256 << 10
	maxCostPasses    = 32
	maxHashing       = 1  // log-ins worked on at a time: the other processors sync
	maxHashingQueue  = 32 // waiting for that

	// MinPassword is how many characters a password has at least.
	MinPassword = 10
	// MaxPassword is how many bytes it has at most.
	MaxPassword = 1024
	maxLogin    = 128
)

func (c Cost) check() error {
	switch {
	case c.Passes < 1 || c.Passes > maxCostPasses:
		return fmt.Errorf("cost of %d passes: want 1 to %d", c.Passes, maxCostPasses)
	case c.Threads < 1 || c.MemoryKiB < 8*uint32(c.Threads) || c.MemoryKiB > maxCostMemoryKiB:
		return fmt.Errorf("cost of %d KiB in %d threads: want at least 8 KiB a thread and at most %d", c.MemoryKiB, c.Threads, maxCostMemoryKiB)
	}
	return nil
}

// hash is slow on purpose. At most maxHashing run at a time; a queue that is
// full is answered at once.
func (a *Authn) hash(ctx context.Context, c Cost, salt [16]byte, plain string) (out [32]byte, err error) {
	select {
	case a.waiting <- struct{}{}:
		defer func() { <-a.waiting }()
	default:
		return out, errBusy
	}
	select {
	case a.hashing <- struct{}{}:
		defer func() { <-a.hashing }()
	case <-ctx.Done():
		return out, ctx.Err()
	}
	plain = norm.NFC.String(plain) // input methods differ in how they compose
	copy(out[:], argon2.IDKey([]byte(plain), salt[:], c.Passes, c.MemoryKiB, c.Threads, uint32(len(out))))
	return out, nil
}

func (a *Authn) hashNew(ctx context.Context, person syncproto.PersonID, plain string) (p password, err error) {
	p.person, p.cost = person, a.Cost
	if err = a.random(p.salt[:]); err == nil {
		p.hash, err = a.hash(ctx, p.cost, p.salt, plain)
	}
	return p, err
}

func loginName(s string) (string, error) {
	s = norm.NFKC.String(strings.TrimSpace(s))
	if s == "" || len(s) > maxLogin || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", syncproto.Errorf(syncproto.KindBadRequest, "登录名要有 1 到 %d 个字节，都是看得见的字", maxLogin).Coded("login-name")
	}
	return strings.ToLower(s), nil
}

func checkPassword(plain string) error {
	switch {
	case !utf8.ValidString(plain) || len(plain) > MaxPassword:
		return syncproto.Errorf(syncproto.KindBadRequest, "密码最多 %d 个字节", MaxPassword).Coded("password-long")
	case utf8.RuneCountInString(plain) < MinPassword:
		return syncproto.Errorf(syncproto.KindBadRequest, "密码至少要 %d 个字", MinPassword).Coded("password-short")
	}
	return nil
}

// SetPassword gives a person the log-in name and password for the pages. He
// has one log-in name: an earlier one stops working, and his sessions end. A
// name that another person has is refused.
func (a *Authn) SetPassword(ctx context.Context, person syncproto.PersonID, login, plain string) error {
	return a.setPassword(ctx, person, login, plain, nil)
}

// PasswordCodeFor says whose password a one-time code sets. remote is the
// caller's address, for slowing guesses; ErrCode.
func (a *Authn) PasswordCodeFor(ctx context.Context, remote, text string) (person syncproto.PersonID, err error) {
	text, err = normalCode(text)
	if err != nil {
		return person, err
	}
	now, remote := a.Now(), remoteKey(remote)
	if wait := max(a.codeRemote.wait(remote, now), a.codeAll.wait("", now)); wait > 0 {
		return person, &LaterError{wait}
	}
	err = a.Store.View(ctx, 0, func(r store.Reader) error {
		c, err := a.passwordCode(r, passwordCodeKey(text))
		person = c.person
		return err
	})
	if errors.Is(err, ErrCode) {
		a.codeRemote.spend(remote, now)
		a.codeAll.spend("", now)
	}
	return person, err
}

func (a *Authn) passwordCode(r store.Reader, k store.Key) (c code, err error) {
	v, err := r.Get(k)
	if err != nil {
		return c, err
	}
	if v == nil {
		return c, ErrCode
	}
	if c, err = decodeCode(v); err == nil && a.Now().UnixMilli() >= c.expires {
		err = ErrCode
	}
	return c, err
}

// RedeemPassword is SetPassword by a one-time code, whose person PasswordCodeFor
// told; the code is gone with it. ErrCode.
func (a *Authn) RedeemPassword(ctx context.Context, person syncproto.PersonID, text, login, plain string) error {
	text, err := normalCode(text)
	if err != nil {
		return err
	}
	return a.setPassword(ctx, person, login, plain, passwordCodeKey(text))
}

// setPassword spends a code with it, if one is named.
func (a *Authn) setPassword(ctx context.Context, person syncproto.PersonID, login, plain string, spends store.Key) error {
	login, err := loginName(login)
	if err != nil {
		return err
	}
	if err := checkPassword(plain); err != nil {
		return err
	}
	p, err := a.hashNew(ctx, person, plain)
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	byName, byPerson := passwordKey(login), loginKey(person)
	guards := []store.Key{byName, byPerson}
	if spends != nil {
		guards = append(guards, spends)
	}
	_, err = a.Store.Update(ctx, guards, func(r store.Reader) (b store.Batch, err error) {
		if spends != nil {
			c, err := a.passwordCode(r, spends)
			if err == nil && c.person != person {
				err = ErrCode
			}
			if err != nil {
				return b, err
			}
			b.Delete(spends)
		}
		had, err := loadPassword(r, byName)
		if err == nil && had.person != person {
			return b, syncproto.Errorf(syncproto.KindConflict, "登录名 %s 已经是另一个人的，请换一个", login).Coded("login-taken")
		}
		if err != nil && !errors.Is(err, errNoPassword) {
			return b, err
		}
		old, err := r.Get(byPerson)
		if err != nil {
			return b, err
		}
		if len(old) > 1 && string(old[1:]) != login {
			before := passwordKey(string(old[1:]))
			if !store.Holds(r, before) {
				return b, store.NeedGuards(before)
			}
			b.Delete(before)
		}
		b.Put(byName, encodePassword(&p))
		b.Put(byPerson, append([]byte{format}, login...))
		return b, nil
	})
	if err != nil {
		return fmt.Errorf("set password: %w", storeError(err))
	}
	a.browsers.endAll(person)
	return nil
}

var errNoPassword = errors.New("no password under this name")

func loadPassword(r store.Reader, k store.Key) (password, error) {
	v, err := r.Get(k)
	if err != nil {
		return password{}, err
	}
	if v == nil {
		return password{}, errNoPassword
	}
	return decodePassword(v)
}

// checkLogin says whose name and password these are. A name that does not
// exist costs the same time as one that does.
func (a *Authn) checkLogin(ctx context.Context, login, plain string) (syncproto.PersonID, error) {
	var p password
	k := passwordKey(login)
	err := a.Store.View(ctx, 0, func(r store.Reader) (err error) {
		p, err = loadPassword(r, k)
		return err
	})
	known := err == nil
	if errors.Is(err, errNoPassword) {
		p = password{cost: a.Cost}
	} else if err != nil {
		return syncproto.PersonID{}, err
	}
	got, err := a.hash(ctx, p.cost, p.salt, plain)
	if err != nil {
		return syncproto.PersonID{}, err
	}
	if subtle.ConstantTimeCompare(got[:], p.hash[:]) != 1 || !known {
		return syncproto.PersonID{}, ErrLogin
	}
	return p.person, a.renewCost(ctx, k, p, plain)
}

// renewCost moves a password that was just shown to be right to the present cost.
func (a *Authn) renewCost(ctx context.Context, k store.Key, was password, plain string) error {
	if was.cost == a.Cost {
		return nil
	}
	p, err := a.hashNew(ctx, was.person, plain)
	if err != nil {
		return err
	}
	_, err = a.Store.Update(ctx, []store.Key{k}, func(r store.Reader) (b store.Batch, err error) {
		now, err := loadPassword(r, k)
		if err == nil && now == was { // not changed meanwhile
			b.Put(k, encodePassword(&p))
		}
		if errors.Is(err, errNoPassword) {
			err = nil
		}
		return b, err
	})
	return storeError(err)
}
