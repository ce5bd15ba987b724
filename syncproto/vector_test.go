package syncproto_test

import (
	"crypto/sha256"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/chuantou/chuantou/syncproto"
)

func vectorGen() *rapid.Generator[syncproto.VersionVector] {
	return rapid.Custom(func(t *rapid.T) syncproto.VersionVector {
		var v syncproto.VersionVector
		for i := range 4 {
			if n := rapid.IntRange(0, 3).Draw(t, "seq"); n > 0 {
				v.Set(syncproto.ReplicaID{byte(3 * (i + 1) % 5)}, syncproto.Seq(n))
			}
		}
		return v
	})
}

func TestVersionVectorLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := vectorGen().Draw(t, "a"), vectorGen().Draw(t, "b")
		m := a.Copy().Merge(b)
		if !a.LessEqual(m) || !b.LessEqual(m) || m.Compare(b.Copy().Merge(a)) != syncproto.Equal {
			t.Fatalf("merge of %v and %v is %v", a, b, m)
		}
		want := syncproto.Concurrent
		switch le, ge := a.LessEqual(b), b.LessEqual(a); {
		case le && ge:
			want = syncproto.Equal
		case le:
			want = syncproto.Before
		case ge:
			want = syncproto.After
		}
		if got := a.Compare(b); got != want {
			t.Fatalf("%v against %v is %v, want %v", a, b, got, want)
		}
	})
}

func TestVersionVectorAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var v syncproto.VersionVector
		m := map[syncproto.ReplicaID]syncproto.Seq{}
		for _, b := range rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "sets") {
			id, seq := syncproto.ReplicaID{b % 24}, syncproto.Seq(b/24)
			v.Set(id, seq)
			if m[id] = seq; seq == 0 {
				delete(m, id)
			}
			if got := maps.Collect(v.All()); !maps.Equal(got, m) || len(v) != len(m) {
				t.Fatalf("%v, want %v", v, m)
			}
			for i := range byte(24) {
				if id := (syncproto.ReplicaID{i}); v.Of(id) != m[id] || !v.Covers(id, m[id]) || v.Covers(id, m[id]+1) {
					t.Fatalf("%d is at %d, want %d", i, v.Of(id), m[id])
				}
			}
			if !slices.IsSortedFunc(v, func(a, b syncproto.ChangeID) int { return a.Replica.Compare(b.Replica) }) {
				t.Fatalf("out of order: %v", v)
			}
		}
	})
}

func TestRangesAgainstSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rs syncproto.Ranges
		set := map[syncproto.Seq]bool{}
		for range rapid.IntRange(1, 12).Draw(t, "adds") {
			from := syncproto.Seq(rapid.IntRange(1, 30).Draw(t, "from"))
			to := from + syncproto.Seq(rapid.IntRange(0, 5).Draw(t, "len"))
			rs = rs.Add(from, to)
			for s := from; s <= to; s++ {
				set[s] = true
			}
		}
		prefix := syncproto.Seq(0)
		for set[prefix+1] {
			prefix++
		}
		if rs.Prefix() != prefix {
			t.Fatalf("prefix of %v is %d, want %d", rs, rs.Prefix(), prefix)
		}
		for s := syncproto.Seq(0); s < 40; s++ {
			if rs.Contains(s) != set[s] {
				t.Fatalf("%v contains %d: %v", rs, s, rs.Contains(s))
			}
		}
		for i := 1; i < len(rs); i++ {
			if rs[i].From <= rs[i-1].To+1 {
				t.Fatalf("%v touches or overlaps", rs)
			}
		}
	})
}

func TestDigestTakesOutWhatWasPutIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d syncproto.Digest
		var in []syncproto.Hash
		for range rapid.IntRange(1, 20).Draw(t, "n") {
			h := syncproto.Hash(sha256.Sum256([]byte{byte(rapid.IntRange(0, 255).Draw(t, "x"))}))
			in, d = append(in, h), d.Add(h)
		}
		for _, h := range rapid.Permutation(in).Draw(t, "order") {
			d = d.Sub(h)
		}
		if d != (syncproto.Digest{}) {
			t.Fatalf("left over: %x", d)
		}
	})
}

func TestRecordIDHoldsItsTime(t *testing.T) {
	at := time.UnixMilli(1779084000123)
	id := syncproto.NewRecordID(at)
	if id.Millis() != at.UnixMilli() {
		t.Fatalf("id says %d", id.Millis())
	}
	if got, err := syncproto.ParseRecordID(id.String()); err != nil || got != id {
		t.Fatalf("read back as %v, %v", got, err)
	}
	for _, bad := range []string{"", "x", syncproto.NewReplicaID().String(), "{" + id.String()[1:], id.String() + "0"} {
		if _, err := syncproto.ParseRecordID(bad); err == nil {
			t.Errorf("%q was taken for a record id", bad)
		}
	}
}

func TestRangesWithout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) (rs syncproto.Ranges, in [20]bool) {
			for _, n := range rapid.SliceOfN(rapid.IntRange(1, 19), 0, 20).Draw(t, name) {
				rs, in[n] = rs.Add(syncproto.Seq(n), syncproto.Seq(n)), true
			}
			return rs, in
		}
		a, inA := draw("a")
		b, inB := draw("b")
		got := a.Without(b)
		for n := 1; n < 20; n++ {
			if got.Contains(syncproto.Seq(n)) != (inA[n] && !inB[n]) {
				t.Fatalf("%v without %v is %v", a, b, got)
			}
		}
		for i := 1; i < len(got); i++ {
			if got[i].From <= got[i-1].To+1 {
				t.Fatalf("%v touches or overlaps", got)
			}
		}
	})
}
