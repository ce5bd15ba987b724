package web_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chuantou/chuantou/server/web"
	"github.com/chuantou/chuantou/server/web/webtest"
	"github.com/chuantou/chuantou/syncproto"
)

func recordPage(t *testing.T, name string) *node {
	t.Helper()
	return loggedIn(t, webtest.New(), webtest.Leader.Name).page("/r/" + webtest.ID(name).String())
}

func wants(t *testing.T, what, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%s says %q, not %q", what, text, w)
		}
	}
}

// Every value of a clash stands on the page with who, which device, when
// written and when received.
func TestClashShowsAllValues(t *testing.T) {
	page := recordPage(t, "V06")
	clash := page.byID("c-relief_money")
	wants(t, "header", clash.all("header")[0].text(), "慰问金待核", "统计一个也不算")
	values := clash.all("div", "two")[0].kids
	var cells []*node
	for _, k := range values {
		if k.tag == "div" {
			cells = append(cells, k)
		}
	}
	if len(cells) != 2 {
		t.Fatalf("%d values side by side, want 2", len(cells))
	}
	wants(t, "first", cells[0].text(), "吴例舟（东极镇驻村干部），吴例舟的手机", "300.00元", "叁佰元整", "2026年5月22日 09:12 写，17:05 回港补传")
	wants(t, "second", cells[1].text(), "乐例红（石屋岙村党支部书记），乐例红的手机", "500.00元", "2026年5月22日 12:40 写，17:31 收到", "手机钟快 7 分钟")
	field := page.byID("f-relief_money")
	if link := field.all("a", "chip"); len(link) != 1 || link[0].attr["href"] != "#c-relief_money" || link[0].text() != "待核" {
		t.Errorf("the field says %q", field.text())
	}
	page = recordPage(t, "V05")
	wants(t, "header", page.byID("c-met").all("header")[0].text(), "见面情况：有不同修改")
	wants(t, "shown value", page.byID("c-met").text(), "见到家属", "见到本人", "现在显示的", "5月22日 17:31 补传")
}

func TestAuthorsOfPassages(t *testing.T) {
	page := recordPage(t, "V04")
	dd := page.byID("f-situation").all("dd")[0]
	if got := dd.text(); got != "独居老人，隔天来水。水缸要人挑。" {
		t.Errorf("text %q", got)
	}
	if a, b := dd.all("span", "au2"), dd.all("span", "au1"); len(a) != 1 || a[0].text() != "独居老人，" || len(b) != 1 || b[0].text() != "水缸要人挑。" {
		t.Error("passages are not marked with their authors")
	}
	key := page.all("p", "key")
	if len(key) != 1 {
		t.Fatalf("%d legends", len(key))
	}
	wants(t, "legend", key[0].text(), "吴例舟写的", "乐例红写的")
	wants(t, "problems", page.byID("f-problems_heard").text(), "〔两处修改，请核对〕")
	if n := len(recordPage(t, "V05").all("p", "key")); n != 0 {
		t.Errorf("a text of one author has %d legends", n)
	}
}

func TestHiddenIsVisible(t *testing.T) {
	page := recordPage(t, "V01")
	field := page.byID("f-situation")
	if mask := field.all("span", "mask"); len(mask) != 1 || mask[0].text() != "含个人情况，户组能看；点开需写明理由，会留痕" {
		t.Errorf("the field says %q", field.text())
	}
	if got := page.byID("f-scene").all("dd")[0].text(); got != "没有写" {
		t.Errorf("an empty field says %q", got)
	}
}

func TestVoidAgainstEdit(t *testing.T) {
	wants(t, "page", recordPage(t, "V01").byID("main").text(), "作废待裁定", "乐例红（石屋岙村党支部书记） 2026年5月21日 08:20 作废。理由：和另一条重复。", "吴例舟不知道作废")
}

func TestHistoryTellsWhoDeviceWhen(t *testing.T) {
	page := recordPage(t, "V06")
	entries := page.all("ol", "hist")[0].all("li")
	if len(entries) != 3 {
		t.Fatalf("%d entries", len(entries))
	}
	wants(t, "entry", entries[0].text(), "2026年5月22日 17:31 收到", "乐例红（石屋岙村党支部书记）", "慰问金 300.00元 500.00元", "乐例红的手机，12:40 写的", "手机钟快 7 分钟")
	if del, ins := entries[0].all("del"), entries[0].all("ins"); len(del) != 1 || del[0].text() != "300.00元" || len(ins) != 2 {
		t.Error("old is not struck or new not marked")
	}
}

func TestHeldPartsAreToldOnTheRecord(t *testing.T) {
	wants(t, "page", recordPage(t, "V05").byID("main").text(), "待处理", "改了“问情况”。", syncproto.HoldMissing.Words(), "石屋岙村公用平板", "5月23日 08:00 收到")
}

func TestMeetingPage(t *testing.T) {
	page := recordPage(t, "M2")
	says := page.byID("f-statements").all("li", "say")
	if len(says) != 20 {
		t.Fatalf("%d statements, want 20", len(says))
	}
	wants(t, "statement 3", says[2].text(), "3", "翁例娥", "原话", "18:34", "隔天来水，我挑不动，只好等后生回来", "隔天来水，老人挑不动水")
	wants(t, "statement 4", says[3].text(), "疑似重复：与第 3 句")
	if mask := says[4].all("span", "mask"); len(mask) != 1 {
		t.Error("statement 5 is not masked")
	}
	wants(t, "statement 17", says[16].text(), "匿名群众")
	if len(says[2].all("span", "voice")) != 1 || len(says[0].all("span", "voice")) != 0 {
		t.Error("原话 and 摘要 do not have their own voices")
	}
	table := page.byID("f-attendees").all("table")[0]
	if got := table.all("tbody")[0].all("td")[1].attr["data-l"]; got != "单位职务" {
		t.Errorf("a cell is labelled %q", got)
	}
	if struck := table.all("tr", "struck"); len(struck) != 1 || !strings.Contains(struck[0].text(), "盛例国") {
		t.Error("a struck-out attendee is not readable as struck out")
	}
	var links []string
	for _, a := range page.byID("f-demands").all("a") {
		links = append(links, a.attr["href"])
	}
	if want := []string{"/r/" + webtest.ID("D05").String(), "/r/" + webtest.ID("D07").String(), "/r/" + webtest.ID("D08").String()}; !slices.Equal(links, want) {
		t.Errorf("demands link to %v", links)
	}
	if n := len(page.byID("f-promises").all("a")); n != 1 {
		t.Errorf("%d promises are links, want the one that may be opened", n)
	}
	wants(t, "signatures", page.byID("f-signatures").text(), "主持人签字", "2026年5月21日 20:05", "签字后补入 10 条")
}

func TestDemandPage(t *testing.T) {
	page := recordPage(t, "D07")
	wants(t, "events", page.byID("f-events").text(), "分办", "竺例敏", "2026年5月26日 09:50", "重办第 1 次", "2026年7月8日")
	if n := len(page.byID("f-content").all("span", "voice")); n != 1 {
		t.Error("the demand is not in the voice of who raised it")
	}
	if a := page.all("aside")[0].all("a"); len(a) != 1 || a[0].attr["href"] != "/r/"+webtest.ID("M2").String() {
		t.Error("the demand does not lead back to its meeting")
	}
}

// The printed form has the cells of the 走访记录表 in its order, prints 无 for
// what is empty and a note for what is not settled.
func TestVisitPrintsAsItsForm(t *testing.T) {
	paper := recordPage(t, "V06").all("article", "paper")[0]
	var labels []string
	for _, th := range paper.all("th") {
		labels = append(labels, th.text())
	}
	want := []string{"走访时间", "走访地点", "走访干部", "走访对象", "见面情况", "家庭基本情况", "反映的困难和问题", "诉求与建议", "当场办理情况", "承诺事项及期限", "后续打算", "走访对象签字", "记录人"}
	if !slices.Equal(labels, want) {
		t.Errorf("got  %q\nwant %q", labels, want)
	}
	wants(t, "paper", paper.text(), "走访记录表", "编号：东极〔2026〕走访6号", "单位：东极镇", "2026年5月22日（星期五）09:00", "一人独居，身体还好。水缸是满的。",
		"慰问金未定①", "① 慰问金待核：吴例舟记“300.00元”，乐例红记“500.00元”，尚未裁定，以电子记录为准。",
		"灯塔湾现场记录，2026年5月22日 17:05 回港补传。打印：张例桥，东极镇，2026年9月18日 18:00。")
	cells := paper.all("td")
	byLabel := map[string]string{}
	for i, th := range paper.all("th") {
		byLabel[th.text()] = cells[i+1].text() // the first cell is the head
	}
	if byLabel["诉求与建议"] != "无" || byLabel["走访对象签字"] != "" {
		t.Errorf("empty cells print %q and %q", byLabel["诉求与建议"], byLabel["走访对象签字"])
	}
	paper = recordPage(t, "V01").all("article", "paper")[0]
	wants(t, "paper of masked text", paper.text(), "已遮住", "本记录作废待裁定")
}

func TestMeetingPrintsAsMinutes(t *testing.T) {
	paper := recordPage(t, "M2").all("article", "paper")[0]
	wants(t, "paper", paper.text(), "会议记录", "2026年5月21日晚上6时30分至8时", "张例桥：今天就在阿娘家道地里坐坐，先讲吃水", "仇例娣：（已遮住）", "匿名群众：停航辰光", "散会", "主持人（签字）：")
	if strings.Contains(paper.text(), "今天在阿娘道地里坐坐") {
		t.Error("a statement settled as a duplicate is printed")
	}
	if strings.Contains(paper.text(), "盛例国，群众代表") {
		t.Error("a struck-out attendee is printed")
	}
}

// A leader is told what is held, and has nothing to settle it with: the forms
// are for administrators.
func TestHeldPage(t *testing.T) {
	world := webtest.New()
	leader, admin := loggedIn(t, world, webtest.Leader.Name), loggedIn(t, world, webtest.Admin.Name)
	told := leader.page("/held").byID("main")
	wants(t, "a leader", told.text(), "走访", "石屋岙村公用平板", web.HoldWords(syncproto.HoldMissing))
	if forms := told.all("form"); len(forms) != 0 {
		t.Errorf("a leader has %d forms", len(forms))
	}
	if len(leader.page("/").all("nav")[0].all("a")) != 1 {
		t.Error("the leader's way there is what waits on his timeline, not the navigation")
	}
	page := admin.page("/held")
	items := page.all("ol", "heldlist")[0].all("li")
	if len(items) != 2 {
		t.Fatalf("%d items", len(items))
	}
	wants(t, "first", items[0].text(), "走访", "仇某某户走访", "改了“问情况”", web.HoldWords(syncproto.HoldMissing), "等公用平板的第 12 号改动", "石屋岙村公用平板", "同一次保存的诉求 1 条已收到")
	wants(t, "second", items[1].text(), "还认不出的记录", "郑例涛")
	wants(t, "empty", loggedIn(t, webtest.Empty(), webtest.Admin.Name).page("/held").byID("main").text(), "没有待处理的")
}

func TestHoldWordsAreThereForEveryReason(t *testing.T) {
	seen := map[string]syncproto.HoldReason{}
	for r := syncproto.HoldMissing; r <= syncproto.HoldInvalid; r++ {
		w := web.HoldWords(r)
		if other, twice := seen[w]; twice || w == "" || strings.Contains(w, "您") {
			t.Errorf("reason %d: %q (also %d)", r, w, other)
		}
		seen[w] = r
	}
}
