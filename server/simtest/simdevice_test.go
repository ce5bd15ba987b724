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
	waiting []*ownPart // those of written whose fate may still change
	forms   []*form
	gone    bool // drowned: nobody has it any more
	back    int  // step at which the network comes back
}

// ownPart is a part of the log with the number of its change.
type ownPart struct {
	*history.Part
	replica syncproto.ReplicaID
	seq     syncproto.Seq
	record  syncproto.RecordID
	claimed time.Time // when, as it says itself
	saved   time.Time // when, by the true one
	// reissued: the store was found to exist twice and what it had not been
	// acknowledged was written anew.
	reissued bool
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
	code := d.s.server.code(d.who.id)
	if d.s.net.Away(d.name) {
		return
	}
	if err := d.client.ReEnrol(context.Background(), code); err != nil {
		return // again at its next sync; at rest this would be a stall
	}
	d.s.renewed++
	d.s.forgetCopies() // an older disk would not know the new id
	d.identify()
	for _, p := range d.waiting {
		if p.Fate == history.Unknown {
			p.reissued = true
		}
	}
	d.waiting = nil
	for _, f := range d.forms {
		must(d.s.t, d.client.Discard(f.draft.ID()))
	}
	d.forms = nil
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
		if p.replica != r.Replica || r.Forked && p.Fate == history.Unknown {
			// The server's change of this number may be another store's.
			if p.replica == d.replica {
				d.waiting = append(d.waiting, p)
			}
			continue
		}
		if r.Received.Contains(p.seq) {
			p.atRisk = false
			reason, waits := held[place{p.seq, p.record}]
			switch {
			case waits && reason == syncproto.HoldFork && p.Fate == history.Acked: // a copy's change of this number
			case waits:
				p.Fate, p.Reason = history.Held, reason.Words()
			case p.Fate != history.Lost:
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
func (d *simDevice) wrote(save int, record syncproto.RecordID, opened int, acts []history.Act) {
	p := &history.Part{Save: save, By: d.writer, Record: record.String(), Acts: acts, Opened: opened, Saved: d.s.steps}
	own := &ownPart{Part: p, replica: d.replica, record: record, claimed: d.clock.Now(), saved: d.s.clock.Now()}
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
