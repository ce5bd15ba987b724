package crdt_test

import (
	"fmt"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// formRecord is a record of n fields of about size bytes each, as one save
// leaves it.
func formRecord(t testing.TB, n, size int) *crdt.Record {
	e := crdt.New(recordID(1)).Edit(replicaID(1), nil)
	must(t, e.Create("ZF"))
	names := []string{"title", "people", "status", "amount", "follow_up", "location", "tags", "village", "household", "need",
		"author", "device", "weather", "present", "purpose", "phone", "boat", "remark"}
	for i := range n {
		v := fmt.Sprintf("%0*d", size, i)
		must(t, e.Set(names[i%len(names)], val(v)))
	}
	p, _ := e.Part()
	r := crdt.New(recordID(1))
	must(t, r.Join(syncproto.Header{Replica: replicaID(1), Seq: 1, Author: syncproto.PersonID(replicaID(9)), Wall: 1767225600000}, &p, crdt.Options{}))
	return r
}

func oneFieldPart(t testing.TB, r *crdt.Record) (syncproto.Header, syncproto.Part) {
	e := r.Clone().Edit(replicaID(2), nil)
	must(t, e.Set("status", val("已办结")))
	must(t, e.Set("remark", val("2026-05-20 16:20")))
	p, _ := e.Part()
	return syncproto.Header{Replica: replicaID(2), Seq: 7, Author: syncproto.PersonID(replicaID(8)), Wall: 1767225700000}, p
}

// One unit is what the server does to a record for one change: decode its
// state, join a part of two ops, encode the state.
func BenchmarkDecodeJoinEncode(b *testing.B) {
	r := formRecord(b, 18, 90)
	state := r.AppendBinary(nil)
	h, p := oneFieldPart(b, r)
	buf := make([]byte, 0, 2*len(state))
	b.ReportAllocs()
	b.SetBytes(int64(len(state)))
	for b.Loop() {
		r, err := crdt.Decode(state)
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Join(h, &p, crdt.Options{}); err != nil {
			b.Fatal(err)
		}
		buf = r.AppendBinary(buf[:0])
	}
}

// One unit is one form update of two fields on a record in memory.
func BenchmarkLocalUpdate(b *testing.B) {
	r := formRecord(b, 18, 90)
	seq := syncproto.Seq(1)
	b.ReportAllocs()
	for b.Loop() {
		e := r.Edit(replicaID(1), nil)
		if err := e.Set("status", val("已办结")); err != nil {
			b.Fatal(err)
		}
		if err := e.Set("remark", val("2026-05-20 16:20")); err != nil {
			b.Fatal(err)
		}
		e.Part()
		seq++
		var err error
		if r, err = e.Commit(syncproto.Header{Replica: replicaID(1), Seq: seq, Author: syncproto.PersonID(replicaID(9)), Wall: 1767225600000}); err != nil {
			b.Fatal(err)
		}
	}
}

// One unit is the digest of one record.
func BenchmarkDigest(b *testing.B) {
	r := formRecord(b, 18, 90)
	b.ReportAllocs()
	for b.Loop() {
		r.Digest(nil)
	}
}

// TestSizeAtRest holds a record of 15 fields of 20 characters to 550 bytes.
func TestSizeAtRest(t *testing.T) {
	if n := len(formRecord(t, 15, 20).AppendBinary(nil)); n > 550 {
		t.Fatalf("%d bytes", n)
	} else {
		t.Logf("%d bytes", n)
	}
}
