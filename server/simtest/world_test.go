// Package simtest runs ingest, feeds and timeline together on a real store
// engine, with simulated devices that write, lose and repeat as devices do.
// Everything is driven from one goroutine and a seed unless a test says so.
package simtest

import (
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/chuantou/chuantou/server/directory"
	"github.com/chuantou/chuantou/server/feed"
	"github.com/chuantou/chuantou/server/ingest"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/memstore"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/schema"
	"github.com/chuantou/chuantou/syncproto/sign"
	"github.com/chuantou/chuantou/syncproto/view"
	"github.com/chuantou/chuantou/syncproto/wire"
)

const township = "330903105"

// world is a server's inside and the devices around it.
type world struct {
	t       testing.TB
	store   store.Store
	dir     *directory.Directory
	frames  *records.Frames
	ingest  *ingest.Ingest
	feed    *feed.Feed
	seal    *ecdh.PrivateKey
	now     time.Time
	devices map[syncproto.ReplicaID]ingest.Device
	people  int
	noted   []string // in the audit log
}

func newWorld(t testing.TB) *world { return newWorldOn(t, memstore.New()) }

func newWorldOn(t testing.TB, s store.Store) *world {
	seal, err := ecdh.X25519().NewPrivateKey(sum("seal"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: s, dir: directory.New(), seal: seal, now: time.Date(2026, 5, 22, 9, 0, 0, 0, time.UTC),
		devices: map[syncproto.ReplicaID]ingest.Device{}}
	w.reopen()
	return w
}

// reopen makes ingest and feed anew on the store, as after a restart.
func (w *world) reopen() {
	w.frames = records.NewFrames()
	now := func() time.Time { return w.now }
	w.ingest = ingest.New(ingest.Config{Store: w.store, Devices: w, Directory: w.dir, Schema: schema.Builtin, Indexer: timeline.Index{}, Frames: w.frames,
		Key: ed25519.NewKeyFromSeed(sum("server")), SealKey: w.seal, Now: now})
	var err error
	w.feed, err = feed.New(feed.Config{Store: w.store, Directory: w.dir, Schema: schema.Builtin, Receipts: w.ingest, Frames: w.frames, Now: now, CursorKey: [32]byte(sum("cursor"))})
	if err != nil {
		w.t.Fatal(err)
	}
}

func sum(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}

// note is the audit log of a desk.
func (w *world) note(_ context.Context, by syncproto.PersonID, what, about string) error {
	w.noted = append(w.noted, w.dir.Person(by).Name+" "+what+" "+about)
	return nil
}

// Device is ingest.Devices.
func (w *world) Device(_ context.Context, r syncproto.ReplicaID) (ingest.Device, error) {
	d, ok := w.devices[r]
	if !ok {
		return d, syncproto.Errorf(syncproto.KindUnauthorized, "unknown device")
	}
	return d, nil
}

// person adds somebody with one role to the directory.
func (w *world) person(name, role, place, line string) syncproto.PersonID {
	w.people++
	id := syncproto.RecordID(sum(name)[:16])
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	rec := crdt.New(id)
	writer := syncproto.ReplicaID(sum("office")[:16])
	e := rec.Clone().Edit(writer, rec)
	must(w.t, e.Set("name", value(name)))
	item, err := e.InsertItem("roles", 0)
	must(w.t, err)
	must(w.t, e.Item("roles", item).Set("role", value(role)))
	must(w.t, e.Item("roles", item).Set("place", value(place)))
	must(w.t, e.Item("roles", item).Set("line", value(line)))
	part, _ := e.Part()
	part.Kind = "person"
	must(w.t, rec.Join(syncproto.Header{Replica: writer, Seq: syncproto.Seq(w.people), Author: id}, &part, crdt.Options{}))
	w.dir.Apply(rec)
	return id
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func value(v any) syncproto.Value { return wire.Must(wire.EncodeValue(v)) }

// device is a device in the plainest form: its own changes, bases from pages.
type device struct {
	w       *world
	replica syncproto.ReplicaID
	person  syncproto.PersonID
	key     ed25519.PrivateKey
	seq     syncproto.Seq
	link    syncproto.Hash
	links   []syncproto.Hash // links[i] is the link after change i
	changes []wire.RawChange
	parts   [][]syncproto.Part
	prev    map[syncproto.RecordID]syncproto.Seq
	own     map[syncproto.RecordID]*crdt.Record // base joined with overlay
	base    map[syncproto.RecordID]*crdt.Record
	kept    map[syncproto.RecordID]*crdt.Record // a base before it was folded or rebuilt, on which own work can be shown
	atoms   map[syncproto.Atom]map[syncproto.RecordID]bool
	cursor  syncproto.Cursor
	digests int // mismatches seen
	offset  time.Duration
	down    int
}

func (w *world) device(name string, person syncproto.PersonID) *device {
	d := &device{w: w, person: person, key: ed25519.NewKeyFromSeed(sum("key " + name)), prev: map[syncproto.RecordID]syncproto.Seq{},
		own: map[syncproto.RecordID]*crdt.Record{}, base: map[syncproto.RecordID]*crdt.Record{}, kept: map[syncproto.RecordID]*crdt.Record{}, atoms: map[syncproto.Atom]map[syncproto.RecordID]bool{}}
	copy(d.replica[:], sum(name))
	d.replica[6], d.replica[8] = d.replica[6]&0x0f|0x40, d.replica[8]&0x3f|0x80
	d.link = sign.ChainStart(d.replica)
	d.links = []syncproto.Hash{d.link}
	w.devices[d.replica] = ingest.Device{Key: d.key.Public().(ed25519.PublicKey), Person: person}
	return d
}

func (d *device) newID() syncproto.RecordID { return syncproto.NewRecordID(d.w.now.Add(d.offset)) }

// shown is the record as the device shows it, a fresh one if it has none.
func (d *device) shown(id syncproto.RecordID) *crdt.Record {
	if rec := d.own[id]; rec != nil {
		return rec
	}
	rec := crdt.New(id)
	d.own[id] = rec
	return rec
}

// write saves one change of one record; fn edits it. kind is set on creation.
func (d *device) write(id syncproto.RecordID, kind string, fn func(e *crdt.Edit)) {
	d.w.t.Helper()
	rec := d.shown(id)
	e := rec.Clone().Edit(d.replica, rec)
	fn(e)
	part, ok := e.Part()
	if !ok {
		if kind == "" {
			return
		}
		part = syncproto.Part{Record: id}
	}
	part.Kind = kind
	d.save(part)
}

// save cuts a change out of parts and joins them to the device's own view.
func (d *device) save(parts ...syncproto.Part) {
	d.w.t.Helper()
	d.seq++
	h := syncproto.Header{Replica: d.replica, Seq: d.seq, Author: d.person, Wall: d.w.now.Add(d.offset).UnixMilli()}
	c := wire.RawChange{Header: h, HeaderBytes: wire.AppendHeader(nil, &h)}
	for i := range parts {
		c.Parts = append(c.Parts, wire.RawPart{Bytes: wire.AppendPart(nil, d.replica, &parts[i])})
		if err := d.shown(parts[i].Record).Join(h, &parts[i], crdt.Options{}); err != nil {
			d.w.t.Fatalf("own change: %v", err)
		}
	}
	d.changes = append(d.changes, c)
	d.parts = append(d.parts, parts)
	d.link = sign.Seal(c, d.seed(d.seq), d.link).Link
	d.links = append(d.links, d.link)
}

func (d *device) seed(seq syncproto.Seq) syncproto.Seed {
	return syncproto.Seed(sum(fmt.Sprint(d.replica, syncproto.BlockOf(seq))))
}

// bundle packs changes from..to, numbered from 1.
func (d *device) bundle(from, to syncproto.Seq) syncproto.Bundle {
	var seeds []syncproto.Seed
	for b := syncproto.BlockOf(from); b <= syncproto.BlockOf(to); b++ {
		seeds = append(seeds, d.seed(syncproto.Seq(b*syncproto.SeedBlock+1)))
	}
	u, _ := sign.MakeBundle(d.key, d.changes[from-1:to], seeds, d.links[from-1], wire.EffortThin)
	return *u
}

func (d *device) push(bundles ...syncproto.Bundle) (syncproto.Receipt, error) {
	return d.w.ingest.Push(context.Background(), d.replica, bundles)
}

// pushAll pushes everything in bundles of at most n changes.
func (d *device) pushAll(n int) syncproto.Receipt {
	d.w.t.Helper()
	var bundles []syncproto.Bundle
	for from := syncproto.Seq(1); from <= d.seq; from += syncproto.Seq(n) {
		bundles = append(bundles, d.bundle(from, min(from+syncproto.Seq(n)-1, d.seq)))
	}
	c, err := d.push(bundles...)
	if err != nil {
		d.w.t.Fatalf("push: %v", err)
	}
	return c
}

// pull pulls until nothing is left and checks the digests.
func (d *device) pull() {
	d.w.t.Helper()
	for range 1000 {
		page, err := d.w.feed.Pull(context.Background(), d.replica, d.person, syncproto.PullRequest{Cursor: d.cursor})
		if err != nil {
			d.w.t.Fatalf("pull: %v", err)
		}
		if page == nil {
			return
		}
		d.apply(page)
		if !page.More {
			return
		}
	}
	d.w.t.Fatal("pull never ends")
}

func (d *device) apply(page *syncproto.Page) {
	d.w.t.Helper()
	// What was sent is what an encoder and a strict decoder agree on.
	wired, err := wire.DecodePage(wire.AppendPage(nil, page))
	must(d.w.t, err)
	d.down += len(wire.AppendPage(nil, page))
	for i := range wired.Entries {
		d.entry(&wired.Entries[i])
	}
	d.cursor = wired.Cursor
	for id := range d.base {
		d.rebuild(id)
	}
	for _, want := range wired.Digests {
		if got := d.digest(want.Atom, want.Classes); got != want.Sum {
			d.digests++
		}
	}
}

func (d *device) in(a syncproto.Atom, id syncproto.RecordID) {
	if d.atoms[a] == nil {
		d.atoms[a] = map[syncproto.RecordID]bool{}
	}
	d.atoms[a][id] = true
}

func (d *device) entry(e *syncproto.Entry) {
	d.w.t.Helper()
	switch e.Kind {
	case syncproto.EntryChanges:
		var room wire.PartRoom
		must(d.w.t, room.ReadSlice(e, func(h syncproto.Header, p *syncproto.Part) error {
			d.join(e.Atom, h, p)
			return nil
		}))
	case syncproto.EntryStates:
		raw, err := wire.Decompress(e.Frame, e.RawBytes)
		must(d.w.t, err)
		states, err := wire.DecodeStates(raw, e.Count)
		must(d.w.t, err)
		for _, s := range states {
			rec, err := crdt.Decode(append([]byte(nil), s.Bytes...))
			must(d.w.t, err)
			if d.kept[s.Record] == nil {
				d.kept[s.Record] = d.base[s.Record]
			}
			d.base[s.Record] = rec
			d.in(e.Atom, s.Record)
		}
	case syncproto.EntryLeave:
		for _, id := range e.Records {
			delete(d.atoms[e.Atom], id)
			if !d.anywhere(id) {
				delete(d.base, id)
				delete(d.kept, id)
				delete(d.own, id)
			}
		}
	case syncproto.EntryOwn:
		for seq := e.From; seq <= e.To; seq++ {
			for i := range d.parts[seq-1] {
				d.join(e.Atom, d.changes[seq-1].Header, &d.parts[seq-1][i])
			}
		}
	}
}

func (d *device) anywhere(id syncproto.RecordID) bool {
	for _, ids := range d.atoms {
		if ids[id] {
			return true
		}
	}
	return false
}

func (d *device) join(a syncproto.Atom, h syncproto.Header, p *syncproto.Part) {
	d.w.t.Helper()
	rec := d.base[p.Record]
	if rec == nil {
		rec = crdt.New(p.Record)
		d.base[p.Record] = rec
	}
	d.in(a, p.Record)
	var missing *crdt.MissingError
	if err := rec.Join(h, p, crdt.Options{}); err != nil && !errors.Is(err, crdt.ErrKnown) && !errors.As(err, &missing) {
		d.w.t.Fatalf("join to base: %v", err)
	}
}

// rebuild makes what is shown of a record: its base joined with own changes
// that it does not cover, or, while these name elements that the base has not,
// the base before.
func (d *device) rebuild(id syncproto.RecordID) {
	shown, missing := d.overlay(id, d.base[id])
	if missing == 0 {
		delete(d.kept, id)
	} else if kept := d.kept[id]; kept != nil {
		if old, n := d.overlay(id, kept); n < missing {
			shown = old
		}
	}
	d.own[id] = shown
}

func (d *device) overlay(id syncproto.RecordID, base *crdt.Record) (rec *crdt.Record, waiting int) {
	rec = base.Clone()
	for i := range d.parts {
		for j := range d.parts[i] {
			if p := &d.parts[i][j]; p.Record == id {
				if err := rec.Join(d.changes[i].Header, p, crdt.Options{}); err != nil && !errors.Is(err, crdt.ErrKnown) {
					var missing *crdt.MissingError
					if !errors.As(err, &missing) {
						d.w.t.Fatalf("overlay: %v", err)
					}
					waiting++
				}
			}
		}
	}
	return rec, waiting
}

func (d *device) digest(a syncproto.Atom, classes syncproto.Audience) (sum syncproto.Digest) {
	for id := range d.atoms[a] {
		rec := d.base[id]
		if classes == syncproto.ForAll {
			sum = sum.Add(rec.Digest(nil))
			continue
		}
		sum = sum.Add(rec.Digest(view.Includes(schema.Builtin(), rec, classes)))
	}
	return sum
}

func (d *device) sync() {
	d.w.t.Helper()
	if d.seq > 0 {
		d.pushAll(20)
	}
	d.pull()
}

// visit writes a visit in a village of the township.
func (d *device) visit(fields map[string]any) syncproto.RecordID {
	d.w.t.Helper()
	id := d.newID()
	all := map[string]any{"place_code": township + "901", "recorder_id": d.person[:], "visit_type": "入户走访", "met": "见到本人",
		"occurred_at": d.w.now.In(timeline.Zone).Format("2006-01-02T15:04Z07:00"), "visibility": "本级及上级"}
	for k, v := range fields {
		all[k] = v
	}
	d.write(id, "ZF", func(e *crdt.Edit) {
		for k, v := range all {
			if s, ok := v.(string); ok && (k == "situation" || k == "scene" || k == "impression") {
				must(d.w.t, e.SetText(k, s))
				continue
			}
			must(d.w.t, e.Set(k, value(v)))
		}
	})
	return id
}
