package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/httptransport"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/syncloop"
	"github.com/chuantou/chuantou/server"
	"github.com/chuantou/chuantou/syncproto"
)

// island is the sample's people, places and households on a whole server in
// this process, for what people are shown: devices, pages and /v1 are the real
// ones, the clocks are moved by hand.
type island struct {
	t        *testing.T
	whole    *testing.T // outlives the part that is under way
	server   *server.Server
	http     *httptest.Server
	now      atomic.Int64 // the server's clock, Unix milliseconds
	ids      map[string]syncproto.RecordID
	devices  map[string]*islander // by the person's short id
	browsers map[string]*http.Client
	names    map[string]string
}

// islander is one person's device.
type islander struct {
	*clientsdk.Client
	person string
	clock  *atomic.Int64
}

func newIsland(t *testing.T) *island {
	t.Helper()
	s := &island{t: t, whole: t, names: map[string]string{}, ids: map[string]syncproto.RecordID{}, devices: map[string]*islander{}, browsers: map[string]*http.Client{}}
	s.setClock("2026-01-04T09:00")
	dir := filepath.Join(t.TempDir(), "data")
	made, err := server.Init(t.Context(), server.InitOptions{Dir: dir, Origin: "http://127.0.0.1", Name: "舟山市（示例）", Place: "3309", Admin: "系统管理员",
		Clock: func() time.Time { return time.UnixMilli(s.now.Load()) }})
	s.must(err)
	s.server, err = server.New(server.Config{Dir: dir, Clock: func() time.Time { return time.UnixMilli(s.now.Load()) }})
	s.must(err)
	s.http = httptest.NewServer(s.server.Handler())
	t.Cleanup(func() {
		s.http.Close()
		if err := s.server.Close(); err != nil {
			t.Error(err)
		}
	})
	sample, err := loadSample()
	s.must(err)
	story := newStory(sample)
	for _, p := range sample.People {
		s.names[text(p, "id")] = text(p, "name")
	}
	office := s.enrol("OFFICE", made.Code)
	s.play(office, story.roster())
	s.sync(office)
	admin := s.device("A1")
	s.sync(admin)
	var files []save
	for _, h := range sample.Households {
		files = append(files, save{At: "2026-01-05T10:00", Parts: []part{story.household(h)}})
	}
	s.setClock("2026-01-05T10:00")
	s.play(admin, files)
	s.sync(admin)
	return s
}

func (s *island) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// setClock moves the server's clock, and with it those of devices whose own
// was not set.
func (s *island) setClock(at string) {
	s.t.Helper()
	t, err := parseClock(at)
	s.must(err)
	s.now.Store(t.UnixMilli())
}

func (s *island) play(d *islander, saves []save) {
	s.t.Helper()
	b, err := json.Marshal(saves) // as the story hands them to a device's process
	s.must(err)
	saves = nil
	s.must(json.Unmarshal(b, &saves))
	for i := range saves {
		made, err := play(s.t.Context(), d.Client, &order{Save: &saves[i], IDs: s.ids})
		s.must(err)
		for k, id := range made.IDs {
			s.ids[k] = id
		}
	}
}

func (s *island) operator(path string, in, out any) {
	s.t.Helper()
	b, err := json.Marshal(in)
	s.must(err)
	req := httptest.NewRequestWithContext(s.t.Context(), http.MethodPost, path, bytes.NewReader(b))
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	s.server.OperatorHandler().ServeHTTP(rec, req)
	if rec.Code >= 300 {
		s.t.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
	}
	if out != nil {
		s.must(json.Unmarshal(rec.Body.Bytes(), out))
	}
}

func (s *island) enrol(person, code string) *islander {
	s.t.Helper()
	d := &islander{person: person, clock: &atomic.Int64{}}
	now := func() time.Time {
		if own := d.clock.Load(); own != 0 {
			return time.UnixMilli(own)
		}
		return time.UnixMilli(s.now.Load())
	}
	c, err := clientsdk.OpenStore(localstore.NewMemory(), clientsdk.Options{Clock: now, Dial: func(string) (syncloop.Transport, error) {
		return httptransport.New(s.http.URL, httptransport.Options{Now: now})
	}})
	s.must(err)
	s.whole.Cleanup(func() { c.Close() })
	s.must(c.Enrol(s.t.Context(), s.http.URL, code, person+"的手机"))
	d.Client = c
	s.devices[person] = d
	return d
}

// device is a person's device, enrolled and in step with the server.
func (s *island) device(person string) *islander {
	s.t.Helper()
	if d := s.devices[person]; d != nil {
		return d
	}
	var out struct{ Code, Request string }
	s.operator("/v1/admin/codes", map[string]string{"person": s.ids[person].String(), "by": "系统管理员"}, &out)
	if out.Code == "" {
		s.operator("/v1/admin/codes", map[string]string{"confirm": out.Request, "by": secondAdmin}, &out)
	}
	d := s.enrol(person, out.Code)
	s.sync(d)
	return d
}

// sync brings a device in step; the server's clock is never behind a device's.
func (s *island) sync(ds ...*islander) {
	s.t.Helper()
	for _, d := range ds {
		if own := d.clock.Load(); own > s.now.Load() {
			s.now.Store(own)
		}
		r, err := d.Sync(context.Background())
		if err != nil || r.Mismatches+r.Unresolved+r.Refused+r.Held > 0 {
			s.t.Fatalf("sync of %s: %v %+v", d.person, err, r)
		}
	}
}

// browser is a person's session, as a leader reads.
func (s *island) browser(person string) *http.Client {
	s.t.Helper()
	if c := s.browsers[person]; c != nil {
		return c
	}
	var out struct{ Code, Request string }
	s.operator("/v1/admin/codes", map[string]string{"person": s.ids[person].String(), "for": "password", "by": "系统管理员"}, &out)
	if out.Code == "" {
		s.operator("/v1/admin/codes", map[string]string{"confirm": out.Request, "by": secondAdmin}, &out)
	}
	s.operator("/v1/passwords", map[string]string{"code": out.Code, "password": password}, nil)
	jar, err := cookiejar.New(nil)
	s.must(err)
	c := &http.Client{Jar: jar}
	body, err := json.Marshal(map[string]string{"name": s.names[person], "password": password})
	s.must(err)
	s.must(call(s.t.Context(), c, http.MethodPost, s.http.URL+"/v1/login", body, nil))
	s.browsers[person] = c
	return c
}

// apiRecord is a record of /v1, as far as the tests read it.
type apiRecord struct {
	Status      string
	RowOnly     bool   `json:"row_only"`
	Place       string `json:"place_code"`
	Marks       []string
	State       string
	StateMark   string `json:"state_mark"`
	Missing     []string
	MergedInto  string `json:"merged_into"`
	Merged      []string
	PerhapsSame []string `json:"perhaps_same"`
	Suggestions []struct {
		Field  string
		New    any
		By     []string
		Reason string
	}
	Fields []apiField
}

type apiField struct {
	Key, Masked, Chip string
	Value             any
	Values            []struct {
		Value  any
		By     string
		Device string
		Shown  bool
	}
	Same  [][2]int
	Notes []struct {
		Entry int
		Text  string
	}
}

func (r apiRecord) field(key string) apiField {
	for _, f := range r.Fields {
		if f.Key == key {
			return f
		}
	}
	return apiField{}
}

// api reads a record as /v1 gives it to a person.
func (s *island) api(person string, id syncproto.RecordID) apiRecord {
	s.t.Helper()
	var out apiRecord
	s.must(call(s.t.Context(), s.browser(person), http.MethodGet, s.http.URL+"/v1/records/"+id.String(), nil, &out))
	return out
}

// hidden reports whether a person gets no more of a record than its row.
func (s *island) hidden(person string, id syncproto.RecordID) bool {
	s.t.Helper()
	resp, err := s.browser(person).Get(s.http.URL + "/v1/records/" + id.String())
	s.must(err)
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return true
	}
	var rec struct {
		RowOnly bool `json:"row_only"`
	}
	s.must(json.NewDecoder(resp.Body).Decode(&rec))
	return rec.RowOnly
}

// reads reports whether a person reads a record: more than its row in lists.
func (s *island) reads(person string, id syncproto.RecordID) bool {
	return !s.hidden(person, id) && !s.api(person, id).RowOnly
}

// page reads a record's page.
func (s *island) page(person string, id syncproto.RecordID) string {
	s.t.Helper()
	resp, err := s.browser(person).Get(s.http.URL + "/r/" + id.String())
	s.must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	s.must(err)
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("page of %s for %s: %s\n%.300s", id, person, resp.Status, b)
	}
	return string(b)
}

// says checks that a page holds words.
func (s *island) says(page string, words ...string) {
	s.t.Helper()
	for _, w := range words {
		if !strings.Contains(page, w) {
			s.t.Errorf("the page does not say %q", w)
		}
	}
}

// plainJSON brings values to what JSON gives, so that those of YAML, of a
// device and of /v1 compare.
func plainJSON(t *testing.T, v any) (out any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}
