package timeline_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/chuantou/chuantou/server/authz"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/server/store/badgerstore"
	"github.com/chuantou/chuantou/server/store/memstore"
	"github.com/chuantou/chuantou/server/timeline"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/crdt"
	"github.com/chuantou/chuantou/syncproto/wire"
)

var writer = syncproto.ReplicaID{1, 6: 0x40, 8: 0x80}

// visit makes a record with the fields a row is made of.
func visit(t testing.TB, n int, place string, at string) *crdt.Record {
	t.Helper()
	var id syncproto.RecordID
	binary.BigEndian.PutUint64(id[:], uint64(n))
	id[6], id[8] = 0x70, 0x80
	id[15] = byte(n)
	rec := crdt.New(id)
	e := rec.Clone().Edit(writer, rec)
	for k, v := range map[string]any{"place_code": place, "visibility": "本级及上级", "purpose": "看用水", "household_mask": "翁某某户", "met": "见到本人"} {
		if err := e.Set(k, wire.Must(wire.EncodeValue(v))); err != nil {
			t.Fatal(err)
		}
	}
	field := "occurred_at"
	if err := e.Set(field, wire.Must(wire.EncodeValue(at))); err != nil {
		t.Fatal(err)
	}
	part, _ := e.Part()
	part.Kind = "ZF"
	if err := rec.Join(syncproto.Header{Replica: writer, Seq: syncproto.Seq(n + 1), Author: syncproto.PersonID{7}}, &part, crdt.Options{}); err != nil {
		t.Fatal(err)
	}
	return rec
}

func facts(rec *crdt.Record) *authz.Facts {
	place := records.Text(rec, "place_code")
	return &authz.Facts{Kind: rec.Kind, Place: place, OwnerPlace: place[:9], Visibility: authz.VisibleUpwards}
}

var leader = authz.Viewer{Grants: []authz.Grant{{Role: authz.RoleTownship, Place: "990000001"}}}

// index writes rows and returns their keys.
func index(t testing.TB, s store.Store, recs []*crdt.Record, received func(i int) int64) [][]byte {
	t.Helper()
	keys := make([][]byte, len(recs))
	for from := 0; from < len(recs); from += 400 {
		_, err := s.Update(context.Background(), nil, func(store.Reader) (b store.Batch, err error) {
			for i := from; i < min(from+400, len(recs)); i++ {
				head := &records.Head{Received: received(i), Changed: received(i)}
				if keys[i], err = (timeline.Index{}).Index(&b, nil, recs[i], head, facts(recs[i])); err != nil {
					return b, err
				}
			}
			return b, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return keys
}

func readAll(t testing.TB, s store.Store, q timeline.Query) (ids []syncproto.RecordID, pages int) {
	t.Helper()
	for {
		p, err := timeline.Read(context.Background(), s, &leader, q)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for i := range p.Rows {
			ids = append(ids, p.Rows[i].Record)
		}
		if !p.More {
			return ids, pages
		}
		if pages > 10000 {
			t.Fatal("the pages never end")
		}
		q.Token = p.Token
	}
}

// Whatever the page size and the filter, the pages together are every row
// once, newest first, a date-only row below the timed rows of its day.
func TestPagesAreTheWholeInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := memstore.New()
		defer s.Close()
		var recs []*crdt.Record
		type row struct {
			id   syncproto.RecordID
			key  string
			hits bool
		}
		var want []row
		for i := range rapid.IntRange(0, 60).Draw(rt, "rows") {
			day := rapid.IntRange(1, 9).Draw(rt, "day")
			at := fmt.Sprintf("2026-05-%02d", day)
			key := at + " 00:00 0"
			if rapid.Bool().Draw(rt, "timed") {
				clock := fmt.Sprintf("%02d:%02d", rapid.IntRange(0, 23).Draw(rt, "hour"), rapid.IntRange(0, 1).Draw(rt, "minute"))
				key = at + " " + clock + " 1"
				at += "T" + clock + "+08:00"
			}
			place := fmt.Sprintf("99000000%d90%d", rapid.IntRange(1, 2).Draw(rt, "township"), rapid.IntRange(1, 2).Draw(rt, "village"))
			rec := visit(t, i, place, at)
			recs = append(recs, rec)
			if place[:9] == "990000001" {
				want = append(want, row{rec.ID, key, place == "990000001902"})
			}
		}
		index(t, s, recs, func(i int) int64 { return int64(i) })
		slices.SortFunc(want, func(a, b row) int {
			if a.key != b.key {
				if a.key > b.key {
					return -1
				}
				return 1
			}
			return b.id.Compare(a.id)
		})
		limit := rapid.IntRange(1, 7).Draw(rt, "limit")
		filtered := rapid.Bool().Draw(rt, "filtered")
		q := timeline.Query{Limit: limit}
		var ids []syncproto.RecordID
		for _, w := range want {
			if !filtered || w.hits {
				ids = append(ids, w.id)
			}
		}
		if filtered {
			q.Places = []string{"990000001902"}
		}
		if got, _ := readAll(t, s, q); !slices.Equal(got, ids) {
			rt.Fatalf("got %v\nwant %v", got, ids)
		}
	})
}

// A row that changes township or time is found at its new place alone.
func TestRowMoves(t *testing.T) {
	s := memstore.New()
	defer s.Close()
	was := visit(t, 1, "990000001901", "2026-05-01")
	keys := index(t, s, []*crdt.Record{was}, func(int) int64 { return 5 })
	now := visit(t, 1, "990000001902", "2026-05-03")
	if _, err := s.Update(context.Background(), nil, func(store.Reader) (b store.Batch, err error) {
		_, err = (timeline.Index{}).Index(&b, keys[0], now, &records.Head{Received: 5}, facts(now))
		return b, err
	}); err != nil {
		t.Fatal(err)
	}
	for _, order := range []timeline.Order{timeline.ByOccurrence, timeline.ByArrival} {
		if ids, _ := readAll(t, s, timeline.Query{Order: order}); len(ids) != 1 {
			t.Errorf("order %c: %d rows", order, len(ids))
		}
	}
}

func TestForgedTokensAreRefusedOrHarmless(t *testing.T) {
	s := memstore.New()
	defer s.Close()
	index(t, s, []*crdt.Record{visit(t, 1, "990000001901", "2026-05-01")}, func(int) int64 { return 5 })
	for _, token := range []string{"%", "AAAA", "////", "__________________________________________________________________________________________________"} {
		_, err := timeline.Read(context.Background(), s, &leader, timeline.Query{Token: token})
		if err != nil && syncproto.KindOf(err) != syncproto.KindBadRequest {
			t.Errorf("token %q: %v", token, err)
		}
	}
}

// One page of 50, unfiltered, from a Badger store with so many rows of one
// township. Each store is opened anew before it is measured: else the larger
// one is still tidying up what was written, and that is what would be measured.
func BenchmarkPage(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := reopened(b, n)
			defer s.Close()
			for b.Loop() {
				p, err := timeline.Read(context.Background(), s, &leader, timeline.Query{Limit: 50})
				if err != nil || len(p.Rows) != 50 {
					b.Fatal(len(p.Rows), err)
				}
			}
		})
	}
}

// reopened is a Badger store that was filled with n rows, closed and opened.
func reopened(b *testing.B, n int) *badgerstore.Store {
	b.Helper()
	dir := b.TempDir()
	open := func() *badgerstore.Store {
		s, err := badgerstore.Open(dir, badgerstore.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	s := open()
	begin := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for from := 0; from < n; from += 10_000 {
		var recs []*crdt.Record
		for i := from; i < from+10_000; i++ {
			recs = append(recs, visit(b, i, "990000001901", begin.Add(time.Duration(i)*time.Minute).Format("2006-01-02T15:04:05Z07:00")))
		}
		index(b, s, recs, func(i int) int64 { return int64(from + i) })
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return open()
}

func TestDamagedTokenIsRefused(t *testing.T) {
	for _, order := range []timeline.Order{timeline.ByOccurrence, timeline.ByArrival} {
		for _, token := range []string{"zzz", "AAAA", "====", strings.Repeat("A", 33), strings.Repeat("A", 400)} {
			_, err := timeline.Read(t.Context(), memstore.New(), &authz.Viewer{}, timeline.Query{Order: order, Token: token})
			if syncproto.KindOf(err) != syncproto.KindBadRequest {
				t.Errorf("order %d, token %.20s: %v", order, token, err)
			}
		}
	}
}
