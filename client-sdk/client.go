package clientsdk

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/outbox"
	"github.com/chuantou/chuantou/client-sdk/syncloop"
	"github.com/chuantou/chuantou/client-sdk/vault"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/session"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// Options are what a Client gets from outside. The zero value is right for an app.
type Options struct {
	// Clock is the device's clock. nil: the system's.
	Clock func() time.Time
	// Random is where keys and ids come from. nil: crypto/rand.
	Random io.Reader
	// Dial makes the transport to a server. nil: HTTP.
	Dial func(origin string) (syncloop.Transport, error)
	// Schema is used until the server has sent one. nil: schema.Builtin().
	Schema *schema.Schema

	// Version is the program's, as administrators are to see it; "" tells none.
	Version string

	// For Open alone, which encrypts the folder:

	// PIN is the person's; "" for a folder without one.
	PIN string
	// DeviceKeys keeps the device's half of the key. nil: a file beside the
	// folder (KeyFile), which stands for an operating system's key store.
	DeviceKeys vault.DeviceKeys
	// Vault says what trying a PIN costs from the next change of it on.
	Vault vault.Options
}

// Client is one person's records on one device. Safe for concurrent use.
type Client struct {
	store localstore.Store
	opt   Options

	syncing sync.Mutex // one sync at a time; taken before mu

	mu          sync.Mutex // guards everything below
	closed      bool
	id          *identity // nil before enrolment
	head        chainHead
	place       place
	receipt     *syncproto.Receipt
	acked       syncproto.Ranges // own changes that the server has
	spent       bool             // the replica id is in use twice, see ReEnrol
	counts      counts
	backups     backups
	standing    syncproto.Standing // what the server last said of this device
	lease       lease
	leaseStored int64 // of lease, what is stored as spent
	schema      *schema.Schema
	schemaTag   [8]byte // first bytes of its hash
	keys        keyring
	own         ownIndex
	sums        map[syncproto.Atom]*atomSums
	cache       map[syncproto.RecordID]*held
	cutter      outbox.Cutter
	token       session.Token
	link        syncloop.Transport // made when first needed
	watchers    map[*watcher]bool
	sealed      sealedCopy
	told        *syncproto.Told // what the server was told last, nil for nothing
	telling     *syncproto.Told // what this sync tells
	trip        string
	stranger    bool         // the server did not know this device when it was last spoken to
	wipe        func() error // destroys the closed folder; nil for a store that the caller made
}

// OpenStore opens a client on a store that the caller made. The client takes
// the store over and closes it.
func OpenStore(s localstore.Store, o Options) (*Client, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if len(o.Version) > wire.MaxVersionBytes {
		return nil, fmt.Errorf("open: a version of %d bytes, want at most %d", len(o.Version), wire.MaxVersionBytes)
	}
	c := &Client{store: s, opt: o, cache: map[syncproto.RecordID]*held{}, watchers: map[*watcher]bool{}}
	if o.Schema == nil {
		o.Schema = schema.Builtin()
	}
	c.useSchema(o.Schema)
	if err := c.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open: %w", err), s.Close())
	}
	return c, nil
}

// get reads a stored value and hands it to decode if it is there.
func (c *Client) get(key []byte, decode func([]byte) error) error {
	v, err := c.store.Get(key)
	if err != nil || v == nil {
		return err
	}
	return decode(v)
}

// load reads what is kept in memory.
func (c *Client) load() error {
	return errors.Join(
		c.get(keyIdentity, func(v []byte) (err error) { c.id, err = decodeIdentity(v); return err }),
		c.get(keyPlace, func(v []byte) (err error) { c.place, err = decodePlace(v); return err }),
		c.get(keyToken, func(v []byte) (err error) { c.token, err = decodeToken(v); return err }),
		c.get(keyCount, func(v []byte) (err error) { c.counts, err = decodeCounts(v); return err }),
		c.get(keyBackups, func(v []byte) (err error) { c.backups, err = decodeBackups(v); return err }),
		c.get(keyStanding, func(v []byte) (err error) { c.standing, err = wire.DecodeStanding(v); return err }),
		c.get(keyLease, func(v []byte) (err error) { c.lease, err = decodeLease(v); c.leaseStored = c.lease.Spent; return err }),
		c.get(keyUnknown, func([]byte) error { c.stranger = true; return nil }),
		c.get(keyTold, func(v []byte) error {
			t, err := wire.DecodeTold(v)
			c.told = &t
			return err
		}),
		c.get(keyTrip, func(v []byte) error { c.trip = string(v); return nil }),
		c.get(keyWiped, func([]byte) error { return ErrWiped }),
		c.get(keySchema, c.loadSchema),
		c.get(keyReceipt, func(v []byte) error {
			r, err := wire.DecodeReceipt(v)
			c.receipt = &r
			return err
		}),
		c.loadHead(),
		c.loadAcked(),
		c.loadKeys(),
		c.loadOwn(),
		c.loadSums(),
	)
}

// loadSchema takes the stored schema; one that this program cannot read (an
// older program on a newer store) leaves the built-in one in place.
func (c *Client) loadSchema(v []byte) error {
	if bytes.Equal(v, c.schema.Marshal()) {
		return nil // mostly: reading it would take most of the time of opening
	}
	if s, err := schema.Parse(v); err == nil {
		c.useSchema(s)
	}
	return nil
}

// Close releases the store. Watchers' channels are closed.
func (c *Client) Close() error {
	c.syncing.Lock()
	defer c.syncing.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	for w := range c.watchers {
		w.stop()
	}
	if t, ok := c.link.(interface{ Close() }); ok {
		t.Close()
	}
	return c.store.Close()
}

// Schema is the schema in use: the server's last one, else the given or the
// built-in one.
func (c *Client) Schema() *schema.Schema {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.schema
}

func (c *Client) now() time.Time { return c.opt.Clock() }

// wall is the device's clock corrected by what it last learned of the
// server's. Nothing received ever raises it.
func (c *Client) wall() int64 { return c.now().UnixMilli() + c.place.Offset }

// transport returns the link to the server, made when first needed.
func (c *Client) transport() (syncloop.Transport, error) {
	if c.link == nil {
		t, err := c.dial(c.id.Origin, c.id.Root)
		if err != nil {
			return nil, err
		}
		c.link = t
	}
	return c.link, nil
}
