package simtest

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/badgerstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// A fleet as the workload generator makes it: devices of a few townships, each
// with new visits and edits of what was there before, a tenth of these in
// conflict with another device.
const (
	stormTownships = 10
	stormBase      = 200 // records a township holds before
	stormNew       = 50  // by each device
	stormEdits     = 20
)

// BenchmarkStorm is the server's side of a port docking at once, without HTTP
// and without clients: one operation is all pushes and then all pulls, on
// Badger, fsync included. CPU is the process's, which is the server's alone.
// With ballast the server holds so many more records, which the devices have.
func BenchmarkStorm(b *testing.B) {
	for _, c := range []struct {
		name             string
		devices, ballast int
	}{{"100", 100, 0}, {"100/ballast=100000", 100, 100_000}, {"500", 500, 0}} {
		b.Run(c.name, func(b *testing.B) { benchStorm(b, c.devices, c.ballast) })
	}
}

func benchStorm(b *testing.B, devices, ballast int) {
	var push, pull, changes float64
	for range b.N {
		b.StopTimer()
		f := newFleet(b, devices, ballast)
		b.StartTimer()
		began := processCPU()
		f.together(func(d *device, bundles []syncproto.Bundle) {
			ctx := store.WithLane(context.Background(), d.replica.String())
			if _, err := f.w.ingest.Push(ctx, d.replica, bundles); err != nil {
				b.Error(err)
			}
		})
		pushed := processCPU()
		f.together(func(d *device, _ []syncproto.Bundle) { f.down.Add(int64(d.drain())) })
		push, pull = push+(pushed-began).Seconds(), pull+(processCPU()-pushed).Seconds()
		changes += float64(devices * (stormNew + stormEdits))
		b.StopTimer()
		b.ReportMetric(float64(f.down.Load())/float64(devices), "down-B/device")
		must(b, f.w.store.Close())
		b.StartTimer()
	}
	b.ReportMetric(push/changes*1e6, "push-cpu-µs/change")
	b.ReportMetric(pull/changes*1e6, "pull-cpu-µs/change")
	b.ReportMetric((push+pull)/float64(b.N), "cpu-s/op")
}

type stormFleet struct {
	w       *world
	devices []*device
	bundles [][]syncproto.Bundle
	down    atomic.Int64
}

// together runs fn for all devices at once.
func (f *stormFleet) together(fn func(d *device, bundles []syncproto.Bundle)) {
	var wg sync.WaitGroup
	for i, d := range f.devices {
		wg.Go(func() { fn(d, f.bundles[i]) })
	}
	wg.Wait()
}

func newFleet(b *testing.B, devices, ballast int) *stormFleet {
	b.Helper()
	dir := b.TempDir()
	open := func() store.Store {
		engine, err := badgerstore.Open(dir, badgerstore.Options{Logger: slog.New(slog.DiscardHandler)})
		must(b, err)
		return engine
	}
	f := &stormFleet{w: newWorldOn(b, open())}
	rng := rand.New(rand.NewPCG(1, 1))
	seeders := make([]*device, stormTownships)
	base := make([][]syncproto.RecordID, stormTownships)
	for t := range seeders {
		seeders[t] = f.w.device(fmt.Sprint("seeder ", t), f.w.person(fmt.Sprint("先到", t), "乡镇（街道）领导", townshipOf(t), "民政/帮扶"))
		for range stormBase {
			base[t] = append(base[t], seeders[t].stormVisit(rng, t))
		}
		seeders[t].pushAll(10)
		f.w.device(fmt.Sprint("ballast ", t), seeders[t].person).haul(rng, t, ballast/stormTownships)
	}
	// Opened anew: else the store is still tidying up what was there before.
	must(b, f.w.store.Close())
	f.w.store = open()
	f.w.reopen()
	for i := range devices {
		t := i % stormTownships
		d := f.w.device(fmt.Sprint("storm ", i), f.w.person(fmt.Sprint("人员", i), "乡镇（街道）领导", townshipOf(t), "民政/帮扶"))
		d.drain()
		for range stormNew {
			d.stormVisit(rng, t)
		}
		for range stormEdits {
			id := base[t][rng.IntN(stormBase)]
			if d.own[id] == nil {
				d.own[id] = seeders[t].own[id].Clone()
			}
			d.write(id, "", func(e *crdt.Edit) {
				must(b, e.Set("purpose", value(words(rng, 4))))
				must(b, e.Set("ended_at", value(fmt.Sprintf("2026-05-22T%02d:%02d+08:00", rng.IntN(24), rng.IntN(60)))))
				if rng.IntN(2) == 0 {
					must(b, e.SetText("problems_heard", words(rng, 60)))
				}
			})
		}
		f.devices = append(f.devices, d)
		var bundles []syncproto.Bundle
		for from := syncproto.Seq(1); from <= d.seq; from += 20 {
			bundles = append(bundles, d.bundle(from, min(from+19, d.seq)))
		}
		f.bundles = append(f.bundles, bundles)
	}
	return f
}

// haul writes and pushes n visits, and forgets them.
func (d *device) haul(rng *rand.Rand, township, n int) {
	const chunk = 70
	for left := n; left > 0; left -= chunk {
		from := d.seq + 1
		for range min(left, chunk) {
			d.stormVisit(rng, township)
		}
		_, err := d.push(d.bundle(from, d.seq))
		must(d.w.t, err)
		clear(d.own)
		for i := from; i <= d.seq; i++ {
			d.changes[i-1], d.parts[i-1] = wire.RawChange{}, nil
		}
	}
}

func townshipOf(t int) string { return fmt.Sprintf("9900%05d", t) }

// drain pulls to the end as the transport sees it: pages are encoded, and read
// for their cursor alone. It returns the bytes that came.
func (d *device) drain() (n int) {
	for {
		page, err := d.w.feed.Pull(context.Background(), d.replica, d.person, syncproto.PullRequest{Cursor: d.cursor, MaxBytes: 1 << 20})
		if err != nil {
			d.w.t.Error(err)
			return n
		}
		if page == nil {
			return n
		}
		for _, piece := range wire.PagePieces(page) {
			n += len(piece)
		}
		d.cursor = page.Cursor
		if !page.More {
			return n
		}
	}
}

// stormVisit writes a visit of the generator's size: 1.8 KB, mostly Chinese text.
func (d *device) stormVisit(rng *rand.Rand, t int) syncproto.RecordID {
	id := d.newID()
	d.write(id, "ZF", func(e *crdt.Edit) {
		for k, v := range map[string]any{
			"place_code": townshipOf(t), "hamlet": words(rng, 3), "place_text": fmt.Sprintf("H%d-%d", t, rng.IntN(9999)), "visit_type": "蹲点走访",
			"visit_mode": "上门", "met": "见到本人", "occurred_at": fmt.Sprintf("2026-05-%02dT09:%02d+08:00", 1+rng.IntN(28), rng.IntN(60)),
			"ended_at": "2026-05-22T10:00+08:00", "summary": words(rng, 8), "visibility": "本级及上级", "purpose": "转交上级",
			"next_visit_on": "2026-06-06", "notice_given": true, "household_mask": "仇某某户", "relief_money": int64(rng.IntN(90000)),
			"geo": map[string]any{"lat": 30.1, "lng": 122.2, "datum": "WGS-84"},
		} {
			must(d.w.t, e.Set(k, value(v)))
		}
		must(d.w.t, e.Add("tags", value(words(rng, 2))))
		must(d.w.t, e.Add("companions", value(words(rng, 3))))
		must(d.w.t, e.SetText("situation", words(rng, 200+rng.IntN(400))))
		must(d.w.t, e.SetText("problems_heard", words(rng, 60)))
	})
	return id
}

const stormWords = "渔港码头岛上休渔期医疗手术培训岗位低保邻里养殖轮机长冷库救生衣发动机审批贷款高血压残疾租金宽带天气直播海况网具快递"

// words is about n characters of text, skewed as the generator's are.
func words(rng *rand.Rand, n int) string {
	all := []rune(stormWords)
	var b strings.Builder
	for i := 0; i < n; i += 2 {
		at := int(rng.ExpFloat64()*9) % (len(all) / 2)
		b.WriteString(string(all[2*at : 2*at+2]))
		if rng.IntN(50) == 0 {
			b.WriteRune(rune(0x4e00 + rng.IntN(3000)))
		}
	}
	return b.String()
}
