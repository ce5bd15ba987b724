package simtest

import (
	"testing"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// meeting is one that a wrote and submitted.
func (d *device) meeting() syncproto.RecordID {
	id := d.newID()
	d.write(id, "HY", func(e *crdt.Edit) {
		must(d.w.t, e.Set("place_code", value(township+"901")))
		must(d.w.t, e.Set("recorder_id", value(d.person[:])))
		must(d.w.t, e.Log("status", value("已提交")))
	})
	return id
}

// joins writes the device's person into a meeting of which it has seen nothing.
func (d *device) joins(id syncproto.RecordID) {
	d.w.t.Helper()
	e := crdt.New(id).Edit(d.replica, nil)
	must(d.w.t, e.Create("HY"))
	must(d.w.t, e.Add("recorder_ids", value(d.person[:])))
	part, _ := e.Part()
	d.save(part)
}

// Who sat in the meeting joins it by its code and may come back to port weeks
// later; who comes to know its id afterwards does not become a recorder by it.
func TestMeetingIsJoinedByWhoWasThere(t *testing.T) {
	w, a, b, _ := threeDevices(t)
	late := w.device("F9", w.person("后来人", "外勤干部", township, ""))
	id := a.meeting()
	w.now = w.now.Add(time.Hour)
	b.joins(id) // still at sea for a fortnight
	a.sync()
	w.now = w.now.Add(14 * 24 * time.Hour)
	if r := b.pushAll(5); len(r.Held) != 0 {
		t.Errorf("who sat there is held: %+v", r.Held)
	}
	late.joins(id)
	if r := late.pushAll(5); len(r.Held) != 1 || r.Held[0].Reason != syncproto.HoldScope {
		t.Errorf("who learned the id a fortnight later is let in: %+v", r.Held)
	}
}

// A writing role is no way into the team of other people's records: only who is
// in it, or an administrator, says who else is.
func TestNobodyLetsHimselfIn(t *testing.T) {
	w, a, b, _ := threeDevices(t)
	office := w.device("O1", w.person("镇管理员", "管理员", township, ""))
	id := a.visit(map[string]any{"met": "见到本人", "situation": "独居，要做透析"})
	a.sync()
	b.sync()
	if b.base[id] == nil || b.base[id].Text("situation") != nil {
		t.Fatal("the other cadre sees the visit without its team part")
	}
	b.write(id, "", func(e *crdt.Edit) { must(t, e.Add("visitor_ids", value(b.person[:]))) })
	if r := b.pushAll(5); len(r.Held) != 1 || r.Held[0].Reason != syncproto.HoldScope {
		t.Errorf("he lets himself in: %+v", r.Held)
	}
	b.pull()
	if b.base[id].Text("situation") != nil {
		t.Fatal("and reads what is kept for the team")
	}
	office.sync()
	office.write(id, "", func(e *crdt.Edit) { must(t, e.Add("visitor_ids", value(b.person[:]))) })
	office.sync()
	b.pull()
	if text(t, b.base[id], "situation") == "" {
		t.Error("the administrator let him in, and he reads nothing more")
	}
}
