package simtest

import (
	"context"
	"errors"
	"testing"

	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto/history"
)

// What the simulation once found, each as a short story of its own.

// calm is a small world without mishaps.
func calm(t *testing.T) *sim {
	s := newSim(t, 1, 6)
	s.net.Heal()
	return s
}

// deviceOf is the device of a person, by number.
func (s *sim) deviceOf(t *testing.T, person int) *simDevice {
	t.Helper()
	for _, d := range s.devices {
		if d.who == s.people[person] {
			return d
		}
	}
	d := s.newDevice("more", s.people[person], s.server.code(s.people[person].id))
	return d
}

func (s *sim) judged() {
	s.rest()
	s.judge()
	s.report()
}

// A form lies open while the record it is about is taken from the device: what
// was written can still be submitted, and the server says what becomes of it.
func TestFormOpenWhileTheRecordLeaves(t *testing.T) {
	s := calm(t)
	s.narrowUnderForm()
	s.judged()
	if n := s.log.Count(history.Held); n != 1 {
		t.Errorf("%d parts held, want the one of the form", n)
	}
}

// narrowUnderForm lets one device submit a form on a record that another has
// narrowed meanwhile.
func (s *sim) narrowUnderForm() {
	t := s.t
	a, b := s.deviceOf(t, 2), s.deviceOf(t, 4) // both of the second township
	f := a.create()
	for f.kind != "ZF" {
		f = a.create()
	}
	id := f.draft.Record()
	a.submit(f)
	a.sync()
	b.sync()
	v := b.shown(id)
	if v == nil {
		t.Fatal("the visit did not come to its township")
	}
	draft, err := b.client.Edit(id)
	must(t, err)
	open := b.form(draft, "ZF")
	b.setText(open, v, "scene")
	narrow, err := a.client.Edit(id)
	must(t, err)
	must(t, a.client.Submit(context.Background(), narrow.Set("visibility", "本人")))
	a.sync()
	b.sync()
	if b.shown(id) != nil {
		t.Fatal("the narrowed record stayed")
	}
	b.submit(open)
}

// A copied folder: both go on, one is found to contradict the other. What it
// wrote counts once, what was held of it waits no more and can still be read.
func TestCopiedFolderIsClosed(t *testing.T) {
	s := calm(t)
	a := s.deviceOf(t, 2)
	f := a.create()
	a.submit(f)
	a.sync()
	s.clone(a)
	b := s.devices[len(s.devices)-1]
	for _, d := range []*simDevice{a, b} {
		for range 3 {
			d.submit(d.edit(f.draft.Record()))
		}
		_, err := d.client.Sync(context.Background())
		must(t, err)
	}
	if n := s.holds(); n == 0 {
		t.Fatal("the copy's work is not held as a fork")
	}
	s.judged()
	if n := s.holds(); n != 0 {
		t.Errorf("%d parts still wait", n)
	}
	if n := s.log.Count(history.Acked); n != len(a.written)+3 {
		t.Errorf("%d parts acknowledged, want %d", n, len(a.written)+3)
	}
	forks := 0
	must(t, s.server.disk.View(context.Background(), 0, func(r store.Reader) error {
		return r.Scan(store.Key("y/"), store.Key("z"), false, func(store.Key, []byte) (bool, error) { forks++; return true, nil })
	}))
	if forks == 0 {
		t.Error("what contradicted is not in the log")
	}
}

// A store is on its way to a new id when the network breaks, and the server is
// put back to before it gave that: what it knows nothing of gives way to another.
func TestNewIDThatThePutBackServerForgot(t *testing.T) {
	s := calm(t)
	a := s.deviceOf(t, 2)
	f := a.create()
	a.submit(f)
	a.sync()
	s.clone(a)
	b := s.devices[len(s.devices)-1]
	for _, d := range []*simDevice{a, b} {
		d.submit(d.edit(f.draft.Record()))
	}
	a.sync()
	older := s.server.disk.Clone()
	b.line.cut = func(path string) bool { return path == "/v1/sync/reissue" }
	b.sync()
	if b.stuck == nil || !errors.Is(b.stuck, errLineCut) {
		t.Fatalf("the new id: %v", b.stuck)
	}
	b.line.cut = nil
	s.server.restore(older)
	s.judged()
	if b.stuck != nil || b.replica == a.replica {
		t.Errorf("the new id: %v", b.stuck)
	}
}

// holds counts the parts that the server lists as held.
func (s *sim) holds() (n int) {
	must(s.t, s.server.disk.View(context.Background(), 0, func(r store.Reader) error {
		return records.EveryHold(r, func(records.HeldPart, records.Hold) (bool, error) { n++; return true, nil })
	}))
	return n
}

// Two write one meeting, one submits it while the other, unaware, shares what
// he has: it is submitted.
func TestOneSubmitsForBoth(t *testing.T) {
	s := calm(t)
	a, b := s.deviceOf(t, 2), s.deviceOf(t, 4)
	f := a.create()
	for f.kind != "HY" {
		f = a.create()
	}
	must(t, a.client.Share(context.Background(), f.draft))
	a.wrote(1, f.draft.Record(), f)
	s.know(f.draft.Record(), "HY")
	a.sync()
	g := b.join(s.meetings[0])
	must(t, b.client.Submit(context.Background(), g.draft))
	b.wrote(2, g.draft.Record(), g)
	b.sync()
	h := a.edit(f.draft.Record())
	must(t, a.client.Share(context.Background(), h.draft))
	a.wrote(3, h.draft.Record(), h)
	a.sync()
	a.sync()
	s.judged()
	facts, ok := s.facts(f.draft.Record(), nil)
	if !ok || facts.draft {
		t.Errorf("the server has it as %+v", facts)
	}
	if v := s.deviceOf(t, 4).shown(f.draft.Record()); v == nil {
		t.Error("its reader does not have it")
	}
}
