package crdt_test

import (
	"errors"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// What waits may name any counter: a stand-in makes only so many elements, and
// a refused one changes nothing.
func TestStandInIsBounded(t *testing.T) {
	lost, author := syncproto.ReplicaID{1, 6: 0x40, 8: 0x80}, syncproto.ReplicaID{2, 6: 0x40, 8: 0x80}
	rec := crdt.New(syncproto.RecordID{9, 6: 0x70, 8: 0x80})
	for name, op := range map[string]syncproto.Op{
		"items":          {Kind: syncproto.OpSet, Field: "list", Item: syncproto.ElemID{Replica: lost, Counter: 1 << 40}, Sub: "x"},
		"a few too many": {Kind: syncproto.OpItemRemove, Field: "list", Item: syncproto.ElemID{Replica: lost, Counter: syncproto.MaxOpsPerPart}},
		"log entries":    {Kind: syncproto.OpLog, Field: "log", Lamport: 1 << 50},
	} {
		p := syncproto.Part{Record: rec.ID, Seen: syncproto.VectorOf(syncproto.ChangeID{Replica: lost, Seq: 3}), Ops: []syncproto.Op{op}}
		s := rec.StandIn(lost, 3, "ZF", []crdt.WaitingPart{{Header: syncproto.Header{Replica: author, Seq: 1}, Part: &p}})
		if _, err := rec.JoinStandIn(syncproto.Header{}, s); !errors.Is(err, crdt.ErrInvalid) || len(rec.Version) != 0 {
			t.Errorf("%s: %v, version %v", name, err, rec.Version)
		}
	}
}

// A stand-in makes what is lacking and nothing twice: with some of the lost
// changes found it makes less, with all of them nothing.
func TestStandInMakesWhatIsLacking(t *testing.T) {
	lost, author := syncproto.ReplicaID{1, 6: 0x40, 8: 0x80}, syncproto.ReplicaID{2, 6: 0x40, 8: 0x80}
	id := syncproto.RecordID{9, 6: 0x70, 8: 0x80}
	whole := crdt.New(id)
	var parts []crdt.WaitingPart
	edit := func(replica syncproto.ReplicaID, seq syncproto.Seq, fn func(*crdt.Edit) error) {
		t.Helper()
		e := whole.Clone().Edit(replica, nil)
		if err := fn(e); err != nil {
			t.Fatal(err)
		}
		p, _ := e.Part()
		if seq == 1 && replica == lost {
			p.Kind = "ZF"
		}
		h := syncproto.Header{Replica: replica, Seq: seq}
		if err := whole.Join(h, &p, crdt.Options{}); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, crdt.WaitingPart{Header: h, Part: &p})
	}
	edit(lost, 1, func(e *crdt.Edit) error { return e.Replace("text", 0, 0, "甲乙") })
	edit(lost, 2, func(e *crdt.Edit) error {
		return errors.Join(e.Replace("text", 2, 0, "丙丁"), e.Log("log", nil))
	})
	edit(author, 1, func(e *crdt.Edit) error { return errors.Join(e.Replace("text", 4, 0, "戊"), e.Log("log", nil)) })

	for found, want := range []string{"戊", "甲乙戊", "甲乙丙丁戊"} {
		rec := crdt.New(id)
		s := rec.StandIn(lost, 2, "ZF", parts[2:])
		for i := range found {
			if err := rec.Join(parts[i].Header, parts[i].Part, crdt.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := rec.JoinStandIn(syncproto.Header{}, s); err != nil != (found == 2) {
			t.Fatalf("%d found: %v", found, err)
		}
		if err := rec.Join(parts[2].Header, parts[2].Part, crdt.Options{}); err != nil {
			t.Fatalf("%d found: %v", found, err)
		}
		if got := rec.Text("text").String(); got != want {
			t.Errorf("%d found: %q, want %q", found, got, want)
		}
	}
}
