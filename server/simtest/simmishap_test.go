package simtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/history"
	"github.com/chuantou/chuantou/syncproto/seal"
	"github.com/chuantou/chuantou/syncproto/simnet"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// mishap is what goes wrong at sea.
func (s *sim) mishap(d *simDevice) {
	switch n := s.rand.IntN(100); {
	case n < 30:
		s.net.Partition(d.name, true)
		d.back = s.steps + 20 + s.rand.IntN(600)
	case n < 40:
		d.clock.Offset = time.Duration(s.rand.IntN(10*365*24)-5*365*24) * time.Hour
	case n < 55:
		if s.chance(50) {
			d.killDuring(func() { d.sync() })
		} else {
			d.killDuring(d.work)
		}
	case n < 65:
		d.diskFull()
	case n < 75:
		s.courier(d)
	case n < 83:
		s.serverDies(d)
	case n < 88:
		s.serverFull()
	case n < 90:
		s.drown(d)
	case n < 91:
		s.clone(d)
	case n < 92:
		d.putAside()
	case n < 94:
		s.copies = append(s.copies, backup{s.server.disk.Clone(), s.steps})
	case n < 95:
		s.putBack()
	case n < 96:
		s.halfAYear(d)
	case n < 97:
		d.rewind()
	case len(s.delayed) > 0:
		i := s.rand.IntN(len(s.delayed))
		send := s.delayed[i]
		s.delayed = slices.Delete(s.delayed, i, i+1)
		send()
	}
}

func (d *simDevice) diskFull() {
	d.store.FailWith(func(*localstore.Batch) error {
		if d.s.chance(50) {
			return localstore.ErrFull
		}
		return nil
	})
	for range 3 {
		d.work()
		d.sync()
	}
	d.store.FailWith(nil)
}

// courier exports an outbox, or lets another device's session bring one: whole
// or in part, once or again.
func (s *sim) courier(d *simDevice) {
	if without("courier") {
		return
	}
	if len(s.couriers) == 0 || s.chance(50) {
		var b bytes.Buffer
		if n, err := d.client.ExportOutbox(&b); err == nil && n > 0 && len(s.couriers) < 20 {
			s.couriers = append(s.couriers, b.Bytes())
		}
		return
	}
	i := s.rand.IntN(len(s.couriers))
	var bundles []syncproto.Bundle
	must(s.t, seal.EachOutbox(bytes.NewReader(s.couriers[i]), s.server.sealKey(), func(b []byte) error {
		r := wire.NewReader(b)
		u, err := wire.ReadBundle(r)
		bundles = append(bundles, u)
		return errors.Join(err, r.Done())
	}))
	s.rand.Shuffle(len(bundles), func(a, b int) { bundles[a], bundles[b] = bundles[b], bundles[a] })
	bundles = bundles[:1+s.rand.IntN(len(bundles))]
	if _, err := s.server.srv.Push(context.Background(), d.replica, bundles); err != nil && syncproto.KindOf(err) != syncproto.KindUnauthorized {
		s.t.Fatalf("a courier's bundles: %v", err)
	}
	if s.chance(70) {
		s.couriers = slices.Delete(s.couriers, i, i+1)
	}
}

// serverDies kills the server between two requests or in the middle of a push.
func (s *sim) serverDies(d *simDevice) {
	left := s.rand.IntN(3)
	s.server.broken = func() diskFault {
		if left--; left == 0 {
			return diskUnsure
		}
		return diskWorks
	}
	d.sync()
	s.server.broken = nil
	s.server.kill()
}

func (s *sim) serverFull() {
	s.server.broken = func() diskFault {
		if s.chance(60) {
			return diskFull
		}
		return diskWorks
	}
	for _, d := range s.living() {
		if s.chance(30) {
			d.sync()
		}
	}
	s.server.broken = nil
}

// drown takes a device away for ever. What it was not acknowledged may be
// anywhere or nowhere.
func (s *sim) drown(d *simDevice) {
	if d == s.office || len(s.living()) < 5 || without("drown") {
		return
	}
	if s.chance(50) {
		d.sync()
	}
	d.gone = true
	s.drowned++
	d.client.Close()
	sink(d.waiting)
}

// clone copies a device's folder: two stores write under one number from here on.
func (s *sim) clone(d *simDevice) {
	if without("copies") || d == s.office || len(s.living()) >= *simDevices+3 {
		return
	}
	s.clones++
	c := &simDevice{s: s, name: fmt.Sprint("copy", s.clones), writer: d.writer, who: d.who, store: d.store.Clone(),
		clock: &simnet.Skewed{True: s.clock, Offset: d.clock.Offset}, replica: d.replica, seq: d.seq, epoch: d.epoch,
		written: slices.Clone(d.written), waiting: slices.Clone(d.waiting)}
	c.open()
	c.discardDrafts()
	s.devices = append(s.devices, c)
}

// olderStore is a copy of a device's folder: a backup of the phone.
type olderStore struct {
	store   *localstore.Memory
	seq     syncproto.Seq
	written int
}

func (d *simDevice) putAside() { d.older = &olderStore{d.store.Clone(), d.seq, len(d.written)} }

// rewind puts the older copy of the device's folder back. What was written since
// is no longer on the device; what the server had of it it still has.
func (d *simDevice) rewind() {
	old := d.older
	if old == nil || without("rewind") {
		return
	}
	d.s.rewound++
	d.client.Close()
	d.store, d.seq, d.older, d.forms = old.store, old.seq, nil, nil
	d.open()
	d.discardDrafts()
	gone := d.written[old.written:]
	d.sunk = append(d.sunk, gone...)
	sink(gone)
	d.written = d.written[:old.written:old.written]
	d.waiting = slices.DeleteFunc(d.waiting, func(p *ownPart) bool { return slices.Contains(gone, p) })
	sink(gone)
}

// sink notes what nobody can give again: what the server may not have, since an
// older copy of its disk was put back. Of what waited for its cause nobody will
// be told that it came.
func sink(parts []*ownPart) {
	for _, p := range parts {
		switch {
		case p.atRisk:
			p.Fate = history.Lost
		case p.Fate == history.Held && p.Reason == syncproto.HoldMissing.Words():
			p.Fate, p.Reason = history.Unknown, ""
		}
	}
}

// discardDrafts leaves the texts that lie open to the folder this one is a copy of.
func (d *simDevice) discardDrafts() {
	drafts, err := d.client.Drafts()
	must(d.s.t, err)
	for _, f := range drafts {
		must(d.s.t, d.client.Discard(f.ID()))
	}
}

func (s *sim) forgetCopies() { s.copies = nil }

// putBack puts an older copy of the server's disk back. What drowned devices
// gave it since is lost.
func (s *sim) putBack() {
	if len(s.copies) == 0 || without("putback") {
		return
	}
	old := s.copies[s.rand.IntN(len(s.copies))]
	s.copies = nil
	s.restores++
	s.server.restore(old.disk)
	for _, d := range s.devices {
		for _, p := range d.written {
			if p.replica == d.replica && (p.Fate == history.Unknown || p.Known >= old.step) {
				p.atRisk = true
				if !slices.Contains(d.waiting, p) {
					d.waiting = append(d.waiting, p)
				}
			}
		}
		if d.gone {
			sink(d.waiting)
		}
		for _, p := range d.sunk {
			p.atRisk = p.atRisk || p.Fate != history.Unknown && p.Known >= old.step
		}
		sink(d.sunk)
	}
}

// halfAYear passes for everybody while one device has no network.
func (s *sim) halfAYear(d *simDevice) {
	s.net.Partition(d.name, true)
	d.back = s.steps + 500
	s.clock.Advance(180 * 24 * time.Hour)
}
