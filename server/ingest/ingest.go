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
	"cmp"
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

	"github.com/chuantou/chuantou/server/audit"
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

// workingBytes is how much uncompressed work is under way at once: a slice for
// each processor to work out, one being committed and one being synced.
func workingBytes() int { return (runtime.GOMAXPROCS(0) + 2) * sliceBytes }

// Device is what ingest needs to know of an enrolled replica.
type Device struct {
	Key     ed25519.PublicKey
	Person  syncproto.PersonID
	Revoked bool
	Order   syncproto.Order // what its receipts tell it to do with itself
	// Enrolled is when it was, by the server's clock, Unix milliseconds: nothing
	// of it is older. 0 for not known.
	Enrolled int64
	// Heard is when it last took a page, by the same clock; 0 for never: what
	// came about later it could not know.
	Heard int64
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

// Config is what an Ingest works with; every member is required but Log, Move and Quota.
type Config struct {
	Store     store.Store
	Devices   Devices
	Directory *directory.Directory
	Schema    func() *schema.Schema
	Indexer   Indexer
	Frames    *records.Frames    // shared with who else reads records; may be nil
	Key       ed25519.PrivateKey // signs receipts
	SealKey   *ecdh.PrivateKey   // unwraps sealing keys
	Now       func() time.Time
	Log       *slog.Logger
	// Move says where the server is or will be instead; may be nil.
	Move func() syncproto.Move
	// Quota is how many bytes, compressed, one device may push in a day; 0 for
	// DefaultQuota. Beyond it the answer is "later", and nothing is taken.
	Quota int64
}

// Ingest is safe for concurrent use.
type Ingest struct {
	Config
	server    syncproto.Hash
	authoring sync.Mutex // one server-authored change at a time
	working   gate       // by uncompressed bytes
	quota     quota
	folding   sync.Mutex // one fold or rebuild at a time
	heavy     heavyList
	listed    listed
	scanned   syncproto.RecordID // the last record that Sweep has looked at
	// Notify is told the atoms a committed push moved; may be nil.
	Notify func([]syncproto.Atom)
}

// New returns an Ingest.
func New(c Config) *Ingest {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Ingest{Config: c, working: gate{size: workingBytes()}, server: sign.KeyHash(c.Key.Public().(ed25519.PublicKey))}
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
// carrier's receipt once everything well signed in the push is durable. Beyond
// the carrier's quota it is an error of KindLater and nothing is taken. A
// bundle that is damaged or wrongly signed fails the push with an error that
// names it, after what came before it was stored.
func (in *Ingest) Push(ctx context.Context, carrier syncproto.ReplicaID, bundles []syncproto.Bundle) (syncproto.Receipt, error) {
	var size int64
	for i := range bundles {
		size += int64(len(bundles[i].Frame))
	}
	if !in.quota.take(carrier, size, cmp.Or(in.Quota, DefaultQuota), in.Now()) {
		return syncproto.Receipt{}, errQuota
	}
	var bad error
	for first := 0; first < len(bundles) && bad == nil; {
		end, size := first+1, bundles[first].RawBytes
		for end < len(bundles) && size+bundles[end].RawBytes <= sliceBytes {
			size += bundles[end].RawBytes
			end++
		}
		var err error
		if bad, err = in.slice(ctx, bundles, first, end, size); err != nil {
			return syncproto.Receipt{}, err
		}
		first = end
	}
	if bad != nil {
		return syncproto.Receipt{}, bad
	}
	return in.Receipt(ctx, carrier)
}

// slice takes bundles first to end of a push, size bytes uncompressed, in one
// update. When one of them is bad, those before it are stored.
func (in *Ingest) slice(ctx context.Context, bundles []syncproto.Bundle, first, end, size int) (bad, err error) {
	leave, err := in.working.enter(ctx, size)
	if err != nil {
		return nil, err
	}
	defer leave()
	var slice []opened
	for i := first; i < end && bad == nil; i++ {
		u, err := in.open(ctx, bundles[i])
		if err != nil {
			bad = fmt.Errorf("bundle %d: %w", i, err)
		} else {
			slice = append(slice, u)
		}
	}
	if len(slice) > 0 {
		err = in.commit(ctx, slice)
	}
	return bad, err
}

func (in *Ingest) open(ctx context.Context, u syncproto.Bundle) (opened, error) {
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
	t, err := in.update(ctx, slice)
	if err == nil {
		in.eraseArrived(ctx, t)
	}
	return err
}

func (in *Ingest) update(ctx context.Context, slice []opened) (*txn, error) {
	pre, err := in.prepare(ctx, slice)
	if err != nil {
		return nil, err
	}
	return in.updateWith(ctx, pre.guards(in.Now().UnixMilli(), slice), pre, func(t *txn) (store.Batch, error) { return t.take(slice) })
}

// updateWith does work within one store update; it may run again. pre may be nil.
func (in *Ingest) updateWith(ctx context.Context, guards []store.Key, pre *prepared, work func(*txn) (store.Batch, error)) (t *txn, err error) {
	epoch, err := in.Store.Epoch(ctx)
	if err != nil {
		return nil, err
	}
	_, err = in.Store.Update(ctx, guards, func(r store.Reader) (b store.Batch, err error) {
		t = newTxn(ctx, in, r)
		t.pre, t.epoch = pre, epoch
		if b, err = work(t); errors.Is(err, errUnforeseen) {
			t = newTxn(ctx, in, r)
			t.epoch = epoch
			b, err = work(t)
		}
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
	in.told(t)
	in.rebuildLate(ctx, t)
	return t, nil
}

// told tells the directory and those who listen what an update changed.
func (in *Ingest) told(t *txn) {
	for _, rec := range t.directory {
		in.Directory.Apply(rec)
	}
	for _, w := range t.stays {
		in.Directory.Stay(w.rec.ID, w.facts.Place)
	}
	for id, a := range t.avoid {
		in.Directory.Avoid(id, a)
	}
	if in.Notify != nil && len(t.atoms) > 0 {
		moved := make([]syncproto.Atom, 0, len(t.atoms))
		for a := range t.atoms {
			moved = append(moved, a)
		}
		in.Notify(moved)
	}
}

// rebuildLate joins the parts of an update that came late for a folded record,
// or for one in which something stands for them or for their causes. They are
// durable and held: should this fail, the next Sweep does it.
func (in *Ingest) rebuildLate(ctx context.Context, t *txn) {
	for _, id := range t.order {
		w := t.recs[id]
		if w.late {
			if _, err := in.rebuild(ctx, id, false); err != nil {
				in.Log.Warn("rebuild of a folded record", "record", id, "err", err)
			}
		}
		if w.lost {
			if err := in.standInLater(ctx, id); err != nil {
				in.Log.Warn("what waits for lost changes", "record", id, "err", err)
			}
		}
		if w.found {
			if err := in.putBack(ctx, id); err != nil {
				in.Log.Warn("a lost change that came", "record", id, "err", err)
			}
		}
		if w.dirty && isHeavy(&w.Record) {
			in.heavy.add(id)
		}
	}
}

// take stores and joins a slice and returns what is to be written.
func (t *txn) take(slice []opened) (store.Batch, error) {
	t.b.Grow(t.pre.batchBytes(slice))
	for i := range slice {
		if err := t.bundle(&slice[i]); err != nil {
			return store.Batch{}, err
		}
	}
	return t.finish()
}

// missingGuards lists what this run decided about without holding it.
func (t *txn) missingGuards() []store.Key {
	var missing []store.Key
	for a := range t.atoms {
		missing = append(missing, records.AtomKey(a))
	}
	for n := range t.numbers {
		missing = append(missing, store.Key(n))
	}
	for id := range t.logs {
		missing = append(missing, records.LogKey(id))
	}
	for id := range t.recs {
		missing = append(missing, records.RecordKey(id))
	}
	if t.audits {
		missing = append(missing, audit.HeadKey())
	}
	return slices.DeleteFunc(missing, func(k store.Key) bool { return store.Holds(t.r, k) })
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
	dev, err := in.Devices.Device(ctx, replica)
	if err != nil {
		return c, err
	}
	c.Order = dev.Order
	epoch, err := in.Store.Epoch(ctx)
	if err != nil {
		return c, err
	}
	c.Epoch = epoch
	err = in.Store.View(ctx, 0, func(r store.Reader) error { return fillReceipt(r, &c) })
	if err != nil {
		return syncproto.Receipt{}, err
	}
	if in.Move != nil {
		c.Move = in.Move()
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
	head, err := audit.LoadHead(r)
	if err != nil {
		return err
	}
	c.Audit = head.Link
	c.Received, c.Forked, c.BackedUp, c.Link = log.Received, log.Forked, log.BackedUp, log.Link
	if len(c.BackedUp) > 0 && c.BackedUp.Covers(c.Received) {
		c.Level = syncproto.LevelBackedUp
	}
	if log.Held+log.Rejected == 0 {
		return nil
	}
	return records.EachHold(r, c.Replica, func(seq syncproto.Seq, part int, h records.Hold) (bool, error) {
		told := syncproto.Held{Seq: seq, Record: h.Record, Reason: h.Reason}
		if h.Reason == syncproto.HoldRejected {
			told.Note = h.Detail
		}
		c.Held = append(c.Held, told)
		return len(c.Held) < maxListed, nil
	})
}
