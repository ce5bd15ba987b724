package clientsdk

import (
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Others' records are on loan: a device that has not heard from its server for
// as long as the server said (30 days, by role) locks them, and so does Lock.
// What its person wrote himself, his drafts and the outbox are never locked. A
// sync opens them again, or a code that the administrator reads out.
//
// The time is counted, not read: it is the sum of how far the device's clock
// was seen to go on since the last contact, so that putting the clock back wins
// nothing that was counted already. A clock that was behind the server's at that
// contact and is put right says by that how long it was, and does not lock for
// years it was behind. One that jumps years ahead by mistake does; a code is for
// that too.
//
// This is a lock of the program, not of cryptography: who has the PIN and a
// program of his own is held back by nothing (docs/security.md).
type lease struct {
	Spent  int64 // milliseconds counted since the last contact
	Seen   int64 // the device's clock when it was last looked at
	Wall   int64 // the server's clock at the last contact
	Locked bool  // by hand
	Opened int64 // Spent up to which a code opened
	// Number is what an unlock code is asked with, "" for none; it is good until
	// Spent is NumberTo, for one code. Tries counts codes since the last contact.
	Number   string
	NumberTo int64
	Tries    int
}

const (
	// leaseStep is how much counted time a kill may lose.
	leaseStep = 10 * time.Minute
	// numberLife is how long a code may take from being asked for to being typed.
	numberLife = 24 * time.Hour
	// maxUnlockTries is how many codes are tried before only a sync opens.
	maxUnlockTries = 10
)

func (l *lease) append() []byte {
	b := wire.AppendInt(wire.AppendInt(wire.AppendInt(beginStored(8), l.Spent), l.Seen), l.Wall)
	b = wire.AppendInt(wire.AppendBool(b, l.Locked), l.Opened)
	b = wire.AppendInt(wire.AppendText(b, l.Number), l.NumberTo)
	return wire.AppendUint(b, uint64(l.Tries))
}

func decodeLease(v []byte) (l lease, err error) {
	r, err := openStored(v, 8)
	if err != nil {
		return l, fmt.Errorf("lease: %w", err)
	}
	l.Spent, l.Seen, l.Wall = r.Int(), r.Int(), r.Int()
	l.Locked, l.Opened = r.Bool(), r.Int()
	l.Number, l.NumberTo = r.Text(sign.UnlockNumberLetters), r.Int()
	l.Tries = int(r.UintMax(math.MaxInt32))
	return l, closeStored(r, "lease")
}

func (c *Client) putLease(l lease) error {
	var b localstore.Batch
	b.Put(keyLease, l.append())
	if err := c.store.Apply(&b); err != nil {
		return fmt.Errorf("lease: %w", err)
	}
	c.lease, c.leaseStored = l, l.Spent
	return nil
}

// count takes note of how far the clock has gone on. That it cannot be stored
// keeps nobody from his records: a full disk must be read all the same.
func (c *Client) count() {
	now := c.now().UnixMilli()
	l := c.lease
	switch d := now - l.Seen; {
	case l.Seen == 0 || d <= 0:
	case l.Seen < l.Wall && now >= l.Wall:
		l.Spent = max(l.Spent, now-l.Wall)
	default:
		l.Spent += d
	}
	back := now < l.Seen
	l.Seen = now
	if l.Spent-c.leaseStored >= leaseStep.Milliseconds() || back || c.lease.Seen == 0 {
		_ = c.putLease(l)
	}
	c.lease = l
}

// locks reports whether others' records are locked now: by hand, or because
// the loan is over. There is none before the server has said for how long.
func (c *Client) locks() bool {
	c.count()
	return c.lease.Locked || c.standing.Lease > 0 && c.lease.Spent > max(c.standing.Lease.Milliseconds(), c.lease.Opened)
}

// lent reports whether a record is somebody else's: neither written by this
// device's person nor among what forms are filled in from.
func (c *Client) lent(rec *crdt.Record) bool {
	if c.id == nil || rec == nil || slices.Contains(writersOf(rec), c.id.Person) {
		return false
	}
	if !c.referenceKind(rec.Kind) {
		return true
	}
	// A villager is known by a record too: whom he lives next to needs no lock,
	// who he is does.
	return rec.Kind == kindPerson && rec.ID != c.id.Person && refOf(rec, "unit").IsZero() && len(rec.List("roles")) == 0
}

// contact begins the loan anew: the server was just spoken to.
func (c *Client) contact() error {
	l := lease{Seen: c.now().UnixMilli(), Wall: c.wall()}
	if was := c.lease; !was.Locked && was.Number == "" && was.Tries == 0 && was.Opened == 0 && c.leaseStored < time.Hour.Milliseconds() && was.Seen != 0 {
		c.lease = l // an hour less of the loan, should the process be killed: not worth a write
		return nil
	}
	return c.putLease(l)
}

// Lock locks others' records on this device until the next sync, or until a
// code opens them. What its person wrote stays open to him.
func (c *Client) Lock() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrClosed
	case c.id == nil:
		return fmt.Errorf("lock: %w", ErrNotEnrolled)
	}
	l := c.lease
	l.Locked = true
	if err := c.putLease(l); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	clear(c.cache)
	return nil
}

// UnlockNumber is what the person reads out to the administrator, who reads a
// code back: one number is good for one code and for 24 hours.
func (c *Client) UnlockNumber() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return "", ErrClosed
	}
	switch {
	case !c.locks():
		return "", ErrNotLocked
	case c.lease.Tries >= maxUnlockTries:
		return "", ErrUnlockClosed
	case c.lease.Number != "" && c.lease.Spent < c.lease.NumberTo:
		return c.lease.Number, nil
	}
	var random [sign.UnlockNumberLetters]byte
	if _, err := io.ReadFull(c.opt.Random, random[:]); err != nil {
		return "", fmt.Errorf("unlock: %w", err)
	}
	l := c.lease
	l.Number, l.NumberTo = sign.UnlockNumber(random), l.Spent+numberLife.Milliseconds()
	if err := c.putLease(l); err != nil {
		return "", fmt.Errorf("unlock: %w", err)
	}
	return l.Number, nil
}

// Unlock opens others' records by a code that the administrator made for the
// number of UnlockNumber, and says for how many days. Errors: ErrNotLocked,
// ErrUnlockClosed, *WrongCodeError.
func (c *Client) Unlock(code string) (days int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, ErrClosed
	}
	switch {
	case !c.locks():
		return 0, ErrNotLocked
	case c.lease.Tries >= maxUnlockTries:
		return 0, ErrUnlockClosed
	case c.lease.Number == "" || c.lease.Spent >= c.lease.NumberTo:
		return 0, &WrongCodeError{maxUnlockTries - c.lease.Tries}
	}
	l := c.lease
	l.Tries++ // before it is tried: ending the process in between wins nothing
	if err := c.putLease(l); err != nil {
		return 0, fmt.Errorf("unlock: %w", err)
	}
	days, ok := sign.OpenUnlockCode(c.standing.Unlock, c.id.Replica, l.Number, code)
	if !ok {
		if l.Tries >= maxUnlockTries {
			return 0, ErrUnlockClosed
		}
		return 0, &WrongCodeError{maxUnlockTries - l.Tries}
	}
	l.Locked, l.Number, l.NumberTo = false, "", 0
	l.Opened = l.Spent + int64(days)*24*time.Hour.Milliseconds()
	if err := c.putLease(l); err != nil {
		return 0, fmt.Errorf("unlock: %w", err)
	}
	return days, nil
}

// Devices lists the person's other devices, as the server last told.
func (c *Client) Devices() []Device {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.devices()
}

// Device is another device of the same person.
type Device struct {
	Replica  syncproto.ReplicaID `json:"replica"`
	Name     string              `json:"name"`
	Enrolled time.Time           `json:"enrolled"`
	New      bool                `json:"new"` // 新设备: enrolled within seven days
}

func (c *Client) devices() (out []Device) {
	now := time.UnixMilli(c.wall())
	for _, d := range c.standing.Devices {
		at := time.UnixMilli(d.Enrolled)
		out = append(out, Device{d.Replica, d.Name, at, now.Sub(at) < syncproto.NewDeviceFor})
	}
	return out
}
