package simtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	clientsdk "github.com/chuantou/chuantou/client-sdk"
	"github.com/chuantou/chuantou/client-sdk/httptransport"
	"github.com/chuantou/chuantou/client-sdk/localstore"
	"github.com/chuantou/chuantou/client-sdk/syncloop"
	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/syncproto"
)

// planted are words that stand in one part of one record each, so that finding
// one in an answer tells what its reader was given.
var planted = []string{
	"ZF-row", "ZF-scope", "ZF-team", "ZF-author", // a visit to a household
	"HY-row", "HY-team", // a meeting
	"SQ-scope", "SQ-team", "CN-scope", // a demand, a promise
	"HD-row", "HD-name", "HD-child", "HD-team", "HD-phone", // a household's file: of its members what tells families apart, but of a child nothing
	"SJ-author",                 // a private note
	"avoid-scope", "avoid-team", // a demand about a cadre
}

// roleCase is a role and what its holder, who has no relation to any of the
// records, may find in answers about them.
type roleCase struct {
	name, role, place, line string
	sees                    string
	pages                   string // of these, what pages and /v1 show and no device holds: rows
	comments, opens, voids  bool
	decides                 string // kinds
}

const (
	village = township + "902"
	phone   = "13912345678"
)

var roleCases = []roleCase{
	{name: "方例城", role: "市级领导", place: "3309", sees: "ZF-row ZF-scope HY-row SQ-scope CN-scope HD-row avoid-scope", pages: "HD-row", comments: true, decides: "SQ"},
	{name: "方例山", role: "县（区）领导", place: "330903", sees: "ZF-row ZF-scope HY-row SQ-scope CN-scope HD-row avoid-scope", pages: "HD-row", comments: true, decides: "SQ"},
	{name: "方例镇", role: "乡镇（街道）领导", place: township, sees: "ZF-row ZF-scope HY-row HY-team SQ-scope CN-scope HD-row avoid-scope", pages: "HD-row", comments: true, decides: "SQ HY"},
	{name: "张例桥", role: "乡镇（街道）领导", place: township, line: "民政/帮扶",
		sees: "ZF-row ZF-scope ZF-team HY-row HY-team SQ-scope SQ-team CN-scope HD-row HD-name HD-child HD-team avoid-scope avoid-team", comments: true, decides: "ZF SQ HY"},
	{name: "秦例书", role: "联络员", place: "330903", sees: "ZF-row ZF-scope HY-row SQ-scope CN-scope avoid-scope"},
	{name: "乐例红", role: "外勤干部", place: township, sees: "ZF-row ZF-scope HY-row HY-team SQ-scope CN-scope HD-row avoid-scope", pages: "HD-row"},
	{name: "李例岚", role: "部门经办人", place: "330903"},
	{name: "李例民", role: "部门经办人", place: township, line: "民政", sees: "ZF-row ZF-scope ZF-team HD-row HD-name HD-child HD-team"},
	{name: "周例村", role: "村（社区）干部", place: village, sees: "SQ-scope CN-scope HD-row HD-name avoid-scope"},
	{name: "周例格", role: "网格员", place: village, sees: "SQ-scope CN-scope HD-row HD-name"},
	{name: "竺例敏", role: "管理员", place: township, sees: "ZF-row ZF-scope HY-row HY-team SQ-scope SQ-team CN-scope HD-row HD-name avoid-scope avoid-team",
		opens: true, voids: true, decides: "ZF HY SQ CN HD"},
	{name: "沈例心", role: "督查员", place: "330903", sees: "ZF-row HY-row SQ-scope CN-scope avoid-scope", pages: "ZF-row HY-row", decides: "SQ"},
	{name: "沈例计", role: "审计员", place: "3309"},
	{name: "沈例维", role: "系统运维", place: "3309"},
}

// islandOfRoles is a server with somebody of every role and the planted records.
type islandOfRoles struct {
	*port
	records map[string]syncproto.RecordID
	latest  map[string]string // the last change of a record
}

func newIslandOfRoles(t *testing.T) *islandOfRoles {
	w := &islandOfRoles{newPort(t), map[string]syncproto.RecordID{}, map[string]string{}}
	office := w.device("童例宁", "second office")
	unit, err := office.Create("unit")
	must(t, err)
	must(t, office.Submit(t.Context(), unit.Set("name", "东极镇政府").Set("level", "乡镇").Set("place", township)))
	for _, c := range roleCases {
		if slices.Contains([]string{"张例桥", "方例山", "乐例红"}, c.name) {
			continue // there already
		}
		d, err := office.Create("person")
		must(t, err)
		d.Set("name", c.name).Set("unit", unit.Record().String())
		role := map[string]any{"role": c.role, "place": c.place}
		if c.line != "" {
			role["line"] = c.line
		}
		d.AddItem("roles", role)
		must(t, office.Submit(t.Context(), d))
		w.records["person "+c.name] = d.Record()
	}
	w.sync(office)
	w.plant(office, unit.Record())
	return w
}

// write submits one record and remembers it by the words planted in it.
func (w *islandOfRoles) write(c *clientsdk.Client, name, kind string, values map[string]any, more func(d *clientsdk.Draft)) syncproto.RecordID {
	w.t.Helper()
	d, err := c.Create(kind)
	must(w.t, err)
	d.Fill(values)
	if more != nil {
		more(d)
	}
	must(w.t, c.Submit(w.t.Context(), d))
	w.records[name] = d.Record()
	return d.Record()
}

func (w *islandOfRoles) plant(office *clientsdk.Client, unit syncproto.RecordID) {
	t := w.t
	common := func(m map[string]any) map[string]any {
		m["place_code"], m["owner_unit"] = village, unit.String()
		return m
	}
	head := w.write(office, "person head", "person", map[string]any{"name": "仇例娣", "place": village}, nil)
	household := w.write(office, "HD", "HD", common(map[string]any{"household_no": "HD-row", "address": "石屋岙1号", "hamlet": "石屋岙", "head_person_id": head.String()}), func(d *clientsdk.Draft) {
		d.AddItem("members", map[string]any{"name": "仇例娣", "relation": "0", "birth": map[string]any{"on": "1953", "calendar": "公历"}, "job": "HD-team", "phone": phone})
		d.AddItem("members", map[string]any{"name": "HD-name", "relation": "1", "birth": map[string]any{"on": "1960", "calendar": "公历"}})
		d.AddItem("members", map[string]any{"name": "HD-child", "relation": "4", "birth": map[string]any{"on": "2019", "calendar": "公历"}})
		d.Log("consent", map[string]any{"on": "2026-01-05", "text_version": "告知-1", "who": w.person("童例宁").String(), "mode": "口头并签收"})
	})
	w.sync(office)
	writer := w.device("吴例舟", "A7")
	w.write(writer, "ZF", "ZF", common(map[string]any{"visit_type": "入户走访", "visit_mode": "上门", "met": "见到本人", "household_id": household.String(), "household_mask": "仇某某户",
		"purpose": "ZF-row", "scene": "ZF-scope", "situation": "ZF-team", "impression": "ZF-author", "notice_given": true}), func(d *clientsdk.Draft) {
		d.AddItem("interviewees", map[string]any{"person": "仇例娣"})
	})
	w.write(writer, "HY", "HY", common(map[string]any{"meeting_type": "道地会", "title": "HY-row", "host_id": w.person("吴例舟").String()}), func(d *clientsdk.Draft) {
		d.AddItem("attendees", map[string]any{"person": "吴例舟", "role": "出席"})
		d.AddItem("statements", map[string]any{"speaker": "匿名群众", "mode": "原话", "text": "HY-team"})
		d.Log("session_events", map[string]any{"event": "开会", "at": "2026-05-21T18:30:00+08:00"}).Log("session_events", map[string]any{"event": "散会", "at": "2026-05-21T20:00:00+08:00"})
	})
	demand := map[string]any{"content": "SQ-team", "summary": "SQ-scope", "category": "供水", "source_channel": "电话专线", "urgency": "一般"}
	w.write(writer, "SQ", "SQ", common(demand), func(d *clientsdk.Draft) { d.Add("raised_by", "匿名") })
	about := common(map[string]any{"content": "avoid-team", "summary": "avoid-scope", "category": "其他", "source_channel": "电话专线", "urgency": "一般"})
	w.write(writer, "avoid", "SQ", about, func(d *clientsdk.Draft) {
		d.Add("raised_by", "匿名").Add("about_person_ids", w.person("周例格").String())
	})
	w.write(writer, "CN", "CN", common(map[string]any{"promiser_id": w.person("吴例舟").String(), "text": "CN-scope", "due_on": "2026-06-30"}), nil)
	w.write(writer, "SJ", "SJ", common(map[string]any{"visibility": "本人", "heard": "SJ-author", "on": "2026-05-20"}), nil)
	w.sync(writer)
	sum, err := writer.Summary()
	must(t, err)
	if words := strings.Join(sum.Words(), ""); strings.Contains(words, "待处理") || strings.Contains(words, "待上传") {
		t.Fatalf("the writer is told %q", words)
	}
	readers := map[bool]*browser{false: w.browser("吴例舟"), true: w.browser("童例宁")}
	for name, id := range w.records {
		if strings.HasPrefix(name, "person ") {
			continue
		}
		reader := readers[name == "HD"]
		var rec httpapi.Record
		_, body := reader.get("/v1/records/" + id.String())
		must(t, json.Unmarshal([]byte(body), &rec))
		w.latest[name] = rec.Latest.String()
	}
}

// person finds somebody by what /v1/me of his session says.
func (w *islandOfRoles) person(name string) syncproto.RecordID {
	w.t.Helper()
	if id, ok := w.records["person "+name]; ok {
		return id
	}
	var made struct{ Person syncproto.RecordID }
	w.operate("/v1/admin/codes", map[string]string{"person": name}, &made)
	w.records["person "+name] = made.Person
	return made.Person
}

// caller is one person as he calls: with his browser, or by his device's token.
type caller struct {
	roleCase
	*browser
	store *localstore.Memory
	token string
	found map[string]bool // planted words in any answer
}

// RoundTrip lets the device's requests through and keeps its token.
func (c *caller) RoundTrip(q *http.Request) (*http.Response, error) {
	if t := q.Header.Get("Authorization"); t != "" {
		c.token = t
	}
	return http.DefaultTransport.RoundTrip(q)
}

func (w *islandOfRoles) caller(role roleCase) *caller {
	c := &caller{roleCase: role, store: localstore.NewMemory(), found: map[string]bool{}}
	device, err := clientsdk.OpenStore(c.store, clientsdk.Options{Dial: func(string) (syncloop.Transport, error) {
		return httptransport.New(w.origin, httptransport.Options{Now: time.Now, RoundTripper: c})
	}})
	must(w.t, err)
	w.t.Cleanup(func() { must(w.t, device.Close()) })
	must(w.t, device.Enrol(w.t.Context(), w.origin, w.code(role.name), "phone"))
	w.sync(device)
	_, err = device.SetPassword(w.t.Context(), "", browserPassword) // a leader's own device alone may
	must(w.t, err)
	c.browser = w.loggedIn(role.name)
	return c
}

// code is an enrolment code, which for some leaders two administrators make.
func (w *islandOfRoles) code(person string) string {
	w.t.Helper()
	var made struct{ Code, Request string }
	w.operate("/v1/admin/codes", map[string]string{"person": person, "by": "童例宁"}, &made)
	if made.Request != "" {
		w.operate("/v1/admin/codes", map[string]string{"confirm": made.Request, "by": "竺例敏"}, &made)
	}
	return made.Code
}

// look notes what an answer, or a device's store, gives away.
func (c *caller) look(t *testing.T, where string, answer []byte, allowed string) {
	t.Helper()
	for _, word := range planted {
		needle := word
		if word == "HD-phone" {
			needle = phone
		}
		if !bytes.Contains(answer, []byte(needle)) {
			continue
		}
		c.found[word] = true
		if !slices.Contains(strings.Fields(allowed), word) {
			t.Errorf("%s (%s): %s says %s", c.role, c.line, where, word)
		}
	}
}

// ask sends one request as the browser of the caller and looks at the answer.
func (c *caller) ask(t *testing.T, method, path, ctype string, body []byte) int {
	t.Helper()
	status, _ := c.answer(t, method, path, ctype, body)
	return status
}

func (c *caller) answer(t *testing.T, method, path, ctype string, body []byte) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, c.p.origin+path, bytes.NewReader(body))
	must(t, err)
	if ctype != "" {
		req.Header.Set("Content-Type", ctype)
		req.Header.Set("X-Chuantou-Csrf", c.csrf)
	}
	res, err := c.client.Do(req)
	must(t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	must(t, err)
	c.look(t, method+" "+path, answer, c.sees)
	return res.StatusCode, string(answer)
}

// reads opens a path for each planted record and counts those that are there.
func (c *caller) reads(t *testing.T, w *islandOfRoles, path string) {
	t.Helper()
	for name, id := range w.records {
		if strings.HasPrefix(name, "person ") {
			continue
		}
		if status := c.ask(t, "GET", strings.ReplaceAll(path, ":id", id.String()), "", nil); status != http.StatusOK && status != http.StatusNotFound {
			t.Errorf("%s: %s of %s: %d", c.role, path, name, status)
		}
	}
}

// acts sends a JSON act to each planted record: whom it is for is told from the
// rest by the status, which for them is one of refused.
func (c *caller) acts(t *testing.T, w *islandOfRoles, path string, body func(name string) string, may func(kind string) bool, refused ...int) {
	t.Helper()
	for name, id := range w.records {
		if strings.HasPrefix(name, "person ") {
			continue
		}
		kind := name
		if name == "avoid" {
			kind = "SQ"
		}
		status := c.ask(t, "POST", strings.ReplaceAll(path, ":id", id.String()), "application/json", []byte(body(name)))
		closed := slices.Contains(refused, status) || status == http.StatusForbidden || status == http.StatusNotFound
		if want := may(kind) && c.reaches(name); want == closed {
			t.Errorf("%s (%s): POST %s of %s: %d", c.role, c.line, path, name, status)
		}
	}
}

// reaches reports whether the caller may know that a planted record is there.
func (c *caller) reaches(name string) bool {
	return slices.ContainsFunc(strings.Fields(c.sees), func(word string) bool {
		of, _, _ := strings.Cut(word, "-")
		return of == name
	})
}

// TestEveryRouteForEveryRole walks every route as the holder of every role, in
// a browser and as a device, and fails on a route that nobody has said here
// what it gives to whom.
func TestEveryRouteForEveryRole(t *testing.T) {
	w := newIslandOfRoles(t)
	var callers []*caller
	for _, role := range roleCases {
		callers = append(callers, w.caller(role))
	}
	seen := func(name string, rest string) string { return `{"seen":"` + w.latest[name] + `",` + rest + `}` }
	nobody := func(string) bool { return false }
	admin := func(method, path, body string) func(c *caller) {
		return func(c *caller) {
			status, answer := c.answer(t, method, path, map[string]string{"POST": "application/json"}[method], []byte(body))
			refused := status == http.StatusForbidden && strings.Contains(answer, "要管理员来做")
			if refused == (c.role == "管理员") || status == http.StatusUnauthorized {
				t.Errorf("%s: %s %s: %d %s", c.role, method, path, status, answer)
			}
		}
	}
	get := func(path string) func(c *caller) {
		return func(c *caller) {
			if status := c.ask(t, "GET", path, "", nil); status != http.StatusOK {
				t.Errorf("%s: %s: %d", c.role, path, status)
			}
		}
	}
	// form is a page's form without the page's token: nobody's, whatever his role.
	form := func(path string) func(c *caller) {
		return func(c *caller) {
			for _, id := range w.records {
				if status := c.ask(t, "POST", strings.ReplaceAll(path, ":id", id.String()), "application/x-www-form-urlencoded", []byte("look=核对名单&text=x&seen="+w.latest["ZF"])); status != http.StatusForbidden {
					t.Errorf("%s: POST %s without its token: %d", c.role, path, status)
				}
			}
		}
	}
	// device routes want the token of a device, and are walked with it below.
	device := func(c *caller) {}
	open := func(c *caller) {}
	elsewhere := syncproto.ReplicaID{1, 6: 0x40, 8: 0x80}.String()
	heldWork := `{"replica":"` + elsewhere + `","record":"` + w.records["ZF"].String() + `","reason":"不是本镇的事","place":"` + village + `","from":1,"to":2}`

	classified := map[string]func(c *caller){
		"GET /healthz": open, "GET /readyz": open, "GET /v1/openapi.json": open, "GET /login": open, "POST /login": open, "GET /assets/:hash/:name": open,
		"GET /password": open, "POST /password": open, "POST /v1/passwords": open,
		"GET /root": open, "GET /root.crt": open, "GET /enrol": open, "POST /v1/enrol": open, "POST /v1/sync/session": open, "POST /v1/login": open,

		"POST /v1/sync/push": device, "POST /v1/sync/reissue": device, "POST /v1/sync/pull": device, "POST /v1/sync/wiped": device, "POST /v1/codes": device, "POST /v1/me/password": device,

		"GET /sessions": get("/sessions"), "POST /sessions/end": form("/sessions/end"), "GET /v1/me/sessions": get("/v1/me/sessions"),
		"POST /v1/me/sessions/end": func(c *caller) {
			if status := c.ask(t, "POST", "/v1/me/sessions/end", "application/json", []byte(`{"name":"none"}`)); status != http.StatusNotFound {
				t.Errorf("%s ends a session that is none: %d", c.role, status)
			}
		},
		"GET /v1/admin/sessions":      admin("GET", "/v1/admin/sessions?person="+w.person("吴例舟").String(), ""),
		"POST /v1/admin/sessions/end": admin("POST", "/v1/admin/sessions/end", `{"person":"没有这个人"}`),
		"GET /v1/me":                  get("/v1/me"),
		"GET /v1/timeline":            get("/v1/timeline?limit=200"),
		"GET /v1/held":                get("/v1/held"),
		"GET /":                       get("/"),
		"GET /held":                   get("/held"),
		"GET /v1/records/:id":         func(c *caller) { c.reads(t, w, "/v1/records/:id") },
		"GET /v1/records/:id/history": func(c *caller) { c.reads(t, w, "/v1/records/:id/history") },
		"GET /r/:id":                  func(c *caller) { c.reads(t, w, "/r/:id") },

		"POST /v1/records/:id/comments": func(c *caller) {
			comments := func(kind string) bool { return c.comments && (kind != "HD" || c.line != "") }
			c.acts(t, w, "/v1/records/:id/comments", func(name string) string { return seen(name, `"text":"知道了"`) }, comments)
		},
		"POST /v1/records/:id/choices": func(c *caller) {
			body := func(name string) string {
				dot := elsewhere + "/1.0"
				return seen(name, `"field":"summary","chosen":"`+dot+`","settles":["`+dot+`","`+elsewhere+`/2.0"]`)
			}
			c.acts(t, w, "/v1/records/:id/choices", body, func(kind string) bool { return slices.Contains(strings.Fields(c.decides), kind) })
		},
		"POST /v1/records/:id/verdicts": func(c *caller) {
			c.acts(t, w, "/v1/records/:id/verdicts", func(name string) string { return seen(name, `"void":true,"reason":"重复"`) }, func(string) bool { return c.voids })
		},
		"POST /v1/records/:id/confirmations": func(c *caller) {
			c.acts(t, w, "/v1/records/:id/confirmations", func(name string) string { return seen(name, `"result":"确认"`) }, nobody)
		},
		"POST /v1/records/:id/open": func(c *caller) {
			sees := c.sees
			if c.opens {
				c.sees += " ZF-team HD-team HD-child" // for this look
			}
			if strings.Contains(sees, "HD-name") {
				c.sees += " HD-phone"
			}
			c.acts(t, w, "/v1/records/:id/open", func(string) string { return `{"reason":"核对名单"}` }, func(kind string) bool {
				return c.opens && (kind == "ZF" || kind == "HD") || kind == "HD" && strings.Contains(sees, "HD-name")
			})
			c.sees = sees
		},

		"GET /v1/admin/devices":        admin("GET", "/v1/admin/devices?person="+w.person("吴例舟").String(), ""),
		"POST /v1/admin/devices":       admin("POST", "/v1/admin/devices", `{"replica":"`+elsewhere+`","state":"active"}`),
		"POST /v1/admin/unlock":        admin("POST", "/v1/admin/unlock", `{"replica":"`+elsewhere+`","number":"1","days":3}`),
		"GET /v1/admin/held":           admin("GET", "/v1/admin/held", ""),
		"POST /v1/admin/held/release":  admin("POST", "/v1/admin/held/release", heldWork),
		"POST /v1/admin/held/reject":   admin("POST", "/v1/admin/held/reject", heldWork),
		"POST /v1/admin/held/reassign": admin("POST", "/v1/admin/held/reassign", heldWork),
		"POST /v1/admin/held/lost":     admin("POST", "/v1/admin/held/lost", heldWork),
		"POST /v1/admin/codes":         admin("POST", "/v1/admin/codes", `{"person":"没有这个人"}`),
		"POST /v1/admin/passwords":     admin("POST", "/v1/admin/passwords", `{"person":"没有这个人","password":"`+browserPassword+`"}`),

		"POST /seen": form("/seen"), "POST /r/:id/open": form("/r/:id/open"), "POST /r/:id/adopt": form("/r/:id/adopt"), "POST /r/:id/comment": form("/r/:id/comment"),
		"POST /r/:id/void": form("/r/:id/void"), "POST /r/:id/confirm": form("/r/:id/confirm"), "POST /held/release": form("/held/release"),
		"POST /held/reject": form("/held/reject"), "POST /held/reassign": form("/held/reassign"), "POST /held/lost": form("/held/lost"), "POST /logout": form("/logout"),

		"POST /v1/logout": func(c *caller) {
			if status := c.ask(t, "POST", "/v1/logout", "", nil); status != http.StatusForbidden { // without the CSRF token
				t.Errorf("%s: POST /v1/logout: %d", c.role, status)
			}
		},
	}
	api, ok := w.server.Handler().(*httpapi.API)
	if !ok {
		t.Fatalf("the handler is a %T", w.server.Handler())
	}
	for _, r := range api.Routes() {
		name := r.Method + " " + r.Path
		walk, ok := classified[name]
		if !ok {
			t.Errorf("nobody has classified %s", name)
			continue
		}
		delete(classified, name)
		for _, c := range callers {
			walk(c)
		}
	}
	for name := range classified {
		t.Errorf("there is no %s any more", name)
	}
	for _, c := range callers {
		for _, word := range strings.Fields(c.sees) {
			if !c.found[word] {
				t.Errorf("%s (%s) finds no %s anywhere", c.role, c.line, word)
			}
		}
		c.onDevice(t, w)
	}
}

// onDevice looks through all that the caller's device holds, and what its token
// opens.
func (c *caller) onDevice(t *testing.T, w *islandOfRoles) {
	t.Helper()
	allowed := []string{}
	for _, word := range strings.Fields(c.sees) {
		if !slices.Contains(strings.Fields(c.pages), word) {
			allowed = append(allowed, word)
		}
	}
	if slices.Contains(allowed, "HD-name") {
		allowed = append(allowed, "HD-phone") // a cadre at sea must be able to call
	}
	c.found = map[string]bool{}
	must(t, c.store.Scan(nil, nil, func(key, value []byte) error {
		c.look(t, fmt.Sprintf("the device's key %q", key), slices.Concat(key, value), strings.Join(allowed, " "))
		return nil
	}))
	for _, word := range allowed {
		if !c.found[word] {
			t.Errorf("%s (%s): the device has no %s", c.role, c.line, word)
		}
	}
	for _, id := range w.records {
		for _, path := range []string{"/v1/records/" + id.String(), "/v1/records/" + id.String() + "/history", "/v1/timeline", "/v1/held"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.origin+path, nil)
			must(t, err)
			req.Header.Set("Authorization", c.token)
			res, err := http.DefaultClient.Do(req)
			must(t, err)
			answer, err := io.ReadAll(res.Body)
			must(t, err)
			must(t, res.Body.Close())
			c.look(t, "by the device's token "+path, answer, c.sees)
		}
	}
}
