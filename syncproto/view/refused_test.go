package view_test

import (
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/view"
)

// An event of a change that an administrator did not accept stays in the log and
// is not in force; what was refused is the server's to say, not a device's.
func TestRefusedEntries(t *testing.T) {
	for name, c := range map[string]struct {
		by    syncproto.ReplicaID
		state string
	}{
		"by the server": {syncproto.PenID([16]byte{1}), "待确认"},
		"by a device":   {syncproto.ReplicaID(id(3)), "逾期未兑现"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPhones(t, "CN")
			p.set(2, map[string]any{"promiser_id": id(2).String(), "recorder_id": id(1).String(), "due_on": "2026-05-20"})
			p.write(2, func(e *crdt.Edit) {
				p.must(e.Log("events", value(map[string]any{"event": "确认"})))
				p.must(e.Log("status", value(view.Submitted)))
			})
			refused := p.changes[1].header
			rec := p.phone(2)
			e := rec.Clone().Edit(c.by, rec)
			p.must(e.Log(view.RefusedField, value(map[string]any{view.RefusedSub: syncproto.ChangeID{Replica: refused.Replica, Seq: refused.Seq}.String()})))
			part, _ := e.Part()
			p.must(rec.Join(syncproto.Header{Replica: c.by, Seq: 1, Author: id(9), Wall: p.clock}, &part, crdt.Options{}))
			l := p.meet()
			got, _ := l.Progress()
			if got.State != c.state || len(got.Events) != 1 {
				t.Fatalf("%+v", got)
			}
			server := name == "by the server"
			if note := l.EntryNote("events", got.Events[0].Dot); strings.HasPrefix(note, "未生效") != server {
				t.Errorf("note %q", note)
			}
			if (view.Status(l.Record) == view.Submitted) == server {
				t.Errorf("status %q", view.Status(l.Record))
			}
		})
	}
}
