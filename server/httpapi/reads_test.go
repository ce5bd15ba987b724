package httpapi_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/syncproto"
)

func TestReads(t *testing.T) {
	w := newWorld(t)
	p := w.person("张例桥", false)
	token := w.token(w.enrolled(p))
	id := syncproto.NewRecordID(w.clock())
	w.read.record = httpapi.Record{Kind: "ZF", Fields: []httpapi.Field{{Key: "purpose", Value: []byte(`"走访"`)}}}
	rec := decode[httpapi.Record](t, w.get("/v1/records/"+id.String(), token))
	if rec.ID != id || rec.Kind != "ZF" || string(rec.Fields[0].Value) != `"走访"` || w.read.viewer != p.ID {
		t.Errorf("%+v for %s", rec, w.read.viewer)
	}
	for path, want := range map[string]string{"/v1/timeline": `{"rows":[]}`, "/v1/held": `{"parts":[]}`, "/v1/records/" + id.String() + "/history": `{"entries":[]}`} {
		res := w.get(path, token)
		if got := string(body(t, res)); got != want || res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %s, headers %v", path, got, res.Header)
		}
	}
	w.read.err = syncproto.Errorf(syncproto.KindNotFound, "没有这条记录")
	for _, path := range []string{"/v1/timeline", "/v1/held", "/v1/records/" + id.String(), "/v1/records/" + id.String() + "/history"} {
		wantProblem(t, path, w.get(path, token), http.StatusNotFound, syncproto.KindNotFound)
	}
	for _, bad := range []string{"x", strings.ToUpper(id.String()) + "0", syncproto.NewReplicaID().String(), "00000000-0000-0000-0000-000000000000", "%00"} {
		wantProblem(t, bad, w.get("/v1/records/"+bad, token), http.StatusBadRequest, syncproto.KindBadRequest)
	}
}

func TestTimelineQuery(t *testing.T) {
	person := syncproto.NewRecordID(time.UnixMilli(1_700_000_000_000))
	day := func(d int) time.Time { return time.Date(2026, 5, d, 0, 0, 0, 0, httpapi.Local) }
	for raw, want := range map[string]httpapi.TimelineQuery{
		"": {Order: httpapi.ByOccurrence, Limit: 50},
		"order=arrived&limit=200&place=330903105&place=33&kind=ZF&only=conflict&person=" + person.String() + "&since=2026-05-01&until=2026-05-01&after=a-Z_9.~": {
			Order: httpapi.ByArrival, Limit: 200, Places: []string{"330903105", "33"}, Kinds: []string{"ZF"}, Only: []string{"conflict"},
			Person: person, Since: day(1), Until: day(1), After: "a-Z_9.~"},
	} {
		if got, err := httpapi.ParseTimelineQuery(raw); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", raw, got, err)
		}
	}
	for _, raw := range []string{"order=newest", "limit=0", "limit=201", "limit=x", "limit=1&limit=2", "place=x", "place=1", "place=1234567890123",
		"kind=", "kind=%00", "only=", "person=5", "since=yesterday", "since=2026-02-30", "since=2026-05-02&until=2026-05-01", "after=%20",
		"order=arrived&order=arrived", "unknown=1", "a;b", "%zz", strings.Repeat("kind=ZF&", 65), "x=" + strings.Repeat("y", 5000)} {
		q, err := httpapi.ParseTimelineQuery(raw)
		if syncproto.KindOf(err) != syncproto.KindBadRequest || !reflect.DeepEqual(q, httpapi.TimelineQuery{}) {
			t.Errorf("%.40s: %+v, %v", raw, q, err)
		}
	}
}

func FuzzTimelineQuery(f *testing.F) {
	for _, s := range []string{"", "order=arrived&limit=3", "place=33&place=3309", "since=2026-05-01&until=2026-05-02", "a=%zz", "after=x&kind=ZF"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := httpapi.ParseTimelineQuery(raw)
		if err != nil {
			if !reflect.DeepEqual(q, httpapi.TimelineQuery{}) {
				t.Errorf("%q: refused, yet %+v", raw, q)
			}
			return
		}
		if q.Limit < 1 || q.Limit > 200 || q.Order == "" || len(q.Places) > 64 || len(q.Kinds) > 64 || len(q.After) > 1<<10 {
			t.Errorf("%q: %+v", raw, q)
		}
	})
}
