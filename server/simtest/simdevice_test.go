package simtest

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/httptransport"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/syncloop"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/history"
	"github.com/chuantou/chuantou/syncproto/simnet"
)

// simDevice is a real client on a store in memory.
type simDevice struct {
	s      *sim
	name   string // on the net
	writer string // in the log: a store and its copies are one
	who    *simPerson
	store  *localstore.Memory
	client *clientsdk.Client
	clock  *simnet.Skewed
	line   *line

	replica syncproto.ReplicaID
	seq     syncproto.Seq // of the last change
	epoch   string        // of the last receipt
	written []*ownPart
	waiting []*ownPart                           // those of written whose fate may still change
	heard   []*syncproto.Receipt                 // in this sync
	synced  int                                  // step of the last sync that ended well
	fates   map[syncproto.Seq]syncproto.Reissued // what became of the spent id's changes
	older   *olderStore                          // a copy of its folder that was put aside
	sunk    []*ownPart                           // written on a folder that gave way to an older one
	forms   []*form
	gone    bool  // drowned: nobody has it any more
	back    int   // step at which the network comes back
	stuck   error // of the last try to take a new id
}

// ownPart is a part of the log with the number of its change.
type ownPart struct {
	*history.Part
	replica syncproto.ReplicaID
	seq     syncproto.Seq
	index   int // of its change's parts
	record  syncproto.RecordID
	claimed time.Time // when, as it says itself
	saved   time.Time // when, by the true one
	// atRisk: since an older copy of the server's disk was put back nobody knows
	// whether the server has it.
	atRisk bool
}

var errKilled = errors.New("the process was killed")

func (s *sim) newDevice(name string, who *simPerson, code string) *simDevice {
	d := &simDevice{s: s, name: name, writer: name, who: who, store: localstore.NewMemory(), clock: &simnet.Skewed{True: s.clock}}
	d.open()
	must(s.t, d.client.Enrol(context.Background(), simOrigin, code, name))
	d.identify()
	d.sync()
	s.devices = append(s.devices, d)
	return d
}

func (d *simDevice) identify() {
	id, _ := d.client.Identity()
	d.replica = id.Replica
}

// open opens the client on the store, as the app does when it is started.
func (d *simDevice) open() {
	d.s.opens++
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], d.s.seed)
	binary.BigEndian.PutUint64(seed[8:], uint64(d.s.opens))
	d.line = &line{s: d.s, d: d}
	var err error
	d.client, err = clientsdk.OpenStore(d.store, clientsdk.Options{Clock: d.clock.Now, Random: rand.NewChaCha8(seed),
		Dial: func(origin string) (syncloop.Transport, error) {
			return httptransport.New(origin, httptransport.Options{Now: d.clock.Now, RoundTripper: d.line, Stall: time.Hour})
		}})
	must(d.s.t, err)
}

// reopen starts the app again on what its store has; forms that were not saved
// are gone.
func (d *simDevice) reopen() {
	d.client.Close()
	d.store = d.store.Clone()
	d.open()
	d.forms = slices.DeleteFunc(d.forms, func(f *form) bool { return !f.saved })
	for _, f := range d.forms {
		var err error
		f.draft, err = d.client.Draft(f.draft.ID())
		must(d.s.t, err)
	}
}

// killDuring lets the app be killed at some write of what fn does.
func (d *simDevice) killDuring(fn func()) {
	left := d.s.rand.IntN(4)
	d.store.FailWith(func(*localstore.Batch) error {
		if left--; left < 0 {
			return errKilled
		}
		return nil
	})
	fn()
	d.store.FailWith(nil)
	d.reopen()
}

// sync syncs once, whatever comes of it.
func (d *simDevice) sync() (clientsdk.Report, error) {
	r, err := d.client.Sync(context.Background())
	d.s.syncs++
	if heard := d.heard; !r.NeedsNewID {
		// Else some of it may have been about another store's changes.
		for _, c := range heard {
			d.told(c)
		}
		if err == nil {
			d.synced = d.s.steps
		}
	}
	d.heard = nil
	if r.Unresolved > 0 {
		d.s.unresolved++
	}
	d.s.mismatches += r.Mismatches
	if sum, e := d.client.Summary(); e == nil && sum.NeedsNewID {
		d.renew()
	}
	return r, err
}

// renew takes a new replica id, as the app asks for when the store was found
// to exist twice.
func (d *simDevice) renew() {
	if d.s.net.Away(d.name) || d.s.server.broken != nil {
		return
	}
	former := d.replica
	if d.stuck = d.client.ReEnrol(context.Background(), d.s.server.code(d.who.id)); d.stuck != nil {
		return // again at its next sync; at rest this would be a stall
	}
	d.identify()
	d.s.renewed++
	d.s.forgetCopies() // an older disk would not know the new id
	d.older, d.seq, d.epoch, d.waiting = nil, 0, "", nil
	for _, a := range d.fates {
		if a.As.Replica == d.replica {
			d.seq = max(d.seq, a.As.Seq)
		}
	}
	for _, p := range d.written {
		if p.replica == former {
			d.follow(p)
		}
		if p.replica == former && p.Fate == history.Held && p.Reason == syncproto.HoldMissing.Words() {
			p.Fate, p.Reason = history.Unknown, "" // its receipts are nobody's from here on
		}
		if p.replica == d.replica || p.atRisk {
			d.waiting = append(d.waiting, p)
		}
	}
	d.fates = nil
}

// follow looks what became of a part that was written under the former id.
func (d *simDevice) follow(p *ownPart) {
	fate, here := d.fates[p.seq]
	switch {
	case !here:
		return // it was let go of
	case fate.As.IsZero() || len(fate.Parts) > 0 && !slices.Contains(fate.Parts, p.index):
		if p.atRisk, p.Known = false, d.s.steps; p.Fate == history.Unknown {
			d.kept(p)
		}
		return
	}
	p.replica, p.seq = fate.As.Replica, fate.As.Seq
	p.index = max(0, slices.Index(fate.Parts, p.index))
	if p.Fate == history.Held {
		p.Fate, p.Reason = history.Unknown, ""
	}
}

// kept notes that the server has a part as it was.
func (d *simDevice) kept(p *ownPart) {
	p.Fate = history.Acked
	must(d.s.t, d.s.server.disk.View(context.Background(), 0, func(r store.Reader) error {
		return records.HoldsOf(r, syncproto.ChangeID{Replica: p.replica, Seq: p.seq}, func(_ int, h records.Hold) error {
			if h.Record == p.record && h.Reason != syncproto.HoldFork {
				p.Fate, p.Reason = history.Held, h.Reason.Words()
			}
			return nil
		})
	}))
}

// told takes note of a receipt that reached the device: from here on what it
// says must be true.
func (d *simDevice) told(r *syncproto.Receipt) {
	if r.Replica != d.replica {
		return
	}
	look := d.waiting
	if r.Epoch != d.epoch {
		look, d.epoch = d.written, r.Epoch
	}
	type place struct {
		seq    syncproto.Seq
		record syncproto.RecordID
	}
	held := map[place]syncproto.HoldReason{}
	for _, h := range r.Held {
		held[place{h.Seq, h.Record}] = h.Reason
	}
	d.waiting = nil
	for _, p := range look {
		if p.replica != r.Replica {
			continue
		}
		if r.Received.Contains(p.seq) {
			if p.atRisk {
				p.atRisk, p.Known = false, d.s.steps
			}
			reason, waits := held[place{p.seq, p.record}]
			switch {
			case waits:
				p.Demoted = p.Demoted || p.Fate == history.Acked
				p.Fate, p.Reason = history.Held, reason.Words()
			case p.Fate != history.Lost:
				if p.Fate == history.Held {
					p.Known = d.s.steps // an older copy of the disk may have it and not what it waited for
				}
				p.Fate, p.Reason = history.Acked, ""
			}
			if p.Known == 0 {
				p.Known = d.s.steps
			}
		}
		if p.Fate != history.Acked || p.atRisk {
			d.waiting = append(d.waiting, p)
		}
	}
}

// wrote takes a saved part into the log.
func (d *simDevice) wrote(save int, record syncproto.RecordID, f *form) {
	p := &history.Part{Save: save, By: d.writer, Record: record.String(), Acts: f.acts, Opened: f.opened, Saved: d.s.steps, Synced: f.synced, Narrows: f.narrows}
	own := &ownPart{Part: p, replica: d.replica, record: record, claimed: d.clock.Now(), saved: d.s.clock.Now()}
	if n := len(d.written); n > 0 && d.written[n-1].Save == save {
		own.index = d.written[n-1].index + 1
	}
	saves, err := d.client.History(record)
	switch {
	case errors.Is(err, clientsdk.ErrNoRecord): // it left while the form lay open
		own.seq = d.seq + 1
		if n := len(d.written); n > 0 && d.written[n-1].Save == save {
			own.seq = d.seq
		}
	case err != nil:
		d.s.t.Fatal(err)
	}
	for _, c := range saves {
		if c.Replica == d.replica && c.Seq > own.seq {
			own.seq, own.claimed = c.Seq, c.When
		}
	}
	if own.seq == 0 {
		d.s.t.Fatalf("device %s saved record %s and its history does not say so", d.name, record)
	}
	d.seq = own.seq
	d.s.log.Note(p)
	d.written = append(d.written, own)
	d.waiting = append(d.waiting, own)
}

// shown is what the device shows of a record, nil for nothing.
func (d *simDevice) shown(id syncproto.RecordID) *clientsdk.View {
	v, err := d.client.Get(id)
	if errors.Is(err, clientsdk.ErrNoRecord) {
		return nil
	}
	must(d.s.t, err)
	return v
}
