package crdt_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// FuzzDecode: whatever Decode and Verify accept encodes to the same bytes and
// can be read, hashed and projected.
func FuzzDecode(f *testing.F) {
	f.Add(victim(f).AppendBinary(nil))
	f.Add(crdt.New(recordID(1)).AppendBinary(nil))
	for seed := range uint64(8) {
		w := story(f, seed, 3, 40, func(*world, *site) {})
		for _, s := range w.sites {
			f.Add(s.rec.AppendBinary(nil))
			f.Add(s.rec.Project(mask(byte(seed), 40)).AppendBinary(nil))
			folded, _ := s.rec.Fold(always)
			f.Add(folded.AppendBinary(nil))
			kept := s.rec.Project(mask(byte(seed), 40))
			kept.KeepCounters(s.id, s.rec)
			f.Add(kept.AppendBinary(nil))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := crdt.Decode(b)
		if err != nil {
			if !errors.Is(err, crdt.ErrDamaged) || r != nil {
				t.Fatalf("refused with %v, record %v", err, r)
			}
			return
		}
		if r.Verify() != nil {
			return
		}
		if !bytes.Equal(r.AppendBinary(nil), b) {
			t.Fatal("accepted bytes encode to others")
		}
		dumpRecord(r)
		r.Conflicts()
		r.Digest(nil)
		c := r.Clone()
		if !bytes.Equal(c.Project(mask(1, 0)).AppendBinary(nil), b) {
			t.Fatal("a projection of everything differs")
		}
		e := c.Edit(replicaID(1), nil)
		_ = e.Set("v", val(1))
		_ = e.Replace("text", 0, 0, "x")
		_, _ = e.InsertItem("list", 0)
		e.Part()
	})
}

// FuzzJoin: any part that the wire accepts is joined whole or changes nothing,
// and leaves a state that comes back from its bytes.
func FuzzJoin(f *testing.F) {
	for seed := range uint64(8) {
		w := story(f, seed, 2, 30, func(*world, *site) {})
		for i := range w.all {
			x := &w.all[i]
			f.Add(uint64(x.h.Seq), wire.AppendPart(nil, attacker, &x.p))
		}
	}
	base := victim(f).AppendBinary(nil)
	f.Fuzz(func(t *testing.T, seq uint64, b []byte) {
		p, err := wire.DecodePart(attacker, b)
		if err != nil {
			return
		}
		p.Record = recordID(1)
		r, err := crdt.Decode(base)
		if err != nil {
			t.Fatal(err)
		}
		h := syncproto.Header{Replica: attacker, Seq: syncproto.Seq(seq), Author: recordID(6)}
		if err := r.Join(h, &p, crdt.Options{}); err != nil {
			if !bytes.Equal(r.AppendBinary(nil), base) {
				t.Fatalf("a refused part changed the record: %v", err)
			}
			return
		}
		state := r.AppendBinary(nil)
		again, err := crdt.Decode(state)
		if err != nil || again.Verify() != nil {
			t.Fatalf("own state does not come back: %v", err)
		}
		if dumpRecord(again) != dumpRecord(r) || again.Digest(nil) != r.Digest(nil) {
			t.Fatal("the state reads otherwise after the codec")
		}
		if err := r.Join(h, &p, crdt.Options{}); !errors.Is(err, crdt.ErrKnown) {
			t.Fatalf("joined again: %v", err)
		}
	})
}
