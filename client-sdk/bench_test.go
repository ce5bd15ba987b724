package clientsdk_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/internal/fakeserver"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/localstore/badgerstore"
	"github.com/chuantou/chuantou/syncproto"
)

// island makes a server that holds n visits of 1.5 KB.
func island(tb testing.TB, n int) (*fakeserver.Server, []syncproto.RecordID) {
	tb.Helper()
	const seed = 77
	r := rand.New(rand.NewPCG(seed, seed))
	server := fakeserver.New(7, time.Now)
	server.PageEntries = 2000
	c, err := clientsdk.OpenStore(localstore.NewMemory(), clientsdk.Options{Dial: server.Dial})
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	if err := c.Enrol(context.Background(), "https://fake.example", server.Code(personB), "B2"); err != nil {
		tb.Fatal(err)
	}
	var ids []syncproto.RecordID
	for i := range n {
		d, err := c.Create("ZF")
		if err != nil {
			tb.Fatal(err)
		}
		text := make([]rune, 350)
		for i := range text {
			text[i] = rune(0x4e00 + r.IntN(1500))
		}
		d.Fill(map[string]any{"visit_type": "企业走访", "visit_mode": "上门", "met": "见到本人", "place_code": village, "owner_unit": unitU3.String(),
			"org_name": fmt.Sprint("船厂", i), "situation": string(text), "notice_given": true, "interviewees": []any{map[string]any{"person": "曾例海"}}})
		if err := c.Submit(context.Background(), d); err != nil {
			tb.Fatal(err)
		}
		ids = append(ids, d.Record())
	}
	if _, err := c.Sync(context.Background()); err != nil {
		tb.Fatal(err)
	}
	return server, ids
}

// BenchmarkEdit is one edit of a record saved durably in a store of 20,000
// records on a real disk: Edit, Set, Submit. It reports the 99th percentile
// beside that of a bare append and fsync of as many bytes in the same run,
// taken in turn. Encrypted is what a device has: its edit also writes the
// sealed copy of the outbox; plain is the same store without a key.
func BenchmarkEdit(b *testing.B) {
	const records = 20_000
	server, ids := island(b, records)
	o := clientsdk.Options{Dial: server.Dial}
	b.Run("encrypted", func(b *testing.B) {
		dir := b.TempDir()
		c, err := clientsdk.Open(filepath.Join(dir, "device"), o)
		if err != nil {
			b.Fatal(err)
		}
		benchmarkEdit(b, c, server, ids, dir)
	})
	b.Run("plain", func(b *testing.B) {
		dir := b.TempDir()
		s, err := badgerstore.Open(filepath.Join(dir, "device"), badgerstore.Options{})
		if err != nil {
			b.Fatal(err)
		}
		c, err := clientsdk.OpenStore(s, o)
		if err != nil {
			b.Fatal(err)
		}
		benchmarkEdit(b, c, server, ids, dir)
	})
}

func benchmarkEdit(b *testing.B, c *clientsdk.Client, server *fakeserver.Server, ids []syncproto.RecordID, dir string) {
	defer c.Close()
	ctx := context.Background()
	if err := c.Enrol(ctx, "https://fake.example", server.Code(personA), "A7"); err != nil {
		b.Fatal(err)
	}
	begun := time.Now()
	if _, err := c.Sync(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(time.Since(begun).Seconds(), "first-sync-s")
	f, err := os.Create(filepath.Join(dir, "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	line := make([]byte, 600)
	r := rand.New(rand.NewPCG(1, 1))
	var edits, raws []time.Duration
	for b.Loop() {
		begun := time.Now()
		if _, err := f.Write(line); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		raws = append(raws, time.Since(begun))
		begun = time.Now()
		d, err := c.Edit(ids[r.IntN(len(ids))])
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Submit(ctx, d.Set("summary", fmt.Sprint(b.N, r.Uint32()))); err != nil {
			b.Fatal(err)
		}
		edits = append(edits, time.Since(begun))
	}
	report := func(name string, ds []time.Duration) time.Duration {
		slices.Sort(ds)
		p99 := ds[len(ds)*99/100]
		b.ReportMetric(float64(p99.Microseconds()), name+"-p99-µs")
		b.ReportMetric(float64(ds[len(ds)/2].Microseconds()), name+"-p50-µs")
		return p99
	}
	b.ReportMetric(float64(report("edit", edits))/float64(report("raw", raws)), "p99-ratio")
}

// BenchmarkOpen opens a store of 20,000 records.
func BenchmarkOpen(b *testing.B) {
	server, _ := island(b, 20_000)
	dir := filepath.Join(b.TempDir(), "device")
	open := func() *clientsdk.Client {
		c, err := clientsdk.Open(dir, clientsdk.Options{Dial: server.Dial})
		if err != nil {
			b.Fatal(err)
		}
		return c
	}
	c := open()
	if err := c.Enrol(context.Background(), "https://fake.example", server.Code(personA), "A7"); err != nil {
		b.Fatal(err)
	}
	if _, err := c.Sync(context.Background()); err != nil {
		b.Fatal(err)
	}
	c.Close()
	for b.Loop() {
		open().Close()
	}
}

// BenchmarkQuery lists the visits of a store of 20,000 records in memory.
func BenchmarkQuery(b *testing.B) {
	server, _ := island(b, 20_000)
	c, err := clientsdk.OpenStore(localstore.NewMemory(), clientsdk.Options{Dial: server.Dial})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	if err := c.Enrol(context.Background(), "https://fake.example", server.Code(personA), "A7"); err != nil {
		b.Fatal(err)
	}
	if _, err := c.Sync(context.Background()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		rows, err := c.Query(clientsdk.Filter{Kinds: []string{"ZF"}, Limit: 50})
		if err != nil || len(rows) != 50 {
			b.Fatal(len(rows), err)
		}
	}
}
