package simtest

import (
	"testing"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// delegates gives a clerk leave to write for the device's owner, from today.
func (d *device) delegates(clerk syncproto.PersonID, kinds ...any) syncproto.RecordID {
	return d.delegation(d.person, clerk, kinds...)
}

func (d *device) delegation(leader, clerk syncproto.PersonID, kinds ...any) syncproto.RecordID {
	id := d.newID()
	d.write(id, "WT", func(e *crdt.Edit) {
		for field, v := range map[string]any{"leader": leader[:], "clerk": clerk[:], "kinds": kinds, "from_on": d.w.now.Format(time.DateOnly)} {
			must(d.w.t, e.Set(field, value(v)))
		}
	})
	return id
}

func (d *device) ends(delegation syncproto.RecordID, on string) {
	d.write(delegation, "", func(e *crdt.Edit) {
		must(d.w.t, e.Log("ends", value(map[string]any{"to_on": on})))
	})
}

// heard is what the server's notes say of when the device took a page.
func (d *device) heard() {
	dev := d.w.devices[d.replica]
	dev.Heard = d.w.now.UnixMilli()
	d.w.devices[d.replica] = dev
}

func reasons(r syncproto.Receipt) (out []syncproto.HoldReason) {
	for _, h := range r.Held {
		out = append(out, h.Reason)
	}
	return out
}

func wantHeld(t *testing.T, what string, r syncproto.Receipt, n int) {
	t.Helper()
	if len(r.Held) != n {
		t.Fatalf("%s: %d held, want %d", what, len(r.Held), n)
	}
	for _, reason := range reasons(r) {
		if reason != syncproto.HoldDelegation {
			t.Errorf("%s: held for reason %d", what, reason)
		}
	}
}

func TestNobodyWritesForALeaderUnasked(t *testing.T) {
	_, clerk, other, leader := threeDevices(t)
	forLeader := map[string]any{"on_behalf_of": leader.person.String()}
	clerk.visit(forLeader)
	wantHeld(t, "without a delegation", clerk.pushAll(20), 1)

	leader.delegates(clerk.person, "ZF")
	leader.sync()
	clerk.visit(forLeader)
	wantHeld(t, "with one, what came before it", clerk.pushAll(20), 1)
	plain := clerk.visit(nil)
	clerk.write(plain, "", func(e *crdt.Edit) { must(t, e.Set("on_behalf_of", value(leader.person.String()))) })
	wantHeld(t, "said of a record that was there", clerk.pushAll(20), 1)
	id := clerk.newID()
	clerk.write(id, "TY", func(e *crdt.Edit) {
		for f, v := range map[string]any{"place_code": township + "901", "recorder_id": clerk.person[:], "on_behalf_of": leader.person.String(), "occurred_at": "2026-05-22"} {
			must(t, e.Set(f, value(v)))
		}
	})
	wantHeld(t, "a kind that it does not name", clerk.pushAll(20), 2)
	other.visit(forLeader)
	wantHeld(t, "somebody else", other.pushAll(20), 1)
}

func TestOnlyTheLeaderDelegates(t *testing.T) {
	w, clerk, _, leader := threeDevices(t)
	clerk.delegation(leader.person, clerk.person, "ZF")
	if r := clerk.pushAll(20); len(r.Held) != 1 || r.Held[0].Reason != syncproto.HoldScope {
		t.Fatalf("a clerk who delegates to himself: %+v", r.Held)
	}
	id := leader.delegates(clerk.person, "ZF")
	leader.sync()
	clerk.sync()
	clerk.own[id] = clerk.base[id].Clone()
	clerk.ends(id, "2030-01-01")
	if r := clerk.pushAll(20); len(r.Held) != 2 || r.Held[1].Reason != syncproto.HoldScope {
		t.Fatalf("a clerk who moves the end: %+v", r.Held)
	}
	if v := w.dir.Viewer(clerk.person); len(v.Behalf) != 1 || v.Behalf[0].ToOn != "" {
		t.Errorf("delegations are %+v", v.Behalf)
	}
}

// A delegation that ended while the phone was at sea: what was written before
// the phone could know stands, later work is held.
func TestDelegationEndsWhileAtSea(t *testing.T) {
	w, clerk, _, leader := threeDevices(t)
	forLeader := map[string]any{"on_behalf_of": leader.person.String()}
	given := leader.delegates(clerk.person, "ZF")
	leader.sync()
	clerk.sync()
	clerk.heard()
	day := 24 * time.Hour
	w.now = w.now.Add(2 * day)
	leader.ends(given, w.now.Format(time.DateOnly))
	leader.sync()
	w.now = w.now.Add(5 * day)
	clerk.visit(forLeader)
	wantHeld(t, "written at sea, five days after the end", clerk.pushAll(20), 0)
	w.now = w.now.Add(40 * day)
	clerk.visit(forLeader)
	wantHeld(t, "written at sea, later than any lease", clerk.pushAll(20), 1)
	w.now = w.now.Add(-40 * day)
	clerk.heard()
	w.now = w.now.Add(time.Hour)
	clerk.visit(forLeader)
	wantHeld(t, "written after it could know", clerk.pushAll(20), 2)
}
