package crdt_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
)

// One unit is one record that five devices edit 100,000 times: the bytes of
// its state with all its history, folded, and of the same content written once.
func BenchmarkFold(b *testing.B) {
	for b.Loop() {
		rng := rand.New(rand.NewPCG(1, 1))
		r := written(b, crdt.New(recordID(1)), replicaID(1), 1, func(e *crdt.Edit) { must(b, e.Create("ZF")) })
		for i := range 100_000 {
			by := replicaID(1 + rng.IntN(5))
			r = written(b, r, by, syncproto.Seq(i+2), func(e *crdt.Edit) { typeAlong(b, rng, e, i) })
		}
		start := time.Now()
		folded, tables := r.Fold(always)
		b.ReportMetric(float64(time.Since(start).Microseconds())/1000, "fold-ms")
		once := written(b, crdt.New(recordID(1)), replicaID(1), 1, func(e *crdt.Edit) {
			must(b, e.Create("ZF"))
			for _, f := range r.Fields() {
				if v, ok := r.Value(f.Name); ok {
					must(b, e.Set(f.Name, v.Value))
				} else {
					must(b, e.SetText(f.Name, r.Text(f.Name).String()))
				}
			}
		})
		table := 0
		for i := range tables {
			table += len(tables[i].Table.AppendBinary(nil))
		}
		size, one := len(folded.AppendBinary(nil)), len(once.AppendBinary(nil))
		b.ReportMetric(float64(len(r.AppendBinary(nil))), "unfolded-B")
		b.ReportMetric(float64(size), "folded-B")
		b.ReportMetric(float64(one), "once-B")
		b.ReportMetric(float64(size)/float64(one), "folded/once")
		b.ReportMetric(float64(table), "tables-B")
		if size > 2*one {
			b.Fatalf("%d bytes, written once %d", size, one)
		}
	}
}

// written commits one edit.
func written(t testing.TB, r *crdt.Record, by syncproto.ReplicaID, seq syncproto.Seq, fn func(e *crdt.Edit)) *crdt.Record {
	e := r.Edit(by, nil)
	fn(e)
	_, _ = e.Part()
	r, err := e.Commit(syncproto.Header{Replica: by, Seq: seq, Author: syncproto.PersonID(by), Wall: 1_800_000_000_000})
	must(t, err)
	return r
}

// typeAlong makes one edit as people do: mostly into one of three texts, where
// later ones take back what was written, now and then a plain field.
func typeAlong(t testing.TB, rng *rand.Rand, e *crdt.Edit, i int) {
	if rng.IntN(10) == 0 {
		must(t, e.Set(fmt.Sprint("field", rng.IntN(12)), val(fmt.Sprint("值", i))))
		return
	}
	field, n, del := fmt.Sprint("text", rng.IntN(3)), 0, 0
	if doc := e.Record().Text(field); doc != nil {
		n = doc.Len()
	}
	at := rng.IntN(n + 1)
	if n > 600 {
		del = min(rng.IntN(5), n-at)
	}
	must(t, e.Replace(field, at, del, []string{"渔", "船回港", "水管", "x"}[rng.IntN(4)]))
}
