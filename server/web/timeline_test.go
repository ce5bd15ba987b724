package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/server/web/webtest"
)

func TestTimelineOrders(t *testing.T) {
	w := loggedIn(t, webtest.New(), webtest.Leader.Name)
	for _, c := range []struct {
		path string
		want []string
	}{{"/", webtest.Occurrence}, {"/?order=occurred", webtest.Occurrence}, {"/?order=arrived", webtest.Arrival}} {
		if got := rowIDs(w.page(c.path)); !slices.Equal(got, c.want) {
			t.Errorf("%s: rows %v, want %v", c.path, got, c.want)
		}
	}
}

// Under the header of a day stand exactly the rows of that day.
func TestDayHeaders(t *testing.T) {
	page := loggedIn(t, webtest.New(), webtest.Leader.Name).page("/")
	heads := map[string]string{}
	for _, s := range page.all("section") {
		for _, e := range s.all("a", "ev") {
			heads[e.attr["href"]] = s.all("h2", "day")[0].text()
		}
	}
	for name, want := range map[string]string{
		"V01": "2026年5月18日 星期一（农历四月初二）2 条",
		"V02": "2026年5月18日 星期一（农历四月初二）2 条",
		"L01": "2026年5月20日 星期三（农历四月初四）3 条",
		"M2":  "2026年5月21日 星期四（农历四月初五）下五1 条",
		"V08": "2026年6月16日 星期二（农历五月初二）1 条，新到 1",
	} {
		if got := heads["/r/"+webtest.ID(name).String()]; got != want {
			t.Errorf("%s stands under %q, want %q", name, got, want)
		}
	}
}

func row(t *testing.T, page *node, name string) *node {
	t.Helper()
	for _, e := range page.all("a", "ev") {
		if e.attr["href"] == "/r/"+webtest.ID(name).String() {
			return e
		}
	}
	t.Fatalf("no row of %s", name)
	return nil
}

func TestRowTellsEverything(t *testing.T) {
	page := loggedIn(t, webtest.New(), webtest.Leader.Name).page("/")
	for name, want := range map[string][]string{
		"V05": {"15:30", "走访", "仇某某户", "有不同修改 1", "待本人确认", "石屋岙现场记录，5月22日 17:05 回港补传", "陈例山（区级领导）、吴例舟", "石屋岙村·石屋岙 / 青浜岛", "见到家属", "了解出行和用水"},
		"M2":  {"18:30", "道地会", "张例桥（东极镇党委书记）主持", "群众 11 人", "诉求 6", "承诺 2", "签字后有修改", "5月22日 17:05、17:31 回港补传", "阅示：四件事逐件回音"},
		"M1":  {"船头会", "浙普渔00001（示例）", "庙子湖码头", "已签字"},
		"V06": {"慰问金待核：两个数", "附件 3"},
		"V01": {"作废待裁定"},
		"L01": {"当天", "补录", "纸上先记，5月27日 09:00 补录"},
		"L05": {"含个人情况，不在时间轴显示"},
		"V07": {"方例远（市级领导）、吴例舟"},
		"V04": {"同一次走访，2 份", "看用水，问身体"},
		"TY1": {"12:00", "海上记录，9月18日 06:30 回港补传", "新到"},
	} {
		text := row(t, page, name).text()
		for _, s := range want {
			if !strings.Contains(text, s) {
				t.Errorf("row %s says %q, not %q", name, text, s)
			}
		}
	}
}

// The whole row is one link: nothing in it can be pressed by itself.
func TestRowIsOneLink(t *testing.T) {
	page := loggedIn(t, webtest.New(), webtest.Leader.Name).page("/")
	rows := page.all("a", "ev")
	if len(rows) != len(webtest.Occurrence) {
		t.Fatalf("%d rows, want %d", len(rows), len(webtest.Occurrence))
	}
	for _, e := range rows {
		for _, tag := range []string{"a", "button", "input", "form", "select"} {
			if n := len(e.all(tag)); n > 0 {
				t.Errorf("row %s holds %d <%s>", e.attr["href"], n, tag)
			}
		}
	}
}

func TestChipsAreFourAndTheRest(t *testing.T) {
	page := loggedIn(t, webtest.New(), webtest.Leader.Name).page("/")
	chips := row(t, page, "M2").all("span", "chip")
	var got []string
	for _, c := range chips {
		got = append(got, c.text())
	}
	want := []string{"有不同修改 1", "签字后有修改", "诉求 6", "承诺 2", "+1：签字后补入 10 条"}
	if !slices.Equal(got, want) {
		t.Errorf("chips %q, want %q", got, want)
	}
}

// 新到 first, then what needs a person, what waits, counts, 已签字.
func TestOrderOfChips(t *testing.T) {
	m := web.Marks{
		New: true, Changed: true, Unsettled: []string{"慰问金待核"}, VoidDisputed: true, Held: 1, Conflicts: 2, ToConfirm: true,
		ToComplete: true, Suggestions: 1, Lamp: &web.Lamp{Tone: web.Needs, Text: "逾期 11 天"}, SameAs: "同一次走访，2 份",
		Demands: 1, Promises: 2, Attachments: 3, Signed: true, SignedAdded: 4, Late: true, Personal: true,
		Extra: []web.Chip{{Text: "您的结对户"}},
	}
	var got []string
	for _, c := range m.Chips() {
		got = append(got, c.Text)
	}
	want := []string{"新到", "慰问金待核", "作废待裁定", "待处理 1", "有不同修改 2", "待本人确认", "待补", "更正建议 1", "逾期 11 天",
		"同一次走访，2 份", "诉求 1", "承诺 2", "附件 3", "已签字", "签字后补入 4 条", "补录", "含个人情况", "您的结对户"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if chips := (web.Marks{}).Chips(); len(chips) != 0 {
		t.Errorf("no marks make chips %v", chips)
	}
	for _, c := range (web.Marks{Signed: true, SignedEdited: true}).Chips() {
		if c.Text == "已签字" {
			t.Error("a changed signed record still shows 已签字")
		}
	}
}

func TestArrivalsTellWhereOneWas(t *testing.T) {
	page := loggedIn(t, webtest.New(), webtest.Leader.Name).page("/?order=arrived")
	var heads []string
	for _, h := range page.all("h2", "day") {
		heads = append(heads, h.text())
	}
	want := []string{
		"2026年9月18日 06:30吴例舟的手机新 1 条", "2026年7月10日 20:15陈例山的手机新 2 条", "2026年6月26日 18:00吴例舟的手机新 1 条",
		"2026年6月25日 18:20吴例舟的手机新 1 条", "2026年6月17日 17:00陈例山的手机新 1 条", "2026年6月16日 10:12陈例山的手机新 1 条",
		"您上次看到这里2026年6月16日 09:00",
		"2026年5月27日 09:00吴例舟的手机1 条", "2026年5月22日 17:05吴例舟的手机10 条",
	}
	if !slices.Equal(heads, want) {
		t.Errorf("got  %q\nwant %q", heads, want)
	}
	if text := row(t, page, "L01").text(); !strings.Contains(text, "5月20日") || !strings.Contains(text, "7 天前的事") {
		t.Errorf("row L01 says %q", text)
	}
	if text := page.all("p", "count")[0].text(); text != "东极镇，自您上次查看后新到 7 条" {
		t.Errorf("count says %q", text)
	}
}

func TestStripSaysHowComplete(t *testing.T) {
	strip := loggedIn(t, webtest.New(), webtest.Leader.Name).page("/").all("div", "complete")[0].text()
	want := "数据截至 2026年9月18日 18:00 尚有 1 台设备未同步（自 9月17日 08:05 离线），那里的记录到了会插回原来的时间。"
	if strip != want {
		t.Errorf("got %q, want %q", strip, want)
	}
	strip = loggedIn(t, webtest.Empty(), webtest.Leader.Name).page("/").all("div", "complete")[0].text()
	if !strings.Contains(strip, "所有设备都已同步") {
		t.Errorf("with none missing: %q", strip)
	}
}

func TestFiltersNarrowAndStayInTheAddress(t *testing.T) {
	w := loggedIn(t, webtest.New(), webtest.Leader.Name)
	person := webtest.ID("C5").String()
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"place=330903105903", []string{"V07", "V06", "L02"}},
		{"place=330903105901&place=330903105903&kind=ZF", []string{"V09", "V07", "V06", "V03", "V02", "V01"}},
		{"kind=HY&kind=TY", []string{"TY1", "M2", "M1"}},
		{"person=" + webtest.ID("C6").String(), []string{"M2", "V04"}},
		{"since=2026-05-20&until=2026-05-20", []string{"V05", "V04", "L01"}},
		{"since=2026-07-01&until=", []string{"TY1", "V10", "L05"}},
		{"only=confirm&only=conflict", []string{"V05"}},
		{"kind=ZF&person=" + person + "&place=330903105902&since=2026-05-18&until=2026-05-24", []string{"V05", "V04"}},
	} {
		page := w.page("/?" + c.query)
		if got := rowIDs(page); !slices.Equal(got, c.want) {
			t.Errorf("%s: rows %v, want %v", c.query, got, c.want)
		}
		sent, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		for name := range sent {
			if sent.Get(name) == "" {
				sent.Del(name)
			}
		}
		other := page.all("div", "seg")[0].all("a")[1].attr["href"]
		sent.Set("order", "arrived")
		if want := "/?" + sent.Encode(); other != want {
			t.Errorf("%s: the other order is at %s, want %s", c.query, other, want)
		}
		if n := len(page.all("a", "drop")); n == 0 {
			t.Errorf("%s: no way to take a filter off", c.query)
		}
	}
	page := w.page("/?place=330903105902&kind=ZF&only=conflict&person=" + person + "&since=2026-05-18")
	checked := 0
	for _, e := range page.byID("filters").all("input") {
		if _, ok := e.attr["checked"]; ok {
			checked++
		}
	}
	if checked != 3 || page.value("since") != "2026-05-18" {
		t.Errorf("the form shows %d boxes checked and since %q", checked, page.value("since"))
	}
}

// Each chosen filter is a link to the same query without it.
func TestChosenFiltersComeOff(t *testing.T) {
	page := loggedIn(t, webtest.New(), webtest.Leader.Name).page("/?kind=HY&kind=ZF&place=330903105902&since=2026-05-18&until=2026-05-24&person=" + webtest.ID("C5").String())
	got := map[string]string{}
	for _, e := range page.all("a", "drop") {
		got[e.all("span")[0].text()] = e.attr["href"]
	}
	p := "&person=" + webtest.ID("C5").String()
	want := map[string]string{
		"2026年5月18日至24日": "/?kind=HY&kind=ZF" + p + "&place=330903105902",
		"石屋岙村":           "/?kind=HY&kind=ZF" + p + "&since=2026-05-18&until=2026-05-24",
		"会议":             "/?kind=ZF" + p + "&place=330903105902&since=2026-05-18&until=2026-05-24",
		"走访":             "/?kind=HY" + p + "&place=330903105902&since=2026-05-18&until=2026-05-24",
		"吴例舟":            "/?kind=HY&kind=ZF&place=330903105902&since=2026-05-18&until=2026-05-24",
	}
	for text, href := range want {
		if got[text] != href {
			t.Errorf("%s comes off at %q, want %q", text, got[text], href)
		}
	}
}

func TestGoingOnReachesEveryRowOnce(t *testing.T) {
	for _, order := range []string{"", "?order=arrived"} {
		world := webtest.New()
		world.PerPage = 5
		w := loggedIn(t, world, webtest.Leader.Name)
		var got []string
		for path, pages := "/"+order, 0; path != ""; pages++ {
			if pages > len(webtest.Occurrence) {
				t.Fatal("going on does not end")
			}
			page := w.page(path)
			got = append(got, rowIDs(page)...)
			path = ""
			for _, e := range page.all("p", "turn") {
				for _, a := range e.all("a") {
					if strings.Contains(a.text(), "更早的") || strings.Contains(a.text(), "再往前") {
						path = a.attr["href"]
					}
				}
			}
		}
		want := webtest.Occurrence
		if order != "" {
			want = webtest.Arrival
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: rows %v, want %v", order, got, want)
		}
	}
}

func TestMarkingAsSeen(t *testing.T) {
	world := webtest.New()
	w := loggedIn(t, world, webtest.Leader.Name)
	page := w.page("/?order=arrived&kind=ZF")
	form := url.Values{"token": {page.value("token")}, "mark": {page.value("mark")}, "back": {page.value("back")}}

	bad := url.Values{"mark": form["mark"], "back": form["back"]}
	if a := w.post("/seen", bad); a.status != http.StatusForbidden {
		t.Errorf("without a token: status %d", a.status)
	}
	bad = url.Values{"token": form["token"], "mark": {"a mark of nobody"}, "back": {"/"}}
	if a := w.post("/seen", bad); a.status != http.StatusBadRequest {
		t.Errorf("with a false mark: status %d", a.status)
	}
	if got := len(w.page("/").all("span", "new")); got != 7 {
		t.Errorf("%d rows are new before, want 7", got)
	}
	a := w.post("/seen", form)
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/?kind=ZF&order=arrived" {
		t.Errorf("status %d, back to %q", a.status, a.header.Get("Location"))
	}
	page = w.page("/")
	if got := len(page.all("span", "new")); got != 0 {
		t.Errorf("%d rows are new after", got)
	}
	if text := page.all("p", "count")[0].text(); text != "东极镇，没有新到的" {
		t.Errorf("count says %q", text)
	}
}

func TestReadingMarksNothing(t *testing.T) {
	w := loggedIn(t, webtest.New(), webtest.Leader.Name)
	for _, path := range []string{"/?order=arrived", "/", "/r/" + webtest.ID("M2").String(), "/seen", "/logout"} {
		w.get(path)
	}
	if got := len(w.page("/").all("span", "new")); got != 7 {
		t.Errorf("%d rows are new after reading, want 7", got)
	}
}

func TestEmptyPagesSayWhy(t *testing.T) {
	leader := loggedIn(t, webtest.New(), webtest.Leader.Name)
	empty := loggedIn(t, webtest.Empty(), webtest.Leader.Name)
	for _, c := range []struct {
		w          *browser
		path, want string
	}{
		{empty, "/", "还没有记录"},
		{empty, "/?order=arrived", "没有新到的"},
		{empty, "/?kind=ZF", "没有合这些条件的记录"},
		{leader, "/?kind=TY&place=330903105901", "还有 1 台设备没联系上"},
	} {
		note := c.w.page(c.path).all("div", "note")
		if len(note) != 1 || !strings.Contains(note[0].text(), c.want) {
			t.Errorf("%s: %d notes, want one that says %q", c.path, len(note), c.want)
		}
	}
}
