package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/server/web/webtest"
)

// heldForm is what the first form of the page of held work would send.
func heldForm(page *node, more ...string) url.Values {
	form := page.all("ol", "heldlist")[0].all("form")[0]
	out := url.Values{"token": {form.value("token")}, "replica": {form.value("replica")}, "record": {form.value("record")}}
	for i := 0; i < len(more); i += 2 {
		out.Set(more[i], more[i+1])
	}
	return out
}

func TestHeldWorkIsReleasedFromThePage(t *testing.T) {
	admin := loggedIn(t, webtest.New(), webtest.Admin.Name)
	page := admin.page("/held")
	if forms := page.byID("main").all("form"); len(forms) != 2 {
		t.Fatalf("%d forms: the part that is for nobody to settle has one, or the other has not", len(forms))
	}
	wants(t, "row", page.all("ol", "heldlist")[0].text(), "前后共 2 处改动")
	form := heldForm(page)
	a := admin.post("/held/release", form)
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/held?done=release&left=0" {
		t.Fatalf("status %d to %q", a.status, a.header.Get("Location"))
	}
	page = admin.page(a.header.Get("Location"))
	wants(t, "page", page.byID("main").text(), "已放行")
	if n := len(page.all("ol", "heldlist")[0].all("li")); n != 1 {
		t.Errorf("%d rows are left", n)
	}
	if a := admin.post("/held/release", form); a.status != http.StatusConflict {
		t.Errorf("released twice: status %d", a.status)
	}
	wants(t, "left over", admin.page("/held?done=release&left=2").byID("main").text(), "仍在待处理")
}

func TestRejectingNeedsAReason(t *testing.T) {
	world := webtest.New()
	admin := loggedIn(t, world, webtest.Admin.Name)
	page := admin.page("/held")
	if a := admin.post("/held/reject", heldForm(page, "reason", "  ")); a.status != http.StatusBadRequest || len(world.Reasons) != 0 {
		t.Errorf("no reason: status %d", a.status)
	}
	a := admin.post("/held/reject", heldForm(page, "reason", "不是本镇的事<b>"))
	if a.status != http.StatusSeeOther || len(world.Reasons) != 1 || world.Reasons[0] != "不是本镇的事<b>" {
		t.Fatalf("status %d, %q", a.status, world.Reasons)
	}
	wants(t, "page", admin.page(a.header.Get("Location")).byID("main").text(), "已退回")
}

func TestHeldFormsAreForAdministratorsAndTheirOwn(t *testing.T) {
	world := webtest.New()
	leader, admin := loggedIn(t, world, webtest.Leader.Name), loggedIn(t, world, webtest.Admin.Name)
	form := heldForm(admin.page("/held"))
	for name, c := range map[string]struct {
		who    *browser
		change func(url.Values)
		want   int
	}{
		"another's token": {leader, func(url.Values) {}, http.StatusForbidden},
		"no admin":        {leader, func(f url.Values) { f.Set("token", leader.page("/").value("token")) }, http.StatusNotFound},
		"no token":        {admin, func(f url.Values) { f.Del("token") }, http.StatusForbidden},
		"no record":       {admin, func(f url.Values) { f.Del("record") }, http.StatusForbidden},
		"no replica":      {admin, func(f url.Values) { f.Set("replica", "../x") }, http.StatusForbidden},
	} {
		f := url.Values{}
		for k, v := range form {
			f[k] = v
		}
		c.change(f)
		for _, path := range []string{"/held/release", "/held/reject"} {
			if a := c.who.post(path, f); a.status != c.want {
				t.Errorf("%s, %s: status %d, want %d", name, path, a.status, c.want)
			}
		}
	}
	if page, _ := world.Held(t.Context(), web.Viewer{Admin: true}); len(page.Rows) != 2 {
		t.Error("something was settled all the same")
	}
}
