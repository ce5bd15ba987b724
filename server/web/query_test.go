package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/server/web/webtest"
)

// listener keeps the query that the pages understood.
type listener struct {
	*webtest.World
	heard *web.TimelineQuery
}

func (l listener) Timeline(_ context.Context, _ web.Viewer, q web.TimelineQuery) (web.TimelinePage, error) {
	*l.heard = q
	return web.TimelinePage{}, nil
}

func (l listener) Viewer(context.Context, string) (web.Viewer, error) { return webtest.Leader, nil }

// asker reads addresses through the pages, without a network.
func asker(tb testing.TB) func(rawQuery string) (int, web.TimelineQuery) {
	tb.Helper()
	l := listener{webtest.New(), new(web.TimelineQuery)}
	h, err := webtest.Handler(l)
	if err != nil {
		tb.Fatal(err)
	}
	return func(raw string) (int, web.TimelineQuery) {
		*l.heard = web.TimelineQuery{}
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.URL.RawQuery = raw
		req.AddCookie(&http.Cookie{Name: "chuantou-session", Value: "any"})
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		return rec.Code, *l.heard
	}
}

// A query is the same after a trip through its address.
func TestQueriesKeepInTheAddress(t *testing.T) {
	ask := asker(t)
	rapid.Check(t, func(t *rapid.T) {
		v := url.Values{}
		if rapid.Bool().Draw(t, "arrived") {
			v.Set("order", "arrived")
		}
		v["place"] = rapid.SliceOfN(rapid.StringMatching(`33[0-9]{2,10}`), 0, 5).Draw(t, "places")
		v["kind"] = rapid.SliceOfN(rapid.StringMatching(`[A-Z]{2}`), 0, 5).Draw(t, "kinds")
		v["only"] = rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,8}`), 0, 3).Draw(t, "only")
		if rapid.Bool().Draw(t, "person") {
			v.Set("person", webtest.ID(rapid.StringMatching(`[A-Z0-9]{1,6}`).Draw(t, "id")).String())
		}
		day := web.Date{Year: rapid.IntRange(1, 9999).Draw(t, "year"), Month: 2, Day: rapid.IntRange(1, 28).Draw(t, "day")}
		v.Set(rapid.SampledFrom([]string{"since", "until", "elsewhere"}).Draw(t, "bound"), day.String())
		v.Set("after", rapid.StringMatching(`[A-Za-z0-9_.~=-]{0,64}`).Draw(t, "after"))

		status, q := ask(v.Encode())
		if status != http.StatusOK {
			t.Fatalf("%s: status %d", v.Encode(), status)
		}
		address, err := url.Parse(q.Address())
		if err != nil {
			t.Fatal(err)
		}
		status, again := ask(address.RawQuery)
		if status != http.StatusOK || !reflect.DeepEqual(q, again) {
			t.Fatalf("%s: %+v became %+v (status %d)", q.Address(), q, again, status)
		}
	})
}

func FuzzTimelineAddress(f *testing.F) {
	for _, s := range []string{
		"", "order=arrived", "place=330903105902&kind=ZF&only=conflict", "since=2026-05-18&until=2026-05-24",
		"person=" + webtest.ID("C5").String(), "after=YXQgNQ", "order=arrived;x", "%zz", "place=%00", "a=1&a=2", "since=9999-12-31",
		strings.Repeat("kind=ZF&", 70), "person=019e3a10-0000-7000-8043-350000000000&person=",
	} {
		f.Add(s)
	}
	ask := asker(f)
	f.Fuzz(func(t *testing.T, raw string) {
		status, q := ask(raw)
		switch status {
		case http.StatusBadRequest:
			if q.Limit != 0 {
				t.Errorf("refused, yet the source was asked %+v", q)
			}
		case http.StatusOK:
			if n := len(q.Places) + len(q.Kinds) + len(q.Only); n > 3*64 || len(q.Continue) > 1<<10 {
				t.Errorf("a query of %d values, continue of %d bytes", n, len(q.Continue))
			}
			address, err := url.Parse(q.Address())
			if err != nil {
				t.Fatal(err)
			}
			if again, r := ask(address.RawQuery); again != http.StatusOK || !reflect.DeepEqual(q, r) {
				t.Errorf("%q: %+v became %+v (status %d)", q.Address(), q, r, again)
			}
		default:
			t.Errorf("status %d", status)
		}
	})
}

func BenchmarkTimelinePage(b *testing.B) {
	world := webtest.New()
	page, err := world.Timeline(b.Context(), webtest.Leader, web.TimelineQuery{Limit: 50})
	if err != nil {
		b.Fatal(err)
	}
	for len(page.Rows) < 50 {
		page.Rows = append(page.Rows, page.Rows[:min(18, 50-len(page.Rows))]...)
	}
	h, err := webtest.Handler(fixed{world, page})
	if err != nil {
		b.Fatal(err)
	}
	bytes := 0
	for b.Loop() {
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.AddCookie(&http.Cookie{Name: "chuantou-session", Value: "any"})
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		if rec.Code != http.StatusOK {
			b.Fatalf("status %d", rec.Code)
		}
		bytes = rec.Body.Len()
	}
	b.ReportMetric(float64(bytes), "B/page")
}

// fixed answers with one page of the timeline.
type fixed struct {
	*webtest.World
	page web.TimelinePage
}

func (f fixed) Timeline(context.Context, web.Viewer, web.TimelineQuery) (web.TimelinePage, error) {
	return f.page, nil
}

func (fixed) Viewer(context.Context, string) (web.Viewer, error) { return webtest.Leader, nil }
