package crdt_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// chain is n changes of one replica to one record, each on the one before.
func chain(t testing.TB, n int) []saved {
	var out []saved
	r := crdt.New(recordID(1))
	for i := range n {
		e := r.Edit(replicaID(1), nil)
		if i == 0 {
			must(t, e.Create("ZF"))
		}
		must(t, e.Replace("t", i, 0, "x"))
		p, _ := e.Part()
		h := syncproto.Header{Replica: replicaID(1), Seq: syncproto.Seq(i + 1), Author: recordID(7)}
		var err error
		r, err = e.Commit(h)
		must(t, err)
		out = append(out, saved{h, p})
	}
	return out
}

func deliver(t testing.TB, s *crdt.Replica, x saved) crdt.Outcome {
	t.Helper()
	out, err := s.Deliver(x.h, &x.p, crdt.Options{})
	must(t, err)
	return out
}

func TestReplicaKeepsWhatMustWait(t *testing.T) {
	all := chain(t, 4)
	s := crdt.NewReplica(crdt.Limits{})
	for _, i := range []int{3, 2, 3, 1} {
		if out := deliver(t, s, all[i]); !out.Waits || len(out.Joined) != 0 {
			t.Fatalf("change %d: %+v", i+1, out)
		}
	}
	if s.Waiting() != 3 || s.Record(recordID(1)) != nil || len(s.IDs()) != 0 {
		t.Fatalf("%d parts wait", s.Waiting())
	}
	out := deliver(t, s, all[0])
	if len(out.Joined) != 4 || s.Waiting() != 0 || out.Joined[3].Seq != 4 {
		t.Fatalf("released: %+v", out)
	}
	if out := deliver(t, s, all[2]); out.Waits || out.Joined != nil {
		t.Fatalf("a known change: %+v", out)
	}
	if got := s.Record(recordID(1)).Text("t").String(); got != "xxxx" {
		t.Fatalf("text %q", got)
	}
}

func TestReplicaIsBounded(t *testing.T) {
	all := chain(t, 5)
	s := crdt.NewReplica(crdt.Limits{Parts: 2})
	deliver(t, s, all[4])
	deliver(t, s, all[3])
	if out, err := s.Deliver(all[2].h, &all[2].p, crdt.Options{}); !errors.Is(err, crdt.ErrFull) || out.Waits {
		t.Fatalf("one too many: %v", err)
	}
	if s.Waiting() != 2 {
		t.Fatalf("%d parts wait", s.Waiting())
	}
	for _, x := range all {
		deliver(t, s, x) // in order nothing has to wait
	}
	if s.Waiting() != 0 || s.Record(recordID(1)).Version.Of(replicaID(1)) != 5 {
		t.Fatal("not all joined")
	}
	s = crdt.NewReplica(crdt.Limits{Bytes: 100})
	if _, err := s.Deliver(all[2].h, &all[2].p, crdt.Options{}); !errors.Is(err, crdt.ErrFull) {
		t.Fatalf("too large to wait: %v", err)
	}
}

// TestReplicaReleasesElements: a part that names an item which its Seen does
// not cover waits for the item itself.
func TestReplicaReleasesElements(t *testing.T) {
	strike := saved{syncproto.Header{Replica: replicaID(3), Seq: 1, Author: recordID(7)}, syncproto.Part{Record: recordID(1), Kind: "ZF",
		Ops: []syncproto.Op{{Kind: syncproto.OpItemRemove, Field: "l", Item: syncproto.ElemID{Replica: replicaID(1), Counter: 1}}}}}
	s := crdt.NewReplica(crdt.Limits{})
	if out := deliver(t, s, strike); !out.Waits {
		t.Fatalf("%+v", out)
	}
	deliver(t, s, chain(t, 1)[0])
	if s.Waiting() != 1 {
		t.Fatal("released by a change that did not bring the item")
	}
	e := s.Record(recordID(1)).Clone().Edit(replicaID(1), nil)
	_, err := e.InsertItem("l", 0)
	must(t, err)
	p, _ := e.Part()
	out := deliver(t, s, saved{syncproto.Header{Replica: replicaID(1), Seq: 2, Author: recordID(7)}, p})
	if len(out.Joined) != 2 || s.Waiting() != 0 {
		t.Fatalf("%+v", out)
	}
}

func TestReplicaTellsWhatItRefuses(t *testing.T) {
	all := chain(t, 2)
	bad := all[1]
	bad.p.Kind = "HY"
	s := crdt.NewReplica(crdt.Limits{})
	deliver(t, s, bad)
	out := deliver(t, s, all[0])
	if len(out.Joined) != 1 || len(out.Refused) != 1 || !errors.Is(out.Refused[0].Err, crdt.ErrInvalid) || s.Waiting() != 0 {
		t.Fatalf("%+v", out)
	}
	if _, err := s.Deliver(bad.h, &bad.p, crdt.Options{}); !errors.Is(err, crdt.ErrInvalid) {
		t.Fatalf("delivered again: %v", err)
	}
}

// TestReplicaPut: a base that came whole releases what waited for it.
func TestReplicaPut(t *testing.T) {
	all := chain(t, 3)
	s, other := crdt.NewReplica(crdt.Limits{}), crdt.NewReplica(crdt.Limits{})
	deliver(t, s, all[2])
	deliver(t, other, all[0])
	deliver(t, other, all[1])
	base, err := crdt.Decode(other.Record(recordID(1)).AppendBinary(nil))
	must(t, err)
	if out := s.Put(base); len(out.Joined) != 1 || s.Waiting() != 0 {
		t.Fatalf("%+v", out)
	}
	deliver(t, other, all[2])
	if !bytes.Equal(s.Record(recordID(1)).AppendBinary(nil), other.Record(recordID(1)).AppendBinary(nil)) {
		t.Fatal("states differ")
	}
}
