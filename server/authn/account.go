package authn

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"sync"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
)

// State says whether an account is good for anything. The numbers are stored.
type State uint8

// The states of an account.
const (
	Active    State = 1
	Suspended State = 2 // may come back: lost phone, leave of absence
	Revoked   State = 3 // for ever
	Retiring  State = 4 // to be handed back: what it has is taken as ever, it gets nothing any more
	Retired   State = 5 // for ever: it was handed back
)

func (s State) String() string {
	switch s {
	case Active:
		return "active"
	case Suspended:
		return "suspended"
	case Revoked:
		return "revoked"
	case Retiring:
		return "retiring"
	case Retired:
		return "retired"
	}
	return fmt.Sprintf("state-%d", uint8(s))
}

// Account is one enrolled replica: one person's store on one device.
type Account struct {
	Replica  syncproto.ReplicaID
	Person   syncproto.PersonID
	Key      ed25519.PublicKey // verifies its bundles and session requests; not to be modified
	Device   string            // its name in words: 乐例红的手机
	Enrolled int64             // Unix milliseconds
	State    State
	// Wipe is set on a revoked device that is told to destroy what it holds;
	// Wiped is when it said that it has, Unix milliseconds, 0 for not yet.
	Wipe  bool
	Wiped int64
	// Lease is how many days others' records stay open on it without contact;
	// 0: as its owner's roles say.
	Lease int
}

// Order is what the device is told to do with itself.
func (c *Account) Order() syncproto.Order {
	switch {
	case c.Wiped != 0:
	case c.State == Revoked && c.Wipe:
		return syncproto.OrderWipe
	case c.State == Retiring:
		return syncproto.OrderRetire
	}
	return syncproto.OrderNone
}

// Stopped reports whether what the device brings is held.
func (c *Account) Stopped() bool { return c.State != Active && c.State != Retiring }

// MaxLease bounds Account.Lease, in days.
const MaxLease = 366

var (
	// ErrUnknownDevice is returned for a replica that was never enrolled here.
	ErrUnknownDevice = syncproto.Errorf(syncproto.KindUnauthorized, "这台设备没有在这里登记过，请用登记码登记").Coded("unknown-device")
	// ErrStopped is returned to a device, once it has proved who it is, when
	// its account is suspended or revoked.
	ErrStopped = syncproto.Errorf(syncproto.KindRevoked, "这台设备已停用，请找管理员").Coded("device-stopped")
	// ErrFinal is returned when a revoked account is to change its state.
	ErrFinal = syncproto.Errorf(syncproto.KindConflict, "a device that was revoked or handed back stays so; enrol it again with a new code")
	// ErrNoOrder is returned when a device says it destroyed what it held
	// without having been told to.
	ErrNoOrder = syncproto.Errorf(syncproto.KindConflict, "这台设备没有接到清除的指令")
)

// Account looks an enrolled replica up, whatever its state; ErrUnknownDevice
// when there is none.
func (a *Authn) Account(ctx context.Context, id syncproto.ReplicaID) (Account, error) {
	if c, ok := a.cache.get(id); ok {
		return c, nil
	}
	var c Account
	era := a.cache.era()
	err := a.Store.View(ctx, 0, func(r store.Reader) (err error) {
		c, err = loadAccount(r, id)
		return err
	})
	if err != nil {
		return Account{}, err
	}
	a.cache.put(c, era)
	return c, nil
}

func loadAccount(r store.Reader, id syncproto.ReplicaID) (Account, error) {
	v, err := r.Get(deviceKey(id))
	if err != nil {
		return Account{}, fmt.Errorf("account %s: %w", id, err)
	}
	if v == nil {
		return Account{}, ErrUnknownDevice
	}
	c, err := decodeAccount(v)
	if err != nil {
		return Account{}, fmt.Errorf("account %s: %w", id, err)
	}
	return c, nil
}

// maxListed bounds how many devices of one person are listed.
const maxListed = 1000

// Devices lists the accounts of a person, in order of replica id.
func (a *Authn) Devices(ctx context.Context, p syncproto.PersonID) ([]Account, error) {
	var out []Account
	prefix := append(bytes.Clone(personPrefix), p[:]...)
	err := a.Store.View(ctx, 0, func(r store.Reader) error {
		out = nil
		return r.Scan(prefix, store.PrefixEnd(prefix), false, func(k store.Key, _ []byte) (bool, error) {
			var id syncproto.ReplicaID
			copy(id[:], k[len(prefix):])
			c, err := loadAccount(r, id)
			if err != nil {
				return false, err
			}
			out = append(out, c)
			return len(out) < maxListed, nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("devices of %s: %w", p, err)
	}
	return out, nil
}

// Rename gives a device another name in words.
func (a *Authn) Rename(ctx context.Context, id syncproto.ReplicaID, name string) error {
	name, err := deviceName(name)
	if err != nil {
		return err
	}
	err = a.change(ctx, id, func(c *Account) error { c.Device = name; return nil })
	if err != nil {
		return fmt.Errorf("rename %s: %w", id, err)
	}
	return nil
}

// change rewrites an account.
func (a *Authn) change(ctx context.Context, id syncproto.ReplicaID, edit func(*Account) error) error {
	key := deviceKey(id)
	_, err := a.Store.Update(ctx, []store.Key{key}, func(r store.Reader) (b store.Batch, err error) {
		c, err := loadAccount(r, id)
		if err == nil {
			err = edit(&c)
		}
		if err != nil {
			return b, err
		}
		b.Put(key, encodeAccount(&c))
		return b, nil
	})
	a.cache.drop(id)
	return err
}

// SetState suspends, revokes or reactivates an account. Its sessions end. What
// it wrote before stays; what it pushes later is the ingest's to hold.
func (a *Authn) SetState(ctx context.Context, id syncproto.ReplicaID, s State) error {
	if s < Active || s > Retiring {
		return syncproto.Errorf(syncproto.KindBadRequest, "unknown state %d", s)
	}
	return a.setState(ctx, id, s, false)
}

// Wipe revokes a device and has it destroy what it holds at its next contact,
// after it has handed in what it has not sent.
func (a *Authn) Wipe(ctx context.Context, id syncproto.ReplicaID) error {
	return a.setState(ctx, id, Revoked, true)
}

func (a *Authn) setState(ctx context.Context, id syncproto.ReplicaID, s State, wipe bool) error {
	err := a.change(ctx, id, func(c *Account) error {
		if c.State == Retired || c.State == Revoked && s != Revoked {
			return ErrFinal
		}
		c.State, c.Wipe = s, c.Wipe || wipe
		return nil
	})
	a.devices.endAll(id)
	if err != nil {
		return fmt.Errorf("set state of %s: %w", id, err)
	}
	return nil
}

// NoteWiped takes down that a device did as it was told; what it says twice
// stays as it was said first. ErrNoOrder.
func (a *Authn) NoteWiped(ctx context.Context, id syncproto.ReplicaID) error {
	err := a.change(ctx, id, func(c *Account) error {
		switch {
		case c.Wiped != 0:
			return nil
		case c.Order() == syncproto.OrderNone:
			return ErrNoOrder
		case c.State == Retiring:
			c.State = Retired
		}
		c.Wiped = a.Now().UnixMilli()
		return nil
	})
	if err != nil {
		return fmt.Errorf("wiped %s: %w", id, err)
	}
	return nil
}

// SetLease sets how many days others' records stay open on a device without
// contact; 0: as its owner's roles say.
func (a *Authn) SetLease(ctx context.Context, id syncproto.ReplicaID, days int) error {
	if days < 0 || days > MaxLease {
		return syncproto.Errorf(syncproto.KindBadRequest, "lease: want 1 to %d days, or 0 for what the person's roles say", MaxLease)
	}
	if err := a.change(ctx, id, func(c *Account) error { c.Lease = days; return nil }); err != nil {
		return fmt.Errorf("lease of %s: %w", id, err)
	}
	return nil
}

// accountCache spares a store read per request. It is bounded by forgetting
// any entry when full: which one does not matter.
type accountCache struct {
	mu sync.RWMutex
	m  map[syncproto.ReplicaID]Account
	n  uint64 // counts drops: what was read before one is not kept after it
}

const maxCachedAccounts = 4096

func (c *accountCache) get(id syncproto.ReplicaID) (Account, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	acc, ok := c.m[id]
	return acc, ok
}

func (c *accountCache) era() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.n
}

func (c *accountCache) put(acc Account, era uint64) {
	acc.Key = bytes.Clone(acc.Key)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n != era {
		return
	}
	if c.m == nil {
		c.m = map[syncproto.ReplicaID]Account{}
	}
	for id := range c.m {
		if len(c.m) < maxCachedAccounts {
			break
		}
		delete(c.m, id)
	}
	c.m[acc.Replica] = acc
}

func (c *accountCache) drop(id syncproto.ReplicaID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	delete(c.m, id)
}
