package simtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/httptransport"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/syncloop"
	"github.com/chuantou/chuantou/server"
	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/syncproto"
)

// port is a whole server behind HTTP, with its operator.
type port struct {
	t        testing.TB
	server   *server.Server
	dir      string
	ahead    time.Duration // everybody's clock, of this machine's
	origin   string
	operator http.Handler
}

const browserPassword = "dongji-2026-shili"

// newPort makes a server with a township, two field cadres and a leader.
func newPort(t testing.TB) *port {
	dir := filepath.Join(t.TempDir(), "data")
	made, err := server.Init(t.Context(), server.InitOptions{Dir: dir, Origin: "http://127.0.0.1", Name: "普陀区（示例）", Place: "3309", Admin: "童例宁"})
	must(t, err)
	p := &port{t: t, dir: dir}
	p.start()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.server.Handler().ServeHTTP(w, r) }))
	p.origin = web.URL
	t.Cleanup(func() {
		web.Close()
		must(t, p.server.Close())
	})
	office := p.open()
	must(t, office.Enrol(t.Context(), p.origin, made.Code, "office"))
	unit, err := office.Create("unit")
	must(t, err)
	must(t, office.Submit(t.Context(), unit.Set("name", "东极镇").Set("level", "乡镇").Set("place", township)))
	for name, role := range map[string]map[string]any{
		"吴例舟": {"role": "外勤干部", "place": township},
		"乐例红": {"role": "外勤干部", "place": township},
		"张例桥": {"role": "乡镇（街道）领导", "place": township, "line": "民政/帮扶"},
		"方例山": {"role": "县（区）领导", "place": "330903"},
	} {
		person, err := office.Create("person")
		must(t, err)
		person.Set("name", name).Set("unit", unit.Record().String())
		person.AddItem("roles", role)
		must(t, office.Submit(t.Context(), person))
	}
	p.sync(office)
	return p
}

func (p *port) start() {
	var err error
	p.server, err = server.New(server.Config{Dir: p.dir, Clock: p.clock})
	must(p.t, err)
	p.operator = p.server.OperatorHandler()
}

func (p *port) clock() time.Time { return time.Now().Add(p.ahead) }

func (p *port) restart() {
	must(p.t, p.server.Close())
	p.start()
}

func (p *port) open() *clientsdk.Client {
	p.t.Helper()
	c, _ := p.openStore()
	return c
}

func (p *port) openStore() (*clientsdk.Client, *localstore.Memory) {
	p.t.Helper()
	store := localstore.NewMemory()
	return p.openOn(store), store
}

func (p *port) openOn(store localstore.Store) *clientsdk.Client {
	p.t.Helper()
	c, err := clientsdk.OpenStore(store, clientsdk.Options{Clock: p.clock, Dial: func(string) (syncloop.Transport, error) {
		return httptransport.New(p.origin, httptransport.Options{Now: p.clock})
	}})
	must(p.t, err)
	p.t.Cleanup(func() { must(p.t, c.Close()) })
	return c
}

func (p *port) sync(c *clientsdk.Client) {
	p.t.Helper()
	_, err := c.Sync(p.t.Context())
	must(p.t, err)
}

// operate calls the operator's side of the API.
func (p *port) operate(path string, body map[string]string, into any) {
	p.t.Helper()
	b, err := json.Marshal(body)
	must(p.t, err)
	req := httptest.NewRequestWithContext(p.t.Context(), http.MethodPost, path, bytes.NewReader(b))
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	p.operator.ServeHTTP(rec, req)
	if rec.Code != http.StatusOK {
		p.t.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
	}
	must(p.t, json.Unmarshal(rec.Body.Bytes(), into))
}

func (p *port) device(person, name string) *clientsdk.Client {
	p.t.Helper()
	var code struct{ Code string }
	p.operate("/v1/admin/codes", map[string]string{"person": person}, &code)
	c := p.open()
	must(p.t, c.Enrol(p.t.Context(), p.origin, code.Code, name))
	p.sync(c)
	return c
}

// browser is a person's browser: cookies, and the page it shows.
type browser struct {
	p      *port
	client http.Client
	csrf   string
}

func (p *port) browser(person string) *browser {
	p.t.Helper()
	var set struct{ Login string }
	p.operate("/v1/admin/passwords", map[string]string{"person": person, "password": browserPassword}, &set)
	return p.loggedIn(person)
}

// loggedIn is the browser of a person who has the password.
func (p *port) loggedIn(person string) *browser {
	p.t.Helper()
	jar, err := cookiejar.New(nil)
	must(p.t, err)
	b := &browser{p: p, client: http.Client{Jar: jar}}
	_, page := b.get("/login")
	status, page := b.post("/login", url.Values{"token": {hiddenValue(page, "token")}, "next": {"/"}, "name": {person}, "password": {browserPassword}})
	if status != http.StatusOK || !strings.Contains(page, "时间轴") {
		p.t.Fatalf("log in: %d", status)
	}
	var me struct{ CSRF string }
	_, body := b.get("/v1/me")
	must(p.t, json.Unmarshal([]byte(body), &me))
	b.csrf = me.CSRF
	return b
}

func (b *browser) do(req *http.Request, err error) (int, string) {
	b.p.t.Helper()
	must(b.p.t, err)
	res, err := b.client.Do(req)
	must(b.p.t, err)
	body, err := io.ReadAll(res.Body)
	must(b.p.t, err)
	must(b.p.t, res.Body.Close())
	return res.StatusCode, string(body)
}

func (b *browser) get(path string) (int, string) {
	b.p.t.Helper()
	return b.do(http.NewRequestWithContext(b.p.t.Context(), http.MethodGet, b.p.origin+path, nil))
}

func (b *browser) post(path string, form url.Values) (int, string) {
	b.p.t.Helper()
	req, err := http.NewRequestWithContext(b.p.t.Context(), http.MethodPost, b.p.origin+path, strings.NewReader(form.Encode()))
	if err == nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return b.do(req, err)
}

func (b *browser) json(path, csrf string, body any, into any) int {
	b.p.t.Helper()
	raw, err := json.Marshal(body)
	must(b.p.t, err)
	req, err := http.NewRequestWithContext(b.p.t.Context(), http.MethodPost, b.p.origin+path, bytes.NewReader(raw))
	if err == nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Chuantou-Csrf", csrf)
	}
	status, answer := b.do(req, err)
	must(b.p.t, json.Unmarshal([]byte(answer), into))
	return status
}

// forms are the page's forms that are sent to a path ending so.
func forms(page, to string) (out []url.Values) {
	for _, m := range regexp.MustCompile(`(?s)<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>`).FindAllStringSubmatch(page, -1) {
		if !strings.HasSuffix(m[1], to) {
			continue
		}
		v := url.Values{}
		for _, in := range regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(m[2], -1) {
			v.Add(html.UnescapeString(in[1]), html.UnescapeString(in[2]))
		}
		out = append(out, v)
	}
	return out
}

func hiddenValue(page, name string) string {
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// conflicted is a visit on which two devices disagree about met.
func (p *port) conflicted(a, b *clientsdk.Client) syncproto.RecordID {
	p.t.Helper()
	d, err := a.Create("ZF")
	must(p.t, err)
	d.Fill(map[string]any{"visit_type": "船上走访", "visit_mode": "船上", "met": "见到本人", "boat_id": syncproto.NewRecordID(time.Now()).String(), "situation": "吃水要挑。", "situation.personal": false,
		"notice_given": true, "place_code": township + "901", "visibility": "本级及上级"})
	d.AddItem("interviewees", map[string]any{"person": "曾例海"})
	must(p.t, a.Submit(p.t.Context(), d))
	p.sync(a)
	p.sync(b)
	ea, err := a.Edit(d.Record())
	must(p.t, err)
	eb, err := b.Edit(d.Record())
	must(p.t, err)
	must(p.t, a.Submit(p.t.Context(), ea.Set("met", "见到家属")))
	must(p.t, b.Submit(p.t.Context(), eb.Set("met", "未遇").Set("situation", "岛上吃水要挑。")))
	p.sync(a)
	p.sync(b)
	return d.Record()
}

// A leader's first minutes, over HTTP: the record, its conflict, a choice by
// the page's own form, and both devices have it at their next sync.
func TestALeaderSettlesAConflictInTheBrowser(t *testing.T) {
	p := newPort(t)
	a, b := p.device("吴例舟", "A7"), p.device("乐例红", "B2")
	id := p.conflicted(a, b)
	admin, county := p.browser("童例宁"), p.browser("方例山")
	at := "/r/" + id.String()
	_, page := admin.get(at)
	choices := forms(page, "/adopt")
	if len(choices) != 2 {
		t.Fatalf("%d forms to choose by", len(choices))
	}
	if _, page := county.get(at); len(forms(page, "/adopt")) != 0 || len(forms(page, "/comment")) != 1 || !strings.Contains(page, "要定下来") {
		t.Error("a leader without a relation is shown a choice, or no comment, or not told who chooses")
	}
	if status, page := county.post(at+"/adopt", with(choices[0], "token", forms(mustPage(county.get(at)), "/comment")[0].Get("token"))); status != http.StatusForbidden || !strings.Contains(page, "这一处不归您定") {
		t.Errorf("without the right: %d", status)
	}
	for what, form := range map[string]url.Values{
		"no token":        with(choices[0], "token", ""),
		"another's token": with(choices[0], "token", hiddenValue(mustPage(county.get(at)), "token")),
		"nothing seen":    with(choices[0], "seen", ""),
	} {
		if status, _ := admin.post(at+"/adopt", form); status != http.StatusForbidden {
			t.Errorf("%s: %d", what, status)
		}
	}
	for what, c := range map[string]struct {
		path   string
		form   url.Values
		status int
	}{
		"a choice that cannot be read": {at, with(choices[0], "chosen", "x"), http.StatusBadRequest},
		"a field without a clash":      {at, with(choices[0], "field", "visit_type"), http.StatusBadRequest},
		"an unknown field":             {at, with(choices[0], "field", "no_such"), http.StatusNotFound},
		"an unknown record":            {"/r/" + syncproto.NewRecordID(time.Now()).String(), choices[0], http.StatusNotFound},
		"another record's change":      {at, with(choices[0], "seen", syncproto.ChangeID{Replica: syncproto.NewReplicaID(), Seq: 1}.String()), http.StatusNotFound},
	} {
		if status, _ := admin.post(c.path+"/adopt", c.form); status != c.status {
			t.Errorf("%s: %d, want %d", what, status, c.status)
		}
	}
	if status, page := admin.post(at+"/adopt", choices[0]); status != http.StatusOK || !strings.Contains(page, "已采用您选的版本") || len(forms(page, "/adopt")) != 0 {
		t.Fatalf("adopting: %d", status)
	}
	status, page := admin.post(at+"/adopt", choices[1])
	if status != http.StatusConflict || !strings.Contains(page, "您的选择没有写入") || !strings.Contains(page, "采用此版本") {
		t.Errorf("adopting what is settled: %d", status)
	}
	for _, c := range []*clientsdk.Client{a, b} {
		p.sync(c)
		v, err := c.Get(id)
		must(t, err)
		if len(v.Conflicts()) != 0 || v.Value("met") != "见到家属" && v.Value("met") != "未遇" {
			t.Errorf("a device shows %v, %d conflicts", v.Value("met"), len(v.Conflicts()))
		}
	}
	h, err := a.History(id)
	must(t, err)
	if !slices.ContainsFunc(h, func(s clientsdk.Contribution) bool { return s.Replica.IsPen() && slices.Contains(s.Fields, "met") }) {
		t.Errorf("the device's history does not know the browser's change: %+v", h)
	}
}

func with(form url.Values, name, value string) url.Values {
	out := url.Values{}
	for k, v := range form {
		out[k] = v
	}
	out[name] = []string{value}
	return out
}

func mustPage(status int, page string) string {
	if status != http.StatusOK {
		panic(fmt.Sprint("status ", status))
	}
	return page
}

// The same through /v1, and the past of a record from a browser and a device.
func TestChoicesAndThePastOverJSON(t *testing.T) {
	p := newPort(t)
	a, b := p.device("吴例舟", "A7"), p.device("乐例红", "B2")
	id := p.conflicted(a, b)
	leader := p.browser("童例宁")
	at := "/v1/records/" + id.String()
	var rec httpapi.Record
	_, body := leader.get(at)
	must(t, json.Unmarshal([]byte(body), &rec))
	if len(rec.Conflicts) != 1 || !rec.Conflicts[0].MayChoose || len(rec.Conflicts[0].Values) != 2 || rec.Conflicts[0].Values[0].By == "" || rec.Conflicts[0].Values[0].Device == "" {
		t.Fatalf("conflicts %+v", rec.Conflicts)
	}
	c := rec.Conflicts[0]
	choice := syncproto.Choice{Field: c.Field, Chosen: c.Values[0].Version}
	for _, v := range c.Values {
		choice.Settles = append(choice.Settles, v.Version)
	}
	send := struct {
		Seen syncproto.ChangeID `json:"seen"`
		syncproto.Choice
	}{rec.Latest, choice}
	var problem httpapi.Problem
	if status := leader.json(at+"/choices", "forged", send, &problem); status != http.StatusForbidden {
		t.Errorf("without the CSRF token: %d", status)
	}
	var after httpapi.Record
	if status := leader.json(at+"/choices", leader.csrf, send, &after); status != http.StatusOK || len(after.Conflicts) != 0 || after.Latest == rec.Latest || !after.Latest.Replica.IsPen() {
		t.Fatalf("the choice: %d, %+v", status, after.Conflicts)
	}
	if status := leader.json(at+"/choices", leader.csrf, send, &problem); status != http.StatusConflict || problem.Record == nil || problem.Record.Latest != after.Latest {
		t.Errorf("the same once more: %d, %+v", status, problem)
	}

	// A device asks for the past; its person reads what he may.
	list, earlier, err := a.Changes(t.Context(), id, syncproto.ChangeID{})
	must(t, err)
	if len(list) != 4 || !earlier.IsZero() || list[3].Device != "网页登录" || list[3].By != "童例宁" || list[3].What != "采用此版本" {
		t.Fatalf("%d changes, the last %+v", len(list), list[len(list)-1])
	}
	for i, want := range []string{"吃水要挑。", "吃水要挑。", "岛上吃水要挑。"} {
		then, err := a.AsOf(t.Context(), id, list[i].Change)
		must(t, err)
		for _, f := range then.Fields {
			if f.Key == "situation" && f.Value != want {
				t.Errorf("as of change %d the text reads %v", i+1, f.Value)
			}
			if f.Key == "situation" && i == 2 && (len(f.Passages) != 2 || f.Passages[0].By != "乐例红" || f.Passages[1].By != "吴例舟") {
				t.Errorf("passages %+v", f.Passages)
			}
		}
	}
	if _, err := a.AsOf(t.Context(), id, syncproto.ChangeID{Replica: list[0].Change.Replica, Seq: 99}); err == nil || !strings.Contains(err.Error(), clientsdk.ErrNoRecord.Error()) {
		t.Errorf("a change that is none: %v", err)
	}
	if status, page := leader.get("/r/" + id.String() + "?as_of=" + url.QueryEscape(list[0].Change.String())); status != http.StatusOK ||
		!strings.Contains(page, "后来的改动不在里面") || strings.Contains(page, "岛上吃水") || len(forms(page, "/comment")) != 0 {
		t.Errorf("the page as of the first change: %d", status)
	}
}

// What the first administrator writes belongs to the owner: init makes the unit
// that his forms prefill.
func TestFirstUnitIsTheOwners(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	made, err := server.Init(t.Context(), server.InitOptions{Dir: dir, Origin: "http://127.0.0.1", Name: "普陀区（示例）", Place: "330903", Admin: "童例宁"})
	must(t, err)
	s, err := server.New(server.Config{Dir: dir})
	must(t, err)
	site := httptest.NewServer(s.Handler())
	defer func() {
		site.Close()
		must(t, s.Close())
	}()
	p := &port{t: t, server: s, origin: site.URL, operator: s.OperatorHandler()}
	office := p.open()
	must(t, office.Enrol(t.Context(), p.origin, made.Code, "office"))
	p.sync(office)
	units, err := office.Query(clientsdk.Filter{Kinds: []string{"unit"}})
	must(t, err)
	if len(units) != 1 || units[0].Title != "普陀区（示例）" {
		t.Fatalf("the units are %+v", units)
	}
	unit, err := office.Get(units[0].Record)
	must(t, err)
	if unit.Value("level") != "县（区）" || unit.Value("place") != "330903" {
		t.Errorf("the unit is %v of %v", unit.Value("level"), unit.Value("place"))
	}
	d, err := office.Create("ZF")
	must(t, err)
	v, err := d.View()
	must(t, err)
	if v.Value("owner_unit") != units[0].Record.String() {
		t.Errorf("a new visit is prefilled with unit %v", v.Value("owner_unit"))
	}
}
