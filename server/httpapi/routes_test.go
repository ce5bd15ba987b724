package httpapi_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/chuantou/chuantou/server/httpapi"
	"github.com/chuantou/chuantou/syncproto"
)

// Every route that Echo knows has a row saying who may call it, and whoever
// calls one as a stranger is turned away, whatever he sends.
func TestEveryRouteIsClosedToStrangers(t *testing.T) {
	w := newWorld(t)
	addPages(t, w)
	w.push, w.pull = nil, nil // a call would panic
	open := []string{"GET /healthz", "GET /readyz", "GET /v1/openapi.json", "GET /login", "GET /assets/:hash/:name"}
	proofs := []string{"POST /v1/enrol", "POST /v1/sync/session", "POST /v1/login", "POST /v1/passwords", "POST /login"}
	credentials := map[string]request{
		"nothing":        {},
		"garbage token":  {bearer: "aaaa"},
		"unknown token":  {bearer: strings.Repeat("A", 32)},
		"alg none":       {bearer: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."},
		"basic":          {header: map[string]string{"Authorization": "Basic YWRtaW46YWRtaW4="}},
		"unknown cookie": {cookies: []*http.Cookie{{Name: "chuantou-session", Value: strings.Repeat("A", 32)}}},
		"proxy headers": {header: map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1",
			"X-Forwarded-Proto": "https", "X-Original-Url": "/healthz", "X-Http-Method-Override": "GET"}},
	}
	seen := 0
	for _, r := range w.Routes() {
		name := r.Method + " " + r.Path
		if r.Who == "" {
			t.Errorf("%s has no row in the table", name)
		}
		if slices.Contains(open, name) != (r.Who == "public" || r.Who == "open-page" && r.Method == "GET") || slices.Contains(proofs, name) != (r.Who == "proof" || r.Who == "open-page" && r.Method == "POST") {
			t.Errorf("%s is open to %s", name, r.Who)
		}
		for who, q := range credentials {
			seen++
			q.method, q.path = r.Method, strings.NewReplacer(":id", syncproto.NewRecordID(w.clock()).String(), ":hash", "h", ":name", "n").Replace(r.Path)
			for _, ctype := range []string{"", "application/json", "application/cbor", "application/x-www-form-urlencoded"} {
				q.ctype, q.body = ctype, []byte{0x80}
				res := w.do(q)
				switch ok := res.StatusCode < 400; {
				case r.Who == "page":
					if res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(res.Header.Get("Location"), "/login") {
						t.Errorf("%s, %s: status %d", name, who, res.StatusCode)
					}
				case ok && !slices.Contains(open, name) && r.Who != "open-page":
					t.Errorf("%s, %s: status %d", name, who, res.StatusCode)
				case r.Who == "device" || r.Who == "sender" || r.Who == "viewer" || r.Who == "admin":
					if res.StatusCode != http.StatusUnauthorized && res.StatusCode != http.StatusForbidden {
						t.Errorf("%s, %s: status %d", name, who, res.StatusCode)
					}
				}
			}
		}
	}
	if seen < 16*len(credentials) {
		t.Errorf("only %d calls made", seen)
	}
}

// addPages registers pages as package web does.
func addPages(t *testing.T, w *world) {
	t.Helper()
	err := w.AddPages(func(r *httpapi.Router) (httpapi.ErrorPage, error) {
		serve := func(c echo.Context) error { return c.String(http.StatusOK, "the page") }
		for _, p := range []string{"/", "/r/:id", "/held", "/login", "/assets/:hash/:name"} {
			r.GET(p, serve)
		}
		for _, p := range []string{"/login", "/logout", "/seen"} {
			r.POST(p, serve)
		}
		return func(c echo.Context, err error) {
			var status = http.StatusTeapot
			if e, ok := err.(*echo.HTTPError); ok {
				status = e.Code
			}
			if err := c.String(status, "in words"); err != nil {
				t.Error(err)
			}
		}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	addPages(t, w)
	in := w.login(w.person("张例桥", false))
	if res := w.do(request{method: "GET", path: "/", cookies: []*http.Cookie{in.cookie}}); res.StatusCode != http.StatusOK {
		t.Errorf("with a session: %d", res.StatusCode)
	}
	if res := w.do(request{method: "GET", path: "/", bearer: w.token(w.enrolled(w.person("乐例红", false)))}); res.StatusCode != http.StatusSeeOther {
		t.Errorf("with a device's token: %d", res.StatusCode)
	}
	for path, want := range map[string]string{"/": "/login", "/held?x=1": "/login?next=%2Fheld%3Fx%3D1"} {
		if got := w.get(path, "").Header.Get("Location"); got != want {
			t.Errorf("%s leads to %q, want %q", path, got, want)
		}
	}
	if res := w.get("/nowhere", ""); res.StatusCode != http.StatusNotFound || string(body(t, res)) != "in words" {
		t.Errorf("an unknown page: %d", res.StatusCode)
	}
	wantProblem(t, "an unknown path of the API", w.get("/v1/nowhere", ""), http.StatusNotFound, syncproto.KindNotFound)
	err := w.AddPages(func(r *httpapi.Router) (httpapi.ErrorPage, error) {
		r.GET("/v1/me", func(echo.Context) error { return nil })
		return nil, nil
	})
	if err == nil {
		t.Error("a page took the place of a route")
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", "/v1", "/v1/", "/v1/records", "/v1/records/", "/v1/sync/", "/debug/pprof/", "/v1//me", "/v1/records/a/b", "/admin", "/.env"} {
		wantProblem(t, path, w.get(path, ""), http.StatusNotFound, syncproto.KindNotFound)
	}
	for _, m := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "PROPFIND", strings.Repeat("X", 300)} {
		res := w.do(request{method: m, path: "/v1/me"})
		if res.StatusCode != http.StatusMethodNotAllowed && res.StatusCode != http.StatusNotFound {
			t.Errorf("%.10s: %d", m, res.StatusCode)
		}
	}
	wantProblem(t, "GET of push", w.get("/v1/sync/push", ""), http.StatusMethodNotAllowed, syncproto.KindNotFound)
}

// The description and the routes are the same list.
func TestOpenAPI(t *testing.T) {
	w := newWorld(t)
	doc := decode[struct {
		OpenAPI string                                `json:"openapi"`
		Paths   map[string]map[string]json.RawMessage `json:"paths"`
		Parts   struct {
			Schemas map[string]json.RawMessage `json:"schemas"`
		} `json:"components"`
	}](t, w.get("/v1/openapi.json", ""))
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("openapi %q", doc.OpenAPI)
	}
	var described, served []string
	param := regexp.MustCompile(`\{(\w+)\}`)
	for path, ops := range doc.Paths {
		for method := range ops {
			described = append(described, strings.ToUpper(method)+" "+param.ReplaceAllString(path, ":$1"))
		}
	}
	for _, r := range w.Routes() {
		served = append(served, r.Method+" "+r.Path)
	}
	slices.Sort(described)
	slices.Sort(served)
	if !slices.Equal(described, served) {
		t.Errorf("described: %q\nserved: %q", described, served)
	}
	for _, r := range w.Routes() {
		raw := doc.Paths[strings.ReplaceAll(r.Path, ":id", "{id}")][strings.ToLower(r.Method)]
		var op struct {
			Security  *[]map[string][]string     `json:"security"`
			Body      *json.RawMessage           `json:"requestBody"`
			Responses map[string]json.RawMessage `json:"responses"`
		}
		if err := json.Unmarshal(raw, &op); err != nil {
			t.Fatal(err)
		}
		if open := r.Who == "public" || r.Who == "proof"; op.Security == nil || open != (len(*op.Security) == 0) {
			t.Errorf("%s %s is for %s, described security: %v", r.Method, r.Path, r.Who, op.Security)
		}
		if hasBody := r.Method == "POST" && r.Path != "/v1/logout"; hasBody != (op.Body != nil) {
			t.Errorf("%s %s: described body: %v", r.Method, r.Path, op.Body != nil)
		}
		if op.Responses["200"] == nil || op.Responses["default"] == nil {
			t.Errorf("%s %s: described answers: %v", r.Method, r.Path, op.Responses)
		}
	}
	raw := string(body(t, w.get("/v1/openapi.json", "")))
	for _, m := range regexp.MustCompile(`"#/components/schemas/(\w+)"`).FindAllStringSubmatch(raw, -1) {
		if doc.Parts.Schemas[m[1]] == nil {
			t.Errorf("no schema %s", m[1])
		}
	}
}
