package authn

import (
	"context"
	"crypto/ed25519"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
)

// maxDeviceBytes bounds the name of a device.
const maxDeviceBytes = 96

// ErrCode is the one answer to a code that is wrong, expired, or used by
// another device: which of them it was is nobody's business but the
// administrator's.
var ErrCode = syncproto.Errorf(syncproto.KindForbidden,
	"登记码不对、已被别的设备用过，或者已过期（%d 小时内有效）。请对照再填一次；还不行，请找管理员要新的", int(CodeLife.Hours()))

// LaterError is returned when there were too many failed attempts.
type LaterError struct{ After time.Duration }

func (e *LaterError) Error() string {
	return fmt.Sprintf("试的次数多了，请等 %d 秒再试", int((e.After+time.Second-1)/time.Second))
}

// Unwrap gives the error its kind.
func (e *LaterError) Unwrap() error {
	return &syncproto.Error{Kind: syncproto.KindLater, Text: e.Error()}
}

// Enrol trades a one-time code and a device's public key for an account. The
// code is bound to the first key it is used with: with that key it answers the
// same account again, for the first answer may have been lost on the way; with
// another it is worthless. remote is the caller's address, for slowing guesses.
func (a *Authn) Enrol(ctx context.Context, remote, text string, key ed25519.PublicKey, device string) (Account, error) {
	text, err := normalCode(text)
	if err != nil {
		return Account{}, err
	}
	if len(key) != ed25519.PublicKeySize {
		return Account{}, syncproto.Errorf(syncproto.KindBadRequest, "key of %d bytes: want the %d of an Ed25519 public key", len(key), ed25519.PublicKeySize)
	}
	if device, err = deviceName(device); err != nil {
		return Account{}, err
	}
	now, remote := a.Now(), remoteKey(remote)
	if wait := max(a.codeRemote.wait(remote, now), a.codeAll.wait("", now)); wait > 0 {
		return Account{}, &LaterError{wait}
	}
	c, err := a.enrol(ctx, now, codeKey(text), key, device)
	if errors.Is(err, ErrCode) {
		a.codeRemote.spend(remote, now)
		a.codeAll.spend("", now)
	}
	if err != nil {
		return Account{}, fmt.Errorf("enrol: %w", storeError(err))
	}
	return c, nil
}

func deviceName(s string) (string, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return "未命名的设备", nil
	case len(s) > maxDeviceBytes:
		return "", syncproto.Errorf(syncproto.KindBadRequest, "设备名太长：最多 %d 个字节", maxDeviceBytes)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", syncproto.Errorf(syncproto.KindBadRequest, "设备名里有不能显示的字符")
	}
	return s, nil
}

func (a *Authn) enrol(ctx context.Context, now time.Time, k store.Key, key ed25519.PublicKey, device string) (Account, error) {
	var out Account
	// Guesses end here, at the price of a read.
	err := a.Store.View(ctx, 0, func(r store.Reader) (err error) {
		_, out, err = readCode(r, k, key, now)
		return err
	})
	if err != nil || !out.Replica.IsZero() {
		return out, err
	}
	fresh := Account{Key: append(ed25519.PublicKey(nil), key...), Device: device, Enrolled: now.UnixMilli(), State: Active}
	if fresh.Replica, err = a.newReplica(); err != nil {
		return Account{}, err
	}
	_, err = a.Store.Update(ctx, []store.Key{k}, func(r store.Reader) (b store.Batch, err error) {
		c, known, err := readCode(r, k, key, now)
		if err != nil || !known.Replica.IsZero() {
			out = known // the same device was quicker on another connection
			return b, err
		}
		out = fresh
		out.Person = c.person
		c.key, c.replica = out.Key, out.Replica
		b.Put(k, encodeCode(&c))
		b.Put(deviceKey(out.Replica), encodeAccount(&out))
		b.Put(personKey(out.Person, out.Replica), []byte{format})
		return b, nil
	})
	return out, err
}

func (a *Authn) newReplica() (id syncproto.ReplicaID, err error) {
	err = a.random(id[:])
	id[6] = id[6]&0x0f | 0x40 // version 4
	id[8] = id[8]&0x3f | 0x80
	return id, err
}

// readCode reads a code that key may use: unused and young, or used by this
// very key, when the account that came of it is returned too.
func readCode(r store.Reader, k store.Key, key ed25519.PublicKey, now time.Time) (c code, known Account, err error) {
	v, err := r.Get(k)
	if err != nil {
		return c, known, err
	}
	if v == nil {
		return c, known, ErrCode
	}
	if c, err = decodeCode(v); err != nil {
		return c, known, err
	}
	switch {
	case c.used() && subtle.ConstantTimeCompare(c.key, key) == 1:
		known, err = loadAccount(r, c.replica)
		if err == nil && known.State != Active {
			return c, Account{}, ErrCode
		}
		return c, known, err
	case c.used() || now.UnixMilli() >= c.expires:
		return c, known, ErrCode
	}
	return c, known, nil
}

// storeError gives the store's passing troubles their kinds.
func storeError(err error) error {
	switch {
	case errors.Is(err, store.ErrFull):
		return syncproto.Errorf(syncproto.KindFull, "服务器磁盘已满，没有记下；请稍后再试")
	case errors.Is(err, store.ErrMaybe), errors.Is(err, store.ErrBroken), errors.Is(err, store.ErrClosed):
		return syncproto.Errorf(syncproto.KindLater, "没有确认记下，请再试一次")
	}
	return err
}
