package simtest

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkScopeChange gives a village with 2,000 records to the cadres of
// another township, and measures their next sync against the first sync of
// people who had the village from the beginning: the same records by the same
// way.
//
//	go test ./server/simtest -run xxx -bench ScopeChange -benchtime 1x
func BenchmarkScopeChange(b *testing.B) {
	const records, moved, first = 2000, 50, 50
	for b.Loop() {
		s := newShore(b)
		writer := s.person("写例", cadreOf(hereVillage))
		for i := range records {
			s.visit(writer.Client, fmt.Sprintf("第%d次走访，看了水缸和屋顶，天气有风，船靠得住。", i), nil)
			if i%200 == 199 {
				s.sync(writer.Client)
			}
		}
		var changed []*seaman
		for i := range moved {
			changed = append(changed, s.person(fmt.Sprint("调例", i), cadreOf(otherTown)))
		}
		for i := range moved {
			s.now(fmt.Sprint("调例", i), cadreOf(hereVillage))
		}
		measure := func(p *seaman) (time.Duration, int64) {
			begun := time.Now()
			r, err := p.Sync(b.Context())
			must(b, err)
			if r.Pulled < records {
				b.Fatalf("%s pulled %d", p.name, r.Pulled)
			}
			return time.Since(begun), r.BytesDown
		}
		var sums [2]time.Duration
		var bytes [2]int64
		for i := range first { // in turns, so that both see the same machine
			fresh := s.unsynced(fmt.Sprint("新例", i), cadreOf(hereVillage))
			for side, p := range []*seaman{fresh, changed[i]} {
				d, n := measure(p)
				sums[side], bytes[side] = sums[side]+d, bytes[side]+n
			}
		}
		b.ReportMetric(float64(sums[1])/float64(sums[0]), "time-ratio")
		b.ReportMetric(float64(bytes[1])/float64(bytes[0]), "bytes-ratio")
		b.ReportMetric(float64(sums[1].Milliseconds())/moved, "ms/sync")
		b.ReportMetric(float64(bytes[1])/moved/1000, "KB/sync")
		b.ReportMetric(0, "ns/op")
	}
}
