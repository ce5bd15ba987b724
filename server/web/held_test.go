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
	form := page.all("ol", "heldlist")[0].all("form")[1] // the first row only waits
	out := url.Values{"token": {form.value("token")}, "replica": {form.value("replica")}, "record": {form.value("record")}}
	for i := 0; i < len(more); i += 2 {
		out.Set(more[i], more[i+1])
	}
	return out
}

func TestHeldWorkIsReleasedFromThePage(t *testing.T) {
	admin := loggedIn(t, webtest.New(), webtest.Admin.Name)
	page := admin.page("/held")
	if forms := page.byID("main").all("form"); len(forms) != 4 {
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
		for _, path := range []string{"/held/release", "/held/reject", "/held/reassign", "/held/lost"} {
			if a := c.who.post(path, f); a.status != c.want {
				t.Errorf("%s, %s: status %d, want %d", name, path, a.status, c.want)
			}
		}
	}
	if page, _ := world.Held(t.Context(), web.Viewer{Admin: true}); len(page.Rows) != 2 {
		t.Error("something was settled all the same")
	}
}

func TestHeldRecordIsGivenToAnotherPlace(t *testing.T) {
	world := webtest.New()
	admin := loggedIn(t, world, webtest.Admin.Name)
	page := admin.page("/held")
	wants(t, "row", page.all("ol", "heldlist")[0].text(), "石屋岙村")
	if a := admin.post("/held/reassign", heldForm(page)); a.status != http.StatusBadRequest {
		t.Errorf("to nowhere: status %d", a.status)
	}
	a := admin.post("/held/reassign", heldForm(page, "place", "330903105901"))
	if a.status != http.StatusSeeOther || len(world.Reasons) != 1 || world.Reasons[0] != "到 330903105901" {
		t.Fatalf("status %d, %q", a.status, world.Reasons)
	}
	wants(t, "page", admin.page(a.header.Get("Location")).byID("main").text(), "已改派")
}

// Declaring changes lost asks first, naming them.
func TestLostIsDeclaredAfterAQuestion(t *testing.T) {
	world := webtest.New()
	admin := loggedIn(t, world, webtest.Admin.Name)
	form := admin.page("/held").all("ol", "heldlist")[0].all("form")[0]
	f := url.Values{"token": {form.value("token")}, "replica": {form.value("replica")}, "record": {form.value("record")}}
	a := admin.post("/held/lost", f)
	if a.status != http.StatusOK {
		t.Fatalf("asking: status %d", a.status)
	}
	asked := parse(t, a.body).byID("main")
	wants(t, "question", asked.text(), "石屋岙村公用平板", "第 12 号改动", "放回原处")
	if page, _ := world.Held(t.Context(), web.Viewer{Admin: true}); len(page.Rows) != 2 {
		t.Fatal("declared without an answer")
	}
	f.Set("sure", asked.all("form")[0].value("sure"))
	if a = admin.post("/held/lost", f); a.status != http.StatusSeeOther {
		t.Fatalf("declaring: status %d", a.status)
	}
	wants(t, "page", admin.page(a.header.Get("Location")).byID("main").text(), "已声明丢失")
	if a = admin.post("/held/lost", f); a.status != http.StatusConflict {
		t.Errorf("declared twice: status %d", a.status)
	}
}
