package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/web/webtest"
	"github.com/chuantou/chuantou/syncproto"
)

// fields are the hidden ones of the page's n-th form that is sent to an
// address ending so.
func fields(page *node, to string, n int) url.Values {
	for _, f := range page.all("form") {
		if !strings.HasSuffix(f.attr["action"], to) {
			continue
		}
		if n--; n >= 0 {
			continue
		}
		v := url.Values{}
		for _, in := range f.all("input") {
			v.Add(in.attr["name"], in.attr["value"])
		}
		return v
	}
	return nil
}

func TestAdoptingFromThePage(t *testing.T) {
	world := webtest.New()
	leader, admin := loggedIn(t, world, webtest.Leader.Name), loggedIn(t, world, webtest.Admin.Name)
	at := "/r/" + webtest.ID("V05").String()
	page := leader.page(at)
	first, second := fields(page, "/adopt", 0), fields(page, "/adopt", 1)
	if first == nil || second == nil || len(first["settles"]) != 2 || first.Get("chosen") == second.Get("chosen") {
		t.Fatalf("the forms of two versions: %v, %v", first, second)
	}
	if n := len(page.all("button", "prime")); n > 0 {
		t.Error("one of the choices weighs more than the other")
	}
	if other := admin.page(at); fields(other, "/adopt", 0) != nil || fields(other, "/comment", 0) != nil {
		t.Error("who may not is offered a form")
	}
	forged := url.Values{}
	for k, v := range first {
		forged[k] = v
	}
	forged.Set("token", fields(admin.page("/"), "/logout", 0).Get("token"))
	if a := leader.post(at+"/adopt", forged); a.status != http.StatusForbidden {
		t.Errorf("another session's token: %d", a.status)
	}
	a := leader.post(at+"/adopt", first)
	if a.status != http.StatusSeeOther || a.header.Get("Location") != at+"?done=adopt" {
		t.Fatalf("adopting: %d to %q", a.status, a.header.Get("Location"))
	}
	page = leader.page(at + "?done=adopt")
	wants(t, "page", page.byID("main").text(), "已采用您选的版本")
	if fields(page, "/adopt", 0) != nil {
		t.Error("it can be settled once more")
	}
	a = leader.post(at+"/adopt", second)
	if a.status != http.StatusConflict {
		t.Errorf("what is settled: %d", a.status)
	}
	wants(t, "conflict", parse(t, a.body).byID("main").text(), "这一处又有了变化，您的选择没有写入")
	if a := leader.get(at + "?done=nonsense"); a.status != http.StatusOK || strings.Contains(a.body, "nonsense") {
		t.Errorf("an unknown notice: %d", a.status)
	}
}

// What a person typed into a form that was refused is still in it.
func TestRefusedWordsAreNotLost(t *testing.T) {
	world := webtest.New()
	leader, admin := loggedIn(t, world, webtest.Leader.Name), loggedIn(t, world, webtest.Admin.Name)
	at := "/r/" + webtest.ID("V06").String()
	form := fields(leader.page(at), "/comment", 0)
	form.Set("text", "先核清楚再报。")
	if a := leader.post(at+"/comment", form); a.status != http.StatusSeeOther {
		t.Fatalf("a comment: %d", a.status)
	}
	wants(t, "comments", leader.page(at).byID("comments").text(), "先核清楚再报。", "网页登录")
	form.Set("token", fields(admin.page("/"), "/logout", 0).Get("token"))
	form.Set("text", "我也说一句")
	if a := admin.post(at+"/comment", form); a.status != http.StatusForbidden || !strings.Contains(a.body, "这一处不归您定") {
		t.Errorf("without the right: %d", a.status)
	}
	confirm := fields(leader.page(at), "/comment", 0)
	confirm.Set("result", "退回")
	if a := leader.post(at+"/confirm", confirm); a.status != http.StatusBadRequest || !strings.Contains(a.body, "退回要写明原因") {
		t.Errorf("sent back without a reason: %d", a.status)
	}
	for path, status := range map[string]int{"/r/x/comment": http.StatusNotFound, "/r/" + webtest.ID("nobody").String() + "/comment": http.StatusNotFound} {
		form := fields(leader.page(at), "/comment", 0)
		form.Set("text", "好")
		if a := leader.post(path, form); a.status != status {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := leader.get(at + "/comment"); a.status != http.StatusMethodNotAllowed {
		t.Errorf("a form's address opened by hand: %d", a.status)
	}
}

func TestThePastOnThePage(t *testing.T) {
	leader := loggedIn(t, webtest.New(), webtest.Leader.Name)
	at := "/r/" + webtest.ID("V06").String()
	page := leader.page(at)
	var links []string
	for _, a := range page.byID("history").all("a") {
		links = append(links, a.attr["href"])
	}
	if len(links) != 2 { // of three changes, the latest is what stands
		t.Fatalf("links into the past: %v", links)
	}
	then := leader.page(links[0])
	wants(t, "banner", then.byID("main").text(), "这是", "之后的样子", "看现在的样子", "再往前一处")
	if fields(then, "/adopt", 0) != nil || fields(then, "/comment", 0) != nil {
		t.Error("the past can be changed")
	}
	wants(t, "paper", then.all("", "paper")[0].text(), "不是现在的")
	if oldest := leader.page(links[1]); strings.Contains(oldest.byID("main").text(), "再往前一处") {
		t.Error("before the first change there is another")
	}
	for query, status := range map[string]int{"as_of=x": http.StatusBadRequest, "before=7": http.StatusBadRequest,
		"as_of=" + url.QueryEscape(syncproto.ChangeID{Replica: syncproto.PenID([16]byte{9}), Seq: 1}.String()): http.StatusNotFound} {
		if a := leader.get(at + "?" + query); a.status != status {
			t.Errorf("%s: %d, want %d", query, a.status, status)
		}
	}
}

// Passages say on tap who wrote them, and on paper that several did.
func TestPassagesNameTheirAuthors(t *testing.T) {
	page := recordPage(t, "V04")
	field := page.byID("f-situation")
	if got := field.all("span", "au1")[0].attr["data-by"]; got != "吴例舟，5月20日至5月21日 写" && got != "吴例舟，2026年5月20日至2026年5月21日 写" {
		t.Errorf("a passage says %q", got)
	}
	wants(t, "paper", page.all("", "paper")[0].text(), "先后写成")
}

func TestDecidingAboutAVoid(t *testing.T) {
	leader := loggedIn(t, webtest.New(), webtest.Leader.Name)
	at := "/r/" + webtest.ID("V01").String()
	form := fields(leader.page(at), "/void", 0)
	if form == nil {
		t.Fatal("no form to decide by")
	}
	for verdict, status := range map[string]int{"": http.StatusBadRequest, "maybe": http.StatusBadRequest, "void": http.StatusBadRequest} {
		form.Set("verdict", verdict)
		if a := leader.post(at+"/void", form); a.status != status {
			t.Errorf("verdict %q without a reason: %d", verdict, a.status)
		}
	}
	form.Set("verdict", "restore")
	if a := leader.post(at+"/void", form); a.status != http.StatusSeeOther {
		t.Errorf("restoring: %d", a.status)
	}
	if page := leader.page(at + "?done=void"); fields(page, "/void", 0) != nil || !strings.Contains(page.byID("main").text(), "已按您定的写入") {
		t.Error("restored, the page still asks")
	}
}

func TestOpenedForAReason(t *testing.T) {
	leader := loggedIn(t, webtest.New(), webtest.Leader.Name)
	at := "/r/" + webtest.ID("V06").String()
	page := leader.page(at)
	form := fields(page, "/open", 0)
	if form == nil || strings.Contains(page.text(), "低保对象") {
		t.Fatalf("before a reason is given the page says %q", page.text())
	}
	form.Set("look", "低")
	a := leader.post(at+"/open", form)
	if a.status != http.StatusBadRequest || !strings.Contains(a.body, `value="低"`) {
		t.Errorf("a reason that is none: %d", a.status)
	}
	form.Set("look", "核对低保名单")
	a = leader.post(at+"/open", form)
	if a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("opened: %d", a.status)
	}
	opened := parse(t, a.body)
	wants(t, "opened", opened.byID("main").text(), "低保对象", "理由已记入审计")
	if fields(opened, "/open", 0) != nil {
		t.Error("it asks again")
	}
	if strings.Contains(leader.page(at).text(), "低保对象") {
		t.Error("it stays open")
	}
	if a := leader.post("/r/"+webtest.ID("V04").String()+"/open", form); a.status != http.StatusForbidden {
		t.Errorf("where nothing opens: %d", a.status)
	}
	form.Set("token", "x")
	if a := leader.post(at+"/open", form); a.status != http.StatusForbidden {
		t.Errorf("a forged form: %d", a.status)
	}
}

func TestARowAlone(t *testing.T) {
	page := loggedIn(t, webtest.New(), webtest.Leader.Name).page("/r/" + webtest.ID("H06").String())
	wants(t, "page", page.byID("main").text(), "仇某某户", "您只能看到这一行", "石屋岙村", "在帮")
	if page.byID("comments").text() != "" || fields(page, "/open", 0) != nil {
		t.Error("a row lets do more than be read")
	}
}
