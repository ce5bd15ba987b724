package crdt_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/text"
)

// victim is a record with something of every class, by replica 1, changes 1 and 2.
func victim(t testing.TB) *crdt.Record {
	r := newRecord(t, func(e *crdt.Edit) {
		must(t, e.Set("v", val("a")))
		must(t, e.Add("s", val("a")))
		must(t, e.Replace("t", 0, 0, "abc"))
		must(t, e.Log("g", val("a")))
		id, err := e.InsertItem("l", 0)
		must(t, err)
		must(t, e.Item("l", id).Replace("t", 0, 0, "abc"))
	})
	e := r.Edit(replicaID(1), nil)
	must(t, e.Set("v", val("b")))
	must(t, e.Log("g", val("b")))
	_, _ = e.Part()
	r, err := e.Commit(syncproto.Header{Replica: replicaID(1), Seq: 2, Author: recordID(7)})
	must(t, err)
	return r
}

var (
	attacker = replicaID(2)
	seenAll  = syncproto.VectorOf(syncproto.ChangeID{Replica: replicaID(1), Seq: 2})
	item1    = syncproto.ElemID{Replica: replicaID(1), Counter: 1}
)

func attack(ops ...syncproto.Op) saved {
	return saved{syncproto.Header{Replica: attacker, Seq: 1, Author: recordID(6)},
		syncproto.Part{Record: recordID(1), Seen: seenAll.Copy(), Ops: ops}}
}

func with(s saved, change func(s *saved)) saved {
	change(&s)
	return s
}

func editOp(e text.Edit) syncproto.Op {
	return syncproto.Op{Kind: syncproto.OpText, Field: "t", Edit: e.AppendBinary(attacker, nil)}
}

// TestHostileParts: what cannot be joined is refused with its reason, waits if
// it may yet fit, and changes nothing either way.
func TestHostileParts(t *testing.T) {
	set := syncproto.Op{Kind: syncproto.OpSet, Field: "v", Value: val(1)}
	log := func(n uint64) syncproto.Op {
		return syncproto.Op{Kind: syncproto.OpLog, Field: "g", Value: val(1), Lamport: n}
	}
	insert := func(counter uint64, left syncproto.ElemID) syncproto.Op {
		return syncproto.Op{Kind: syncproto.OpItemInsert, Field: "l", Counter: counter, Left: left}
	}
	nowhere := syncproto.ElemID{Replica: replicaID(5), Counter: 3}
	deep := bytes.Repeat([]byte{0x81}, 1000)
	seen := func(id syncproto.ReplicaID, seq syncproto.Seq) func(*saved) {
		return func(s *saved) { s.p.Seen.Set(id, seq) }
	}
	cases := []struct {
		name  string
		x     saved
		waits bool
	}{
		{"seen of 2^62", with(attack(set), seen(replicaID(1), 1<<62)), true},
		{"seen of an unknown replica", with(attack(set), seen(replicaID(8), 1)), true},
		{"seen beyond numbers", with(attack(set), seen(replicaID(1), math.MaxUint64)), false},
		{"own change seen before it was made", with(attack(set), seen(attacker, 1)), false},
		{"prev not here", with(attack(set), func(s *saved) { s.h.Seq, s.p.Prev = 9, 8 }), true},
		{"prev of itself", with(attack(set), func(s *saved) { s.p.Prev = 1 }), false},
		{"change 0", with(attack(set), func(s *saved) { s.h.Seq = 0 }), false},
		{"number beyond numbers", with(attack(set), func(s *saved) { s.h.Seq = 1 << 63 }), false},
		{"no replica", with(attack(set), func(s *saved) { s.h.Replica = syncproto.ReplicaID{} }), false},
		{"first part without kind", with(attack(set), func(s *saved) { s.p.Seen = nil }), false},
		{"other kind", with(attack(set), func(s *saved) { s.p.Kind = "HY" }), false},
		{"other record", with(attack(set), func(s *saved) { s.p.Record = recordID(2) }), false},
		{"unknown op", attack(syncproto.Op{Kind: 99, Field: "v"}), false},
		{"too many ops", attack(make([]syncproto.Op, 1_000_000)...), false},
		{"deep value", attack(syncproto.Op{Kind: syncproto.OpSet, Field: "v", Value: deep}), false},
		{"two values in one", attack(syncproto.Op{Kind: syncproto.OpSet, Field: "v", Value: []byte{1, 2}}), false},
		{"field name too long", attack(syncproto.Op{Kind: syncproto.OpSet, Field: strings.Repeat("v", 129), Value: val(1)}), false},
		{"field name no text", attack(syncproto.Op{Kind: syncproto.OpSet, Field: "\xff", Value: val(1)}), false},
		{"sub without item", attack(syncproto.Op{Kind: syncproto.OpSet, Field: "v", Sub: "x", Value: val(1)}), false},
		{"delete of a field", attack(syncproto.Op{Kind: syncproto.OpDelete, Field: "v"}), false},
		{"remove of an item's field", attack(syncproto.Op{Kind: syncproto.OpItemRemove, Field: "l", Item: item1, Sub: "x"}), false},
		{"Lamport 2^62", attack(log(1 << 62)), false},
		{"Lamport 0", attack(log(0)), false},
		{"Lamport of what it knew", attack(log(2)), false},
		{"Lamport with a gap", attack(log(3), log(5)), false},
		{"origin that does not exist", attack(insert(1, nowhere)), true},
		{"place counter with a gap", attack(insert(5, item1)), true},
		{"place counter 0", attack(insert(0, item1)), false},
		{"place counter twice", attack(insert(1, item1), insert(1, item1)), false},
		{"item that does not exist", attack(syncproto.Op{Kind: syncproto.OpItemRemove, Field: "l", Item: nowhere}), true},
		{"move in a list that does not exist", attack(syncproto.Op{Kind: syncproto.OpItemMove, Field: "m", Item: item1, Counter: 1}), true},
		{"item of its own, used before it is made", attack(syncproto.Op{Kind: syncproto.OpItemRemove, Field: "l", Item: syncproto.ElemID{Replica: attacker, Counter: 1}}, insert(1, item1)), true},
		{"text origin that does not exist", attack(editOp(text.Edit{Inserts: []text.Insert{{Counter: 1, Left: nowhere, Text: "x"}}})), true},
		{"text counter with a gap", attack(editOp(text.Edit{Inserts: []text.Insert{{Counter: 7, Text: "x"}}})), true},
		{"delete of what does not exist", attack(editOp(text.Edit{Deletes: []text.Delete{{First: nowhere, N: 1 << 20}}})), true},
		{"text that is none", attack(syncproto.Op{Kind: syncproto.OpText, Field: "t", Edit: []byte{0xff, 0xff}}), false},
		{"a text twice", attack(editOp(text.Edit{Inserts: []text.Insert{{Counter: 1, Text: "x"}}}), editOp(text.Edit{Inserts: []text.Insert{{Counter: 2, Text: "x"}}})), false},
		{"the last of many does not fit", attack(set, log(3), insert(1, item1), syncproto.Op{Kind: syncproto.OpDelete}, log(9)), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := victim(t)
			before := r.AppendBinary(nil)
			err := r.Join(c.x.h, &c.x.p, crdt.Options{})
			var missing *crdt.MissingError
			if waits := errors.As(err, &missing); waits != c.waits || errors.Is(err, crdt.ErrInvalid) == c.waits || err == nil {
				t.Fatalf("join: %v", err)
			}
			if !bytes.Equal(r.AppendBinary(nil), before) {
				t.Fatal("a refused part changed the record")
			}
		})
	}
}

// TestLargestPart: the most ops that a part may hold, on as many fields and
// items, are joined in time that grows with their number only.
func TestLargestPart(t *testing.T) {
	for _, kind := range []syncproto.OpKind{syncproto.OpText, syncproto.OpSet, syncproto.OpItemInsert, syncproto.OpAdd} {
		x := attack()
		for i := range syncproto.MaxOpsPerPart {
			op := syncproto.Op{Kind: kind, Field: "f", Value: val(i)}
			switch kind {
			case syncproto.OpText:
				op.Field = fmt.Sprint("t", i)
				op.Edit = text.Edit{Inserts: []text.Insert{{Counter: 1, Text: "x"}}}.AppendBinary(attacker, nil)
			case syncproto.OpSet:
				op.Field = fmt.Sprint("v", i)
			case syncproto.OpItemInsert:
				op.Counter, op.Left = uint64(i+1), syncproto.ElemID{Replica: attacker, Counter: uint64(i)}
			}
			x.p.Ops = append(x.p.Ops, op)
		}
		r := victim(t)
		if err := r.Join(x.h, &x.p, crdt.Options{}); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		state := r.AppendBinary(nil)
		again, err := crdt.Decode(state)
		if err != nil || !bytes.Equal(again.AppendBinary(nil), state) {
			t.Fatalf("%s: %v", kind, err)
		}
	}
}

// TestClaimsOfMillions: counts in a state allocate nothing before the bytes
// they promise are there.
func TestClaimsOfMillions(t *testing.T) {
	state := victim(t).AppendBinary(nil)
	for i := range state {
		for _, head := range [][]byte{{0x9a, 0x00, 0x0f, 0x42, 0x40}, {0x9b, 0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x5a, 0x7f, 0xff, 0xff, 0xff}} {
			bad := append(append(bytes.Clone(state[:i]), head...), state[i:]...)
			allocated := testing.AllocsPerRun(1, func() {
				if r, err := crdt.Decode(bad); err == nil && r.Verify() == nil {
					t.Fatalf("a false count at byte %d is accepted", i)
				}
			})
			if allocated > 1000 {
				t.Fatalf("a false count at byte %d allocates %v times", i, allocated)
			}
		}
	}
}

func TestDecodeRefusesEveryDamage(t *testing.T) {
	state := victim(t).AppendBinary(nil)
	for i := range state {
		if _, err := crdt.Decode(state[:i]); !errors.Is(err, crdt.ErrDamaged) {
			t.Fatalf("cut at byte %d: %v", i, err)
		}
	}
	if _, err := crdt.Decode(append(bytes.Clone(state), 0)); !errors.Is(err, crdt.ErrDamaged) {
		t.Fatalf("a trailing byte: %v", err)
	}
	newer := bytes.Clone(state)
	newer[1] = 3
	if _, err := crdt.Decode(newer); !errors.Is(err, crdt.ErrDamaged) || !strings.Contains(err.Error(), "format 3") {
		t.Fatalf("a newer format: %v", err)
	}
}

// TestFormatTellsMarks: a state is of format 2 exactly if it has delete marks,
// since format 1 once wrote them otherwise.
func TestFormatTellsMarks(t *testing.T) {
	r := victim(t)
	plain := r.AppendBinary(nil)
	e := r.Edit(replicaID(1), nil)
	must(t, e.Delete(val("why")))
	_, _ = e.Part()
	r, err := e.Commit(syncproto.Header{Replica: replicaID(1), Seq: 3, Author: recordID(7)})
	must(t, err)
	marked := r.AppendBinary(nil)
	for state, other := range map[*[]byte]byte{&plain: 2, &marked: 1} {
		if got, err := crdt.Decode(*state); err != nil || !bytes.Equal(got.AppendBinary(nil), *state) {
			t.Fatalf("format %d: %v", (*state)[1], err)
		}
		(*state)[1] = other
		if _, err := crdt.Decode(*state); !errors.Is(err, crdt.ErrDamaged) || !strings.Contains(err.Error(), fmt.Sprint("format ", other)) {
			t.Fatalf("format %d: %v", other, err)
		}
	}
}
