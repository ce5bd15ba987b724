package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/web/webtest"
)

func TestSessionsAreListedAndEnded(t *testing.T) {
	world := webtest.New()
	one, two, other := loggedIn(t, world, webtest.Leader.Name), loggedIn(t, world, webtest.Leader.Name), loggedIn(t, world, webtest.Admin.Name)
	page := one.page("/sessions")
	rows := page.all("ol", "heldlist")[0].all("li")
	if len(rows) != 2 {
		t.Fatalf("%d sessions", len(rows))
	}
	wants(t, "page", page.byID("main").text(), "192.0.2.7", "这一个")
	var name string
	for _, row := range rows {
		if form := row.all("form")[0]; form.value("name") != "" && !strings.Contains(row.text(), "这一个") {
			name = form.value("name")
		}
	}
	form := url.Values{"token": {page.value("token")}, "name": {name}}
	if a := other.post("/sessions/end", url.Values{"token": {other.page("/sessions").value("token")}, "name": {name}}); a.status != http.StatusConflict {
		t.Errorf("another person ends it: status %d", a.status)
	}
	if a := one.post("/sessions/end", url.Values{"name": {name}}); a.status != http.StatusForbidden {
		t.Errorf("without the form's token: status %d", a.status)
	}
	if a := one.post("/sessions/end", form); a.status != http.StatusSeeOther {
		t.Fatalf("status %d", a.status)
	}
	if a := two.get("/"); a.status != http.StatusSeeOther {
		t.Errorf("the ended session reads on: status %d", a.status)
	}
	if a := one.get("/"); a.status != http.StatusOK {
		t.Errorf("the other one ended: status %d", a.status)
	}
}

func TestPasswordIsSetByItsCode(t *testing.T) {
	world := webtest.New()
	w := newBrowser(t, world)
	page := w.page("/password")
	form := url.Values{"token": {page.value("token")}, "code": {webtest.PasswordCode}, "name": {"书记"}, "password": {"很长很长很长的密码"}, "again": {"很长很长很长的密码"}}
	with := func(key, value string) url.Values {
		f := url.Values{}
		for k, v := range form {
			f[k] = v
		}
		f.Set(key, value)
		return f
	}
	for name, c := range map[string]struct {
		form   url.Values
		status int
	}{
		"typed differently": {with("again", "另一个"), http.StatusBadRequest},
		"too short":         {form, http.StatusBadRequest},
		"no token":          {with("token", ""), http.StatusForbidden},
	} {
		if a := w.post("/password", c.form); a.status != c.status || len(world.Reasons) != 0 {
			t.Errorf("%s: status %d", name, a.status)
		}
	}
	form.Set("password", "足够长的一个密码啊啊")
	form.Set("again", "足够长的一个密码啊啊")
	if a := w.post("/password", with("code", "AAAA-AAAA-AAAA-AAAA")); a.status != http.StatusForbidden {
		t.Errorf("another code: status %d", a.status)
	}
	if a := w.post("/password", form); a.status != http.StatusSeeOther || a.header.Get("Location") != "/login" || len(world.Reasons) != 1 {
		t.Errorf("status %d to %q", a.status, a.header.Get("Location"))
	}
}
