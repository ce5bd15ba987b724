// Package ingest takes what devices push: it verifies bundles, stores them as
// they came, joins or holds each part, numbers it into the feeds of its
// audience atom, and answers with a receipt after fsync. It refuses nothing
// that is well signed (design.md §3): what cannot be applied is held.
//
// The order of work for one push: decode and verify outside any lock (Open),
// then one store update per slice of bundles (txn), in which everything the
// push changes (bundle, states, history, feeds, timeline, log) becomes
// durable at once or not at all.
package ingest

import (
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/directory"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// sliceBytes is how much uncompressed work one store update takes: enough to
// share an fsync, small enough to stay below the store's batch laws and not
// to keep another device waiting.
const sliceBytes = 192 << 10

// Device is what ingest needs to know of an enrolled replica.
type Device struct {
	Key     ed25519.PublicKey
	Person  syncproto.PersonID
	Revoked bool
	// Server marks a pen of the server's: authors are many, and rights were
	// judged before it wrote.
	Server bool
}

// Devices looks up enrolled replicas.
type Devices interface {
	Device(ctx context.Context, r syncproto.ReplicaID) (Device, error)
}

// Indexer derives rows from records inside the update that changes them.
// was is the row key the record had, empty for none; it returns the new one.
type Indexer interface {
	Index(b *store.Batch, was []byte, rec *crdt.Record, head *records.Head, facts *authz.Facts) (row []byte, err error)
}

// Config is what an Ingest works with; every member is required but Log.
type Config struct {
	Store     store.Store
	Devices   Devices
	Directory *directory.Directory
	Schema    func() *schema.Schema
	Indexer   Indexer
	Key       ed25519.PrivateKey // signs receipts
	SealKey   *ecdh.PrivateKey   // unwraps sealing keys
	Now       func() time.Time
	Log       *slog.Logger
}

// Ingest is safe for concurrent use.
type Ingest struct {
	Config
	server    syncproto.Hash
	authoring sync.Mutex // one server-authored change at a time
	// opening bounds how many bundles are decompressed and read at once: more
	// than the processors would only hold more memory.
	opening chan struct{}
	hints   sync.Map // replica -> []store.Key, see guardsOf
	// Notify is told the atoms a committed push moved; may be nil.
	Notify func([]syncproto.Atom)
}

// New returns an Ingest.
func New(c Config) *Ingest {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Ingest{Config: c, opening: make(chan struct{}, runtime.GOMAXPROCS(0)), server: sign.KeyHash(c.Key.Public().(ed25519.PublicKey))}
}

// opened is a verified bundle. Its parts are read before any lock is taken.
type opened struct {
	bundle  syncproto.Bundle
	changes []sign.SealedChange
	parts   [][]readPart // per change
	device  Device
}

// readPart is a part as read, or why it could not be.
type readPart struct {
	syncproto.Part
	err error
}

// Push takes the bundles of one request from a signed-in carrier: usually the
// carrier's own, or another replica's that it brings along. It returns the
// carrier's receipt once everything well signed in the push is durable. A
// bundle that is damaged or wrongly signed fails the push with an error that
// names it, after what came before it was stored.
func (in *Ingest) Push(ctx context.Context, carrier syncproto.ReplicaID, bundles []syncproto.Bundle) (syncproto.Receipt, error) {
	var slice []opened
	size := 0
	var bad error
	for i := range bundles {
		u, err := in.open(ctx, bundles[i])
		if err != nil {
			bad = fmt.Errorf("bundle %d: %w", i, err)
			break
		}
		if size > 0 && size+u.bundle.RawBytes > sliceBytes {
			if err := in.commit(ctx, slice); err != nil {
				return syncproto.Receipt{}, err
			}
			slice, size = nil, 0
		}
		slice, size = append(slice, u), size+u.bundle.RawBytes
	}
	if len(slice) > 0 {
		if err := in.commit(ctx, slice); err != nil {
			return syncproto.Receipt{}, err
		}
	}
	if bad != nil {
		return syncproto.Receipt{}, bad
	}
	return in.Receipt(ctx, carrier)
}

func (in *Ingest) open(ctx context.Context, u syncproto.Bundle) (opened, error) {
	in.opening <- struct{}{}
	defer func() { <-in.opening }()
	dev, err := in.Devices.Device(ctx, u.Replica)
	if err != nil {
		return opened{}, fmt.Errorf("replica %s: %w", u.Replica, err)
	}
	changes, err := sign.OpenBundle(&u, dev.Key)
	switch {
	case errors.Is(err, sign.ErrSignature):
		return opened{}, syncproto.Errorf(syncproto.KindBadSignature, "%v", err)
	case err != nil:
		return opened{}, syncproto.Errorf(syncproto.KindBadRequest, "%v", err)
	}
	o := opened{bundle: u, changes: changes, parts: make([][]readPart, len(changes)), device: dev}
	for i := range changes {
		o.parts[i] = make([]readPart, len(changes[i].Parts))
		for p, raw := range changes[i].Parts {
			if !raw.Withheld() {
				part, err := wire.DecodePart(u.Replica, raw.Bytes)
				o.parts[i][p] = readPart{part, err}
			}
		}
	}
	return o, nil
}

// commit makes a slice of bundles durable in one update.
func (in *Ingest) commit(ctx context.Context, slice []opened) error {
	_, err := in.update(ctx, slice)
	return err
}

func (in *Ingest) update(ctx context.Context, slice []opened) (t *txn, err error) {
	_, err = in.Store.Update(ctx, in.guardsOf(slice), func(r store.Reader) (store.Batch, error) {
		t = newTxn(ctx, in, r)
		for i := range slice {
			if err := t.bundle(&slice[i]); err != nil {
				return store.Batch{}, err
			}
		}
		b, err := t.finish()
		if err != nil {
			return store.Batch{}, err
		}
		if missing := t.missingGuards(); len(missing) > 0 {
			return store.Batch{}, store.NeedGuards(missing...)
		}
		return b, nil
	})
	if err != nil {
		return nil, storeError(err)
	}
	for _, rec := range t.directory {
		in.Directory.Apply(rec)
	}
	if in.Notify != nil && len(t.atoms) > 0 {
		moved := make([]syncproto.Atom, 0, len(t.atoms))
		for a := range t.atoms {
			moved = append(moved, a)
		}
		in.Notify(moved)
	}
	return t, nil
}

// guardsOf names what a slice will probably decide about: its replicas, its
// records, and the atoms and counters that the same replicas moved last time.
// What else it turns out to touch it asks for and runs again.
func (in *Ingest) guardsOf(slice []opened) []store.Key {
	var out []store.Key
	for i := range slice {
		u := &slice[i]
		out = append(out, records.LogKey(u.bundle.Replica))
		for _, parts := range u.parts {
			for j := range parts {
				if !parts[j].Record.IsZero() {
					out = append(out, records.RecordKey(parts[j].Record))
				}
			}
		}
		if hint, ok := in.hints.Load(u.bundle.Replica); ok {
			out = append(out, hint.([]store.Key)...)
		}
	}
	return out
}

// missingGuards lists what this run decided about without holding it, and
// remembers the atoms and counters for the replicas' next pushes.
func (t *txn) missingGuards() []store.Key {
	var hint, missing []store.Key
	for a := range t.atoms {
		hint = append(hint, records.AtomKey(a))
	}
	for n := range t.numbers {
		hint = append(hint, store.Key(n))
	}
	for id := range t.logs {
		t.in.hints.Store(id, hint)
		missing = append(missing, records.LogKey(id))
	}
	for id := range t.recs {
		missing = append(missing, records.RecordKey(id))
	}
	return slices.DeleteFunc(append(missing, hint...), func(k store.Key) bool { return store.Holds(t.r, k) })
}

func storeError(err error) error {
	switch {
	case errors.Is(err, store.ErrFull):
		return syncproto.Errorf(syncproto.KindFull, "服务器磁盘已满，没有收下；请稍后再传")
	case errors.Is(err, store.ErrMaybe):
		return syncproto.Errorf(syncproto.KindLater, "没有确认写入，请再传一次")
	}
	return err
}

// Receipt is the server's signed word about a replica as of now.
func (in *Ingest) Receipt(ctx context.Context, replica syncproto.ReplicaID) (syncproto.Receipt, error) {
	c := syncproto.Receipt{Suite: syncproto.Suite1, Server: in.server, Replica: replica, Level: syncproto.LevelDurable}
	epoch, err := in.Store.Epoch(ctx)
	if err != nil {
		return c, err
	}
	c.Epoch = epoch
	err = in.Store.View(ctx, 0, func(r store.Reader) error { return fillReceipt(r, &c) })
	if err != nil {
		return syncproto.Receipt{}, err
	}
	c.Wall = in.Now().UnixMilli()
	sign.SignReceipt(in.Key, &c)
	return c, nil
}

// maxListed bounds the held list of one receipt; the rest is told after these are settled.
const maxListed = 4096

func fillReceipt(r store.Reader, c *syncproto.Receipt) error {
	log, err := records.LoadLog(r, c.Replica)
	if err != nil {
		return err
	}
	c.Received, c.Forked = log.Received, log.Forked
	if log.Held == 0 {
		return nil
	}
	return records.EachHold(r, c.Replica, func(seq syncproto.Seq, part int, h records.Hold) (bool, error) {
		c.Held = append(c.Held, syncproto.Held{Seq: seq, Record: h.Record, Reason: h.Reason})
		return len(c.Held) < maxListed, nil
	})
}
