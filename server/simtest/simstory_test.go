package simtest

import (
	"context"
	"testing"

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
	open := &form{draft: draft, opened: s.steps, kind: "ZF"}
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
	a.wrote(1, f.draft.Record(), 0, f.acts)
	s.know(f.draft.Record(), "HY")
	a.sync()
	g := b.join(s.meetings[0])
	must(t, b.client.Submit(context.Background(), g.draft))
	b.wrote(2, g.draft.Record(), 0, g.acts)
	b.sync()
	h := a.edit(f.draft.Record())
	must(t, a.client.Share(context.Background(), h.draft))
	a.wrote(3, h.draft.Record(), 0, h.acts)
	a.sync()
	a.sync()
	s.judged()
	facts, ok := s.facts(f.draft.Record())
	if !ok || facts.draft {
		t.Errorf("the server has it as %+v", facts)
	}
	if v := s.deviceOf(t, 4).shown(f.draft.Record()); v == nil {
		t.Error("its reader does not have it")
	}
}
