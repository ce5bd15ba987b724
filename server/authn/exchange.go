package authn

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
)

const (
	// DeviceSessionLife is how long a device's token is good.
	DeviceSessionLife = 15 * time.Minute
	// maxDeviceSessions is how many tokens one replica has at a time.
	maxDeviceSessions = 4
	// maxClockError is how far a device's idea of the server's clock may be
	// off. Nothing else depends on it: the device learns and asks again.
	maxClockError = 5 * time.Minute
)

var (
	// ErrProof is returned when a session request is not signed by the
	// enrolled key for this server. An unknown replica gets the same answer.
	ErrProof = syncproto.Errorf(syncproto.KindUnauthorized, "这台设备没有在这里登记过，或者签名不对")
	// ErrNoSession is returned for a token that is unknown or expired.
	ErrNoSession = syncproto.Errorf(syncproto.KindUnauthorized, "没有登录，或者登录已过期")
	// errBusy is returned when a device asks for sessions in a circle.
	errBusy = &LaterError{time.Minute}
)

// ClockError is returned when a session request was well signed but for the
// wrong moment, or a second time. The device sets its offset by Wall and asks
// again with another nonce.
type ClockError struct{ Wall int64 } // the server's clock, Unix milliseconds

func (e *ClockError) Error() string {
	return "session request was made for another moment, or used before"
}

// Unwrap gives the error its kind.
func (e *ClockError) Unwrap() error {
	return &syncproto.Error{Kind: syncproto.KindUnauthorized, Text: e.Error()}
}

// OpenSession checks a signed exchange and opens a session of the device. The
// request's Audience is not taken from the wire: it is this server's.
func (a *Authn) OpenSession(ctx context.Context, q sign.SessionRequest, sig syncproto.Signature) (Token, error) {
	q.Audience = a.Server
	acc, err := a.Account(ctx, q.Replica)
	if errors.Is(err, ErrUnknownDevice) {
		return Token{}, ErrProof
	}
	if err != nil {
		return Token{}, fmt.Errorf("open session: %w", err)
	}
	if sign.VerifySession(acc.Key, &q, sig) != nil {
		return Token{}, ErrProof
	}
	// A stopped device gets one too: what it has not sent yet must not be lost.
	// Its session opens nothing but the way in, see Session.
	now := a.Now()
	if err := a.checkMoment(&q, now); err != nil {
		return Token{}, err
	}
	var tok Token
	if err := a.random(tok[:]); err != nil {
		return Token{}, err
	}
	a.devices.add(tok, acc.Replica, "", now)
	return tok, nil
}

// checkMoment refuses what could be a copy of an earlier request. A request
// made before this process began may have been answered by the one before,
// whose nonces are gone.
func (a *Authn) checkMoment(q *sign.SessionRequest, now time.Time) error {
	wall := now.UnixMilli()
	off := q.Wall - wall
	limit := maxClockError.Milliseconds()
	if off > limit || off < -limit || q.Wall < a.started {
		return &ClockError{wall}
	}
	fresh, room := a.nonces.add(q.Replica, q.Nonce, now)
	switch {
	case !fresh:
		return &ClockError{wall}
	case !room:
		return errBusy
	}
	return nil
}

// Session finds the account behind a device's token; ErrNoSession when there
// is none. With ErrStopped the account is returned too: such a device may still
// hand in what it has, which is held, and nothing else.
func (a *Authn) Session(ctx context.Context, tok Token) (Account, error) {
	id, ok := a.devices.find(tok, a.Now())
	if !ok {
		return Account{}, ErrNoSession
	}
	acc, err := a.Account(ctx, id)
	if err != nil {
		return Account{}, fmt.Errorf("session: %w", err)
	}
	if acc.State != Active {
		return acc, ErrStopped
	}
	return acc, nil
}

// EndSession ends a device's session; an unknown token is no error.
func (a *Authn) EndSession(tok Token) { a.devices.end(tok) }

// nonceCache remembers the nonces of accepted requests for as long as their
// moment could still be accepted: two generations, each as long as the window
// is wide. Only well signed requests get here, so only enrolled devices can
// fill it, each up to its own bound.
type nonceCache struct {
	mu        sync.Mutex
	since     time.Time
	now, last generation
}

type generation struct {
	seen map[nonceOf]struct{}
	of   map[syncproto.ReplicaID]int
}

type nonceOf struct {
	replica syncproto.ReplicaID
	nonce   [16]byte
}

const (
	nonceWindow     = 2 * maxClockError
	maxNoncesOfOne  = 512
	maxNoncesOfAll  = 1 << 17
	initialNonceMap = 16
)

func newGeneration() generation {
	return generation{make(map[nonceOf]struct{}, initialNonceMap), make(map[syncproto.ReplicaID]int, initialNonceMap)}
}

// add takes a nonce in. fresh is false when it was used before; room is false
// when the replica, or all together, used too many of late.
func (c *nonceCache) add(r syncproto.ReplicaID, nonce [16]byte, now time.Time) (fresh, room bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// A clock set back leaves the generation as it is: nonces stay longer.
	switch age := now.Sub(c.since); {
	case c.now.seen == nil || age >= 2*nonceWindow:
		c.last, c.now, c.since = newGeneration(), newGeneration(), now
	case age >= nonceWindow:
		c.last, c.now, c.since = c.now, newGeneration(), now
	}
	key := nonceOf{r, nonce}
	if _, ok := c.now.seen[key]; ok {
		return false, true
	}
	if _, ok := c.last.seen[key]; ok {
		return false, true
	}
	if c.now.of[r] >= maxNoncesOfOne || len(c.now.seen) >= maxNoncesOfAll {
		return true, false
	}
	c.now.seen[key] = struct{}{}
	c.now.of[r]++
	return true, true
}
