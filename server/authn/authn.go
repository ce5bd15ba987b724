package authn

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
)

// Config is what an Authn works with. Store, Server and Now are required.
type Config struct {
	Store store.Store
	// Server is the hash of the server's signing key: the audience that a
	// session request must have been signed for.
	Server syncproto.Hash
	Now    func() time.Time
	// Random yields codes, tokens, ids and salts; nil is crypto/rand.
	Random io.Reader
	// Cost of a password; the zero value is DefaultCost. Passwords set under
	// another cost keep working and move to this one at the next log-in.
	Cost Cost
}

// Authn is safe for concurrent use.
type Authn struct {
	Config
	started int64 // Unix milliseconds; older session requests are asked again

	cache    accountCache
	devices  *tokenTable[syncproto.ReplicaID]
	browsers *tokenTable[syncproto.PersonID]
	nonces   nonceCache
	csrfKey  [32]byte

	codeRemote, codeAll   *limiter // wrong codes
	ownCodes              *limiter // codes that people made for themselves
	loginRemote, loginAll *limiter // wrong passwords
	loginPair             *delays  // wrong passwords by log-in name and remote
	loginKnown            *knownPairs
	failedLogins          atomic.Int64
	hashing               chan struct{}
	waiting               chan struct{}

	mu sync.Mutex // guards Random, which need not be safe by itself
}

// How much guessing is let through. A code has 80 bits and a password at
// least ten characters: these bounds keep the noise down and the cost small.
// Only failures count, so that a hundred devices behind one address can
// enrol in one minute.
const (
	codeRemoteBurst, codeRemoteEvery = 20, 5 * time.Second
	codeAllBurst, codeAllEvery       = 200, 100 * time.Millisecond

	loginRemoteBurst, loginRemoteEvery = 20, 10 * time.Second
	// Over all names: a wrong password costs some 30 ms of a processor, which
	// syncing wants too. Who logged in from an address before does not wait for it.
	loginAllBurst, loginAllEvery = 20, time.Second

	ownCodesBurst, ownCodesEvery = 3, 8 * time.Hour

	maxRemotes = 8192 // remembered by each limiter
)

// New returns an Authn over the accounts in the store.
func New(c Config) (*Authn, error) {
	if c.Store == nil || c.Now == nil || c.Server == (syncproto.Hash{}) {
		return nil, errors.New("authn: Store, Server and Now are needed")
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Cost == (Cost{}) {
		c.Cost = DefaultCost
	}
	if err := c.Cost.check(); err != nil {
		return nil, fmt.Errorf("authn: %w", err)
	}
	a := &Authn{
		Config:      c,
		started:     c.Now().UnixMilli(),
		devices:     newTokenTable[syncproto.ReplicaID](maxDeviceSessions, DeviceSessionLife, DeviceSessionLife),
		browsers:    newTokenTable[syncproto.PersonID](maxWebSessions, WebSessionIdle, webSessionLife),
		codeRemote:  newLimiter(codeRemoteBurst, codeRemoteEvery, maxRemotes),
		codeAll:     newLimiter(codeAllBurst, codeAllEvery, 1),
		ownCodes:    newLimiter(ownCodesBurst, ownCodesEvery, maxRemotes),
		loginRemote: newLimiter(loginRemoteBurst, loginRemoteEvery, maxRemotes),
		loginAll:    newLimiter(loginAllBurst, loginAllEvery, 1),
		loginPair:   newDelays(maxRemotes),
		loginKnown:  newKnownPairs(maxRemotes),
		hashing:     make(chan struct{}, maxHashing),
		waiting:     make(chan struct{}, maxHashing+maxHashingQueue),
	}
	return a, a.random(a.csrfKey[:])
}

func (a *Authn) random(b []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := io.ReadFull(a.Random, b); err != nil {
		return fmt.Errorf("authn: randomness: %w", err)
	}
	return nil
}

// codesKept is how long a used or expired code is remembered, so that a device
// whose answer was lost can ask once more and a late one hears the same words.
const codesKept = 30 * 24 * time.Hour

// Sweep forgets what has expired. Call it now and then, for instance hourly;
// nothing is wrong without it but the space.
func (a *Authn) Sweep(ctx context.Context) error {
	now := a.Now()
	a.devices.sweep(now)
	a.browsers.sweep(now)
	codes := func(v []byte) (int64, error) { c, err := decodeCode(v); return c.expires, err }
	if err := a.sweepOld(ctx, codePrefix, now.Add(-codesKept).UnixMilli(), codes); err != nil {
		return err
	}
	if err := a.sweepOld(ctx, passwordCodePrefix, now.UnixMilli(), codes); err != nil {
		return err
	}
	requests := func(v []byte) (int64, error) { q, err := decodeRequest(v); return q.expires, err }
	return a.sweepOld(ctx, requestPrefix, now.UnixMilli(), requests)
}

// sweepOld drops what expired before a time.
func (a *Authn) sweepOld(ctx context.Context, prefix store.Key, before int64, expires func([]byte) (int64, error)) error {
	for {
		more, err := a.sweepSome(ctx, prefix, before, expires)
		if err != nil || !more {
			return err
		}
	}
}

// sweepBatch is how many codes one store update drops.
const sweepBatch = 500

func (a *Authn) sweepSome(ctx context.Context, prefix store.Key, before int64, expires func([]byte) (int64, error)) (more bool, err error) {
	var old []store.Key
	err = a.Store.View(ctx, 0, func(r store.Reader) error {
		old = nil
		return r.Scan(prefix, store.PrefixEnd(prefix), false, func(k store.Key, v []byte) (bool, error) {
			if at, err := expires(v); err == nil && at < before {
				old = append(old, append(store.Key(nil), k...))
			}
			return len(old) < sweepBatch, nil
		})
	})
	if err != nil {
		return false, fmt.Errorf("authn: old codes: %w", err)
	}
	if len(old) == 0 {
		return false, nil
	}
	_, err = a.Store.Update(ctx, old, func(store.Reader) (store.Batch, error) {
		var b store.Batch
		for _, k := range old {
			b.Delete(k)
		}
		return b, nil
	})
	if err != nil {
		return false, fmt.Errorf("authn: drop old codes: %w", err)
	}
	return len(old) == sweepBatch, nil
}
