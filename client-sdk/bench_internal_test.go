package clientsdk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/chuantou/chuantou/client-sdk/internal/fakeserver"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/wire"
)

// BenchmarkApply applies a page of 700 visits of 1.5 KB, as other devices'
// bundles, to a store in memory that keeps one digest. One op is one page.
func BenchmarkApply(b *testing.B) {
	const records = 700
	author, _ := fuzzClient(b)
	r := rand.New(rand.NewPCG(7, 7))
	for range records {
		d, err := author.Create("ZF")
		if err != nil {
			b.Fatal(err)
		}
		text := make([]rune, 350)
		for i := range text {
			text[i] = rune(0x4e00 + r.IntN(1500))
		}
		d.Fill(map[string]any{"visit_type": "企业走访", "visit_mode": "上门", "met": "见到本人", "place_code": "330903105901", "owner_unit": fakeserver.ID(3),
			"org_name": fmt.Sprint("船厂", r.IntN(100)), "situation": string(text), "notice_given": true, "interviewees": []any{map[string]any{"person": "曾例海"}},
			"summary": "一句话", "tags": []any{"好做法", "重点"}, "hamlet": "前岙"})
		if err := author.Submit(context.Background(), d); err != nil {
			b.Fatal(err)
		}
	}
	out, err := author.cutter.Cut(author.missing(0), 1<<30)
	if err != nil {
		b.Fatal(err)
	}
	const town = syncproto.Atom("t:330903105")
	page := &syncproto.Page{Epoch: "1", Cursor: []byte("c")}
	down := 0
	for _, encoded := range out.Bundles {
		u, err := wire.DecodeBundle(encoded)
		if err != nil {
			b.Fatal(err)
		}
		down += len(u.Frame)
		page.Entries = append(page.Entries, syncproto.Entry{Kind: syncproto.EntryChanges, Atom: town, Replica: u.Replica, From: u.From, Count: u.Count, RawBytes: u.RawBytes, Frame: u.Frame})
	}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		c, err := OpenStore(localstore.NewMemory(), Options{Clock: author.opt.Clock, Random: rand.NewChaCha8([32]byte{3})})
		if err != nil {
			b.Fatal(err)
		}
		c.id = author.id
		c.sums[town] = &atomSums{Classes: []classDigest{{Classes: syncproto.ForScope | syncproto.ForTeam}}}
		b.StartTimer()
		done, err := c.applyPage(page, nil)
		if err != nil || done.pulled != records {
			b.Fatal(done, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*records), "µs/record")
	b.ReportMetric(float64(down)/records, "B/record")
}
