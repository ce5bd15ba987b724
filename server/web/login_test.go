package web_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/web/webtest"
)

// Without a session every address answers alike, by asking to log in: what
// exists and what does not cannot be told apart.
func TestStrangersSeeNothing(t *testing.T) {
	w := newBrowser(t, webtest.New())
	for path, want := range map[string]string{
		"/":                                      "/login",
		"/?kind=ZF&since=2026-05-18":             "/login?next=%2F%3Fkind%3DZF%26since%3D2026-05-18",
		"/?since=nonsense":                       "/login?next=%2F%3Fsince%3Dnonsense",
		"/r/" + webtest.ID("V05").String():       "/login?next=%2Fr%2F" + webtest.ID("V05").String(),
		"/r/" + webtest.ID("nobody").String():    "/login?next=%2Fr%2F" + webtest.ID("nobody").String(),
		"/r/not-an-id":                           "/login?next=%2Fr%2Fnot-an-id",
		"/held":                                  "/login?next=%2Fheld",
		"/?x=" + strings.Repeat("y", 3000):       "/login",
		"/?u=" + url.QueryEscape("\\\\evil.org"): "/login?next=%2F%3Fu%3D%255C%255Cevil.org",
	} {
		a := w.get(path)
		if a.status != http.StatusSeeOther || a.header.Get("Location") != want {
			t.Errorf("%s: status %d to %q, want %q", path, a.status, a.header.Get("Location"), want)
		}
		if a.body != "" {
			t.Errorf("%s: body %q", path, a.body)
		}
	}
	for _, path := range []string{"/logout", "/seen"} {
		if a := w.post(path, nil); a.status != http.StatusSeeOther || a.header.Get("Location") != "/login" || a.body != "" {
			t.Errorf("post %s: status %d to %q", path, a.status, a.header.Get("Location"))
		}
	}
}

func TestLogInAndOut(t *testing.T) {
	w := newBrowser(t, webtest.New())
	a := w.login(webtest.Leader.Name, webtest.Password, "/?kind=HY")
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/?kind=HY" {
		t.Fatalf("status %d to %q", a.status, a.header.Get("Location"))
	}
	page := w.page("/")
	if me := page.all("div", "me")[0].text(); !strings.Contains(me, "张例桥东极镇党委书记") {
		t.Errorf("the bar says %q", me)
	}
	if a := w.get("/login?next=/held"); a.status != http.StatusSeeOther || a.header.Get("Location") != "/held" {
		t.Errorf("logged in, /login: status %d to %q", a.status, a.header.Get("Location"))
	}
	if a := w.post("/logout", url.Values{"token": {"false"}}); a.status != http.StatusForbidden {
		t.Errorf("log out with a false token: status %d", a.status)
	}
	w.page("/") // still in
	if a := w.post("/logout", url.Values{"token": {page.value("token")}}); a.status != http.StatusSeeOther {
		t.Errorf("log out: status %d", a.status)
	}
	if a := w.get("/"); a.status != http.StatusSeeOther {
		t.Errorf("after log-out: status %d", a.status)
	}
}

// The token of one session opens no form of another.
func TestTokensBelongToSessions(t *testing.T) {
	world := webtest.New()
	leader, admin := loggedIn(t, world, webtest.Leader.Name), loggedIn(t, world, webtest.Admin.Name)
	token := admin.page("/").value("token")
	if token == "" || token == leader.page("/").value("token") {
		t.Fatalf("two sessions have one token %q", token)
	}
	if a := leader.post("/logout", url.Values{"token": {token}}); a.status != http.StatusForbidden {
		t.Errorf("another's token: status %d", a.status)
	}
}

func TestRefusedLogIns(t *testing.T) {
	w := newBrowser(t, webtest.New())
	long := strings.Repeat("长", 1000)
	for _, c := range []struct {
		name, password string
		status         int
		words          string
	}{
		{"张例桥", "wrong", http.StatusForbidden, "姓名和密码对不上"},
		{"nobody", webtest.Password, http.StatusForbidden, "姓名和密码对不上"},
		{"", webtest.Password, http.StatusBadRequest, "都要填"},
		{"张例桥", "", http.StatusBadRequest, "都要填"},
		{long, "x", http.StatusBadRequest, "太长"},
		{"张例桥", long, http.StatusBadRequest, "太长"},
	} {
		a := w.login(c.name, c.password, "/")
		if a.status != c.status || !strings.Contains(a.body, c.words) {
			t.Errorf("%.10q %.10q: status %d, want %d and %q", c.name, c.password, a.status, c.status, c.words)
		}
		if len(c.password) > 1 && strings.Contains(a.body, c.password) {
			t.Errorf("%.10q: the page shows the password", c.name)
		}
		if w.get("/").status != http.StatusSeeOther {
			t.Errorf("%.10q %.10q is in", c.name, c.password)
		}
	}
	if got := parse(t, w.login("张例桥", "wrong", "/?kind=HY").body); got.value("name") != "张例桥" || got.value("next") != "/?kind=HY" {
		t.Errorf("the form keeps name %q and next %q", got.value("name"), got.value("next"))
	}
}

func TestTooManyLogIns(t *testing.T) {
	w := newBrowser(t, webtest.New())
	for range 5 {
		w.login("张例桥", "wrong", "/")
	}
	a := w.login("张例桥", webtest.Password, "/")
	if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "30" || !strings.Contains(a.body, "请等 30 秒再试") {
		t.Errorf("status %d, retry after %q", a.status, a.header.Get("Retry-After"))
	}
}

func TestLogInNeedsItsForm(t *testing.T) {
	w := newBrowser(t, webtest.New())
	form := url.Values{"name": {webtest.Leader.Name}, "password": {webtest.Password}}
	a := w.post("/login", form)
	if a.status != http.StatusForbidden || !strings.Contains(a.body, "请再登录一次") {
		t.Errorf("without a token: status %d", a.status)
	}
	// A token made for another browser does not fit this one's cookie.
	other := newBrowser(t, webtest.New())
	form.Set("token", parse(t, other.get("/login").body).value("token"))
	if a := w.post("/login", form); a.status != http.StatusForbidden {
		t.Errorf("with another browser's token: status %d", a.status)
	}
	if w.get("/").status != http.StatusSeeOther {
		t.Error("logged in all the same")
	}
	form.Set("name", strings.Repeat("x", 20<<10))
	if a := w.post("/login", form); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("20 KB of form: status %d", a.status)
	}
}

// The address to go on to is one of ours, whatever the link said.
func TestNextStaysHere(t *testing.T) {
	for next, want := range map[string]string{
		"/r/x?y=1":                      "/r/x?y=1",
		"":                              "/",
		"//evil.example":                "/",
		"///evil.example":               "/",
		"/\\evil.example":               "/",
		"https://evil.example/":         "/",
		"javascript:alert(1)":           "/",
		"/\r\nSet-Cookie: a=b":          "/",
		"/\t/evil.example":              "/",
		"/" + strings.Repeat("x", 2050): "/",
		"r/x":                           "/",
	} {
		w := newBrowser(t, webtest.New())
		a := w.login(webtest.Leader.Name, webtest.Password, next)
		if got := a.header.Get("Location"); got != want {
			t.Errorf("%.30q leads to %q, want %q", next, got, want)
		}
		form := parse(t, newBrowser(t, webtest.New()).get("/login?next="+url.QueryEscape(next)).body)
		if got := form.value("next"); got != want {
			t.Errorf("%.30q: the form says %q, want %q", next, got, want)
		}
	}
}

func TestCookies(t *testing.T) {
	h, err := webtest.Handler(webtest.New())
	if err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"http", "https"} {
		ask := func(method, path, body string, cookies []*http.Cookie) *http.Response {
			req := httptest.NewRequest(method, path, strings.NewReader(body))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if scheme == "https" {
				req.TLS = &tls.ConnectionState{}
			}
			for _, k := range cookies {
				req.AddCookie(k)
			}
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, req)
			return rec.Result()
		}
		form := ask(http.MethodGet, "/login", "", nil)
		page, err := io.ReadAll(form.Body)
		if err != nil {
			t.Fatal(err)
		}
		in := ask(http.MethodPost, "/login", url.Values{
			"name": {webtest.Leader.Name}, "password": {webtest.Password}, "token": {parse(t, string(page)).value("token")},
		}.Encode(), form.Cookies())
		var session *http.Cookie
		for _, k := range append(form.Cookies(), in.Cookies()...) {
			if !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Path != "/" || k.Domain != "" {
				t.Errorf("%s: cookie %v", scheme, k)
			}
			if secure := scheme == "https"; k.Secure != secure || strings.HasPrefix(k.Name, "__Host-") != secure {
				t.Errorf("%s: cookie %v", scheme, k)
			}
			if strings.HasSuffix(k.Name, "chuantou-session") {
				session = k
			}
		}
		if session == nil || session.Value == "" {
			t.Fatalf("%s: no session cookie, status %d", scheme, in.StatusCode)
		}
		if got := ask(http.MethodGet, "/", "", []*http.Cookie{session}).StatusCode; got != http.StatusOK {
			t.Errorf("%s: with the cookie: status %d", scheme, got)
		}
	}
}

func TestHugeCookieIsNone(t *testing.T) {
	h, err := webtest.Handler(webtest.New())
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.AddCookie(&http.Cookie{Name: "chuantou-session", Value: strings.Repeat("x", 4000)})
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	if rec.Code != http.StatusSeeOther {
		t.Errorf("status %d", rec.Code)
	}
}
